"""What the explorer knows and does, whatever shows it: a notebook's widget, or a page that is served.

``state`` holds plain values by name, which the module (``hiero_lib/front``) draws; ``do`` takes what was done there
and gives back the values that have changed. Nothing here knows of widgets or of a network.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import pasted
from hiero_lib.data.narrations import add_tag
from hiero_lib.explorer.answers import Finder
from hiero_lib.explorer.collection_map import CollectionMap
from hiero_lib.explorer.figures import VIEWS, Looks, draw
from hiero_lib.explorer.pictures import pictures_file, pictures_of
from hiero_lib.explorer.span_details import span_details
from hiero_lib.explorer.values import (
    answer_value,
    counts_value,
    details_value,
    edits_value,
    media_value,
    verdict_value,
)
from hiero_lib.explorer.videos import Videos
from hiero_lib.export.reports import record_of
from hiero_lib.export.writers import export
from hiero_lib.front.aligned import aligned_value
from hiero_lib.front.scene import curves, scene
from hiero_lib.hierarchy.collection import (
    Collection,
)
from hiero_lib.hierarchy.corrections import operation_of
from hiero_lib.hierarchy.division import ThreadCount
from hiero_lib.hierarchy.edits import in_words
from hiero_lib.hierarchy.video import VideoHierarchy
from hiero_lib.methods.method import Method
from hiero_lib.search.index import Answer, SearchIndex
from hiero_lib.search.update import index_folder
from hiero_lib.viz.bars import TimelineRow
from hiero_lib.viz.rows import level_of

_ANSWERS = 12
_SHORT = 24  # characters of a uid that is a name

Besides = Mapping[str, Callable[[str], VideoHierarchy]]
"""Name of another method or run -> its hierarchy of a video, by uid."""


class Session:
    """One explorer's state.

    Args:
        collection, method, index, num_threads, truth: as `hiero_lib.explorer.explorer.Explorer`.
        run_folder: keeps corrections, thumbnails and pages; None: nothing is kept.
        besides: what can be laid beside.
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
        video_uid: str | None = None,
        level: int = 1,
        query: str = "",
        num_threads: ThreadCount | Sequence[ThreadCount] | None = None,
        truth: Callable[[str], TimelineRow | None] = lambda video_uid: None,
    ) -> None:
        self.collection, self.method, self.index, self.run_folder = collection, method, index, run_folder
        self.state: dict[str, Any] = {}
        self._changed: set[str] = set()
        self.videos = Videos(collection, method, run_folder=run_folder, num_threads=num_threads)
        self._truth, self._besides = truth, besides or {}
        self._texts: dict[str, torch.Tensor] = {}
        self._divided_beside: tuple[str, str, VideoHierarchy] | None = None
        self._beside = self._second = ""
        self._answers: tuple[Answer, ...] = ()
        self._finder = Finder(method.embed_text, index, max_overlap=collection.profile.search.max_overlap)
        keeps = None if index is None or run_folder is None else index_folder(run_folder, method, collection)
        self._map = CollectionMap(index, folder=keeps, short=self.videos.short, truth=truth, media=self.videos.media)
        hint = "where do I wash the pan?" if method.text_space else "these features have no text space"
        options = {"views": list(VIEWS), "besides": list(self._besides), "texts": None, "plotly": None}
        self._set(
            **{"options": options | {"searchable": method.text_space, "hint": hint}, "still": False},
            **{"level": min(max(level, 0), collection.profile.model.depth - 1), "range": None, "choice": None},
            **{"query": "", "answers": None, "details": None, "below": None, "note": None, "heard": 0},
            **{"pictures": None, "media": None, "edits": None, "counts": [], "theme": "auto"},
            **{"aligned": None, "collection": None, "mine": [], "point": None},
            videos={"matches": [], "total": 0},
        )
        self._show_video(video_uid or collection.default_video)
        if query:
            self._search(query)

    # What is asked of it.

    def do(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Do what the page asks; the values that have changed, by name.

        A mistake in it, or a file that cannot be used, is told in ``note`` and changes nothing else.
        """
        self._changed = set()
        try:
            action = _ACTIONS.get(str(message.get("do")))
            if action is None:
                raise DataError("there is no such action", field="do", value=message.get("do"))
            noted = self.state["note"]
            action(self, message)
            if noted and noted["kind"] == "error" and self.state["note"] is noted:
                self._note("")
        except (DataError, OSError, KeyError, TypeError, ValueError) as error:
            told = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
            self._note(told or type(error).__name__, "error")
        number = message.get("id")
        self._set(heard=number if isinstance(number, int) else 0)
        return {name: self.state[name] for name in sorted(self._changed)}

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
        name = self.video_uid if len(self.video_uid) <= _SHORT else self.videos.short[self.video_uid]
        return f"{self.method.name}, video {name}{sample}"

    # Values.

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
        media = media_value(uid, self.videos.media(uid))
        self._set(choice=None, details=None, range=None, media=media, pictures=None, mine=self._map.points_of(uid))
        self._show_scene()

    def _show_scene(self) -> None:
        beside = (self._beside, self._hierarchy_beside(self._beside, self.video_uid)) if self._beside else None
        shown = scene(
            self.hierarchy,
            name=self.video_uid,
            title=self.title,
            narrations=self.collection.narrations(self.video_uid),
            truth=self._truth(self.video_uid),
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
        if not self._second:
            self._set(aligned=None)
            return
        other = self.videos.open(self._second).hierarchy
        name = self._second if len(self._second) <= _SHORT else self.videos.short[self._second]
        self._set(aligned=aligned_value(self.hierarchy, other, name=name))

    def _hierarchy_beside(self, name: str, uid: str) -> VideoHierarchy:
        """Divided once, and kept while it is shown: an edit does not divide it again."""
        if self._divided_beside is None or self._divided_beside[:2] != (name, uid):
            self._divided_beside = (name, uid, self._besides[name](uid))
        return self._divided_beside[2]

    # Actions.

    def _list_videos(self, message: Mapping[str, Any]) -> None:
        self._set(videos=self.videos.listed(str(message["filter"])))

    def _open_video(self, message: Mapping[str, Any]) -> None:
        uid = str(message["uid"])
        if uid != self.video_uid:
            self._show_video(uid)
            self._answer_anew()

    def _change_level(self, message: Mapping[str, Any]) -> None:
        level = level_of(self.hierarchy, int(message["level"]))
        self._set(level=level.level)

    def _choose(self, message: Mapping[str, Any]) -> None:
        level, start, end = int(message["level"]), float(message["start_s"]), float(message["end_s"])
        self._frame(level, (start + end) / 2)

    def _frame(self, level: int, at_s: float) -> None:
        """Choose the span of a level that goes on at a second, and find what is like it."""
        narrations = self.collection.narrations(self.video_uid)
        found = span_details(self.hierarchy, level=level, at_s=at_s, narrations=narrations, index=self.index)
        details = details_value(found, self.hierarchy, self.videos.short)
        choice = {name: details[name] for name in ("level", "start_s", "end_s")} | {"label": found.span.label}
        self._set(level=level, choice=choice, details=details)

    def _divide(self, message: Mapping[str, Any]) -> None:
        given = message["count"]
        count: ThreadCount = "auto" if given == "auto" else int(given)
        level = level_of(self.hierarchy, int(message["level"])).level
        bounds = next(one for one in counts_value(self._video) if one["level"] == level)
        if count != "auto" and not bounds["least"] <= count <= bounds["most"]:
            expected = f"{bounds['least']} to {bounds['most']} threads are possible at level {level}"
            raise DataError(expected, field="threads", value=count)
        self._video.divide(level, count, self.videos.named)
        self._after_a_change()

    def _edit(self, message: Mapping[str, Any]) -> None:
        given = {name: value for name, value in message.items() if name not in ("do", "id")}
        operation = operation_of(given, field="edit")
        self._video.edit(operation)
        self._after_a_change()
        self._note(f"{in_words(operation)}{'' if self._video.file is None else '; kept'}")

    def _undo(self, message: Mapping[str, Any]) -> None:
        before = list(self._video.done)
        self._video.undo()
        self._after_a_change()
        self._note(f"undone: {in_words(before[-1])}" if before else "nothing to undo")

    def _redo(self, message: Mapping[str, Any]) -> None:
        self._video.redo()
        self._after_a_change()
        self._note(f"again: {in_words(self._video.done[-1])}" if self._video.done else "nothing to do again")

    def _after_a_change(self) -> None:
        choice = self.state["choice"]
        self._show_scene()
        if choice is not None:
            self._frame(choice["level"], (choice["start_s"] + choice["end_s"]) / 2)
        self._answer_anew()

    def _look_for(self, message: Mapping[str, Any]) -> None:
        self._search(str(message["text"]))

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
        found = self._finder.find(query.numpy(), self.hierarchy, others, count=_ANSWERS)
        self._answers = found.items
        items = [answer_value(answer, self.video_uid, self.videos.short) for answer in found.items]
        value = {"text": text, "items": items, "curves": curves(self.hierarchy, query)}
        self._set(answers=value | verdict_value(found))

    def _embedded(self, text: str) -> torch.Tensor:
        if text not in self._texts:
            self._texts[text] = self.method.embed_text([add_tag(text)])[0].float().cpu()
        return self._texts[text]

    def _jump(self, message: Mapping[str, Any]) -> None:
        number = int(message["number"])
        if not 0 <= number < len(self._answers):
            raise DataError("there is no such answer", field="number", value=number)
        answer = self._answers[number]
        self._go(answer.video_uid, answer.level, answer.start_s, answer.end_s)

    def _like(self, message: Mapping[str, Any]) -> None:
        self._go(str(message["uid"]), int(message["level"]), float(message["start_s"]), float(message["end_s"]))

    def _go(self, uid: str, level: int, start_s: float, end_s: float) -> None:
        """Frame a span of any video; once that is open, the answers that are listed are its own spans."""
        if uid != self.video_uid:
            self._show_video(uid)
            self._answer_anew()
        self._frame(level, (start_s + end_s) / 2)

    def _lay_beside(self, message: Mapping[str, Any]) -> None:
        name = str(message["name"])
        if name and name not in self._besides:
            raise DataError("there is nothing of this name to lay beside", field="name", value=name)
        self._beside = name
        self._show_scene()

    def _align(self, message: Mapping[str, Any]) -> None:
        uid = str(message["uid"])
        if uid == self.video_uid:
            raise DataError("choose another video than the one that is shown", field="uid", value=uid)
        before = self._second
        self._second = uid
        try:
            self._show_second()
        except (DataError, OSError):
            self._second = before
            raise

    def _show_collection(self, message: Mapping[str, Any]) -> None:
        opened = {uid: video.hierarchy for uid, video in self.videos.opened.items()}
        self._set(collection=self._map.value(opened, level=self.state["level"]))
        self._set(mine=self._map.points_of(self.video_uid))

    def _show_point(self, message: Mapping[str, Any]) -> None:
        self._set(point=self._map.point(int(message["number"]), picture=True))

    def _open_point(self, message: Mapping[str, Any]) -> None:
        self._like(self._map.point(int(message["number"])))

    def _draw(self, message: Mapping[str, Any]) -> None:
        view = str(message["name"])
        asked = self._embedded(self.state["query"]) if self.state["query"] else None
        choice = self.state["choice"]
        start, end = self.hierarchy.start_s, self.hierarchy.end_s
        looks = Looks(
            level=self.state["level"],
            title=self.title,
            theme="dark" if message.get("theme") == "dark" else "light",
            at_s=(start + end) / 2 if choice is None else (choice["start_s"] + choice["end_s"]) / 2,
            radius=self.collection.profile.model.radius,
            thread_graph=self.method.thread_graph,
            query=self.state["query"],
            asked=asked,
        )
        self._set(below={"view": view, "figure": draw(view, self.hierarchy, looks)})

    def _make_pictures(self, message: Mapping[str, Any]) -> None:
        uid = self.video_uid
        media = self.videos.media(uid)
        kept = None if self.run_folder is None else pictures_file(self.run_folder, uid, media)
        made = pictures_of(media, start_s=self.hierarchy.start_s, end_s=self.hierarchy.end_s, kept=kept)
        self._set(pictures=None if made is None else made.value())

    def _export(self, message: Mapping[str, Any]) -> None:
        """Write the page of the video as it is shown, corrections and all."""
        folder = (self.run_folder or Path.cwd()) / "exports"
        record = record_of(self.collection, self.method, self.hierarchy, operations=self._video.done)
        record = dataclasses.replace(record, pictures=self.state["pictures"], aligned=self.state["aligned"])
        (page,) = export(record, folder, formats=["html"])
        self._note(f"Written: {pasted(page)}")


_ACTIONS: Mapping[str, Callable[[Session, Mapping[str, Any]], None]] = {
    "videos": Session._list_videos,
    "open": Session._open_video,
    "level": Session._change_level,
    "choose": Session._choose,
    "divide": Session._divide,
    "edit": Session._edit,
    "undo": Session._undo,
    "redo": Session._redo,
    "search": Session._look_for,
    "jump": Session._jump,
    "like": Session._like,
    "beside": Session._lay_beside,
    "align": Session._align,
    "collection": Session._show_collection,
    "point": Session._show_point,
    "open point": Session._open_point,
    "view": Session._draw,
    "pictures": Session._make_pictures,
    "export": Session._export,
}
