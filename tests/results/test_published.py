"""The published figures, typed here once more from the papers, and what a run's figure may be compared with."""

from __future__ import annotations

import re
from typing import Any

import pytest

from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED
from hiero_lib.pipelines.ablation import ROWS
from hiero_lib.results import published
from hiero_lib.results.published import (
    FEATURES,
    counterpart,
    has_published_rows,
    published_figures,
    published_method,
    published_rows,
)

# Table -> measures -> method -> percent, as the papers print them.
ACCURACIES = ("inter-video accuracy", "intra-video accuracy")
RECALLS = ("R1@0.3", "R5@0.3", "R1@0.5", "R5@0.5")
DATASETS = ("average", "CMU", "EGTEA", "MECCANO", "EPIC-Tents", "PC assembly", "PC disassembly")
F1_AND_IOU = tuple(f"{measure}, {dataset}" for dataset in DATASETS for measure in ("F1", "IoU"))
ABLATION = ("EgoMCQ intra-video accuracy", "EgoProceL F1", "step grounding R1, mean of IoU 0.3 and 0.5")
PRINTED: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "egomcq": (
        ACCURACIES,
        {
            "EgoVLP": "90.6 57.2",
            "LaViLa": "94.5 63.1",
            "HiERO (Omnivore)": "90.1 53.4",
            "HiERO (EgoVLP)": "91.6 59.6",
            "HiERO (LaViLa)": "94.6 64.4",
        },
    ),
    "egonlq": (
        RECALLS,
        {
            "EgoVLP": "10.84 18.84 6.81 13.45",
            "LaViLa": "12.05 22.38 7.43 15.44",
            "HiERO (Omnivore)": "10.27 18.20 6.01 12.52",
            "HiERO (EgoVLP)": "11.41 19.67 7.05 13.91",
            "HiERO (LaViLa)": "13.35 21.12 8.08 15.31",
        },
    ),
    "egoprocel": (
        F1_AND_IOU,
        {
            "OPEL": "32.0/16.3 36.5/18.8 29.5/13.2 39.2/20.2 20.7/10.6 33.7/17.9 32.2/16.9",
            "Omnivore": "39.1/22.0 44.7/26.8 37.1/19.2 36.0/19.0 40.8/21.9 35.7/21.5 40.3/23.5",
            "EgoVLP": "40.0/21.9 49.2/31.0 36.6/18.3 33.1/16.1 37.4/19.2 38.2/20.8 45.4/25.6",
            "HiERO (Omnivore)": "44.0/24.5 47.2/27.7 39.7/19.9 41.6/22.1 45.3/24.3 43.7/25.1 46.3/27.9",
            "HiERO (EgoVLP)": "44.5/25.3 53.5/34.0 39.7/19.6 39.8/20.3 39.0/20.3 44.9/25.6 49.9/32.1",
        },
    ),
    "step_grounding": (
        RECALLS,
        {
            "EgoVLP": "12.65 29.93 8.85 20.28",
            "HiERO (Omnivore)": "10.40 27.36 7.06 18.24",
            "HiERO (EgoVLP)": "13.83 33.45 9.72 23.11",
        },
    ),
    "stepg": (RECALLS, {"HiERO (LaViLa)": "48.51 67.74 34.58 53.53"}),
    "ablation": (
        ABLATION,
        {
            "no training": "57.2 40.0 10.73",
            "L_vna": "59.5 43.8 11.27",
            "L_vna, threads": "59.6 43.3 11.44",
            "L_vna, threads, L_ft": "59.6 44.5 11.57",
        },
    ),
}


def test_the_tables_are_those_that_are_checked_here() -> None:
    assert published._tables().keys() == PRINTED.keys()
    for table in published._tables().values():
        assert table.keys() == {"source", "note", "figures"}
        assert table["source"].strip()
        assert table["note"].strip()


@pytest.mark.parametrize("table", PRINTED)
def test_figures_are_those_of_the_papers(table: str) -> None:
    metrics, printed = PRINTED[table]
    expected = {
        method: dict(zip(metrics, (float(number) / 100 for number in re.split("[ /]", line)), strict=True))
        for method, line in printed.items()
    }
    found = published_figures(table)
    assert found.keys() == expected.keys()
    for method, figures in expected.items():
        assert found[method] == pytest.approx(figures, abs=1e-9), method


def test_every_method_is_called_as_its_features_or_as_hiero_on_them() -> None:
    features = set(FEATURES.values())
    well_formed = features | {f"HiERO ({name})" for name in features}
    for table in PRINTED.keys() - {"ablation"}:
        assert published_figures(table).keys() <= well_formed | {"OPEL"}
    assert list(published_figures("ablation")) == [row.name for row in ROWS][:4]


def test_the_same_method_on_the_same_features_has_one_figure_in_all_tables() -> None:
    """The ablation's ends are the rows of the other tables."""
    ablation, mcq, procedures = (published_figures(table) for table in ("ablation", "egomcq", "egoprocel"))
    for row, method in (("no training", "EgoVLP"), ("L_vna, threads, L_ft", "HiERO (EgoVLP)")):
        assert ablation[row]["EgoMCQ intra-video accuracy"] == mcq[method]["intra-video accuracy"]
        assert ablation[row]["EgoProceL F1"] == procedures[method]["F1, average"]


def test_averages_are_those_of_their_columns() -> None:
    """To the rounding of both: a figure in the wrong line, or mistyped, is found."""
    for method, figures in published_figures("egoprocel").items():
        for measure in ("F1", "IoU"):
            mean = sum(figures[f"{measure}, {dataset}"] for dataset in DATASETS[1:]) / 6
            assert figures[f"{measure}, average"] == pytest.approx(mean, abs=0.001), (method, measure)


def test_rows_quote_a_table_or_some_of_its_measures() -> None:
    rows = published_rows("egomcq", "EgoMCQ")
    assert len(rows) == 10
    assert {(row.benchmark, row.result, row.note) for row in rows} == {("EgoMCQ", None, "on Ego4D")}
    assert (rows[1].method, rows[1].metric, rows[1].published) == ("EgoVLP", "intra-video accuracy", 0.572)
    some = published_rows("egoprocel", "B", metrics={"F1, CMU"})
    assert [(row.method, row.published) for row in some][:2] == [("OPEL", 0.365), ("Omnivore", 0.447)]
    assert len(some) == 5
    with pytest.raises(KeyError):
        published_rows("another", "B")


def test_figures_are_given_as_they_are_and_cannot_be_changed_for_others() -> None:
    published_figures("egomcq")["EgoVLP"]["inter-video accuracy"] = 1.0
    assert published_figures("egomcq")["EgoVLP"]["inter-video accuracy"] == 0.906


def test_a_run_s_methods_have_the_names_of_the_tables() -> None:
    for features in ("egovlp", "LaViLa-L"):
        for method in (UNTRAINED, HIERO):
            assert published_method(method, features) in published_figures("egomcq")
    assert published_method(HIERO, "omnivore_video_swinl") in published_figures("egomcq")
    assert published_method(UNTRAINED, "omnivore_video_swinl_window-16") in published_figures("egoprocel")
    assert published_method(PROBE, "egovlp") is None
    assert published_method(HIERO, "mine") is None
    assert [has_published_rows(method) for method in (UNTRAINED, PROBE, HIERO)] == [True, False, True]


def row(method: str, metric: str = "intra", **changes: Any) -> dict[str, Any]:
    return {"benchmark": "EgoMCQ", "method": method, "metric": metric, "result": None, "published": 0.5} | changes


def test_the_counterpart_quotes_the_same_measure_of_the_same_method_on_the_same_features() -> None:
    ours = row(HIERO, result={"value": 0.4}, published=None)
    right = row("HiERO (EgoVLP)")
    wrong = [
        row("HiERO (LaViLa)"),
        row("EgoVLP"),
        row("HiERO (EgoVLP)", "inter"),
        row("HiERO (EgoVLP)", benchmark="EgoNLQ"),
        row("HiERO (EgoVLP)", result={"value": 0.3}),
        row("HiERO (EgoVLP)", published=None),
    ]
    assert counterpart(ours, [*wrong, ours, right], "egovlp") is right
    assert counterpart(ours, [*wrong, ours], "egovlp") is None
    assert counterpart(ours, [right], "mine") is None
    assert counterpart(row(PROBE), [right], "egovlp") is None
