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
        ("a.doc", "x", r"a\.doc, value '\.doc': narrations are read from"),
        ("a.srt", "", "not one narration is in the file"),
        (
            "a.srt",
            "1\n00:00:03,000 --> 00:00:01,000\nback\n",
            r"field 'line 2', value '00:00:03,000 -->.*: not a time",
        ),
        ("a.srt", "1\n1e308:00:00 --> 1e308:00:01\nhi\n", "field 'line 2'.*not a time"),
        ("a.csv", "when,what\n1,x\n", "field 'header', value 'when,what': the columns time"),
        ("a.csv", "time,text\n1,x\nsoon,y\n", "value 'soon': not a time. Expected seconds or "),
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
        ("90:00", 5400.0),  # of a player that has no hours
        ("00:01:61", None),
        ("1:75:00", None),
    ],
)
def test_times(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


ONE_CUE = "1\n00:00:01,000 --> 00:00:02,000\ncuts\n"
CASES = Path(__file__).parents[1] / "cases" / "narrations"
TOLD = """cuts the onion, washes the pan, opens the fridge, takes the milk, closes the fridge, pours the milk,
stirs the dough, kneads the dough, dries the hands, takes the knife"""
ONE_AFTER_THE_OTHER = [" ".join(text.split()) for text in TOLD.split(",")]


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("no_blank_between.srt", ["cuts the onion", "washes the pan", "opens the fridge"]),
        ("noblank10.srt", ONE_AFTER_THE_OTHER),
        ("arrow_tight.srt", ["cuts the onion", "washes the pan"]),
        ("blank_first.srt", ["cuts the onion", "washes the pan"]),
        ("blank_inside.srt", ["cuts the onion, then washes the knife", "washes the pan"]),
        ("youtube_auto.vtt", ["now I cut the onion", "and I wash the pan", "then I open the fridge"]),
        (
            "lt_in_text.srt",
            [
                "adds <2 cups of water and stirs> slowly",
                "weighs: if a < 5 g then b > 3 g",
                "I <3 onions, cuts them fast",
            ],
        ),
    ],
)
def test_nothing_of_a_subtitle_is_lost_or_merged(name: str, texts: list[str]) -> None:
    assert list(read_narrations(CASES / name).texts) == texts


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("negative.srt", r"'line 2', value '-00:00:01,000 --> .*not a time"),
        ("inf_time.srt", "'line 2'.*not a time"),
        ("comma.csv", "'line 2'.*4 cells where the header has 2.*in quotes"),
        ("comma10.csv", "'line 2'.*3 cells where the header has 2"),
        ("open_quote.csv", "'line 2': a quote opens here"),
        ("dup_header.csv", "value 'text': the column occurs twice"),
        ("whisper.tsv", "seconds or milliseconds.*start_ms"),
    ],
)
def test_what_is_odd_is_an_error_that_names_the_line(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_narrations(CASES / name)


def test_whispers_milliseconds_are_told_by_the_videos_length(tmp_path: Path) -> None:
    assert list(read_narrations(CASES / "whisper.tsv", duration_s=12).times) == [2.0, 5.25, 7.75]
    assert len(read_narrations(CASES / "whisper10.tsv", duration_s=6.0).times) == 10
    seconds = write(tmp_path / "s.tsv", "start\tend\ttext\n2\t4\tcuts\n")
    assert list(read_narrations(seconds, duration_s=60).times) == [3.0]
    named = write(tmp_path / "m.csv", "start_ms,end_ms,text\n2000,4000,cuts\n")
    assert list(read_narrations(named).times) == [3.0]


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    found = read_narrations(CASES / "half_out.csv", duration_s=6.0, say=said.append)
    assert list(found.times) == [0.0, 2.4, 4.8]
    assert said == ["half_out.csv: 7 of 10 lie after the end (6 s) and are left out"]
    late = write(tmp_path / "late.csv", "time,text\n9,cuts\n")
    with pytest.raises(DataError, match=r"1 of 1 lie after the end \(6 s\)"):
        read_narrations(late, duration_s=6.0)
    said.clear()
    read_narrations(write(tmp_path / "e.csv", "time,text\n1,cuts\n5,\n"), say=said.append)
    assert said == ["e.csv: 1 of 2 have no text and are left out"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "a.srt",
            "Kitchen, take 2\n\n1\n00:00:01,000 --> 00:00:02,000\ncuts\n",
            "'line 1'.*text before the first time",
        ),
        ("a.srt", f"{ONE_CUE}\n2\n00:00:03,000 -> 00:00:04,000\nstirs\n", "'line 6'.*not a time"),
        ("a.srt", f"{ONE_CUE}\n2\n00:00:03,000 – 00:00:04,000\nstirs\n", "'line 6'.*not a time"),
        *(
            (
                "a.srt",
                f"{ONE_CUE}\n2\n{times}\nstirs\n\n3\n00:00:07,000 --> 00:00:08,000\nfolds\n",
                "'line 6'.*not a time",
            )
            for times in (
                "００:００:０４,０００ --> ００:００:０５,０００",
                "OO:00:04,000 --> OO:00:05,000",
                "00 : 00 : 04 , 000 --> 00 : 00 : 05 , 000",
                "00:00:04,000 → 00:00:05,000",
                "00:00:04;12 --> 00:00:05;10",
                "00:00:04,000 to 00:00:05,000",
                "0:00:04.000,0:00:05.000",
                "--> 00:00:05,000",
                "00:00:04,000 -->",
                "00:00:04,0",
            )
        ),
        ("a.srt", f"{ONE_CUE}\n2\n", "'line 5', value '2': a number without times. The file may be cut off"),
        ("a.csv", 'time,text\n"1,234",cuts\n', "line 2', value '1,234': thousands or a decimal comma"),
        ("a.csv", "time,start,end,text\n2,1,3,cuts\n", "value 'time, start': one of these columns"),
        ("a.csv", "time,text,narration\n2,cuts,stirs\n", "value 'text, narration': one of these columns"),
        ("a.csv", "start_s,end_ms,text\n1,3000,cuts\n", "value 'end_ms': not a column of ends. Call it end"),
        ("a.csv", "start_ms,end,text\n1000,3,cuts\n", "value 'end': not a column of ends. Call it end_ms"),
        ("a.csv", "start,duration,text\n1,3,cuts\n", "value 'duration': not a column of ends"),
        ("a.csv", 'time,text\n1,"cuts" the onion\n', "'line 2': a quote opens here"),
        ("a.csv", "time,text\n1,cuts\n2\n", "'line 3'.*1 cells where the header has 2"),
        ("a.csv", "time,text\n-5,cuts\n", "'line 2', value '-5': not a time"),
        ("a.csv", "time,text\n+5,cuts\n", "'line 2'.*not a time"),
        ("a.csv", 'time,text\n1,cuts\n2,"washes\n3,dries\n', "'line 3': a quote opens here"),
    ],
)
def test_siblings(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_narrations(write(tmp_path / name, text))


def test_a_line_told_twice_in_subtitles_that_do_not_roll_counts_twice(tmp_path: Path) -> None:
    cues = "WEBVTT\n\n00:01.000 --> 00:02.000\ncuts\n\n00:03.000 --> 00:04.000\ncuts\n"
    assert list(read_narrations(write(tmp_path / "a.vtt", cues)).times) == [1.5, 3.5]


def test_another_encoding_is_named_by_the_user(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_bytes("1\n00:00:01,000 --> 00:00:02,000\ncoupe l'été en dés\n".encode("cp1252"))
    with pytest.raises(DataError, match="may be cp1252"):
        read_narrations(tmp_path / "a.srt")
    assert list(read_narrations(tmp_path / "a.srt", encoding="cp1252").texts) == ["coupe l'été en dés"]
    (tmp_path / "b.vtt").write_bytes(VTT.encode("utf-16"))
    assert list(read_narrations(tmp_path / "b.vtt").texts) == ["cuts the & onion", "washes the pan"]


@pytest.mark.parametrize(
    "line", ["1:1" + "-" * 200_000, "{\\" * 200_000, "<c " * 200_000, "&#" + "9" * 5000 + ";", "&" * 200_000]
)
def test_a_long_line_takes_no_longer(tmp_path: Path, line: str) -> None:
    text = f"1\n00:00:01,000 --> 00:00:02,000\n{line}\n"
    assert read_narrations(write(tmp_path / "a.srt", text)).texts == (line.strip(),)


def test_what_table_tools_write_for_no_text_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time,text\n1,nan\n2,<NA>\n3,cuts the nan bread\n4,NA\n5,#N/A\n")
    said: list[str] = []
    assert read_narrations(tmp_path / "a.csv", say=said.append) == Narrations((3.0,), ("cuts the nan bread",))
    assert said == ["a.csv: 4 of 5 have no text and are left out"]


def test_marks_without_width_are_no_text(tmp_path: Path) -> None:
    second = "\ufeff2\n\u202a00:00:04,000 --> 00:00:06,000\u202c\n\u202bstirs\u202c\n"  # joined, and right to left
    found = read_narrations(write(tmp_path / "a.srt", f"{ONE_CUE}\n{second}"))
    assert list(found)[1] == (5.0, "stirs")
    assert len(found) == 2


def test_numbers_and_clocks_in_a_text_stay(tmp_path: Path) -> None:
    text = f"{ONE_CUE}\n2\n00:00:04,000 --> 00:00:06,000\n10:30\ngo 1 --> 2\n\n7\n"
    assert read_narrations(write(tmp_path / "a.srt", text)).texts[1] == "10:30 go 1 --> 2 7"
