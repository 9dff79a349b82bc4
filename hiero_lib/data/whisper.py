"""Transcripts of whisper in JSON: ``{"segments": [{"start", "end", "text"}]}``, times in seconds."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import parse_json


def read_whisper(text: str, path: Path) -> list[tuple[float, str]]:
    """The middle in seconds and the text of each segment.

    Raises:
        DataError: not JSON, not that layout, or a time that is no finite number from 0; names the segment.
    """
    document = parse_json(text, path)
    segments = document.get("segments") if isinstance(document, dict) else None
    if not isinstance(segments, list):
        hint = "whisper writes it with --output_format json"
        raise DataError("not whisper's JSON: a list of segments is expected", file=path, field="segments", hint=hint)
    found = []
    for number, segment in enumerate(segments):
        at = f"segments[{number}]"
        if not isinstance(segment, dict) or not isinstance(segment.get("text"), str):
            raise DataError("start, end and text are expected", file=path, field=at, value=_short(segment))
        start, end = (_seconds(segment.get(name)) for name in ("start", "end"))
        if start is None or end is None or end < start:
            value = _short([segment.get("start"), segment.get("end")])
            raise DataError("not a time", file=path, field=f"{at}.start, end", value=value)
        found.append(((start + end) / 2, segment["text"]))
    return found


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        return None
    return float(value) if math.isfinite(value) else None


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, default=str)[:80]
