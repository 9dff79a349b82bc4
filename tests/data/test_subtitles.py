"""Narrations from subtitles and tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.data.narrations import Narrations
from hiero_lib.data.subtitles import read_narrations, seconds_of

SRT = (
    "\ufeff1\r\n00:00:01,000 --> 00:00:03,000\r\ncuts the <i>onion</i>\r\n\r\n"
    "2\r\n00:01:00,500 --> 00:01:01,500\r\nwashes\r\nthe pan\r\n"
)
VTT = """WEBVTT - with a header

NOTE a remark
over two lines

STYLE
::cue { color: white }

intro
00:01.000 --> 00:03.000 align:start position:0%
<v Anna>cuts the &amp; onion</v>

00:01:00.500 --> 00:01:01.500
washes the pan

01:00:00.000 --> 01:00:00.000

"""
BOTH = Narrations((2.0, 61.0), ("cuts the onion", "washes the pan"))


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8", newline="")
    return path


def test_subrip_and_webvtt(tmp_path: Path) -> None:
    assert read_narrations(write(tmp_path / "a.srt", SRT)) == BOTH
    found = read_narrations(write(tmp_path / "a.VTT", VTT))
    assert found == Narrations((2.0, 61.0), ("cuts the & onion", "washes the pan"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "time,text\n61,washes the pan\n2.0,cuts the onion\n5,\n"),
        ("a.csv", "Start;End;Text\n0:01;0:03;cuts the onion\n0:01:00,5;0:01:01,5;washes the pan\n"),
        ("a.tsv", "video\tnarration_time\ttext\nv\t2\tcuts the  onion\nv\t61\twashes the pan\n"),
        ("a.csv", 'start,text\n2,cuts the onion\n61,"washes\nthe pan"\n'),
    ],
)
def test_tables(tmp_path: Path, name: str, text: str) -> None:
    assert read_narrations(write(tmp_path / name, text)) == BOTH


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "x", r"a\.txt, value '\.txt': narrations are read from"),
        ("a.srt", "", "not one narration is in the file"),
        (
            "a.srt",
            "1\n00:00:03,000 --> 00:00:01,000\nback\n",
            r"field 'line 2', value '00:00:03,000 -->.*: not a time",
        ),
        ("a.srt", "1\n1e308:00:00 --> 1e308:00:01\nhi\n", "field 'line 2'.*not a time"),
        ("a.csv", "when,what\n1,x\n", "field 'header', value 'when,what': the columns time"),
        ("a.csv", "time,text\n1,x\nsoon,y\n", "field 'line 3', value 'soon': not a time"),
        ("a.csv", "time,text\n,x\n", "field 'line 2'.*not a time"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_narrations(write(tmp_path / name, text))


def test_files_that_are_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        read_narrations(tmp_path / "none.srt")
    (tmp_path / "b.srt").write_bytes(b"1\n00:00:01,000 --> 00:00:02,000\n\xe9t\xe9\n")
    with pytest.raises(DataError, match="not UTF-8 text"):
        read_narrations(tmp_path / "b.srt")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("83.5", 83.5),
        ("1:23.5", 83.5),
        (" 01:01:01,25 ", 3661.25),
        ("-1", None),
        ("a", None),
        ("1:2:3:4", None),
        ("", None),
        ("nan", None),
        ("1e308:00:00", None),
    ],
)
def test_times(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds
