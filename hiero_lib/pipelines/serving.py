"""The explorer of a run, or of a video of one's own, as a local web page."""

from __future__ import annotations

import contextlib
import functools
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path

from hiero_lib.base.device import best_device
from hiero_lib.base.errors import DataError
from hiero_lib.base.progress import say, say_aside
from hiero_lib.benchmarks.thread_recovery.report import truth_of_video
from hiero_lib.config import Profile
from hiero_lib.data.paths import DataPaths
from hiero_lib.explorer.serve import ExplorerServer
from hiero_lib.explorer.session import Session
from hiero_lib.hierarchy.collection import Collection, named_hierarchy, open_collection
from hiero_lib.hierarchy.division import ThreadCount
from hiero_lib.hierarchy.video import VideoHierarchy
from hiero_lib.methods.method import Method
from hiero_lib.pipelines.finished_run import METHODS, open_method, trained_in
from hiero_lib.pipelines.own_video import Exploration
from hiero_lib.search.build import open_index
from hiero_lib.sources.preview import make_preview


def session_of_run(
    profile: Profile,
    run_folder: Path,
    *,
    method: str = "hiero",
    checkpoint: Path | None = None,
    video_uid: str | None = None,
    besides: Sequence[Path] = (),
    search: bool = True,
    say: Callable[[str], None] = say_aside,
) -> Session:
    """The explorer of a run; its other methods, and those of other runs, can be laid beside.

    Args:
        profile, run_folder, method, checkpoint: as `hiero_lib.pipelines.finished_run.open_method`.
        video_uid: shown first; None: the first with narrations.
        besides: folders of runs on the same features.
        search: make the index of all videos where it is not there yet.
        say: receives a line for each video that has to be indexed.

    Raises:
        DataError: there is no such video; as `open_method`.
    """
    collection = open_collection(profile, device=best_device())
    if video_uid is not None:
        collection.check(video_uid)
    opened = open_method(profile, run_folder, method=method, checkpoint=checkpoint)
    others = [name for name in ("hiero", "probe", "untrained") if checkpoint is not None or name != method]
    there: dict[str, Path] = {}
    with contextlib.suppress(DataError):  # without trained models there are the features as they are
        there = trained_in(profile, run_folder)
    sources = {
        METHODS[name]: functools.partial(open_method, profile, run_folder, method=name)
        for name in others
        if name == "untrained" or name in there
    }
    for folder in besides:
        sources[f"{METHODS[method]} of {folder.name}"] = functools.partial(
            open_method, profile, folder, method=method
        )
    index = open_index(run_folder, collection, opened, say=say) if search and opened.text_space else None
    return Session(
        collection,
        opened,
        index=index,
        run_folder=run_folder,
        besides={name: _hierarchy_of(collection, functools.cache(source)) for name, source in sources.items()},
        make_preview=make_preview,
        video_uid=video_uid,
        truth=functools.partial(truth_of_video, DataPaths.at(profile.data_root)),
    )


def _hierarchy_of(collection: Collection, source: Callable[[], Method]) -> Callable[[str], VideoHierarchy]:
    return lambda uid: named_hierarchy(collection, source(), uid)


def session_of_video(
    exploration: Exploration, *, num_threads: ThreadCount | Sequence[ThreadCount] | None = None
) -> Session:
    """The explorer of a video of one's own; what is corrected is kept in its folder."""
    collection, uid = exploration.collection, exploration.video_uid
    untrained = exploration.untrained
    besides = {"raw features": _hierarchy_of(collection, lambda: untrained)}
    return Session(
        collection,
        exploration.method,
        run_folder=exploration.folder,
        besides=besides if exploration.method is not untrained else {},
        make_preview=make_preview,
        video_uid=uid,
        num_threads=num_threads,
    )


def serve(
    session: Session, *, port: int = 0, browser: bool = True, say: Callable[[str], None] = say
) -> None:  # pragma: no cover - until it is stopped
    """Serve a session on the loopback until Ctrl-C.

    Args:
        session: what is shown.
        port: 0: any that is free. browser: open the address in one.
        say: receives the address.

    Raises:
        OSError: the port is taken.
    """
    with ExplorerServer(session, port=port) as server:
        say(f"The explorer: {server.address}\n(of this machine alone; Ctrl-C ends it)")
        if browser:
            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            session.previews.close()
            say("The explorer has ended; corrections are kept.")
