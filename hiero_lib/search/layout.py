"""The spans of a level of a whole collection in two dimensions: near means alike.

t-SNE (L. van der Maaten and G. Hinton, JMLR 2008; scikit-learn's, from PCA) places up to `LANDMARKS` spans, taken
evenly. Every other span goes to the mean of the landmarks most like it, weighted by how much, so that a hundred
thousand spans take seconds: t-SNE of all of them would take most of an hour. Of more than `MOST_SPANS` one in k is
taken, and how many were left out is said. The seed is fixed: the same spans have the same places.

A layout is kept beside the index (`kept_layout`), known by the content of the vectors that it was made of.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.base.fingerprint import Fingerprint
from hiero_lib.base.kept import read_kept, write_kept
from hiero_lib.search.index import SearchIndex
from hiero_lib.search.vectors import row_sums

MOST_SPANS = 100_000
LANDMARKS = 2_000
_NEAREST = 5  # landmarks that place another span
_SHARPNESS = 20.0  # of their weights, exp(sharpness * cosine)
_CHANNELS = 50  # after PCA
_PERPLEXITY = 30.0
_BLOCK = 4096
_FEW = 5  # spans without a neighbourhood to keep, which PCA places
_EQUAL = 1e-6
_FORMAT = "hiero_lib.layout 1"


@dataclass(frozen=True)
class Layout:
    """Places of spans.

    Attributes:
        level: whose spans.
        rows: ``[n]`` rows of the index, rising.
        xy: ``[n, 2]`` float32 within [0, 1].
        total: spans of the level; those beyond ``n`` have no place.
    """

    level: int
    rows: np.ndarray
    xy: np.ndarray
    total: int

    @property
    def note(self) -> str:
        """What a point is, in words."""
        left_out = self.total - len(self.rows)
        shown = f"{len(self.rows):,} spans of level {self.level}"
        shown += f" ({left_out:,} more have no point)" if left_out else ""
        return f"{shown}; t-SNE: near means alike, distances between far points mean nothing"


def lay_out(
    index: SearchIndex, *, level: int, most: int = MOST_SPANS, landmarks: int = LANDMARKS, seed: int = 0
) -> Layout:
    """Place the spans of a level.

    Args:
        index: of the collection.
        level: whose spans.
        most: spans that get a place; of more, one in k.
        landmarks: spans that t-SNE places.
        seed: of t-SNE.

    Raises:
        ValueError: there are no spans of this level.
        DataError: a vector is not what was written.
    """
    rows, total = _rows(index, level, most)
    vectors = torch.from_numpy(index.spans.vectors[rows])
    chosen = np.linspace(0, len(rows) - 1, min(landmarks, len(rows))).round().astype(np.int64)
    placed = torch.from_numpy(_tsne(vectors[chosen].numpy(), seed))
    if len(chosen) == len(rows):
        return Layout(level, rows, _within_one(placed.numpy()), total)
    xy = torch.empty(len(rows), 2)
    marks = vectors[chosen]
    for first in range(0, len(rows), _BLOCK):
        cosine, nearest = (vectors[first : first + _BLOCK] @ marks.T).topk(min(_NEAREST, len(chosen)))
        weight = torch.softmax(_SHARPNESS * cosine, dim=1)
        xy[first : first + _BLOCK] = (weight[..., None] * placed[nearest]).sum(1)
    xy[torch.from_numpy(chosen)] = placed
    return Layout(level, rows, _within_one(xy.numpy()), total)


def kept_layout(folder: Path | None, index: SearchIndex, *, level: int) -> Layout:
    """`lay_out`, kept as ``<folder>/maps/level-<level>.safetensors``; what lies there of other spans is made anew.

    Args:
        folder: of the index; None: nothing is kept.
        index, level: as `lay_out`.

    Raises:
        ValueError, DataError: as `lay_out`. A file that cannot be written costs the time alone.
    """
    if folder is None:
        return lay_out(index, level=level)
    rows, total = _rows(index, level, MOST_SPANS)
    vectors = index.spans.vectors
    sums = row_sums(vectors.half[rows]) if vectors.sums is None else np.ascontiguousarray(vectors.sums[rows])
    source = Fingerprint().json([total, MOST_SPANS, LANDMARKS]).data(sums.data).digits()
    path = folder / "maps" / f"level-{level}.safetensors"
    with contextlib.suppress(DataError):
        arrays, about = read_kept(path)
        if about.get("format") == _FORMAT and about.get("source") == source and arrays["xy"].shape == (len(rows), 2):
            return Layout(level, rows, arrays["xy"], total)
    made = lay_out(index, level=level)
    with contextlib.suppress(OSError):  # a run that can only be read is no obstacle
        write_kept(path, {"xy": made.xy}, about={"format": _FORMAT, "source": source})
    return made


def _rows(index: SearchIndex, level: int, most: int) -> tuple[np.ndarray, int]:
    """The rows that get a place, and how many the level has."""
    ranges = index.rows(level, None)
    rows = np.concatenate([np.arange(first, stop) for first, stop in ranges.tolist()])
    return rows[:: -(-len(rows) // most)], len(rows)


def _tsne(vectors: np.ndarray, seed: int) -> np.ndarray:
    """``[n, 2]`` float32."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    places = np.zeros((len(vectors), 2), dtype=np.float32)
    if float(np.ptp(vectors, axis=0).max()) < _EQUAL:
        return places
    channels = min(_CHANNELS, *vectors.shape)
    reduced = PCA(channels, random_state=seed).fit_transform(vectors)
    if len(vectors) < _FEW:
        places[:, : min(2, channels)] = reduced[:, :2]
        return places
    spread = reduced.std(0)
    init = "pca" if channels >= 2 and spread[1] > _EQUAL else "random"  # on a line there is no second direction
    perplexity = min(_PERPLEXITY, (len(vectors) - 1) / 3)
    made = TSNE(2, init=init, perplexity=perplexity, random_state=seed, n_jobs=1).fit_transform(reduced)
    return np.asarray(made, dtype=np.float32)


def _within_one(xy: np.ndarray) -> np.ndarray:
    """Moved and scaled into [0, 1], both axes alike."""
    low = xy.min(0)
    length = max(float((xy.max(0) - low).max()), 1e-9)
    scaled = (xy - low) / length
    return np.asarray(scaled + (1 - scaled.max(0)) / 2, dtype=np.float32)
