"""Cells that a spreadsheet does not run, and come back as they were; markdown without markup of its own."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hiero_lib.base.cells import csv_cell, markdown_code, markdown_text, plain_cell

RUN = ("=", "+", "-", "@", "\t", "\r")


@given(st.text())
@example('=HYPERLINK("http://x")')
@example("'=1")
@example("''@x")
@example("'")
@example("'plain")
def test_every_text_comes_back_and_none_is_run(text: str) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream).writerow(["a", csv_cell(text)])
    stream.seek(0)
    [[_, cell]] = csv.reader(stream)
    assert not cell.startswith(RUN)
    assert plain_cell(cell) == text


def test_numbers_stay_numbers() -> None:
    assert [csv_cell(value) for value in (-0.5, -1, None)] == [-0.5, -1, None]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a <script>b</script>", "a &lt;script>b&lt;/script>"),
        ("a\n| b |\r\nc", "a \\| b \\| c"),
        ("a \\| b", "a \\\\\\| b"),
        ("&lt; & R&D", "&amp;lt; & R&D"),
        ("![x](http://evil)", "![x]\\(http://evil)"),
        ("[0, 1) ± 2", "[0, 1) ± 2"),
    ],
)
def test_markdown_shows_the_text(text: str, shown: str) -> None:
    assert markdown_text(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"), [("a b", "`a b`"), ("a`b\nc", "`` a`b c ``"), ("``<b>", "``` ``<b> ```"), ("", "``")]
)
def test_code_spans_close_where_they_should(text: str, shown: str) -> None:
    assert markdown_code(text) == shown
