"""The explorer's ES module and its style sheet, as texts: one for the notebook, the served and the exported page.

The module is written in several plain files without imports, which see one another once they are joined: no build
step, and nothing is fetched.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

PARTS = (
    "time.js",
    "view.js",
    "pictures.js",
    "drawing.js",
    "pointing.js",
    "tracks.js",
    "overview.js",
    "panels.js",
    "aligned.js",
    "map_keys.js",
    "collection.js",
    "written.js",
    "corrections.js",
    "figures.js",
    "preview.js",
    "stage.js",
    "keys.js",
    "rows.js",
    "choice.js",
    "work.js",
    "explorer.js",
)


@cache
def explorer_js() -> str:
    """The ES module, whose default export has anywidget's ``render``."""
    return "\n".join(part(name) for name in PARTS)


@cache
def explorer_css() -> str:
    """The style sheet; every rule is of the explorer alone."""
    return part("explorer.css")


def part(name: str) -> str:
    """One of the plain files beside this one."""
    return resources.files("hiero_lib.front").joinpath(name).read_text("utf-8")
