"""One table of several runs: what may be compared is, what may not is said, in three formats."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from pathlib import Path
from typing import Any

import pytest

from hiero_lib.base.cells import plain_cell
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED
from hiero_lib.results.entries import entries
from hiero_lib.results.metric import Metric
from hiero_lib.results.record import load, record
from hiero_lib.results.row import Row
from hiero_lib.results.tables import csv_text, latex, markdown
from tests.results.test_record import REAL, SAMPLE

QUOTED = [
    Row("EgoMCQ", "EgoVLP", "intra", None, published=0.572, note="on Ego4D"),
    Row("EgoMCQ", "HiERO (EgoVLP)", "intra", None, published=0.596, note="on Ego4D"),
    Row("EgoMCQ", "HiERO (LaViLa)", "intra", None, published=0.644, note="on Ego4D"),
]
MEASURED = [
    Row("EgoMCQ", UNTRAINED, "intra", Metric(0.58, 100, 2)),
    Row("EgoMCQ", PROBE, "intra", Metric(0.55, 100, 2)),
    Row("EgoMCQ", HIERO, "intra", Metric(0.583, 100, 2, (0.5, 0.65)), thread_graph="released", seed=7),
]


@pytest.fixture
def real(tmp_path: Path) -> Path:
    record(tmp_path / "a_run", "egomcq", MEASURED + QUOTED, profile=REAL, seconds=1)
    return tmp_path / "a_run"


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    profile = dataclasses.replace(SAMPLE, features=dataclasses.replace(SAMPLE.features, folder="egovlp"))
    record(tmp_path / "tiny", "egomcq", MEASURED + QUOTED, profile=profile, seconds=1)
    return tmp_path / "tiny"


def lines_of(text: str) -> list[dict[str, str]]:
    """The lines of the first markdown table, by column."""
    lines = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:1] == "|"]
    return [dict(zip(lines[0], line)) for line in lines[2:]]


def test_a_difference_is_taken_from_the_same_method_on_the_same_features_alone(real: Path) -> None:
    untrained, probe, hiero, *quoted = lines_of(markdown([load(real)]))
    assert (untrained["published"], untrained["here"], untrained["difference"]) == ("57.2", "58.0", "+0.8")
    assert (hiero["published"], hiero["here"], hiero["difference"]) == ("59.6", "58.3", "-1.3")
    assert (probe["published"], probe["difference"]) == ("", "")
    assert [(line["method"], line["published"], line["here"]) for line in quoted] == [
        ("EgoVLP", "57.2", ""),
        ("HiERO (EgoVLP)", "59.6", ""),
        ("HiERO (LaViLa)", "64.4", ""),
    ]
    assert (hiero["thread graph"], hiero["seed"], hiero["n"], hiero["excluded"]) == ("released", "7", "100", "2")
    assert untrained["thread graph"] == ""


def test_no_difference_on_the_sample_and_it_says_so(sample: Path) -> None:
    found = lines_of(markdown([load(sample)]))
    measured = {line["method"]: line for line in found if line["data"] == "sample"}
    assert {name: line["difference"] for name, line in measured.items()} == {
        UNTRAINED: "none: sample",
        PROBE: "",
        HIERO: "none: sample",
    }
    assert [line["published"] for line in found if line["data"] == "as published"] == ["57.2", "59.6", "64.4"]
    assert all(entry.difference is None for entry in entries(load(sample)))


def test_spread_and_seeds_and_digits_of_the_published_figure(tmp_path: Path) -> None:
    rows = [
        Row("Grounding", "HiERO", "R1@0.3", Metric(0.12345, 50), published=0.1265, seed=(1, 2, 3), spread=0.004),
        Row("Grounding", UNTRAINED, "R1@0.3", Metric(0.1, 50)),
    ]
    record(tmp_path, "grounding", rows, profile=REAL, seconds=1)
    several, one = lines_of(markdown([load(tmp_path)]))
    assert (several["here"], several["difference"]) == ("12.35 ± 0.40", "-0.30")
    assert (several["seed"], one["seed"], one["here"]) == ("1, 2, 3", str(REAL.training.seed), "10.00")


def test_notes_are_numbered_below_the_table(real: Path) -> None:
    text = markdown([load(real)])
    assert "\n1. on Ego4D\n" in text
    assert lines_of(text)[-1]["note"] == "1"


def test_two_runs_in_one_table_quote_the_paper_once(real: Path, sample: Path) -> None:
    text = markdown([load(real), load(sample)])
    assert text.splitlines()[0] == "# Results of runs `a_run`, `tiny` on the generated sample"
    found = lines_of(text)
    assert [line["run"] for line in found if line["data"] == "real"] == ["a_run"] * 3
    assert [line["run"] for line in found if line["data"] == "sample"] == ["tiny"] * 3
    quoted = [line["method"] for line in found if line["data"] == "as published"]
    assert sorted(quoted) == ["EgoVLP", "HiERO (EgoVLP)", "HiERO (LaViLa)"]
    assert "- `a_run` `egomcq`: profile `real`" in text


def test_csv_is_tidy_and_unrounded(real: Path, sample: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text([load(real), load(sample)]))))
    hiero = next(row for row in rows if row["run"] == "a_run" and row["method"] == "HiERO")
    assert float(hiero["here"]) == 0.583
    assert float(hiero["difference"]) == pytest.approx(0.583 - 0.596)
    assert (hiero["low"], hiero["n"], hiero["thread_graph"], hiero["spread"]) == ("0.5", "100", "released", "")
    assert len({(row["run"], row["benchmark"], row["method"], row["metric"], row["data"]) for row in rows}) == len(
        rows
    )


def test_nothing_in_a_result_becomes_markup_or_is_run(tmp_path: Path) -> None:
    odd = Row("B <img src=x>", "=HYPERLINK(1)|", "m\n| new | row |", Metric(0.5, 1), note="<script>x</script> [a](b)")
    record(tmp_path / "run", "s", [odd], profile=REAL, seconds=1)
    text = markdown([load(tmp_path / "run")])
    assert not re.search(r"<(?!/?(details|summary)>)|\]\(", text)
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("|")}
    assert len(widths) == 1
    [row] = csv.DictReader(io.StringIO(csv_text([load(tmp_path / "run")])))
    assert row["method"] == "'=HYPERLINK(1)|"
    assert plain_cell(row["method"]) == odd.method


def test_latex_is_booktabs_and_escaped(real: Path, tmp_path: Path) -> None:
    odd = [Row("50% & more_of #1", "a\\b{c}~^", "x<y", Metric(0.5, 1), note="see $HOME")]
    record(tmp_path / "odd_run", "s", odd, profile=REAL, seconds=1)
    text = latex([load(real), load(tmp_path / "odd_run")])
    assert r"\caption{50\% \& more\_of \#1, in percent}" in text
    assert r"odd\_run & a\textbackslash{}b\{c\}\textasciitilde{}\textasciicircum{} & x$<$y" in text
    assert r"see \$HOME" in text
    assert "$-$1.3" in text
    for word in (r"\toprule", r"\midrule", r"\bottomrule", r"\end{longtable}"):
        assert text.count(word) == 2
    many = [Row("B", HIERO, f"R{k}", Metric(0.1, 9)) for k in range(3)]
    record(tmp_path / "many", "s", many, profile=REAL, seconds=1)
    text += latex([load(tmp_path / "many")])
    blocks = re.findall(r"\\begin\{(?:tabular|longtable)\}\{(\w+)\}\n(.*?)\\end\{(?:tab|long)", text, flags=re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        lines = [line for line in block[1].splitlines() if line.endswith(r"\\") and r"\caption" not in line]
        assert {len(re.findall(r"(?<!\\)&", line)) + 1 for line in lines} == {len(block[0])}


def test_a_results_file_without_the_newer_fields_is_read(real: Path) -> None:
    found: dict[str, Any] = load(real)
    for row in found["sections"]["egomcq"]["rows"]:
        for field in ("thread_graph", "seed", "spread"):
            del row[field]
    assert lines_of(markdown([found]))[0]["seed"] == str(REAL.training.seed)


def test_a_table_of_many_measures_has_methods_down_and_measures_across_first(tmp_path: Path) -> None:
    rows = [Row("B", HIERO, f"R{k}", Metric(0.1 * k, 9), spread=0.01) for k in (1, 2, 3)]
    rows += [
        Row("B", "HiERO (EgoVLP)", "R2", None, published=0.25, note="quoted"),
        Row("B", UNTRAINED, "R3", Metric(0.05, 9)),
    ]
    record(tmp_path, "b", rows, profile=REAL, seconds=1)
    text = markdown([load(tmp_path)])
    overview, details = text.split("<details>")
    lines = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in overview.splitlines() if "|" in line]
    assert lines[0] == ["data", "method", "R1", "R2", "R3", "note"]
    assert lines[2:] == [
        ["real", HIERO, "10.0 ± 1.0", "20.0 ± 1.0", "30.0 ± 1.0", ""],
        ["real", UNTRAINED, "", "", "5.0", ""],
        ["as published", "HiERO (EgoVLP)", "", "25.0", "", "1"],
    ]
    assert "-5.0" in details
    assert "as published" not in details


def test_a_table_of_quoted_values_alone_is_the_overview(tmp_path: Path) -> None:
    rows = [Row("B", "HiERO (EgoVLP)", f"R{k}", None, published=0.25, note="quoted") for k in (1, 2, 3)]
    record(tmp_path, "b", rows, profile=REAL, seconds=1)
    text = markdown([load(tmp_path)])
    assert lines_of(text)[0] | {"note": ""} == {
        "data": "as published",
        "method": "HiERO (EgoVLP)",
        "R1": "25.0",
        "R2": "25.0",
        "R3": "25.0",
        "note": "",
    }
    assert "<details>" not in text


def test_a_difference_that_rounds_to_nothing_has_no_minus(tmp_path: Path) -> None:
    record(tmp_path, "b", [Row("B", "m", "R1", Metric(-0.0000001, 9))], profile=REAL, seconds=1)
    assert lines_of(markdown([load(tmp_path)]))[0]["here"] == "0.0"
