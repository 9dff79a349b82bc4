"""The table of spans; chapters: read by webvtt-py, and by a strict reading of the specification of WebVTT."""

import csv
import dataclasses
import html
import io
import itertools
import re

import pytest
import webvtt

from hiero_lib.export.record import milliseconds, one_line, thread_title
from hiero_lib.export.text import COLUMNS, chapters, read_spans, spans_csv, write_chapters, write_csv
from tests.helpers.made_record import made_record

TIMING = re.compile(r"(\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3}) --> (\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3})")


def strict(text: str) -> list[tuple[int, int, str]]:
    """Cues of a file of chapters (https://www.w3.org/TR/webvtt1/, sections 4.1 to 4.4); any departure fails."""
    assert "\0" not in text
    assert "\r" not in text
    lines = text.split("\n")
    assert lines[0] == "WEBVTT"
    assert lines[1] == ""
    cues = []
    blocks = re.split(r"\n{2,}", "\n".join(lines[2:]).strip("\n"))
    for block in blocks:
        rows = block.split("\n")
        if rows[0].split(" ")[0] == "NOTE":
            assert "-->" not in block
            continue
        assert len(rows) == 3, block  # identifier, timing, one line of text: no line of a cue may be blank
        assert "-->" not in rows[0]
        match = TIMING.fullmatch(rows[1])
        assert match, rows[1]
        h, m, s, ms, h2, m2, s2, ms2 = map(int, match.groups())
        start, end = ((h * 60 + m) * 60 + s) * 1000 + ms, ((h2 * 60 + m2) * 60 + s2) * 1000 + ms2
        assert start < end
        assert "-->" not in rows[2]
        assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", rows[2]), rows[2]
        cues.append((start, end, html.unescape(rows[2])))
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(cues))  # chapters nest or follow each other: these follow
    return cues


@pytest.fixture(scope="module")
def record():
    return made_record()


def test_chapters_of_a_level_are_its_spans(record) -> None:
    for level in record.hierarchy.levels:
        expected = [
            (milliseconds(span.start_s), milliseconds(span.end_s), thread_title(level, span.label))
            for span in level.spans
        ]
        assert strict(chapters(record, level)) == expected


def test_webvtt_py_reads_the_same(record, tmp_path) -> None:
    written = write_chapters(record, tmp_path / "v")
    assert [path.name for path in written] == ["v.level0.vtt", "v.level1.vtt", "v.level2.vtt"]
    for path, level in zip(written, record.hierarchy.levels):
        captions = webvtt.read(str(path)).captions
        assert len(captions) == len(level.spans)
        for caption, span in zip(captions, level.spans):
            assert caption.start_in_seconds == int(span.start_s)
            hours, minutes, seconds = caption.end.split(":")
            assert 3600 * int(hours) + 60 * int(minutes) + float(seconds) == pytest.approx(span.end_s, abs=1e-6)
            assert html.unescape(caption.raw_text) == one_line(thread_title(level, span.label))


def test_more_than_a_hundred_hours_and_a_title_with_an_arrow(record) -> None:
    import dataclasses

    from hiero_lib.hierarchy.spans import Span

    level = dataclasses.replace(record.hierarchy.levels[0], spans=(Span(0, 0, 0), Span(360_000.5, 400_000.25, 1)))
    odd = dataclasses.replace(record, data_name="x --> y\n\n00:00.000 --> 00:01.000")
    assert strict(chapters(odd, level)) == [(360_000_500, 400_000_250, thread_title(level, 1))]


def test_the_csv_has_a_line_for_each_span(record) -> None:
    rows = list(csv.DictReader(io.StringIO(spans_csv(record))))
    assert tuple(rows[0]) == COLUMNS
    expected = [(level, span) for level in record.hierarchy.levels for span in level.spans]
    assert len(rows) == len(expected)
    coarser = {level.level: above for level, above in zip(record.hierarchy.levels, record.hierarchy.levels[1:])}
    for row, (level, span) in zip(rows, expected):
        assert (int(row["level"]), float(row["start_s"]), float(row["end_s"])) == (
            level.level,
            span.start_s,
            span.end_s,
        )
        assert float(row["length_s"]) == pytest.approx(span.length_s, abs=6e-4)
        assert row["title"] == thread_title(level, span.label)
        if level.level in coarser:
            assert int(row["parent"]) == level.parents[span.label]
            assert row["parent_title"] == thread_title(coarser[level.level], level.parents[span.label])
        else:
            assert row["parent"] == row["parent_title"] == ""


def test_a_name_that_a_spreadsheet_would_run_is_text_and_comes_back(record, tmp_path) -> None:
    levels = [
        dataclasses.replace(level, names=dict.fromkeys(level.names, "=cmd|'/c calc'!A1"))
        for level in record.hierarchy.levels
    ]
    hierarchy = dataclasses.replace(record.hierarchy, levels=tuple(levels), video_uid="@video")
    write_csv(dataclasses.replace(record, hierarchy=hierarchy), tmp_path / "t.csv")
    written = list(csv.DictReader(io.StringIO((tmp_path / "t.csv").read_text("utf-8"))))
    assert not [cell for row in written for cell in row.values() if cell.startswith(("=", "+", "@", "\t"))]
    rows = read_spans(tmp_path / "t.csv")
    assert {row["video_uid"] for row in rows} == {"@video"}
    assert "=cmd|'/c calc'!A1" in {row["title"] for row in rows}
    assert any(row["thread"] == "-1" for row in rows) == any(row["thread"] == "-1" for row in written)
