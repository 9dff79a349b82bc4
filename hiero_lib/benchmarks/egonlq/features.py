"""EgoNLQ's features: each video goes through the backbone once, and the bins of its clips stay on disk.

``<folder>/<video_uid>.safetensors`` holds, for every level and clip of the video, ``<level>/<clip_uid>`` ``[L, H]``.
A file that was made for other clips, settings or features is made again; what a method is (its weights, whether it
clusters) must stand in the folder's name.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from hiero_lib.base.files import atomic_path
from hiero_lib.benchmarks.egonlq.data import ClipBins, clip_bins, features_at
from hiero_lib.benchmarks.grounding.files import GroundingClip
from hiero_lib.config import FeatureLevel

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
    found: dict[str, ClipBins] = {}
    for number, (uid, mine) in enumerate(by_video.items(), start=1):
        path = Path(folder) / f"{uid}.safetensors"
        spans = [[clip.clip_uid, clip.start_s, clip.end_s] for clip in mine]
        made_of = json.dumps([stamp_of(uid), stride_s, max_pos_len, spans])
        bins = _read(path, made_of, level)
        if bins is None:
            levels = levels_of(uid)
            if levels is not None:
                _write(path, made_of, mine, levels, stride_s=stride_s, max_pos_len=max_pos_len)
                bins = _read(path, made_of, level)
        found |= bins or {}
        if on_video is not None:
            on_video(number, len(by_video))
    return found


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
        found = clip_bins(
            clips,
            features_of=lambda uid, first, stop, spread=spread: spread[first:stop],  # type: ignore[misc]
            stride_s=stride_s,
            max_pos_len=max_pos_len,
        )
        tensors |= {f"{number}/{uid}": entry.bins.contiguous() for uid, entry in found.items()}
        times |= {uid: [entry.duration_s, entry.lead_s] for uid, entry in found.items()}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={"made_of": made_of, "times": json.dumps(times)})


def _read(path: Path, made_of: str, level: FeatureLevel) -> dict[str, ClipBins] | None:
    """The bins of the file's clips; None where it is not there, or not what is wanted."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
            if metadata.get("made_of") != made_of:
                return None
            names = set(stream.keys())
            found = {}
            for uid, (duration_s, lead_s) in json.loads(metadata["times"]).items():
                wanted = sorted(n for n in names if n.partition("/")[2] == uid and level in ("all", int(n[0])))
                found[uid] = ClipBins(torch.cat([stream.get_tensor(n) for n in wanted], dim=1), duration_s, lead_s)
            return found
    except SafetensorError:  # cut off by something else than a kill, which leaves no half file
        return None
