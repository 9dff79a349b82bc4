"""The videos of a profile with their narrations, and their hierarchies with names for the threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hiero_lib.base.errors import DataError
from hiero_lib.config import Profile
from hiero_lib.data.egoclip import EgoClipIndex, open_egoclip
from hiero_lib.data.features import FeatureStore
from hiero_lib.data.narrations import NO_NARRATIONS, Narrations
from hiero_lib.data.paths import DataPaths
from hiero_lib.data.segments import VideoSegments
from hiero_lib.hierarchy.division import ThreadCount
from hiero_lib.hierarchy.names import with_names
from hiero_lib.hierarchy.video import VideoHierarchy, video_hierarchy
from hiero_lib.methods.levels import read_video, times_of, whole_video_levels
from hiero_lib.methods.method import Method


@dataclass(frozen=True)
class Collection:
    """Videos with features, and the narrations of those that have some; made by `open_collection`.

    ``egoclip`` is None where there is no ``egoclip.csv``.
    """

    profile: Profile
    store: FeatureStore
    egoclip: EgoClipIndex | None
    device: torch.device

    @property
    def video_uids(self) -> list[str]:
        """Videos with features, sorted."""
        return self.store.video_uids

    @property
    def default_video(self) -> str:
        """The first video with narrations, else the first."""
        return next((uid for uid in self.video_uids if self.narrations(uid)), self.video_uids[0])

    def narrations(self, video_uid: str) -> Narrations:
        """A video's narrations; empty where it has none."""
        return NO_NARRATIONS if self.egoclip is None else self.egoclip.narrations(video_uid)

    def check(self, video_uid: str) -> None:
        """DataError where the video has no features."""
        if video_uid not in self.store:
            longer = [uid for uid in self.video_uids if uid.startswith(video_uid)]  # of one that figures have cut
            hint = f"Did you mean {longer[0]}?" if longer else _some_of(self.video_uids)
            problem = "the video has no feature file"
            raise DataError(problem, file=self.store.folder, field="video_uid", value=video_uid, hint=hint)

    def vocabulary(self) -> list[str]:
        """The most frequent narrations, for videos without their own; empty where nothing is narrated."""
        if self.egoclip is None:
            return []
        uids = self.egoclip.video_uids
        config = self.profile.hierarchy
        chosen = uids[:: -(-len(uids) // config.vocabulary_videos)]
        counts = Counter(text for uid in chosen for text in self.egoclip.texts(uid) if not text.startswith("#unsure"))
        return [text for text, _ in counts.most_common(config.vocabulary_phrases)]


def open_collection(profile: Profile, *, device: torch.device) -> Collection:
    """The videos of a profile.

    Raises:
        DataError: there is no folder of features, or ``egoclip.csv`` cannot be used.
    """
    paths = DataPaths.at(profile.data_root)
    store = FeatureStore(paths.features(profile.features.folder), dim=profile.features.dim)
    egoclip = open_egoclip(paths) if paths.egoclip.is_file() else None
    return Collection(profile, store, egoclip, device)


@dataclass(frozen=True)
class Phrases:
    """Texts and their features ``[len(texts), D]`` in a method's text space; of narrations, also their seconds."""

    texts: Sequence[str]
    embedded: Tensor
    times: Sequence[float] | None = None


def phrases_of(method: Method, texts: Sequence[str]) -> Phrases:
    """``texts`` in the text space of a method."""
    return Phrases(texts, method.embed_text(texts).cpu() if texts else torch.zeros(0, 0))


def divided_video(
    method: Method,
    video: VideoSegments,
    profile: Profile,
    *,
    num_threads: ThreadCount | Sequence[ThreadCount] | None = None,
) -> VideoHierarchy:
    """A whole video as a method sees it, divided as the profile's section ``hierarchy`` says; without names.

    Its levels are those at the section's segment times. Texts are compared with level 0 at the times as they are,
    which is what training aligned with text: with the released ones 2 to 4 in a hundred narrations fewer are found
    within the best five segments (the sample, three seeds).

    Args:
        method: whose features are divided.
        video: on the method's device.
        profile: its sections ``features`` and ``hierarchy`` count.
        num_threads: as `hiero_lib.hierarchy.video.video_hierarchy`.
    """
    times = profile.hierarchy.segment_times
    levels = whole_video_levels(method, video, times=times)
    sees_times = method.thread_graph is not None and times != "paper"
    aligned = method.levels(video) if sees_times else levels
    return video_hierarchy(
        levels,
        stride_s=profile.features.stride_s,
        video_uid=video.video_uid,
        segments=method.project(aligned[0].x),
        num_threads=num_threads,
        segment_times=times_of(method, profile) or "paper",
        config=profile.hierarchy,
    )


def named_hierarchy(
    collection: Collection,
    method: Method,
    video_uid: str,
    *,
    vocabulary: Phrases | None = None,
    num_threads: ThreadCount | Sequence[ThreadCount] | None = None,
) -> VideoHierarchy:
    """A video's hierarchy as a method sees it, its threads named after its narrations or a vocabulary's phrases.

    Args:
        collection: has the video.
        method: whose features are clustered.
        video_uid: the video.
        vocabulary: for a video without narrations; None: its threads stay without names.
        num_threads: as `hiero_lib.hierarchy.video.video_hierarchy`.

    Raises:
        DataError: the video has no features, or they cannot be used.
    """
    collection.check(video_uid)
    video = read_video(collection.store, collection.profile, video_uid, device=collection.device)
    hierarchy = divided_video(method, video, collection.profile, num_threads=num_threads)
    return named(hierarchy, phrases_for(collection, method, video_uid, vocabulary=vocabulary))


def phrases_for(
    collection: Collection, method: Method, video_uid: str, *, vocabulary: Phrases | None = None
) -> Phrases | None:
    """What a video's threads are named after: its narrations, else a vocabulary; None without a text space."""
    if not method.text_space:
        return None
    narrations = collection.narrations(video_uid)
    if not narrations:
        return vocabulary
    return Phrases(narrations.texts, method.embed_text(narrations.texts).cpu(), narrations.times)


def named(hierarchy: VideoHierarchy, phrases: Phrases | None) -> VideoHierarchy:
    """The same video with its threads named, where there is anything to name them after."""
    if phrases is None or not phrases.texts:
        return hierarchy
    return with_names(hierarchy, phrases.texts, phrases.embedded, times=phrases.times)


def short_uids(video_uids: Sequence[str]) -> dict[str, str]:
    """Video uid -> how it begins: in 8 characters, or in as many as tell all of them apart."""
    length, different = 8, len(set(video_uids))
    while len({uid[:length] for uid in video_uids}) < different:
        length += 1
    return {uid: uid[:length] for uid in video_uids}


def _some_of(video_uids: Sequence[str]) -> str:
    more = f" and {len(video_uids) - 3} more" if len(video_uids) > 3 else ""
    return f"There are {', '.join(video_uids[:3])}{more}"
