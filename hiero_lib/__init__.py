"""hiero_lib: the library behind the HiERO notebooks (ICCV 2025, arXiv 2505.12911).

Importing the package imports nothing else: the names below are loaded when they are first used. ``README.md`` beside
this file is a map of the folders, ``METHOD.md`` says where each formula and protocol of the paper stands.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hiero_lib.config import load_profile
    from hiero_lib.hierarchy.video import video_hierarchy
    from hiero_lib.methods.levels import read_feature_file
    from hiero_lib.methods.opening import open_methods
    from hiero_lib.models.checkpoints import load_model
    from hiero_lib.models.hiero import HiERO
    from hiero_lib.viz.rows import hierarchy_rows
    from hiero_lib.viz.timeline import plot_timeline

__version__ = "0.1.0"

__all__ = [
    "HiERO",
    "hierarchy_rows",
    "load_model",
    "load_profile",
    "open_methods",
    "plot_timeline",
    "read_feature_file",
    "video_hierarchy",
]

_MODULES = {
    "HiERO": "models.hiero",
    "hierarchy_rows": "viz.rows",
    "load_model": "models.checkpoints",
    "load_profile": "config",
    "open_methods": "methods.opening",
    "plot_timeline": "viz.timeline",
    "read_feature_file": "methods.levels",
    "video_hierarchy": "hierarchy.video",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
