"""The videos of an explorer: opened when they are asked for, a few of them kept open, listed for the menu."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.thread_recovery.files import read_truths
from hiero_lib.data.media import Media, find_media
from hiero_lib.data.paths import DataPaths
from hiero_lib.explorer.opened import OpenVideo, open_video
from hiero_lib.front.collection import MOST_TRUTHS
from hiero_lib.hierarchy.collection import (
    Collection,
    Phrases,
    divided_video,
    named,
    phrases_for,
    phrases_of,
    short_uids,
)
from hiero_lib.hierarchy.corrections import corrections_file
from hiero_lib.hierarchy.division import ThreadCount
from hiero_lib.hierarchy.video import VideoHierarchy
from hiero_lib.methods.levels import read_video
from hiero_lib.methods.method import Method
from hiero_lib.viz.page import clock

_KEPT = 8  # that stay open
_LISTED = 50  # of the menu
LONG_NAME = 24  # characters; a longer uid is no name, but a number


class Videos:
    """Videos of a collection as a method divides them.

    Args:
        collection, method, num_threads: as `hiero_lib.explorer.explorer.Explorer`.
        run_folder: keeps corrections; None: nothing is kept.
        names_of: what goes on in a video, for the menu, where that is known without opening it.

    Attributes:
        uids: of all, sorted; short: uid -> how it begins.
        opened: those that are open, by uid.
    """

    def __init__(
        self,
        collection: Collection,
        method: Method,
        *,
        run_folder: Path | None,
        num_threads: ThreadCount | Sequence[ThreadCount] | None,
        names_of: Callable[[str], Sequence[str]] = lambda uid: (),
    ) -> None:
        self._collection, self._method = collection, method
        self._run_folder, self._num_threads, self._names_of = run_folder, num_threads, names_of
        self._phrases: dict[str, Phrases | None] = {}
        self.uids = collection.video_uids
        self.short = short_uids(self.uids)
        self.opened: dict[str, OpenVideo] = {}

    def open(self, uid: str) -> OpenVideo:
        """A video, as it was left.

        Raises:
            DataError: it has no features, or they cannot be used.
        """
        self._collection.check(uid)
        if uid not in self.opened:
            made = self._open(uid)
            while len(self.opened) >= _KEPT:
                self.opened.pop(next(iter(self.opened)))
            self.opened[uid] = made
        self.opened[uid] = self.opened.pop(uid)  # the last that is given up
        return self.opened[uid]

    def is_as_divided(self, uid: str) -> bool:
        """Whether a video is not open, and would be opened as it is divided by itself: as an index knows it."""
        file = self._file(uid)
        return uid not in self.opened and self._num_threads is None and (file is None or not file.exists())

    def named(self, hierarchy: VideoHierarchy) -> VideoHierarchy:
        """A division of an open video, with names for its threads."""
        return named(hierarchy, self._phrases.get(hierarchy.video_uid))

    def media(self, uid: str) -> Media:
        """The file of a video, or frames of it."""
        profile = self._collection.profile
        return find_media(DataPaths.at(profile.data_root), uid, features=profile.features.folder)

    def listed(self, words: str) -> dict[str, Any]:
        """Those whose uid and scenario hold all words, for the menu: the first few with what is known, and how many.

        What goes on in a video its index tells, the scenario the sample's truth alone.
        """
        wanted = words.lower().split()
        scenarios = self._scenarios
        found = [
            uid for uid in self.uids if all(word in f"{uid} {scenarios.get(uid, '')}".lower() for word in wanted)
        ]
        stride_s = self._collection.profile.features.stride_s
        matches = []
        for uid in found[:_LISTED]:
            told = len(self._collection.narrations(uid))
            file = self._file(uid)
            about = [
                scenarios.get(uid, ""),
                clock(self._collection.store.num_segments(uid) * stride_s),
                f"{told or 'no'} narration{'' if told == 1 else 's'}",
                "corrected" if file is not None and file.exists() else "",
            ]
            name = uid if len(uid) <= LONG_NAME else self.short[uid]
            what = ", ".join(self._names_of(uid))
            matches.append({"uid": uid, "name": name, "what": what, "about": ", ".join(filter(None, about))})
        return {"matches": matches, "total": len(found)}

    @cached_property
    def _scenarios(self) -> dict[str, str]:
        """Of the videos whose truth is known; of none where that cannot be read, which is told where it is drawn."""
        folder = DataPaths.at(self._collection.profile.data_root).truth
        if not folder.is_dir() or len(self.uids) > MOST_TRUTHS:
            return {}
        try:
            return {truth.video_uid: truth.scenario for truth in read_truths(folder)}
        except (DataError, OSError):
            return {}

    def _file(self, uid: str) -> Path | None:
        return None if self._run_folder is None else corrections_file(self._run_folder, self._method.name, uid)

    def _open(self, uid: str) -> OpenVideo:
        collection, method = self._collection, self._method
        video = read_video(collection.store, collection.profile, uid, device=collection.device)
        vocabulary = None if collection.narrations(uid) else self._vocabulary
        phrases = self._phrases[uid] = phrases_for(collection, method, uid, vocabulary=vocabulary)

        def divide(counts: Sequence[ThreadCount] | None) -> VideoHierarchy:
            asked = self._num_threads if counts is None else counts
            return named(divided_video(method, video, collection.profile, num_threads=asked), phrases)

        return open_video(divide, method=method.name, fingerprint=method.fingerprint, file=self._file(uid))

    @cached_property
    def _vocabulary(self) -> Phrases | None:
        return phrases_of(self._method, self._collection.vocabulary()) if self._method.text_space else None
