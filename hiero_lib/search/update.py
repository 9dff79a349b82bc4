"""The file of each video of an index: made once, and whenever its features change.

The spans are those that the explorer shows and the export writes. A file appears when it is complete, and whoever
makes it claims it, so that an interrupted build goes on where it stopped and several at once share the work.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import file_slug, safe_name
from hiero_lib.base.fingerprint import Fingerprint
from hiero_lib.base.locks import claimed
from hiero_lib.base.progress import quiet
from hiero_lib.data.features import FeatureStore
from hiero_lib.hierarchy.collection import Collection, Phrases, named_hierarchy, phrases_of
from hiero_lib.hierarchy.video import VideoHierarchy
from hiero_lib.methods.method import Method
from hiero_lib.search.table import FORMAT, SpanTable, source_of, table_of, write_table

_BUILT_BY = 2  # raise it when the same weights give other spans
_LOOK_AGAIN_S = 0.3


@dataclass(frozen=True)
class BuildReport:
    """Videos of the index: made or made again now, kept as they are, and left out with the reason why, by uid."""

    made: int
    kept: int
    left_out: Mapping[str, str] = field(default_factory=dict)


Make: TypeAlias = Callable[[Sequence[str]], BuildReport]
"""Makes the files of videos, as `update_index` does: here, or shared out to workers."""


def hierarchy_table(hierarchy: VideoHierarchy) -> SpanTable:
    """The spans of one video, all levels, with their mean features in the text space."""
    spans = [(level.level, span) for level in hierarchy.levels for span in level.spans]
    return table_of(
        hierarchy.video_uid,
        np.concatenate([level.span_x.numpy() for level in hierarchy.levels]),
        level=np.array([level for level, _ in spans]),
        thread=np.array([span.label for _, span in spans]),
        start_s=np.array([span.start_s for _, span in spans]),
        end_s=np.array([span.end_s for _, span in spans]),
        labels=[level.names.get(span.label, "") for level in hierarchy.levels for span in level.spans],
    )


def index_folder(run_folder: str | Path, method: Method, collection: Collection) -> Path:
    """Where the index of a method lies in a run; narrations are decisive, for the spans are named after them."""
    profile, egoclip = collection.profile, collection.egoclip
    decisive = [
        FORMAT,
        _BUILT_BY,
        dataclasses.asdict(profile.hierarchy),
        method.fingerprint,
        method.thread_graph,
        profile.model.depth,
        egoclip and egoclip.folder.name,
    ]
    decisive += [profile.features.stride_frames, profile.features.fps, profile.features.folder]
    key = Fingerprint().json(decisive).digits(8)
    return Path(run_folder) / "search" / f"{file_slug(method.name)}-{key}"


def make_index(
    run_folder: str | Path,
    collection: Collection,
    method: Method,
    *,
    video_uids: Sequence[str],
    say: Callable[[str], None] = quiet,
) -> BuildReport:
    """The files of some videos, made in this process: a worker's share of an index.

    Args:
        run_folder, collection, method, say: as `open_index`.
        video_uids: the share; what another process is at work on is waited for.

    Raises:
        OSError: the index cannot be written.
    """

    @functools.cache
    def vocabulary() -> Phrases:
        return phrases_of(method, collection.vocabulary())

    def hierarchy_of(uid: str) -> VideoHierarchy:
        return named_hierarchy(collection, method, uid, vocabulary=vocabulary())

    folder = index_folder(run_folder, method, collection)
    return update_index(folder, video_uids, store=collection.store, hierarchy_of=hierarchy_of, say=say)


def update_index(
    folder: str | Path,
    video_uids: Sequence[str],
    *,
    store: FeatureStore,
    hierarchy_of: Callable[[str], VideoHierarchy],
    say: Callable[[str], None] = quiet,
) -> BuildReport:
    """Make the files that are missing, unreadable, or made of other features.

    Args:
        folder: from `index_folder`.
        video_uids: the collection, or a share of it; what another process is making is waited for.
        store: its features, whose content says whether a file is still good.
        hierarchy_of: video -> its hierarchy; called only where the file has to be made.
        say: receives a line for each video that is made.

    Returns:
        how many were made; a video whose features are missing or cannot be used keeps no other from being done.

    Raises:
        OSError: the index cannot be written.
    """
    folder, total = Path(folder), len(video_uids)
    made, done, left_out = 0, 0, dict[str, str]()
    waiting = list(dict.fromkeys(video_uids))
    while waiting:
        free, waiting = waiting, []
        for uid in free:
            with claimed(folder / f".{safe_name(uid)}.lock", what="indexing a video") as ours:
                if not ours:
                    waiting.append(uid)
                    continue
                done += 1
                try:
                    source, path = store.identity(uid), video_file(folder, uid)
                    table = None if source_of(path) == source else hierarchy_table(hierarchy_of(uid))
                except (DataError, OSError) as error:
                    left_out[uid] = str(error)
                    say(f"left out {done} of {total}: {uid}, {error}")
                    continue
                if table is not None:
                    write_table(path, table, source=source)
                    made += 1
                    say(f"indexed {done} of {total}: {uid}, {len(table)} spans")
        if len(waiting) == len(free):
            time.sleep(_LOOK_AGAIN_S)
    return BuildReport(made, done - made - len(left_out), left_out)


def video_file(folder: str | Path, video_uid: str) -> Path:
    """Where the spans of a video lie in the folder of an index."""
    return Path(folder) / f"{safe_name(video_uid)}.safetensors"
