"""What EgoNLQ's head is trained on: the clips' features in bins, the queries' token features, answers in bins.

Each video goes through the backbone once, and the bins of its clips stay on disk: in
``<folder>/<video_uid>.safetensors``, for every level and clip of the video, ``<level>/<clip_uid>`` ``[L, H]``. A file
that is damaged, or was made for other clips, settings or features, is made again; what a method is (its weights,
whether it clusters) must stand in the folder's name.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import safe_name
from hiero_lib.base.kept import read_kept, write_kept
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
    bins_of: dict[str, ClipBins] = {}
    for clip in clips:
        first, stop = math.floor(clip.start_s / stride_s), math.ceil(clip.end_s / stride_s)
        x = features_of(clip.video_uid, first, stop)
        if x is None or not len(x):
            continue
        if not bool(torch.isfinite(x).all()):
            raise DataError("the features hold NaN or infinity", file=clip.video_uid, field=f"rows {first} to {stop}")
        bins = pool_to_bins(x.float(), max_pos_len).cpu()
        bins_of[clip.clip_uid] = ClipBins(bins, len(x) * stride_s, clip.start_s - first * stride_s)
    return bins_of


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

    def left_out(self) -> dict[str, int]:
        """Why queries were left out -> how many."""
        return {
            "without features": self.without_features,
            "of zero length": self.zero_length,
            "outside their clip": self.outside,
        }

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


LevelsOf = Callable[[str], "list[Tensor] | None"]
"""Features ``[n, H]`` of levels 0, 1, 2, ... of a whole video, by its uid; None where it has no features."""


def clip_bins_of(
    clips: Sequence[GroundingClip],
    *,
    level: FeatureLevel,
    levels_of: LevelsOf,
    stamp_of: Callable[[str], str],
    folder: str | Path,
    stride_s: float,
    max_pos_len: int = 128,
    on_video: Callable[[int, int], None] | None = None,
) -> dict[str, ClipBins]:
    """The clips' features of a level in at most ``max_pos_len`` bins, from disk where they are.

    All levels of a video are pooled and stored when it is computed, so that asking for another level later costs
    nothing. Clips of videos without features are not in the result.

    Args:
        clips: from ``read_grounding``.
        level: a level, or "all": the channels of all levels (pooling is by channel, so either order is the same).
        levels_of: called once for each video that is not on disk.
        stamp_of: differs where the video's own features do; not asked for a video without features on disk.
        folder: of the method and of the annotation file.
        stride_s: seconds from one segment of level 0 to the next.
        max_pos_len: most bins of a clip.
        on_video: called with the number of videos that are done, and of all.

    Raises:
        DataError: features with NaN or infinity, naming the video.
    """
    by_video: dict[str, list[GroundingClip]] = defaultdict(list)
    for clip in clips:
        by_video[clip.video_uid].append(clip)
    bins_of: dict[str, ClipBins] = {}
    for number, (uid, mine) in enumerate(by_video.items(), start=1):
        path = Path(folder) / f"{safe_name(uid)}.safetensors"
        spans = [[clip.clip_uid, clip.start_s, clip.end_s] for clip in mine]
        made_of = json.dumps([stamp_of(uid), stride_s, max_pos_len, spans])
        bins = _read(path, made_of, level)
        if bins is None:
            levels = levels_of(uid)
            if levels is not None:
                _write(path, made_of, mine, levels, stride_s=stride_s, max_pos_len=max_pos_len)
                bins = _read(path, made_of, level)
        bins_of |= bins or {}
        if on_video is not None:
            on_video(number, len(by_video))
    return bins_of


def _write(
    path: Path,
    made_of: str,
    clips: Sequence[GroundingClip],
    levels: Sequence[Tensor],
    *,
    stride_s: float,
    max_pos_len: int,
) -> None:
    tensors: dict[str, Tensor] = {}
    times: dict[str, list[float]] = {}
    for number in range(len(levels)):
        spread = features_at(levels, number)  # type: ignore[arg-type]  # a level that is there
        of_clip = clip_bins(
            clips,
            features_of=lambda uid, first, stop, spread=spread: spread[first:stop],  # type: ignore[misc]
            stride_s=stride_s,
            max_pos_len=max_pos_len,
        )
        tensors |= {f"{number}/{uid}": entry.bins.contiguous() for uid, entry in of_clip.items()}
        times |= {uid: [entry.duration_s, entry.lead_s] for uid, entry in of_clip.items()}
    arrays = {name: bins.cpu().numpy() for name, bins in tensors.items()}
    write_kept(path, arrays, about={"made_of": made_of, "times": json.dumps(times)})


def _read(path: Path, made_of: str, level: FeatureLevel) -> dict[str, ClipBins] | None:
    """The bins of the file's clips; None where it is not there, or not what is wanted."""
    try:
        arrays, about = read_kept(path)
    except DataError:
        return None
    if about.get("made_of") != made_of:
        return None
    bins_of = {}
    for uid, (duration_s, lead_s) in json.loads(about["times"]).items():
        wanted = sorted(n for n in arrays if n.partition("/")[2] == uid and level in ("all", int(n[0])))
        bins_of[uid] = ClipBins(torch.cat([torch.from_numpy(arrays[n]) for n in wanted], dim=1), duration_s, lead_s)
    return bins_of
