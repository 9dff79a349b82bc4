"""Every word of a table that a newcomer cannot know is told below it, and none that is not there."""

from __future__ import annotations

from pathlib import Path

from hiero_lib.methods.method import HIERO, UNTRAINED
from hiero_lib.results.entries import all_entries
from hiero_lib.results.metric import Metric
from hiero_lib.results.record import load, record
from hiero_lib.results.row import Row
from hiero_lib.results.tables import latex, markdown
from hiero_lib.results.words import words_of_columns, words_of_names
from tests.results.test_record import SAMPLE


def first_words(meanings: list[str]) -> list[str]:
    return [meaning.partition(":")[0] for meaning in meanings]


def test_the_words_that_occur_are_told(tmp_path: Path) -> None:
    rows = [
        Row("B", UNTRAINED, "level 0, plain", Metric(0.5, 10, 2)),
        Row("B", f"{HIERO}, coherent", "level 0", Metric(0.5, 10), thread_graph="released", segment_times="paper"),
        Row("B", HIERO, "level 1 as shown, steps", Metric(0.5, 10)),
    ]
    record(tmp_path, "b", rows, profile=SAMPLE, seconds=1)
    found = all_entries([load(tmp_path)])
    assert first_words(words_of_names(found)) == ["plain", "coherent", "as shown, threads (or steps, actions)"]
    assert first_words(words_of_columns(found)) == ["excluded", "thread graph", "segment times"]
    assert first_words(words_of_names(found[:1])) == ["plain"]
    assert first_words(words_of_columns(found[:1])) == ["excluded"]
    text = markdown([load(tmp_path)])
    overview, details = text.split("<details>")
    assert [overview.count(f"\n- {word}") for word in ("plain:", "coherent:", "as shown,")] == [1, 1, 1]
    assert [details.count(f"\n- {word}:") for word in ("plain", "excluded", "thread graph")] == [0, 1, 1]
    assert details.index("- excluded:") < details.index("</details>")
    assert "plain: each moment" in latex([load(tmp_path)])


def test_a_table_without_such_words_has_no_line(tmp_path: Path) -> None:
    record(tmp_path, "b", [Row("B", "plain m", "R1", None, published=0.5)], profile=SAMPLE, seconds=1)
    found = all_entries([load(tmp_path)])
    assert words_of_names(found) + words_of_columns(found) == []
    assert "\n- plain" not in markdown([load(tmp_path)])


def test_a_small_table_has_them_below_it(tmp_path: Path) -> None:
    record(tmp_path, "b", [Row("B", HIERO, "ARI, plain", Metric(0.5, 9))], profile=SAMPLE, seconds=1)
    text = markdown([load(tmp_path)])
    assert text.count("- plain: ") == text.count("- excluded: ") == 1
    assert text.index("| ARI, plain |") < text.index("- plain: ") < text.index("- excluded: ")
