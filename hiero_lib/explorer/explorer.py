"""The explorer in a notebook: one widget for a video (and a collection) that one has never seen.

What is computed is `hiero_lib.explorer.session`'s, what is drawn the module's of `hiero_lib.front`; here the two are
joined by an anywidget, which runs wherever ipywidgets 7.6 or later does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from hiero_lib.explorer.previews import Make
from hiero_lib.explorer.session import Session
from hiero_lib.explorer.shown import Besides
from hiero_lib.explorer.still import still_html
from hiero_lib.explorer.widget import make_widget
from hiero_lib.hierarchy.collection import Collection
from hiero_lib.hierarchy.division import ThreadCount
from hiero_lib.hierarchy.video import VideoHierarchy
from hiero_lib.methods.method import Method
from hiero_lib.search.index import SearchIndex
from hiero_lib.viz.bars import TimelineRow


class Explorer:
    """Videos of a collection as a method sees them, to be looked at, searched and corrected.

    In a notebook, ``explorer.show()``. From code, ``explorer.do("search", text="washes the pan")`` and what else
    `hiero_lib.explorer.session` can do, as by hand; the page follows.

    Args:
        collection: the videos.
        method: whose features are shown.
        index: of the collection, made with the same method; None: other videos are not searched.
        run_folder: ``outputs/<run>``, which keeps corrections, thumbnails and pages; None: nothing is kept.
        besides: other methods or runs that can be laid beside, by name: video -> its hierarchy.
        make_preview: `hiero_lib.sources.preview.make_preview`, for videos that a browser plays badly; None: none is
            offered.
        video_uid: shown first; None: the first one with narrations.
        level: shown first.
        query: searched first.
        theme: light or dark; "auto": as the notebook is.
        num_threads: as `hiero_lib.hierarchy.video.video_hierarchy`, for every video when it is opened.
        truth: gives the true threads of a video, which then stand below the timeline; None where there are none.
    """

    def __init__(
        self,
        collection: Collection,
        method: Method,
        *,
        index: SearchIndex | None = None,
        run_folder: Path | None = None,
        besides: Besides | None = None,
        make_preview: Make | None = None,
        video_uid: str | None = None,
        level: int = 1,
        query: str = "",
        theme: Literal["auto", "light", "dark"] = "auto",
        num_threads: ThreadCount | Sequence[ThreadCount] | None = None,
        truth: Callable[[str], TimelineRow | None] = lambda video_uid: None,
    ) -> None:
        self.collection, self.method, self.index, self.theme = collection, method, index, theme
        self.session = Session(
            collection,
            method,
            index=index,
            run_folder=run_folder,
            besides=besides,
            make_preview=make_preview,
            video_uid=video_uid,
            level=level,
            query=query,
            num_threads=num_threads,
            truth=truth,
        )
        self.session.state["theme"] = theme
        self._widget: Any = None

    @property
    def widget(self) -> Any:
        """The anywidget, made when it is first asked for."""
        if self._widget is None:
            self._widget = make_widget(self.session)
        return self._widget

    @property
    def hierarchy(self) -> VideoHierarchy:
        """The video that is shown, with its corrections."""
        return self.session.hierarchy

    @property
    def video_uid(self) -> str:
        """Of the video that is shown."""
        return self.session.video_uid

    @property
    def level(self) -> int:
        """The level that is shown."""
        return int(self.session.state["level"])

    @property
    def query(self) -> str:
        """What was searched for last."""
        return str(self.session.state["query"])

    def do(self, action: str, **given: Any) -> None:
        """What a click or a key would do."""
        changed = self.session.do({"do": action, **given})
        if self._widget is not None:
            self._widget.take(changed)

    def show(self) -> Any:
        """The whole, for the last line of a cell; a notebook that is opened without a kernel has a still picture."""
        from IPython.display import HTML, display

        display(HTML(still_html(self.session)))
        return self.widget
