"""The index of a collection: its videos' files brought up to date, joined, and opened.

``<run>/search/<method>-<key>/<video>.safetensors``; the key is a hash of everything but the features that decides
what the spans are. Beside them, ``all/`` holds the spans of the whole collection (`hiero_lib.search.merged`), which a
start maps without reading features or files of videos: it looks at the size and time of change of the features alone.
Where these are others, the content decides, and what has another content is made again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from hiero_lib.base.errors import DataError
from hiero_lib.base.locks import claimed
from hiero_lib.base.progress import quiet
from hiero_lib.data.feature_survey import stamps_of
from hiero_lib.data.features import FeatureStore
from hiero_lib.hierarchy.collection import Collection
from hiero_lib.methods.method import Method
from hiero_lib.search.index import SearchIndex
from hiero_lib.search.merged import BrokenTables, Made, Merged, merge
from hiero_lib.search.nearest import choose
from hiero_lib.search.table import SpanTable, join, read_table, source_of
from hiero_lib.search.update import BuildReport, Make, index_folder, make_index, video_file

_ALL = "all"
_READERS = 16  # threads: over a network, files are waited for
_LOOK_AGAIN_S = 0.3
_SAID_FROM = 100_000  # spans, whose joining takes a while


def open_index(
    run_folder: str | Path,
    collection: Collection,
    method: Method,
    *,
    video_uids: Sequence[str] | None = None,
    make: Make | None = None,
    say: Callable[[str], None] = quiet,
    left_out: dict[str, str] | None = None,
) -> SearchIndex:
    """The index of a collection, made where it is not there yet.

    Args:
        run_folder: ``outputs/<run>``.
        collection: the videos.
        method: whose features are searched.
        video_uids: only these, joined in memory; None: all that have features.
        make: makes the files that are missing; None: this process does.
        say: receives a line for each video that has to be indexed.
        left_out: receives the videos whose features cannot be used, and why; None: one of them is an error.

    Raises:
        DataError: the method has no text space, there is no video (left), or features cannot be used.
        OSError: the index cannot be written.
    """
    everything = collection.video_uids
    uids = list(everything if video_uids is None else dict.fromkeys(video_uids))
    check_searchable(method, collection, uids)
    folder = index_folder(run_folder, method, collection)

    def make_here(needed: Sequence[str]) -> BuildReport:
        return make_index(run_folder, collection, method, video_uids=needed, say=say)

    make = make or make_here
    kept = Merged.read(folder / _ALL) if uids == everything else None
    state = _state(folder, uids, collection.store, kept)
    report = make(state.needed) if state.needed else BuildReport(0, 0)
    bad = {**state.left_out, **report.left_out}
    if bad and (left_out is None or len(bad) == len(uids)):
        uid, why = next(iter(bad.items()))
        more = f" (and {len(bad) - 1} more videos)" if len(bad) > 1 else ""
        raise DataError(f"cannot be indexed{more}: {why}", field="video_uid", value=uid)
    if left_out is not None:
        left_out |= bad
    made = {uid: made for uid, made in state.made.items() if uid not in bad}
    if uids != everything:
        return SearchIndex(_joined(folder, list(made), make))
    spans, digits = _open_merged(folder, made, make, say)
    return SearchIndex(spans, choose(spans.vectors, folder / _ALL / f"faiss-{digits}"))


def check_searchable(method: Method, collection: Collection, video_uids: Sequence[str] | None = None) -> None:
    """DataError where the method has no text space, or there is no video."""
    if not (collection.video_uids if video_uids is None else video_uids):
        raise DataError("there are no videos to search", file=collection.store.folder)
    if not method.text_space:
        problem = "features without a text space cannot be searched with texts"
        raise DataError(problem, file=collection.profile.name, field="features.text_projection")


def not_indexed(folder: str | Path, video_uids: Sequence[str], *, store: FeatureStore) -> list[str]:
    """The videos whose file has to be made, or whose features cannot be used."""
    state = _state(Path(folder), video_uids, store, None)
    return [uid for uid in video_uids if uid in state.left_out or uid in state.needed]


@dataclass(frozen=True)
class _State:
    """What is known of videos: what their features are, whose files have to be made, and who cannot be read."""

    made: Mapping[str, Made]
    needed: list[str]
    left_out: dict[str, str]


def _state(folder: Path, uids: Sequence[str], store: FeatureStore, kept: Merged | None) -> _State:
    """Look at stamps; where one is not what it was, at the content."""
    named = stamps_of(store.folder)
    twice = {uid for uid, count in Counter(Path(name).stem for name in named).items() if count > 1}
    stamps = {uid: stamp for name, stamp in named.items() if (uid := Path(name).stem) not in twice}
    known = {} if kept is None else kept.videos
    unsure = [uid for uid in uids if uid not in known or known[uid].stamp != stamps.get(uid)]

    def look(uid: str) -> Made | str:
        try:
            return Made(store.identity(uid), stamps.get(uid, (-1, -1)))
        except (DataError, OSError) as error:
            return str(error)

    with ThreadPoolExecutor(_READERS) as pool:
        looked = dict(zip(unsure, pool.map(look, unsure)))
        seen = {uid: made for uid, made in looked.items() if isinstance(made, Made)}
        other = [uid for uid, made in seen.items() if uid not in known or known[uid].source != made.source]
        sources = dict(zip(other, pool.map(source_of, (video_file(folder, uid) for uid in other))))
    needed = [uid for uid in other if sources[uid] != seen[uid].source]
    made = {uid: seen.get(uid) or known[uid] for uid in uids if uid in seen or uid not in looked}
    return _State(made, needed, {uid: why for uid, why in looked.items() if isinstance(why, str)})


def _joined(folder: Path, video_uids: Sequence[str], make: Make) -> SpanTable:
    """The spans of some videos in memory; a damaged file is made again."""
    tables = []
    for uid in video_uids:
        try:
            tables.append(read_table(video_file(folder, uid)))
        except DataError:
            _make_again(folder, [uid], make)
            tables.append(read_table(video_file(folder, uid)))
    return join(tables)


def _open_merged(
    folder: Path, made: Mapping[str, Made], make: Make, say: Callable[[str], None]
) -> tuple[SpanTable, str]:
    """The spans of all videos, mapped, and digits of their content; joined where they are not what is there."""
    damaged = ""
    while True:
        kept = Merged.read(folder / _ALL)
        if kept is not None and _same_content(kept, made):
            try:
                spans = kept.open()
            except DataError as error:
                if damaged:
                    raise
                damaged = str(error)
                say(f"joined again: {damaged}")
            else:
                if kept.videos != made:
                    with contextlib.suppress(OSError):  # it only saves time
                        dataclasses.replace(kept, videos=made).write_about(kept.folder)
                return spans, kept.digits
        with claimed(folder / f".{_ALL}.lock", what="joining a search index") as ours:
            if ours:
                now = Merged.read(folder / _ALL)
                if now is None or not _same_content(now, made) or damaged:
                    _merge(folder, made, make, say)
        if not ours:
            time.sleep(_LOOK_AGAIN_S)


def _same_content(kept: Merged, made: Mapping[str, Made]) -> bool:
    """Whether the same features of the same videos, in this order, are in it."""
    return [(uid, one.source) for uid, one in kept.videos.items()] == [(uid, one.source) for uid, one in made.items()]


def _merge(folder: Path, made: Mapping[str, Made], make: Make, say: Callable[[str], None]) -> None:
    tables = {uid: video_file(folder, uid) for uid in made}
    started = time.monotonic()
    try:
        merged = merge(folder / _ALL, tables, made)
    except BrokenTables as broken:
        for why in broken.why.values():
            say(f"made again: {why}")
        _make_again(folder, list(broken.why), make)
        try:
            merged = merge(folder / _ALL, tables, made)
        except BrokenTables as again:
            raise next(iter(again.why.values())) from again
    if merged.spans >= _SAID_FROM:
        say(f"joined {merged.spans:,} spans of {len(tables):,} videos in {time.monotonic() - started:.0f} s")


def _make_again(folder: Path, video_uids: Sequence[str], make: Make) -> None:
    """Make damaged files anew.

    Raises:
        DataError: the features of one cannot be used any more.
    """
    for uid in video_uids:
        video_file(folder, uid).unlink(missing_ok=True)
    for uid, why in make(video_uids).left_out.items():
        raise DataError(f"cannot be indexed: {why}", field="video_uid", value=uid)
