"""What is exported of a video: texts that every format can hold, spans that nest."""

from __future__ import annotations

import itertools

from hiero_lib.export.record import VideoRecord, milliseconds, nested_spans, one_line, thread_title
from tests.helpers.made_record import made_hierarchy, made_record


def test_a_record_is_titled_after_its_video_method_and_data() -> None:
    record = made_record(20, uid="v7")
    assert (record.video_uid, record.title) == ("v7", "v7: HiERO on the generated sample")
    assert not VideoRecord(record.hierarchy, method="HiERO", data_name="x", is_sample=False).narrations


def test_printable_names_are_lines_and_nothing_else_differs() -> None:
    record = made_record()
    for level, printable in zip(record.hierarchy.levels, record.printable().levels, strict=True):
        assert printable.names == {thread: one_line(name) for thread, name in level.names.items()}
        assert printable.spans == level.spans
    assert record.printable().levels[0].names != record.hierarchy.levels[0].names


def test_a_thread_without_a_name_goes_by_its_number() -> None:
    level = made_hierarchy().levels[0]
    named, unnamed = next(iter(level.names)), max(level.seconds())
    assert thread_title(level, named) == one_line(level.names[named])
    assert thread_title(level, unnamed) == f"thread {unnamed}"
    assert thread_title(level, -1) == "no thread"


def test_nested_spans_keep_all_time_and_lie_in_one_span_above() -> None:
    hierarchy = made_hierarchy()
    levels = hierarchy.levels[::-1]
    found = nested_spans(levels)
    for level, pieces in zip(levels, found):
        total: dict[int, int] = {}
        for start, end, thread in pieces:
            assert start < end
            total[thread] = total.get(thread, 0) + end - start
        assert total == {thread: milliseconds(seconds) for thread, seconds in level.seconds().items()}
    for above, below in itertools.pairwise(found):
        for start, end, _ in below:
            assert sum(a <= start and end <= b for a, b, _ in above) == 1


def test_a_line_holds_nothing_that_xml_cannot() -> None:
    assert one_line("a\x00\n b\u2028c\ud800\ufffe") == "a b c"
