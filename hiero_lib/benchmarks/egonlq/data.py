"""What EgoNLQ's head is trained on: the clips' features in bins, the queries' token features, answers in bins."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.grounding.files import GroundingClip, GroundingQuery
from hiero_lib.config import FeatureLevel
from hiero_lib.models.vslnet import pool_to_bins, span_to_bins


def features_at(levels: Sequence[Tensor], which: FeatureLevel) -> Tensor:
    """``[N, H]`` (or ``[N, 3 H]`` for "all"): a level's features spread over the segments that its nodes stand for.

    ``levels`` are the features of levels 0, 1, 2, ... of one video; node j of level d stands for the segments
    j * 2^d to (j + 1) * 2^d - 1.
    """
    segment = torch.arange(len(levels[0]), device=levels[0].device)
    wanted = range(len(levels)) if which == "all" else (which,)
    return torch.cat([levels[d][(segment // 2**d).clamp(max=len(levels[d]) - 1)] for d in wanted], dim=1)


@dataclass(frozen=True)
class ClipBins:
    """Pooled features of a clip.

    ``bins [L, F]`` cover ``duration_s`` seconds that begin ``lead_s`` before the clip does (the clip's start falls
    inside its first segment).
    """

    bins: Tensor
    duration_s: float
    lead_s: float


def clip_bins(
    clips: Sequence[GroundingClip],
    *,
    features_of: Callable[[str, int, int], Tensor | None],
    stride_s: float,
    max_pos_len: int = 128,
) -> dict[str, ClipBins]:
    """The clips' features, at most ``max_pos_len`` bins each; clips without features are not in the result.

    Args:
        clips: from ``read_grounding``.
        features_of: rows ``first`` to ``stop`` of a video's features (fewer where the video is shorter); None
            where it has none. The segments are floor(start / stride) to ceil(end / stride) of the clip.
        stride_s: seconds from one segment to the next.
        max_pos_len: most bins of a clip.

    Raises:
        DataError: features with NaN or infinity (names the video).
    """
    found: dict[str, ClipBins] = {}
    for clip in clips:
        first, stop = math.floor(clip.start_s / stride_s), math.ceil(clip.end_s / stride_s)
        x = features_of(clip.video_uid, first, stop)
        if x is None or not len(x):
            continue
        if not bool(torch.isfinite(x).all()):
            raise DataError("the features hold NaN or infinity", file=clip.video_uid, field=f"rows {first} to {stop}")
        bins = pool_to_bins(x.float(), max_pos_len).cpu()
        found[clip.clip_uid] = ClipBins(bins, len(x) * stride_s, clip.start_s - first * stride_s)
    return found


@dataclass(frozen=True)
class NLQData:
    """Queries ready for the head; ``without_features`` and ``zero_length`` queries were left out."""

    queries: tuple[GroundingQuery, ...]
    clips: dict[str, ClipBins]
    tokens: dict[str, Tensor]  # text -> [T, d] token features of the frozen text encoder
    spans: tuple[tuple[int, int], ...]  # first and last bin of each answer; empty for a test file
    without_features: int
    zero_length: int
    outside: int  # answers that lie wholly outside their clip: nothing to learn from

    @property
    def longest(self) -> int:
        """Tokens of the longest query."""
        return max((len(t) for t in self.tokens.values()), default=0)


def prepare(
    clips: Sequence[GroundingClip],
    bins: dict[str, ClipBins],
    *,
    embed_tokens: Callable[[list[str]], tuple[Tensor, Tensor]],
    training: bool,
    batch_size: int = 256,
) -> NLQData:
    """Queries with their bins and token features.

    Args:
        clips: from ``read_grounding``.
        bins: from ``clip_bins``.
        embed_tokens: texts to token features ``[n, T, d]`` and mask ``[n, T]``; each text is encoded once.
        training: leave out queries of zero length, and answers outside their clip. False keeps them: they are
            scored.
        batch_size: texts encoded at a time.
    """
    asked = [q for clip in clips for q in clip.queries]
    queries = [q for q in asked if q.clip_uid in bins]
    without_features = len(asked) - len(queries)
    zero_length = outside = 0
    if training:
        if any(q.start_s is None for q in queries):
            raise DataError("training queries need their times", field="clip_start_sec")
        kept = [q for q in queries if q.end_s > q.start_s]  # type: ignore[operator]
        zero_length = len(queries) - len(kept)
        queries = [q for q in kept if q.start_s + bins[q.clip_uid].lead_s < bins[q.clip_uid].duration_s]  # type: ignore[operator]
        outside = len(kept) - len(queries)
    texts = sorted({q.text for q in queries}, key=lambda text: (len(text), text))
    tokens: dict[str, Tensor] = {}
    for start in range(0, len(texts), batch_size):
        some = texts[start : start + batch_size]
        values, mask = embed_tokens(some)
        tokens.update({text: v[m.bool()].float().cpu() for text, v, m in zip(some, values, mask, strict=True)})
    spans = tuple(_bins_of(q, bins[q.clip_uid]) for q in queries) if training else ()
    return NLQData(tuple(queries), dict(bins), tokens, spans, without_features, zero_length, outside)


def _bins_of(query: GroundingQuery, clip: ClipBins) -> tuple[int, int]:
    assert query.start_s is not None and query.end_s is not None  # noqa: PT018  (training data have times)
    return span_to_bins(
        query.start_s + clip.lead_s, query.end_s + clip.lead_s, duration_s=clip.duration_s, num_bins=len(clip.bins)
    )


def pad_batch(data: NLQData, indices: Sequence[int], *, max_pos_len: int, max_tokens: int) -> tuple[Tensor, ...]:
    """Video, its mask, tokens, their mask: padded to fixed lengths, so that a result does not depend on its batch."""
    clips = [data.clips[data.queries[i].clip_uid].bins for i in indices]
    tokens = [data.tokens[data.queries[i].text] for i in indices]
    padded = []
    for lines, size in ((clips, max_pos_len), (tokens, max_tokens)):
        values = torch.zeros(len(lines), size, lines[0].shape[1])
        mask = torch.zeros(len(lines), size)
        for row, line in enumerate(lines):
            values[row, : len(line)] = line
            mask[row, : len(line)] = 1.0
        padded += [values, mask]
    return tuple(padded)
