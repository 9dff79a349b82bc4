"""The search at full size: 5 million made-up spans of 768 channels, for `tests.tools.full_size` (or by itself:
``python -m tests.tools.full_size_search [--share S] [--folder F]``).

Vectors lie in clusters as those of videos do: each video has a centre of its own beside what all share, its threads
lie around it, and spans around their thread, so that the nearest spans of a query are in a few videos and differ
little: a random vector's neighbours would be all alike, and recall would mean nothing. They are written as
`hiero_lib.search.merged` writes them (7.7 GB), from pieces; faiss's index is made of them once, in a process of its
own, and is not counted as opening.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hiero_lib.search.nearest import EXACT_UP_TO

SPANS, DIM, VIDEOS, LEVELS = 5_000_000, 768, 8_000, 3
_BEFORE = "three copies in memory (46 GB)"
Child = Callable[[str], tuple[float, int, str]]
"""Runs code in a process: seconds, its largest resident memory (bytes), and its last line."""


def rows(folder: Path, share: float, child: Child) -> list[tuple[str, str, str]]:
    """Rows of the table of `tests.tools.full_size`: what, before, now.

    Args:
        folder: receives the spans.
        share: of the full size.
        child: see `Child`.
    """
    at = folder / "search" / "all"
    made: list[tuple[str, str, str]] = []
    start = _OPEN.format(at=str(at), exact_up_to=round(share * EXACT_UP_TO))

    def row(what: str, before: str, code: str, show: str = "{s:.1f} s, {gb:.2f} GB; {said}") -> None:
        seconds, resident, said = child(start + code)
        made.append((what, before, show.format(s=seconds, gb=resident / 1e9, said=said)))
        print(f"{what}: {made[-1][2]}", flush=True)

    child(
        f"from tests.tools.full_size_search import make\nfrom pathlib import Path\nmake(Path({str(at)!r}), {share})"
    )
    row("search, faiss's index, made once", "-", _FAISS)
    row("search, opened", _BEFORE, _OPENED)
    row("search, 5 answers of all spans", "-", _ASKED.format(options="{}"))
    row("search, without overlaps", "-", _ASKED.format(options='{"max_overlap": 0.5}'))
    row("search, one level but one video", "-", _ASKED.format(options='{"level": 1, "videos": uids[1:]}'))
    row("search, one video", "-", _ASKED.format(options='{"videos": uids[7:8]}'))
    row("search, without faiss", "-", _EXACT)
    return made


_OPEN = """
import time
import numpy as np
from pathlib import Path
from hiero_lib.search.merged import Merged
from hiero_lib.search.index import SearchIndex
from hiero_lib.search.nearest import Exact, choose
from hiero_lib.search import nearest
at = Path({at!r})
nearest.EXACT_UP_TO = {exact_up_to}  # a share of the size goes through faiss, too
started = time.perf_counter()

def opened():
    spans = Merged.read(at).open()
    return SearchIndex(spans, choose(spans.vectors, at / "faiss", say=lambda line: None))

def queries(spans, count):
    random = np.random.default_rng(7)
    one, other = (spans.vectors[random.integers(0, len(spans), count)] for _ in range(2))
    return one + 0.3 * other + 0.5 * random.standard_normal(one.shape) / one.shape[1] ** 0.5

def asked(index, count, **options):
    took = []
    for query in queries(index.spans, count):
        began = time.perf_counter()
        index.find(query, **options)
        took.append(1e3 * (time.perf_counter() - began))
    first, others = took[0], took[1:]
    return f"{{first:.0f}} ms the first, {{np.median(others):.1f}} ms the median, {{max(others):.0f}} ms the slowest"
"""
_FAISS = """
index = opened()
size = sum(path.stat().st_size for path in (at / "faiss").iterdir())
took = f"{time.perf_counter() - started:.0f} s of them for {len(index):,} spans, {size / 1e9:.2f} GB"
print(f"{took}; {index.nearest.about}")
"""
_OPENED = """
index = opened()
took = time.perf_counter() - started
print(f"{took:.2f} s of them for {len(index):,} spans, {len(index.spans.video_uids):,} videos")
"""
_ASKED = """
index = opened()
uids = index.spans.video_uids
print(asked(index, 40, **{options}))
"""
_EXACT = """
spans = Merged.read(at).open()
index = SearchIndex(spans)
print(asked(index, 4))
"""


def make(folder: Path, share: float) -> None:
    """Write the spans, a piece of a video and level at a time."""
    from hiero_lib.base.checksums import crc32_of
    from hiero_lib.base.files import atomic_path
    from hiero_lib.search import merged
    from hiero_lib.search.labels import Texts
    from hiero_lib.search.vectors import row_lengths, row_sums

    if folder.is_dir():
        return
    random = np.random.default_rng(0)
    videos = max(1, round(share * VIDEOS))
    counts = _counts(random, videos, round(share * SPANS))
    total = int(counts.sum())
    columns = {name: np.empty(total, dtype=kind) for name, kind in merged._COLUMNS.items()}
    texts, start = Texts(), 0
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        with (temporary / merged.VECTORS).open("wb") as stream:
            stream.write(merged._header((total, DIM)))
            for level in range(LEVELS):
                for video in range(videos):
                    count = int(counts[level, video])
                    rows = slice(start, start + count)
                    thread, half = _piece(video, level, count)
                    stream.write(half.data)
                    columns["video"][rows], columns["level"][rows], columns["thread"][rows] = video, level, thread
                    columns["start_s"][rows] = 4.0 * 2**level * np.arange(count)
                    columns["end_s"][rows] = columns["start_s"][rows] + 4.0 * 2**level
                    columns["lengths"][rows], columns["sums"][rows] = row_lengths(half), row_sums(half)
                    columns["label"][rows] = texts.numbers(f"thread {n} of video {video}" for n in thread.tolist())
                    start += count
        columns["text_ends"], columns["texts"] = texts.blob()
        for name, values in columns.items():
            np.save(temporary / f"{name}.npy", values)
        sums = {f"{name}.npy": temporary / f"{name}.npy" for name in columns}
        checksums = {name: [path.stat().st_size, crc32_of(path)] for name, path in sums.items()}
        made = {
            f"{number:08x}-5f2a-4c1e": merged.Made(f"{number:064x}", (number, number)) for number in range(videos)
        }
        merged.Merged(folder, total, DIM, made, checksums).write_about(temporary)


def _counts(random: np.random.Generator, videos: int, spans: int) -> np.ndarray:
    """``[levels, videos]`` spans of each: half as many at each coarser level, more in longer videos."""
    length = random.lognormal(0, 0.8, videos)
    shares = np.array([4, 2, 1])[:, None] / 7 * (length / length.sum())
    return np.maximum(1, np.round(shares * spans)).astype(np.int64)


def _piece(video: int, level: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The threads ``[count]`` of a video's spans of a level, and their vectors ``[count, DIM]`` float16."""
    shared = np.random.default_rng(99).standard_normal(DIM, dtype=np.float32)
    own = np.random.default_rng([1, video])
    kind = np.random.default_rng([2, int(own.integers(200))]).standard_normal(DIM, dtype=np.float32)  # of activity
    threads = own.standard_normal((8, DIM), dtype=np.float32)
    centre = shared + kind + 0.5 * own.standard_normal(DIM, dtype=np.float32)
    random = np.random.default_rng([3, video, level])
    thread = random.integers(0, 8, count)
    vectors = centre + 0.7 * threads[thread] + 0.7 * random.standard_normal((count, DIM), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return thread, vectors.astype(np.float16)


def main() -> int:
    """Make the spans, measure, print; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.full_size_search", description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the full size (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="keep the spans here (default: a temporary folder)")
    options = parser.parse_args()
    from tests.tools.full_size import search_child

    with tempfile.TemporaryDirectory() as scratch:
        rows(options.folder or Path(scratch), options.share, search_child)
    return 0


if __name__ == "__main__":
    sys.exit(main())
