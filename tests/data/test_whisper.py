"""whisper's JSON: what is one is read, all else is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.data.subtitles import read_narrations
from hiero_lib.data.whisper import read_whisper

SEGMENTS = [
    {
        "id": 0,
        "seek": 0,
        "start": 0.0,
        "end": 4.0,
        "text": " cuts the onion",
        "tokens": [1, 2],
        "no_speech_prob": 0.1,
    },
    {"id": 1, "seek": 0, "start": 4, "end": 6.5, "text": " washes the pan", "words": []},
]


def test_segments_are_narrations(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"text": "all", "language": "en", "segments": SEGMENTS}))
    found = read_narrations(tmp_path / "a.json", duration_s=7.0)
    assert list(found) == [(2.0, "cuts the onion"), (5.25, "washes the pan")]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("", "the file is empty"),
        ("[" * 100_000, "nested too deeply"),
        ('{"segments": [{"start": ' + "9" * 5000 + "}]}", "not readable as JSON|not a time|start, end and text"),
        ('{"segments": [{"start": 0, "start": 1, "end": 2, "text": "a"}]}', "'start': the name occurs twice"),
        ([], "a list of segments"),
        ({"transcription": []}, "a list of segments"),
        ({"segments": {}}, "a list of segments"),
        ({"segments": [1]}, r"segments\[0\].*start, end and text"),
        ({"segments": [{"start": 1, "end": 2}]}, r"segments\[0\].*start, end and text"),
        ({"segments": [{"start": 2, "end": 1, "text": "a"}]}, r"segments\[0\].start, end.*not a time"),
        ({"segments": [{"start": -1, "end": 1, "text": "a"}]}, "not a time"),
        ({"segments": [{"start": "0", "end": 1, "text": "a"}]}, "not a time"),
        ({"segments": [{"start": True, "end": 1, "text": "a"}]}, "not a time"),
        ({"segments": [{"start": 0, "end": float("inf"), "text": "a"}]}, "not a time"),
        ({"segments": [{"start": 0, "end": float("nan"), "text": "a"}]}, "not a time"),
        ({"segments": [{"start": 0, "end": 10**400, "text": "a"}]}, "not a time"),
    ],
)
def test_what_is_none_is_named(document: object, message: str) -> None:
    text = document if isinstance(document, str) else json.dumps(document)
    with pytest.raises(DataError, match=message):
        read_whisper(text, Path("a.json"))


def test_half_a_character_and_no_segment(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"segments": [{"start": 0, "end": 1, "text": "a \\ud800"}]}')
    with pytest.raises(DataError, match="half a character"):
        read_narrations(tmp_path / "a.json")
    (tmp_path / "b.json").write_text('{"segments": []}')
    with pytest.raises(DataError, match="not one narration"):
        read_narrations(tmp_path / "b.json")
