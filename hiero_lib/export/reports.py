"""From a video's uid to its record and its report; and the reports of a handful of videos of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hiero_lib.base.files import safe_name
from hiero_lib.base.progress import quiet
from hiero_lib.data.narrations import add_tag, strip_tag
from hiero_lib.export.page import write_report
from hiero_lib.export.record import Query, VideoRecord, one_line
from hiero_lib.hierarchy.collection import Collection, Phrases, named_hierarchy, phrases_of
from hiero_lib.hierarchy.corrections import corrections_file, with_corrections
from hiero_lib.hierarchy.division import ThreadCount
from hiero_lib.hierarchy.operations import Operation
from hiero_lib.hierarchy.video import VideoHierarchy
from hiero_lib.methods.method import Method

_QUERIES = 6  # of a page, where none are given


def video_record(
    collection: Collection,
    method: Method,
    video_uid: str,
    *,
    queries: Sequence[str] = (),
    num_threads: ThreadCount | Sequence[ThreadCount] | None = None,
    vocabulary: Phrases | None = None,
    run_folder: Path | None = None,
) -> VideoRecord:
    """Everything that is exported of a video.

    Args:
        collection: has the video.
        method: whose features are clustered.
        video_uid: the video.
        queries: texts for the page's similarity panel; none: what the threads of the coarsest level are called, those
            with the most seconds first.
        num_threads: as `hiero_lib.hierarchy.video.video_hierarchy`.
        vocabulary: names for a video without narrations; None: the collection's own.
        run_folder: whose corrections are made (`hiero_lib.hierarchy.corrections`); None: none.

    Raises:
        DataError: the video has no features, or they cannot be used; queries, but the features have no text space;
            corrections that are of another division, as they are with other ``num_threads``.
    """
    if vocabulary is None and method.text_space and not collection.narrations(video_uid):
        vocabulary = phrases_of(method, collection.vocabulary())

    def divide(counts: ThreadCount | Sequence[ThreadCount] | None) -> VideoHierarchy:
        return named_hierarchy(collection, method, video_uid, vocabulary=vocabulary, num_threads=counts)

    def asked_for(counts: Sequence[ThreadCount]) -> VideoHierarchy:
        return divide(counts if num_threads is None else num_threads)

    file = None if run_folder is None else corrections_file(run_folder, method.name, video_uid)
    found = None if file is None else with_corrections(file, asked_for)
    return record_of(
        collection,
        method,
        divide(num_threads) if found is None else found[1],
        queries=queries,
        operations=() if found is None else found[2].operations,
    )


def record_of(
    collection: Collection,
    method: Method,
    hierarchy: VideoHierarchy,
    *,
    queries: Sequence[str] = (),
    operations: Sequence[Operation] = (),
) -> VideoRecord:
    """What is exported of a video that is divided, and corrected by ``operations``, already."""
    profile = collection.profile
    return VideoRecord(
        hierarchy,
        method=method.name,
        data_name="the generated sample" if profile.is_sample else profile.name,
        is_sample=profile.is_sample,
        fingerprint=method.fingerprint,
        thread_graph=method.thread_graph,
        narrations=collection.narrations(hierarchy.video_uid),
        queries=_queries(method, list(queries) or typical_texts(hierarchy)),
        operations=tuple(operations),
    )


def typical_texts(hierarchy: VideoHierarchy, *, most: int = _QUERIES) -> list[str]:
    """Names of the threads of the coarsest level, those with the most seconds first."""
    coarsest = hierarchy.levels[-1]
    threads = sorted(coarsest.seconds().items(), key=lambda item: -item[1])
    return [coarsest.names[thread] for thread, _ in threads if thread in coarsest.names][:most]


def write_reports(
    folder: str | Path,
    collection: Collection,
    method: Method,
    video_uids: Sequence[str],
    *,
    run_folder: Path | None = None,
    say: Callable[[str], None] = quiet,
) -> list[Path]:
    """Write ``<folder>/<video>.html`` for each video; their paths. ``run_folder``: whose corrections are made.

    Raises:
        DataError: as `video_record`.
    """
    vocabulary = phrases_of(method, collection.vocabulary()) if method.text_space else None
    written = []
    for uid in video_uids:
        record = video_record(collection, method, uid, vocabulary=vocabulary, run_folder=run_folder)
        path = Path(folder) / f"{safe_name(uid)}.html"
        write_report(record, path)
        written.append(path)
        say(f"report: {path}")
    return written


def _queries(method: Method, texts: Sequence[str]) -> tuple[Query, ...]:
    if not texts:
        return ()
    embedded = method.embed_text([add_tag(text) for text in texts]).float().cpu()
    shown = [one_line(strip_tag(text)) for text in texts]
    return tuple(Query(text, features) for text, features in zip(shown, embedded))
