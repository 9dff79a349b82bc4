"""The commands that write, each with a small world to run in and what of its output may differ from run to run."""

from __future__ import annotations

import io
import re
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from hiero_lib.base.files import write_json
from hiero_lib.config import load_profile
from hiero_lib.sources.sample import make_sample
from tests.helpers.tiny import make_checkpoint, make_tiny

CASES = Path(__file__).parents[1] / "cases"

_TINY = ["--profile", "data/tiny.yaml"]


@dataclass(frozen=True)
class Command:
    """A command line, run in a folder.

    Args:
        arguments: of ``python -m hiero_lib``.
        prepare: makes what it reads, in the folder; told the address of a server of `FILES`.
        unlike: patterns of files that differ from run to run (times, random names); they must be whole all the same.
        replaced: patterns of files that are written more than once: a command that failed leaves an earlier one.
        slow: takes more than ten seconds, and is left out of CI.
    """

    arguments: list[str]
    prepare: Callable[[Path, str], object]
    unlike: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    slow: bool = False

    def same(self, name: str) -> bool:
        """Whether a file is the same in every run."""
        return not any(re.search(pattern, name) for pattern in self.unlike)


def _nothing(folder: Path, server: str) -> None:
    """The command reads no file."""


def _tiny(folder: Path, server: str) -> None:
    make_tiny(folder / "data", videos=4, features__text_projection=None, training__epochs=2, data_root="data")


def _tiny_with_model(folder: Path, server: str) -> None:
    _tiny(folder, server)
    make_checkpoint(folder / "model", load_profile(folder / "data/tiny.yaml"), "hiero")


def _tiny_changed_elsewhere(folder: Path, server: str) -> None:
    _tiny_with_model(folder, server)
    rows = ["level,start_s,end_s,thread,title", "2,0.0,12.0,,cooking", "2,12.0,32.0,,washing"]
    (folder / "changed.csv").write_text("\n".join(rows) + "\n")


def _video(folder: Path, server: str) -> None:
    (folder / "videos").mkdir()
    shutil.copy(CASES / "videos/plain.mp4", folder / "videos")


def _narrations(folder: Path, server: str) -> None:
    times = [0.5, 2.0, 4.5, 9.0, 11.0]
    told = [
        {"timestamp_sec": t, "narration_text": f"#C C cuts {n}", "timestamp_frame": 0} for n, t in enumerate(times)
    ]
    one = {"narration_pass_1": {"narrations": told, "summaries": []}, "status": "complete"}
    write_json(folder / "narration.json", {"videos": {f"v{number}": one for number in range(200)}})


def _manifest(folder: Path, server: str) -> None:
    items = {
        "egoclip": {"target": "raw/annotations/egoclip.csv", "mirrors": [{"http": f"{server}/egoclip.csv"}]},
        "zipped": {
            "target": "raw/features/zipped",
            "archive": {"format": "zip", "flat": True},
            "mirrors": [{"http": f"{server}/f.zip"}],
        },
        "tarred": {
            "target": "raw/features/tarred",
            "archive": {"format": "tar.gz", "flat": True},
            "mirrors": [{"http": f"{server}/f.tar.gz"}],
        },
    }
    for item in items.values():
        item |= {"what": "a test", "licence": "none"}
    (folder / "manifest.yaml").write_text(yaml.safe_dump({"files": items}))


def _small_sample(folder: Path, server: str) -> None:
    make_sample(folder / "data/sample", num_videos=8, minutes=(2.0, 3.0))


def _archive(kind: str) -> bytes:
    random, stream = np.random.default_rng(0), io.BytesIO()
    files = {f"f/v{number}.pt": random.bytes(20_000) for number in range(40)}
    if kind == "zip":
        with zipfile.ZipFile(stream, "w") as archive:
            for name, content in files.items():
                archive.writestr(zipfile.ZipInfo(name), content)
    else:
        with tarfile.open(fileobj=stream, mode="w:gz") as archive:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


FILES = {
    "/egoclip.csv": b"video_uid\tnarration_time\tclip_text\n" + b"v\t1.0\t#C C cuts\n" * 20_000,
    "/f.zip": _archive("zip"),
    "/f.tar.gz": _archive("tar.gz"),
}

_CACHES = (r"/shard-[0-9a-f]+/", r"processed/(egoclip|features)")
_RESULTS = (r"(results|run)\.(json|md)$",)

COMMANDS: dict[str, Command] = {
    "sample": Command(
        ["sample", "--root", "made", "--videos", "6", "--minutes", "1", "1.2", "--dim", "16"],
        _nothing,
        (r"sample\.json$",),
    ),
    "train": Command(
        ["train", *_TINY, "--folder", "run"], _tiny, (*_CACHES, r"metrics\.jsonl$"), replaced=(r"^run/best/",)
    ),
    "egomcq": Command(
        ["egomcq", *_TINY, "--run", "r", "--checkpoint", "model"], _tiny_with_model, (*_CACHES, *_RESULTS)
    ),
    "search": Command(
        ["search", "cuts the onion", *_TINY, "--run", "r", "--checkpoint", "model"],
        _tiny_with_model,
        (*_CACHES, r"/all/(about\.json|(vectors|sums|lengths)\.npy)$"),  # stamps; rounding (`survive`, _alike)
        replaced=(r"/all/",),  # of the videos that could be indexed
    ),
    "export": Command(
        ["export", "v0", *_TINY, "--checkpoint", "model", "--out", "out", "--formats", "json", "csv", "eaf", "html"],
        _tiny_with_model,
        (*_CACHES, r"\.(json|eaf|html)$"),
    ),
    "corrections": Command(
        ["corrections", "v0", *_TINY, "--run", "r", "--checkpoint", "model", "--from", "changed.csv"],
        _tiny_changed_elsewhere,
        _CACHES,
    ),
    "extract": Command(
        ["extract", "videos", "--profile", "own_video", "--to", "features", "--device", "cpu"],
        _video,
        (r"features/.*\.json$",),
    ),
    "explore": Command(
        ["explore", "videos/plain.mp4", "--out", "out", "--device", "cpu", "--formats", "csv", "html"],
        _video,
        (r"\.(json|html)$", *_CACHES),
    ),
    "narrations": Command(["narrations", "narration.json", "--to", "rows.csv"], _narrations),
    "download": Command(
        ["download", "all", "--profile", "egovlp", "--set", "data_root=data", "--manifest", "manifest.yaml"],
        _manifest,
        (r"downloads/[a-z]+\.(json|files)$",),
    ),
    "ablation": Command(
        ["ablation", *_TINY, "--run", "r", "--seeds", "1", "--measures", "egomcq", "--set", "training.epochs=1"],
        _tiny,
        (*_CACHES, *_RESULTS, r"\.json$", r"metrics\.jsonl$"),
        slow=True,
    ),
    "reproduce": Command(
        [
            *["reproduce", "--profile", "sample", "--set", "training.epochs=1", "--set", "egonlq.epochs=1"],
            *["--set", "sample_videos=8", "--set", "sample_minutes=[2.0, 3.0]", "--set", "compare_times=false"],
        ],
        _small_sample,
        (r".",),
        slow=True,
    ),
}
