"""A person's corrections of a video as a small JSON beside the run, and how they are believed again.

``<run>/corrections/<method>/<video>.json``, by the schema ``corrections.schema.json`` beside this file. It names the
division that was corrected by a hash of its spans, so that corrections are never laid over another one.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import hiero_lib
from hiero_lib.base.errors import DataError
from hiero_lib.base.files import file_slug, read_json, safe_name, write_json
from hiero_lib.base.fingerprint import Fingerprint
from hiero_lib.hierarchy.division import ThreadCount
from hiero_lib.hierarchy.edits import corrected
from hiero_lib.hierarchy.operations import LONGEST_NAME, Assign, Follow, Operation, Replace
from hiero_lib.hierarchy.spans import Span
from hiero_lib.hierarchy.video import VideoHierarchy

FORMAT = "hiero_lib.corrections"
VERSION = 1
_KINDS: Mapping[str, type] = MappingProxyType({kind.__name__.lower(): kind for kind in get_args(Operation)})
_DIGEST = re.compile("[0-9a-f]{16}")


@dataclass(frozen=True)
class Corrections:
    """What was corrected of one division of one video.

    Attributes:
        asked: how many threads each level was asked for, the finest first: with these it is divided so again.
        division: hash of the spans that were corrected.
        operations: in the order in which they were made.
    """

    video_uid: str
    method: str
    fingerprint: str
    asked: tuple[ThreadCount, ...]
    division: str
    operations: tuple[Operation, ...] = ()

    def of(self, base: VideoHierarchy, file: str | Path | None = None) -> VideoHierarchy:
        """The division with the corrections made.

        Raises:
            DataError: ``base`` is another division, or a correction cannot be made; names ``file``.
        """
        if base.video_uid != self.video_uid:
            problem = f"corrections of another video, not of {base.video_uid}"
            raise DataError(problem, file=file, field="video_uid", value=self.video_uid)
        if division_digest(base) != self.division:
            hint = "Features, weights or settings have changed since. Move the file away to begin anew"
            problem = "made for another division of this video"
            raise DataError(problem, file=file, field="division", value=self.division, hint=hint)
        return corrected(base, self.operations)


def corrections_of(base: VideoHierarchy, *, method: str, fingerprint: str) -> Corrections:
    """No corrections yet of a division."""
    asked = tuple(level.asked for level in base.levels)
    return Corrections(base.video_uid, method, fingerprint, asked, division_digest(base))


def division_digest(hierarchy: VideoHierarchy) -> str:
    """16 hexadecimal digits of all spans and their threads; names do not count."""
    levels = [
        [level.level, [[span.start_s, span.end_s, span.label] for span in level.spans]] for level in hierarchy.levels
    ]
    return Fingerprint().json([hierarchy.start_s, hierarchy.end_s, levels]).digits(16)


def corrections_file(run_folder: str | Path, method: str, video_uid: str) -> Path:
    """Where the corrections of a video, as a method divides it, are kept."""
    return Path(run_folder) / "corrections" / file_slug(method) / f"{safe_name(video_uid)}.json"


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the file."""
    text = resources.files("hiero_lib.hierarchy").joinpath("corrections.schema.json").read_text("utf-8")
    return json.loads(text)


def write_corrections(path: str | Path, corrections: Corrections) -> None:
    """Write the file, atomically."""
    value = {
        "format": FORMAT,
        "version": VERSION,
        "hiero_lib": hiero_lib.__version__,
        "video_uid": corrections.video_uid,
        "method": {"name": corrections.method, "fingerprint": corrections.fingerprint},
        "asked": list(corrections.asked),
        "division": corrections.division,
        "operations": [operation_value(operation) for operation in corrections.operations],
    }
    write_json(path, value)


def read_corrections(path: str | Path) -> Corrections:
    """The file, which a person may have written: every value is looked at.

    Raises:
        DataError: it is no such file, or a value is not what the schema says; names the field.
    """
    value = read_json(path)
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        found = value.get("format") if isinstance(value, dict) else type(value).__name__
        raise DataError(f"not a file of {FORMAT}", file=path, field="format", value=found)
    if value.get("version") != VERSION or isinstance(value.get("version"), bool):
        problem = f"corrections of another version, not {VERSION}"
        raise DataError(problem, file=path, field="version", value=value.get("version"))
    look = _Reader(path)
    method = look.object(value.get("method"), "method")
    asked = look.list(value.get("asked"), "asked")
    operations = look.list(value.get("operations"), "operations")
    division = look.text(value.get("division"), "division")
    if not _DIGEST.fullmatch(division):
        raise DataError("16 hexadecimal digits are expected", file=path, field="division", value=division)
    return Corrections(
        look.text(value.get("video_uid"), "video_uid"),
        look.text(method.get("name"), "method.name"),
        look.text(method.get("fingerprint"), "method.fingerprint"),
        tuple("auto" if one == "auto" else look.whole(one, f"asked[{i}]", least=1) for i, one in enumerate(asked)),
        division,
        tuple(look.operation(one, f"operations[{i}]") for i, one in enumerate(operations)),
    )


def operation_value(operation: Operation) -> dict[str, Any]:
    """An operation as plain values."""
    if isinstance(operation, Replace):
        spans = [
            {"start_s": span.start_s, "end_s": span.end_s, "thread": span.label, "wrong": row in operation.wrong}
            for row, span in enumerate(operation.spans)
        ]
        names = [{"thread": thread, "name": name} for thread, name in operation.names.items()]
        return {"operation": "replace", "level": operation.level, "spans": spans, "names": names}
    if isinstance(operation, Follow):
        spans = [{"start_s": span.start_s, "end_s": span.end_s, "thread": span.label} for span in operation.spans]
        return {"operation": "follow", "level": operation.level, "spans": spans}
    return {"operation": type(operation).__name__.lower(), **dataclasses.asdict(operation)}


def operation_of(value: Any, *, file: str | Path | None = None, field: str = "operation") -> Operation:
    """An operation from plain values.

    Raises:
        DataError: there is no such operation, or a value is missing, of another type or one too many.
    """
    return _Reader(file).operation(value, field)


def with_corrections(
    path: Path, divide: Callable[[Sequence[ThreadCount]], VideoHierarchy]
) -> tuple[VideoHierarchy, VideoHierarchy, Corrections] | None:
    """The division that was corrected, what was made of it, and how; None where there is no file.

    Args:
        path: from `corrections_file`.
        divide: numbers of threads, one a level, the finest first -> the video, divided so.

    Raises:
        DataError: the file cannot be used, or was made for another division.
    """
    if not path.exists():
        return None
    corrections = read_corrections(path)
    try:
        base = divide(corrections.asked)
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(str(error), file=path, field="asked", value=list(corrections.asked)) from error
    return base, corrections.of(base, path), corrections


@dataclass(frozen=True)
class _Reader:
    """Values of a file, each of the type that is expected."""

    file: str | Path | None

    def object(self, value: Any, field: str) -> dict[str, Any]:
        return self._of(value, dict, "an object", field)

    def list(self, value: Any, field: str) -> list[Any]:
        return self._of(value, list, "a list", field)

    def text(self, value: Any, field: str) -> str:
        return self._of(value, str, "a text", field)

    def flag(self, value: Any, field: str) -> bool:
        return self._of(value, bool, "true or false", field)

    def whole(self, value: Any, field: str, *, least: int = -(10**6)) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 10**6:
            raise DataError(f"a whole number from {least} on is expected", file=self.file, field=field, value=value)
        return value

    def seconds(self, value: Any, field: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise DataError("a number of seconds is expected", file=self.file, field=field, value=value)
        return float(value)

    def operation(self, value: Any, field: str) -> Operation:
        value = self.object(value, field)
        name = value.get("operation")
        kind = _KINDS.get(name) if isinstance(name, str) else None
        if kind is None:
            known = ", ".join(_KINDS)
            raise DataError(f"one of {known} is expected", file=self.file, field=f"{field}.operation", value=name)
        given = {key: one for key, one in value.items() if key != "operation"}
        expected = {one.name for one in dataclasses.fields(kind)} - ({"wrong"} if kind is Replace else set())
        for key in sorted(given.keys() ^ expected):
            problem = "missing" if key in expected else "no such value"
            raise DataError(problem, file=self.file, field=f"{field}.{key}")
        if kind is Replace:
            return self._replace(given, field)
        if kind is Follow:
            spans = enumerate(self.list(given["spans"], f"{field}.spans"))
            followed = tuple(self._span(self.object(one, at := f"{field}.spans[{row}]"), at) for row, one in spans)
            return Follow(self.whole(given["level"], f"{field}.level"), followed)
        new = kind is Assign  # may be to a new thread
        values = {key: self._value(key, one, f"{field}.{key}", optional=new) for key, one in given.items()}
        made: Operation = kind(**values)
        return made

    def _value(self, key: str, value: Any, field: str, *, optional: bool) -> Any:
        if key.endswith("_s"):
            return self.seconds(value, field)
        if key == "name":
            return self._name(value, field)
        if key == "wrong":
            return self.flag(value, field)
        if key == "thread" and value is None and optional:
            return None
        return self.whole(value, field)

    def _name(self, value: Any, field: str) -> str:
        text = self.text(value, field)
        if len(text) > LONGEST_NAME:
            problem = f"a name of at most {LONGEST_NAME} characters is expected"
            raise DataError(problem, file=self.file, field=field, value=text)
        return text

    def _replace(self, given: Mapping[str, Any], field: str) -> Replace:
        spans, wrong = [], set()
        for row, one in enumerate(self.list(given["spans"], f"{field}.spans")):
            at = f"{field}.spans[{row}]"
            span = self.object(one, at)
            spans.append(self._span(span, at))
            if self.flag(span.get("wrong", False), f"{at}.wrong"):
                wrong.add(row)
        names: dict[int, str] = {}
        for row, one in enumerate(self.list(given["names"], f"{field}.names")):
            at = f"{field}.names[{row}]"
            named = self.object(one, at)
            names[self.whole(named.get("thread"), f"{at}.thread", least=0)] = self._name(
                named.get("name"), f"{at}.name"
            )
        return Replace(self.whole(given["level"], f"{field}.level"), tuple(spans), names, frozenset(wrong))

    def _span(self, given: Mapping[str, Any], at: str) -> Span:
        start, end = (self.seconds(given.get(key), f"{at}.{key}") for key in ("start_s", "end_s"))
        return Span(start, end, self.whole(given.get("thread"), f"{at}.thread", least=-1))

    def _of(self, value: Any, kind: type, what: str, field: str) -> Any:
        if not isinstance(value, kind):
            raise DataError(f"{what} is expected", file=self.file, field=field, value=value)
        return value
