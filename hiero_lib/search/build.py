"""The index of a collection on disk: a file of spans for each video, made once and whenever its features change.

The spans are those that the explorer shows and the export writes.

``<run>/search/<method>-<key>/<video>.safetensors``; the key is a hash of everything but the features that decides
what the spans are. A video's file appears when it is complete, so an interrupted build goes on where it stopped.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import file_slug, safe_name
from hiero_lib.base.fingerprint import Fingerprint
from hiero_lib.base.progress import quiet
from hiero_lib.data.features import FeatureStore
from hiero_lib.hierarchy.collection import Collection, Phrases, named_hierarchy, phrases_of
from hiero_lib.hierarchy.video import VideoHierarchy
from hiero_lib.methods.method import Method
from hiero_lib.search.index import SearchIndex
from hiero_lib.search.table import FORMAT, SpanTable, join, read_table, source_of, table_of, write_table

_BUILT_BY = 2  # raise it when the same weights give other spans


@dataclass(frozen=True)
class BuildReport:
    """Videos of the index: made or made again now, kept as they are, and left out with the reason why, by uid."""

    made: int
    kept: int
    left_out: Mapping[str, str] = field(default_factory=dict)


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


def open_index(
    run_folder: str | Path,
    collection: Collection,
    method: Method,
    *,
    video_uids: Sequence[str] | None = None,
    say: Callable[[str], None] = quiet,
    left_out: dict[str, str] | None = None,
) -> SearchIndex:
    """The index of a collection, made where it is not there yet.

    Args:
        run_folder: ``outputs/<run>``.
        collection: the videos.
        method: whose features are searched.
        video_uids: only these; None: all that have features.
        say: receives a line for each video that has to be indexed.
        left_out: receives the videos whose features cannot be used, and why; None: one of them is an error.

    Raises:
        DataError: the method has no text space, there is no video (left), or features cannot be used.
    """
    uids = list(collection.video_uids if video_uids is None else video_uids)
    check_searchable(method, collection, uids)
    folder = index_folder(run_folder, method, collection)

    @functools.cache
    def vocabulary() -> Phrases:
        return phrases_of(method, collection.vocabulary())

    def hierarchy_of(uid: str) -> VideoHierarchy:
        return named_hierarchy(collection, method, uid, vocabulary=vocabulary())

    report = update_index(folder, uids, store=collection.store, hierarchy_of=hierarchy_of, say=say)
    if report.left_out and (left_out is None or len(report.left_out) == len(uids)):
        uid, why = next(iter(report.left_out.items()))
        more = f" (and {len(report.left_out) - 1} more videos)" if len(report.left_out) > 1 else ""
        raise DataError(f"cannot be indexed{more}: {why}", field="video_uid", value=uid)
    if left_out is not None:
        left_out |= report.left_out
    return load_index(folder, [uid for uid in uids if uid not in report.left_out])


def check_searchable(method: Method, collection: Collection, video_uids: Sequence[str] | None = None) -> None:
    """DataError where the method has no text space, or there is no video."""
    if not (collection.video_uids if video_uids is None else video_uids):
        raise DataError("there are no videos to search", file=collection.store.folder)
    if not method.text_space:
        problem = "features without a text space cannot be searched with texts"
        raise DataError(problem, file=collection.profile.name, field="features.text_projection")


def update_index(
    folder: str | Path,
    video_uids: Sequence[str],
    *,
    store: FeatureStore,
    hierarchy_of: Callable[[str], VideoHierarchy],
    say: Callable[[str], None] = quiet,
) -> BuildReport:
    """Make the files that are missing, damaged, or made of other features.

    Args:
        folder: from `index_folder`.
        video_uids: the collection.
        store: its features, whose content says whether a file is still good.
        hierarchy_of: video -> its hierarchy; called only where the file has to be made.
        say: receives a line for each video that is made.

    Returns:
        how many were made; a video whose features are missing or cannot be used keeps no other from being done.

    Raises:
        OSError: the index cannot be written.
    """
    made, left_out = 0, dict[str, str]()
    for number, uid in enumerate(video_uids, start=1):
        path = _file(folder, uid)
        try:
            source = store.identity(uid)
            table = None if source_of(path) == source else hierarchy_table(hierarchy_of(uid))
        except (DataError, OSError) as error:
            left_out[uid] = str(error)
            say(f"left out {number} of {len(video_uids)}: {uid}, {error}")
            continue
        if table is not None:
            write_table(path, table, source=source)
            made += 1
            say(f"indexed {number} of {len(video_uids)}: {uid}, {len(table)} spans")
    return BuildReport(made, len(video_uids) - made - len(left_out), left_out)


def not_indexed(folder: str | Path, video_uids: Sequence[str], *, store: FeatureStore) -> list[str]:
    """The videos whose file `update_index` would make, or whose features it could not use."""
    found = []
    for uid in video_uids:
        try:
            is_kept = source_of(_file(folder, uid)) == store.identity(uid)
        except (DataError, OSError):
            is_kept = False
        if not is_kept:
            found.append(uid)
    return found


def load_index(folder: str | Path, video_uids: Sequence[str]) -> SearchIndex:
    """The index of a collection that `update_index` has made.

    Raises:
        DataError: the file of a video is missing or broken.
    """
    spans = join([read_table(_file(folder, uid)) for uid in video_uids])
    sampled = np.ascontiguousarray(spans.vectors[:: max(1, len(spans) // 1024)])
    digits = Fingerprint().json([len(spans), spans.video_uids]).data(sampled.data).digits(12)
    return SearchIndex(spans, kept_in=Path(folder) / f"faiss-{digits}")


def _file(folder: str | Path, video_uid: str) -> Path:
    return Path(folder) / f"{safe_name(video_uid)}.safetensors"
