"""The commands that write, each with a small world to run in and what of its output may differ from run to run."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hiero_lib.config import load_profile
from hiero_lib.sources.extraction.demo import make_demo
from tests.helpers.tiny import make_checkpoint, make_tiny

_TINY = ["--profile", "data/tiny.yaml"]


@dataclass(frozen=True)
class Command:
    """A command line, run in a folder.

    Args:
        arguments: of ``python -m hiero_lib``.
        prepare: makes what it reads, in the folder.
        unlike: patterns of files that differ from run to run (times, random names); they must be whole all the same.
    """

    arguments: list[str]
    prepare: Callable[[Path], object]
    unlike: tuple[str, ...] = ()

    def same(self, name: str) -> bool:
        """Whether a file is the same in every run."""
        return not any(re.search(pattern, name) for pattern in self.unlike)


def _tiny(folder: Path) -> None:
    make_tiny(folder / "data", videos=4, features__text_projection=None, training__epochs=2, data_root="data")


def _tiny_with_model(folder: Path) -> None:
    _tiny(folder)
    make_checkpoint(folder / "model", load_profile(folder / "data/tiny.yaml"), "hiero")


def _videos(folder: Path) -> None:
    (folder / "videos").mkdir()
    demo = make_demo(folder / "videos")
    demo.narrations.rename(folder / "demo.srt")


_CACHES = (r"/shard-[0-9a-f]+/", r"processed/egoclip")
_RESULTS = (r"results\.(json|md)$",)

COMMANDS: dict[str, Command] = {
    "sample": Command(
        ["sample", "--root", "made", "--videos", "6", "--minutes", "1", "1.2", "--dim", "16"],
        lambda folder: None,
        (r"sample\.json$",),
    ),
    "train": Command(["train", *_TINY, "--folder", "run"], _tiny, (*_CACHES, r"metrics\.jsonl$", r"training\.json$")),
    "egomcq": Command(
        ["egomcq", *_TINY, "--run", "r", "--checkpoint", "model"], _tiny_with_model, (*_CACHES, *_RESULTS)
    ),
    "search": Command(
        ["search", "cuts the onion", *_TINY, "--run", "r", "--checkpoint", "model"],
        _tiny_with_model,
        (*_CACHES, r"/search/"),
    ),
    "export": Command(
        ["export", "v0", *_TINY, "--checkpoint", "model", "--out", "out", "--formats", "json", "csv", "eaf", "html"],
        _tiny_with_model,
        (*_CACHES, r"\.(json|eaf|html)$"),
    ),
    "extract": Command(
        ["extract", "videos", "--profile", "own_video", "--to", "features", "--device", "cpu"],
        _videos,
        (r"features/.*\.json$",),
    ),
    "explore": Command(
        ["explore", "videos/demo.mp4", "--out", "out", "--device", "cpu", "--formats", "csv", "html"],
        _videos,
        (r"\.(json|html)$", *_CACHES),
    ),
}
