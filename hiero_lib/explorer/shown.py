"""What the explorer shows, and how it follows when something changes.

``state`` holds plain values by name, which the module (``hiero_lib/front``) draws.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from hiero_lib.base.errors import DataError
from hiero_lib.data.narrations import add_tag
from hiero_lib.explorer.ahead import Ahead
from hiero_lib.explorer.answers import Finder
from hiero_lib.explorer.collection_map import CollectionMap
from hiero_lib.explorer.figures import VIEWS
from hiero_lib.explorer.previews import Make, Previews
from hiero_lib.explorer.second import Second
from hiero_lib.explorer.span_details import span_details
from hiero_lib.explorer.values import (
    answer_value,
    counts_value,
    details_value,
    edits_value,
    media_value,
    verdict_value,
)
from hiero_lib.explorer.videos import LONG_NAME, Videos
from hiero_lib.front.scene import curves, scene
from hiero_lib.hierarchy.collection import Collection
from hiero_lib.hierarchy.division import ThreadCount
from hiero_lib.hierarchy.laid_out import VideoSpans
from hiero_lib.hierarchy.video import VideoHierarchy
from hiero_lib.methods.method import Method
from hiero_lib.search.index import Answer, SearchIndex
from hiero_lib.search.update import index_folder
from hiero_lib.viz.bars import TimelineRow
from hiero_lib.viz.rows import truth_beside

_ANSWERS = 12
_NAMES = 3  # of threads, in the menu of videos

Besides = Mapping[str, Callable[[str], VideoHierarchy]]
"""Name of another method or run -> its hierarchy of a video, by uid."""


class Shown:
    """One explorer's state.

    Args:
        collection, method, index, num_threads, truth: as `hiero_lib.explorer.explorer.Explorer`.
        run_folder: keeps corrections, thumbnails and pages; None: nothing is kept.
        besides: what can be laid beside.
        make_preview: `hiero_lib.sources.preview.make_preview`; None: no previews are offered.
        video_uid, level, query: shown first.
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
        num_threads: ThreadCount | Sequence[ThreadCount] | None = None,
        truth: Callable[[str], TimelineRow | None] = lambda video_uid: None,
    ) -> None:
        self.collection, self.method, self.index, self.run_folder = collection, method, index, run_folder
        self.state: dict[str, Any] = {}
        self._changed: set[str] = set()
        names_of = functools.partial(index.names_of, count=_NAMES) if index else lambda uid: ()
        self.videos = Videos(collection, method, run_folder=run_folder, num_threads=num_threads, names_of=names_of)
        self.previews = Previews(run_folder, make_preview)
        self._truth, self._besides = truth, besides or {}
        self._texts: dict[str, torch.Tensor] = {}
        self._beside = self._second = ""
        self._answers: tuple[Answer, ...] = ()
        self._ahead = Ahead()
        self._second_video = Second(self._spans_of, self._name_of)
        self._indexed = functools.lru_cache(2)(self._of_index)
        self._finder = Finder(method.embed_text, index, max_overlap=collection.profile.search.max_overlap)
        keeps = None if index is None or run_folder is None else index_folder(run_folder, method, collection)
        self._map = CollectionMap(index, folder=keeps, short=self.videos.short, truth=truth, media=self.videos.media)
        hint = "where do I wash the pan?" if method.text_space else "these features have no text space"
        options = {"views": list(VIEWS), "besides": list(self._besides), "texts": None, "plotly": None}
        self._set(
            **{"options": options | {"searchable": method.text_space, "hint": hint}, "still": False},
            **{"level": min(max(level, 0), collection.profile.model.depth - 1), "range": None, "choice": None},
            **{"query": "", "answers": None, "details": None, "below": None, "note": None, "heard": 0},
            **{"pictures": None, "media": None, "preview": None, "edits": None, "counts": [], "theme": "auto"},
            **{"aligned": None, "collection": None, "mine": [], "point": None, "written": None},
            videos={"matches": [], "total": 0},
        )
        self._show_video(video_uid or collection.default_video)
        if query:
            self._search(query)

    @property
    def video_uid(self) -> str:
        """Of the video that is shown."""
        return self.hierarchy.video_uid

    @property
    def hierarchy(self) -> VideoHierarchy:
        """The video that is shown, with its corrections."""
        return self._video.hierarchy

    @property
    def title(self) -> str:
        """Above all; says where the data is the sample."""
        sample = " of the generated sample" if self.collection.profile.is_sample else ""
        return f"{self.method.name}, video {self._name_of(self.video_uid)}{sample}"

    def _name_of(self, uid: str) -> str:
        return uid if len(uid) <= LONG_NAME else self.videos.short[uid]

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            if name not in self.state or self.state[name] != value:
                self.state[name] = value
                self._changed.add(name)

    def _note(self, text: str, kind: str = "info") -> None:
        self._set(note={"text": text, "kind": kind, "number": ((self.state.get("note") or {}).get("number", 0)) + 1})

    def _show_video(self, uid: str) -> None:
        opened = self.videos.open(uid)
        if uid == self._second:  # the two change places
            self._second = self.video_uid
        self._video = opened
        self._ahead.keep(self._makers())
        self._set(choice=None, details=None, range=None, pictures=None, mine=self._map.points_of(uid))
        self._show_media()
        self._show_scene()

    def _show_media(self) -> None:
        uid = self.video_uid
        media = self.videos.media(uid)
        value = media_value(uid, media, self.previews.ready(uid, media))
        self._set(media=value, preview=self.previews.value(uid, media))

    def played(self, uid: str) -> Path | None:
        """The file that is played of a video: its preview, once there is one, else itself."""
        media = self.videos.media(uid)
        return self.previews.ready(uid, media) or media.video

    def _show_scene(self) -> None:
        beside = (self._beside, self._hierarchy_beside(self._beside)) if self._beside else None
        truth = self._truth(self.video_uid)
        shown = scene(
            self.hierarchy,
            name=self.video_uid,
            title=self.title,
            narrations=self.collection.narrations(self.video_uid),
            truth=None if truth is None else truth_beside(truth, self._video.base),  # corrections leave its colours
            beside=beside,
        )
        self._set(scene=shown, counts=counts_value(self._video), edits=edits_value(self._video))
        try:
            self._show_second()
        except (DataError, OSError) as error:  # it was there when it was chosen
            self._second = ""
            self._set(aligned=None)
            self._note(str(error), "error")

    def _show_second(self) -> None:
        """The second video, aligned with the one that is shown, as it is divided and corrected."""
        self._set(aligned=self._second_video.value(self.hierarchy, self._second))

    def _spans_of(self, uid: str) -> VideoSpans:
        """Those of a video that is not shown: from the index where that knows them, so that nothing is divided."""
        indexed = self._indexed(uid) if self.videos.is_as_divided(uid) else None
        return indexed or self.videos.open(uid).hierarchy

    def _of_index(self, uid: str) -> VideoSpans | None:
        return None if self.index is None else self.index.spans_of(uid)

    def _hierarchy_beside(self, name: str) -> VideoHierarchy:
        """Divided once, and kept while the video is shown: an edit does not divide it again."""
        made: VideoHierarchy = self._made(f"{name} beside {self.video_uid}")
        return made

    def _made(self, name: str) -> Any:
        return self._ahead.get(name, self._makers()[name])

    def _makers(self) -> dict[str, Callable[[], Any]]:
        """What does not change while the video is shown, the likeliest to be asked for first."""
        uid, makers = self.video_uid, dict[str, Callable[[], Any]]()
        if self.method.text_space:
            of = self._video.base
            makers["fit" if self.index else f"fit of {uid}"] = lambda: self._finder.calibrated(of)
        makers |= {f"{name} beside {uid}": functools.partial(make, uid) for name, make in self._besides.items()}
        if self.index:
            makers |= {f"map {level}": functools.partial(self._map.layout_of, level) for level in self.index.levels}
        return makers

    def _frame(self, level: int, at_s: float) -> None:
        """Choose the span of a level that goes on at a second, and find what is like it."""
        narrations = self.collection.narrations(self.video_uid)
        found = span_details(self.hierarchy, level=level, at_s=at_s, narrations=narrations, index=self.index)
        details = details_value(found, self.hierarchy, self.videos.short)
        choice = {name: details[name] for name in ("level", "start_s", "end_s")} | {"label": found.span.label}
        self._set(level=level, choice=choice, details=details)

    def _after_a_change(self, back: dict[str, Any] | None = None) -> None:
        """Show what has changed, and choose the same moment again; ``back``: what was chosen before."""
        choice = back or self.state["choice"]
        self._show_scene()
        if choice is not None:
            self._frame(choice["level"], (choice["start_s"] + choice["end_s"]) / 2)
        self._answer_anew()

    def _search(self, text: str) -> None:
        """List the best answers, and frame the best one of this video."""
        text = " ".join(text.split())
        self._set(query=text)
        self._answer_anew()
        if not text:
            self._note("")
            return
        here = next((answer for answer in self._answers if answer.video_uid == self.video_uid), None)
        if here is not None:
            self._frame(here.level, (here.start_s + here.end_s) / 2)

    def _answer_anew(self) -> None:
        text = self.state["query"]
        if not text:
            self._answers = ()
            self._set(answers=None)
            return
        query = self._embedded(text)
        opened = self.videos.opened
        others = {uid: video.hierarchy for uid, video in opened.items() if uid != self.video_uid}
        fit = self._made("fit" if self.index else f"fit of {self.video_uid}")
        found = self._finder.find(query.numpy(), self.hierarchy, others, count=_ANSWERS, fit=fit)
        self._answers = found.items
        items = [answer_value(answer, self.video_uid, self.videos.short) for answer in found.items]
        value = {"text": text, "items": items, "curves": curves(self.hierarchy, query)}
        self._set(answers=value | verdict_value(found))

    def _embedded(self, text: str) -> torch.Tensor:
        if text not in self._texts:
            self._texts[text] = self.method.embed_text([add_tag(text)])[0].float().cpu()
        return self._texts[text]

    def _go(self, uid: str, level: int, start_s: float, end_s: float) -> None:
        """Frame a span of any video; once that is open, the answers that are listed are its own spans."""
        if uid != self.video_uid:
            self._show_video(uid)
            self._answer_anew()
        self._frame(level, (start_s + end_s) / 2)
