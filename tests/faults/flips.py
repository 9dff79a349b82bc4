"""``python -m tests.faults.flips``: bits flipped in everything that is kept to be used again; none may go unseen.

After each flip what was kept is read again. It is either what it was (made again, or the bit means nothing), or an
error of the kit's: never another value. Exit status 1 otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.base.kept import read_kept, write_kept
from hiero_lib.config import load_profile
from hiero_lib.data.egoclip import EgoClipIndex
from hiero_lib.data.media import Media
from hiero_lib.data.text_cache import TextCache
from hiero_lib.data.token_cache import TokenCache
from hiero_lib.explorer.previews import Previews, ShowShare
from hiero_lib.models.checkpoints import load_model
from hiero_lib.search.index import SearchIndex
from hiero_lib.search.inverted import with_faiss
from hiero_lib.search.layout import kept_layout
from hiero_lib.search.merged import Made, Merged, merge
from hiero_lib.search.table import join, table_of, write_table
from hiero_lib.search.vectors import Vectors
from tests.helpers.tiny import make_checkpoint, make_tiny

TEXTS = [f"#C C cuts {number}" for number in range(64)]
VECTORS = np.random.default_rng(0).standard_normal((700, 16)).astype(np.float32)


class _Encoder(torch.nn.Module):
    """Embeds a text by its bytes."""

    dim, fingerprint = 4, "encoder"

    def forward(self, texts: list[str]) -> torch.Tensor:
        return torch.tensor([[len(text), *text.encode()[-3:]] for text in texts], dtype=torch.float32)

    def encode_tokens(self, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        values = self(texts)[:, None].repeat(1, 3, 1)
        return values, torch.ones(values.shape[:2], dtype=torch.bool)


def _texts(folder: Path) -> Any:
    return TextCache(folder, _Encoder(), device="cpu").embed(TEXTS).numpy()


def _tokens(folder: Path) -> Any:
    return TokenCache(folder, _Encoder(), device="cpu")(TEXTS)[0].numpy()


def _egoclip(folder: Path) -> Any:
    source = folder.parent / "egoclip.csv"
    rows = [f"v{n % 3}\t{n / 2}\t{text}" for n, text in enumerate(TEXTS)]
    source.write_text("\n".join(["video_uid\tnarration_time\tclip_text", *rows]) + "\n")
    index = EgoClipIndex.open(source, folder)
    return [index.narrations(uid) for uid in index.video_uids]


def _table(folder: Path) -> Any:
    """As search's spans and EgoNLQ's bins are kept."""
    path = folder / "table"
    if not path.exists():
        write_kept(path, {"vectors": VECTORS.astype(np.float16), "level": np.arange(700)}, about={"labels": "[]"})
    arrays, about = read_kept(path)
    return [arrays["vectors"], arrays["level"], about]


def _merged(folder: Path) -> Any:
    """As the spans of all videos are kept and opened; what is damaged is joined again."""
    path, files = folder.parent / "v.safetensors", folder / "all"
    if not path.exists():
        columns = {"level": np.zeros(700), "thread": np.arange(700) % 4, "start_s": np.arange(700.0)}
        table = table_of("v", VECTORS, **columns, end_s=np.arange(700.0) + 1, labels=[str(n % 9) for n in range(700)])
        write_table(path, table, source="v")
    merged = Merged.read(files) or merge(files, {"v": path}, {"v": Made("v", (1, 2))})
    index = SearchIndex(merged.open())
    return [list(map(str, index.find(query, count=3))) for query in VECTORS[:20]]


def _layout(folder: Path) -> Any:
    columns = {"level": np.zeros(40), "thread": np.arange(40) % 4, "start_s": np.arange(40.0)}
    table = table_of("v", VECTORS[:40], **columns, end_s=np.arange(40.0) + 1, labels=[""] * 40)
    return kept_layout(folder, SearchIndex(join([table])), level=0).xy


def _faiss(folder: Path) -> Any:
    found = dataclasses.replace(with_faiss(Vectors(VECTORS.astype(np.float16)), folder / "faiss"), exact_up_to=0)
    queries = VECTORS[:20] / np.linalg.norm(VECTORS[:20], axis=1)[:, None]
    return [found(query, 5, np.array([[0, 700]]))[1] for query in queries]


def _model(folder: Path) -> Any:
    if not (folder / "model").exists():
        profile = load_profile(make_tiny(folder.parent / "data", videos=2, features__text_projection=None))
        make_checkpoint(folder / "model", profile, "hiero")
    model, _ = load_model(folder / "model")
    return [value.numpy() for value in model.state_dict().values()]


def _preview(folder: Path) -> Any:
    """What a browser would play; what is damaged is made again."""
    video = folder.parent / "v.mp4"
    video.write_bytes(b"film")

    def make(video: Path, target: Path, *, show: ShowShare) -> list[str]:
        target.write_bytes(b"small film")
        return ["odd"]

    made, media = Previews(folder, make), Media(video)
    made.begin("v", media)
    while (value := made.value("v", media)) is not None and value["state"] == "making":
        time.sleep(0.002)
    assert value is not None
    file = made.ready("v", media)
    assert file is not None
    return [file.read_bytes().hex(), value["note"]]


KEPT: dict[str, Callable[[Path], Any]] = {
    "text cache": _texts,
    "token cache": _tokens,
    "EgoClip's index": _egoclip,
    "search tables, EgoNLQ's bins": _table,
    "search, all videos' spans": _merged,
    "the map of a collection": _layout,
    "faiss's index": _faiss,
    "a model": _model,
    "a small preview": _preview,
}


def main() -> int:
    """Flip; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.flips", description=__doc__)
    parser.add_argument("--bits", type=int, default=80, help="of each kind (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    options = parser.parse_args()
    silent = 0
    for name, read in KEPT.items():
        counts = flip(read, bits=options.bits, seed=options.seed)
        silent += counts["silent"]
        print(
            f"{name}: {options.bits} bits flipped, {counts['said']} said and made again or refused, "
            f"{counts['same']} without a meaning, {counts['silent']} silent",
            flush=True,
        )
    return 1 if silent else 0


def flip(read: Callable[[Path], Any], *, bits: int, seed: int) -> dict[str, int]:
    """How often a flipped bit was said, meant nothing, or gave another value in silence."""
    random, counts = np.random.default_rng(seed), {"said": 0, "same": 0, "silent": 0}
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "whole"
        whole.mkdir()
        expected = read(whole)
        files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
        for _ in range(bits):
            folder = Path(scratch) / "kept"
            shutil.copytree(whole, folder)
            path = folder / files[random.integers(len(files))]
            content = bytearray(path.read_bytes())
            content[random.integers(len(content))] ^= 1 << random.integers(8)
            path.write_bytes(content)
            counts[_outcome(read, folder, expected)] += 1
            shutil.rmtree(folder)
    return counts


def _outcome(read: Callable[[Path], Any], folder: Path, expected: Any) -> str:
    said = io.StringIO()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with contextlib.redirect_stderr(said):
        try:
            found = read(folder)
        except DataError:
            return "said"
    if not _equal(found, expected):
        return "silent"
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return "said" if said.getvalue() or before != after else "same"


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(np.array_equal(one, other)) if isinstance(one, np.ndarray) else bool(one == other)


if __name__ == "__main__":
    sys.exit(main())
