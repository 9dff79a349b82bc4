"""``egomcq.json``: a query text and five clips, one of them right.

``{"0": {"answer": 0..4, "types": 1 | 2, "query": {"clip_text", ...}, "choices": {"0": {"video_uid",
"clip_start", "clip_end", ...}, ..., "4": {...}}}, ...}``, times in seconds; type 1 is inter-video, 2 intra-video.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import read_json

N_CHOICES = 5


@dataclass(frozen=True)
class QuestionEntry:
    """A question as the file has it: its five clips as (video uid, start, end) in seconds."""

    question_id: str
    query: str
    clips: tuple[tuple[str, float, float], ...]
    answer: int
    type: Literal[1, 2]


def read_questions(path: str | Path) -> list[QuestionEntry]:
    """The questions of the file, in its order.

    Raises:
        DataError: an entry is not as the module says; the message names file, question, field and value.
    """
    document = read_json(path)
    if not isinstance(document, dict) or not document:
        raise DataError("a mapping of questions is expected", file=path, field="(top)", value=type(document).__name__)
    return [_parse(Path(path), question_id, entry) for question_id, entry in document.items()]


def _parse(file: Path, question_id: str, entry: Any) -> QuestionEntry:
    where = f"question {question_id}"
    query = _get(file, where, _get(file, where, entry, "query", Mapping), "clip_text", str)
    if not query.strip():
        raise DataError("the query has no text", file=file, field=f"{where}: query: clip_text", value=query)
    answer = _get(file, where, entry, "answer", int)
    if not 0 <= answer < N_CHOICES:
        raise DataError("the answer is one of 0 to 4", file=file, field=f"{where}: answer", value=answer)
    type_ = _get(file, where, entry, "types", int)
    if type_ not in (1, 2):
        raise DataError("1 (inter) or 2 (intra) is expected", file=file, field=f"{where}: types", value=type_)
    choices = _get(file, where, entry, "choices", Mapping)
    if sorted(choices) != [str(i) for i in range(N_CHOICES)]:
        raise DataError(
            "five choices, 0 to 4, are expected", file=file, field=f"{where}: choices", value=list(choices)
        )
    clips = []
    for number in range(N_CHOICES):
        place = f"{where}, choice {number}"
        choice = _get(file, where, choices, str(number), Mapping)
        video_uid = _get(file, place, choice, "video_uid", str)
        start_s, end_s = (_seconds(file, place, choice, name) for name in ("clip_start", "clip_end"))
        if end_s < start_s:
            raise DataError(
                "the clip ends before it begins", file=file, field=f"{place}: clip_end", value=(start_s, end_s)
            )
        clips.append((video_uid, start_s, end_s))
    return QuestionEntry(question_id, query, tuple(clips), answer, cast(Literal[1, 2], type_))


def _seconds(file: Path, place: str, choice: Any, name: str) -> float:
    value = _get(file, place, choice, name, (int, float))
    if not abs(value) <= sys.float_info.max:  # an integer may be more
        raise DataError("the time is not finite", file=file, field=f"{place}: {name}", value=value)
    return float(value)


def _get(file: Path, where: str, mapping: Any, key: str, kind: Any) -> Any:
    """``mapping[key]``, which must be there and of ``kind``."""
    if not isinstance(mapping, Mapping) or key not in mapping:
        raise DataError("missing", file=file, field=f"{where}: {key}", value=mapping)
    value = mapping[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        expected = getattr(kind, "__name__", "number").replace("Mapping", "mapping")
        raise DataError(f"expected {expected}", file=file, field=f"{where}: {key}", value=value)
    return value
