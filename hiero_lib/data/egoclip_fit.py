"""Do the narrations of EgoClip fall on the features? Where none does, or few do, why."""

from __future__ import annotations

import unicodedata

import numpy as np

from hiero_lib.config import FeatureConfig
from hiero_lib.data.egoclip import EgoClipIndex, EgoClipReport
from hiero_lib.data.features import FeatureStore

MOST_OUTSIDE = 0.1  # share of the narrations beyond their video's features; EgoClip has hardly any
_MILLISECONDS = 100.0  # times so many times too long, in the middle, are no seconds


def misfit(index: EgoClipIndex, store: FeatureStore, features: FeatureConfig, report: EgoClipReport) -> str | None:
    """What looks wrong, in a sentence; None where the narrations fit.

    Args:
        index, store, features: what ``report`` was made of; headers of the features are read again where it looks
            wrong.
        report: from `EgoClipIndex.chunks`.
    """
    with_features = report.rows - report.unreadable_rows - report.narrations_without_features
    if not with_features:
        return _no_common_video(index, store)
    if report.narrations_outside_video <= MOST_OUTSIDE * with_features:
        return None
    share = f"{report.narrations_outside_video:,} of {with_features:,} narrations lie beyond their video's features"
    ratios = []
    for uid in sorted(set(index.video_uids) & set(store.video_uids)):
        times = index.narrations(uid).times
        ratios.append(times[-1] / (store.num_segments(uid) * features.stride_s))
    longest = float(np.median(ratios))
    if longest > _MILLISECONDS:
        return f"{share}: the last one at {longest:,.0f} times the video's length (times in milliseconds?)"
    return f"{share}: the last one at {longest:.2g} times its length (is the profile's stride or fps right?)"


def _no_common_video(index: EgoClipIndex, store: FeatureStore) -> str:
    narrated, with_features = index.video_uids, store.video_uids
    if not with_features:
        return f"there are no features in {store.folder}"
    composed = {unicodedata.normalize("NFC", uid) for uid in with_features}
    alike = [uid for uid in narrated if unicodedata.normalize("NFC", uid) in composed]
    if alike:
        return (
            f"the names of {len(alike)} videos differ from those of their features in how accents are written "
            f"(NFC against NFD, for example {alike[0]!r}): rename the feature files"
        )
    return (
        f"not one of the {len(narrated):,} narrated videos has features: narrated is for example {narrated[0]!r}, "
        f"with features {with_features[0]!r}"
    )
