"""What the explorer does, whatever shows it: a notebook's widget, or a page that is served.

``do`` takes what was done in the module that draws (``hiero_lib/front``) and gives back the values that have changed
(`hiero_lib.explorer.shown`). Nothing here knows of widgets or of a network.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import pasted
from hiero_lib.explorer.figures import Looks, draw
from hiero_lib.explorer.pictures import pictures_file, pictures_of
from hiero_lib.explorer.shown import Shown
from hiero_lib.explorer.values import counts_value, written_value
from hiero_lib.export.reports import record_of
from hiero_lib.export.writers import export
from hiero_lib.hierarchy.corrections import operation_of
from hiero_lib.hierarchy.division import ThreadCount
from hiero_lib.hierarchy.operations import in_words
from hiero_lib.viz.rows import level_of


class Session(Shown):
    """One explorer's state, and what can be asked of it (`hiero_lib.explorer.shown.Shown`)."""

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
        self._video.chosen.append(self.state["choice"])
        self._after_a_change()
        self._note(f"{in_words(operation)}{'' if self._video.file is None else '; kept'}")

    def _follow(self, message: Mapping[str, Any]) -> None:
        """Divide what no correction speaks of anew, at one level."""
        level = level_of(self.hierarchy, int(message["level"])).level
        operation = self._video.follow(level, self.collection.profile.hierarchy)
        self._video.chosen.append(self.state["choice"])
        self._after_a_change()
        self._note(f"{in_words(operation)}{'' if self._video.file is None else '; kept'}")

    def _undo(self, message: Mapping[str, Any]) -> None:
        before = list(self._video.done)
        self._video.undo()
        self._after_a_change(self._video.chosen.pop() if self._video.chosen else None)
        self._note(f"undone: {in_words(before[-1])}" if before else "nothing to undo")

    def _redo(self, message: Mapping[str, Any]) -> None:
        before, choice = len(self._video.done), self.state["choice"]
        self._video.redo()
        self._video.chosen += [choice] * (len(self._video.done) - before)
        self._after_a_change()
        self._note(f"again: {in_words(self._video.done[-1])}" if self._video.done else "nothing to do again")

    def _look_for(self, message: Mapping[str, Any]) -> None:
        self._search(str(message["text"]))

    def _jump(self, message: Mapping[str, Any]) -> None:
        number = int(message["number"])
        if not 0 <= number < len(self._answers):
            raise DataError("there is no such answer", field="number", value=number)
        answer = self._answers[number]
        self._go(answer.video_uid, answer.level, answer.start_s, answer.end_s)

    def _like(self, message: Mapping[str, Any]) -> None:
        self._go(str(message["uid"]), int(message["level"]), float(message["start_s"]), float(message["end_s"]))

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
        level = self.state["level"]
        layout = self._made(f"map {level}") if self.index else None
        self._set(collection=self._map.value(opened, level=level, layout=layout))
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

    def _prepare(self, message: Mapping[str, Any]) -> None:
        """Somebody looks at the video: make what may be asked for next, beside."""
        self._ahead.begin(self._makers())

    def _preview(self, message: Mapping[str, Any]) -> None:
        """Begin a preview of the video that is shown, stop it, or look how far it is."""
        media = self.videos.media(self.video_uid)
        match message["ask"]:
            case "make":
                self.previews.begin(self.video_uid, media)
            case "stop":
                self.previews.stop(self.video_uid, media)
            case "look":
                pass
            case other:
                raise DataError("make, stop or look is expected", field="ask", value=other)
        self._show_media()

    def _export(self, message: Mapping[str, Any]) -> None:
        """Write the page of the video as it is shown, corrections and all."""
        folder = (self.run_folder or Path.cwd()) / "exports"
        record = record_of(self.collection, self.method, self.hierarchy, operations=self._video.done)
        record = dataclasses.replace(record, pictures=self.state["pictures"], aligned=self.state["aligned"])
        (page,) = export(record, folder, formats=["html"])
        note = f"Written: {pasted(page)}"
        self._note(note)
        self._set(written=written_value(page, note))


_ACTIONS: Mapping[str, Callable[[Session, Mapping[str, Any]], None]] = {
    "videos": Session._list_videos,
    "open": Session._open_video,
    "level": Session._change_level,
    "choose": Session._choose,
    "divide": Session._divide,
    "edit": Session._edit,
    "follow": Session._follow,
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
    "prepare": Session._prepare,
    "preview": Session._preview,
    "export": Session._export,
}
