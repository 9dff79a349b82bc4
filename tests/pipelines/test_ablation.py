"""The paper's ablation at a tiny size: what a row is, and what stands in the table."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from hiero_lib.base.errors import ConfigError
from hiero_lib.benchmarks.egomcq.task import open_egomcq
from hiero_lib.benchmarks.goalstep.score import ZERO_SHOT, Answers, StepGroundingReport
from hiero_lib.benchmarks.grounding.metrics import GroundingScores
from hiero_lib.config import Profile, load_profile
from hiero_lib.data.paths import DataPaths
from hiero_lib.methods.method import Method
from hiero_lib.methods.opening import open_methods
from hiero_lib.models.checkpoints import read_card
from hiero_lib.pipelines import ablation
from hiero_lib.pipelines.ablation import (
    F1,
    GROUNDING,
    IOU,
    MCQ_INTER,
    MCQ_INTRA,
    MEASURES,
    R1_LOOSE,
    R1_STRICT,
    ROWS,
    ablation_rows,
    cell_name,
    cells_of,
)
from hiero_lib.pipelines.sweep import SweepResult, run_sweep
from hiero_lib.results.entries import entries
from hiero_lib.results.metric import Metric
from hiero_lib.results.published import published_figures
from hiero_lib.results.record import load, record
from hiero_lib.results.tables import markdown
from tests.helpers.tiny import add_egoprocel, add_goalstep, make_tiny
from tests.results.test_tables import lines_of

SEEDS = (1, 2)
TWO_ROWS = (ROWS[1], ROWS[3])  # L_vna, and everything


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    root = tmp_path_factory.mktemp("tiny")
    profile = make_tiny(root, features__text_projection=None, training__epochs=1)
    add_egoprocel(root)
    add_goalstep(root)
    return load_profile(profile)


def result_for(values: dict[str, float], rows: tuple = ROWS, seeds: tuple[int, ...] = SEEDS) -> SweepResult:
    """As if every cell had found ``values``, a hundredth more for each seed."""
    found = SweepResult()
    for row in rows:
        for seed in seeds if row.settings is not None else seeds[:1]:
            measured = [
                {
                    "metric": metric,
                    "result": {"value": value + seed / 100, "n": 9, "excluded": 1},
                    "note": "",
                    "thread_graph": None,
                }
                for metric, value in values.items()
            ]
            found.done[cell_name(row, seed)] = {"rows": measured}
    return found


def test_rows_train_what_they_say(tiny: Profile) -> None:
    none, vna, threads, everything, without_self, released = [row.apply(tiny, 5) for row in ROWS]
    assert {profile.training.seed for profile in (none, vna, threads, everything, released)} == {5}
    assert (vna.model.threads, vna.loss.ft_weight) == (False, 0.0)
    assert (threads.model.threads, threads.loss.ft_weight) == (True, 0.0)
    assert (everything.model.threads, everything.loss.ft_weight) == (True, 1.0)
    assert (everything.model.thread_graph, released.model.thread_graph) == ("within_threads", "released")
    assert dataclasses.replace(released, model=everything.model) == everything
    assert (everything.loss.ft_self_pair, without_self.loss.ft_self_pair) == (True, False)
    assert dataclasses.replace(without_self, loss=everything.loss) == everything


@pytest.mark.slow
def test_two_rows_two_seeds_resumed_after_a_killed_cell(tiny: Profile, tmp_path: Path) -> None:
    cells = cells_of(tiny, tmp_path, seeds=SEEDS, rows=TWO_ROWS)
    with ThreadPoolExecutor(1) as here:
        first = run_sweep(cells[:1], executor=here, say=[].append)
        assert not first.failed
        made = (cells[0].folder / "cell.json").stat().st_mtime_ns
        cells[1].folder.mkdir(parents=True)
        (cells[1].folder / ".cell.json.x.tmp").mkdir()  # as a kill while it was written leaves it
        found = run_sweep(cells[:3], executor=here, say=[].append)
    found = run_sweep(cells, workers=1, say=[].append)  # the last in a process of its own
    assert not found.failed
    assert len(found.done) == 4
    assert (cells[0].folder / "cell.json").stat().st_mtime_ns == made
    cards = [read_card(next((cell.folder / "checkpoints").glob("step-*"))) for cell in cells]
    assert [card.model.threads for card in cards] == [False, True, False, True]

    record(tmp_path, "ablation", ablation_rows(found, tiny, seeds=SEEDS, rows=TWO_ROWS), profile=tiny, seconds=1)
    details = markdown([load(tmp_path)]).split("<details>")[1]
    measured = [line for line in lines_of(details) if line["data"] == "sample"]
    metrics = [MCQ_INTER, MCQ_INTRA, F1, IOU, R1_LOOSE, R1_STRICT, GROUNDING]
    assert [line["metric"] for line in measured] == metrics * 2
    assert [line["method"] for line in measured] == ["L_vna"] * 7 + ["L_vna, threads, L_ft"] * 7
    assert [line["thread graph"] for line in measured] == [""] * 7 + ["within_threads"] * 7
    assert all(" ± " in line["here"] and line["seed"] == "1, 2" for line in measured)
    assert [line["n"] for line in measured[:7]] == ["10", "10", "4", "4", "5", "5", "5"]

    again = cells_of(tiny, tmp_path, seeds=SEEDS, rows=TWO_ROWS, measures=["egomcq"])
    assert [cell.folder for cell in again] == [cell.folder for cell in cells]  # trained once, measured anew
    assert {cell.fingerprint for cell in again}.isdisjoint({cell.fingerprint for cell in cells})


def test_measures_are_those_of_the_benchmarks_where_a_method_can_be_measured(tiny: Profile) -> None:
    device = torch.device("cpu")
    (bare,) = open_methods(tiny, checkpoints={}, device=device).values()
    metrics = {name: [row.metric for row in measure(tiny, bare)] for name, measure in MEASURES.items()}
    assert metrics == {
        "egomcq": [],
        "egoprocel": [F1, IOU],
        "grounding": [],
        "threads": [],
    }  # no text space, no truth

    root = Path(tiny.data_root)
    torch.save({"weight": torch.randn(12, 384), "bias": torch.zeros(12)}, root / "p.pth")
    spoken = dataclasses.replace(tiny, features=dataclasses.replace(tiny.features, text_projection="p.pth"))
    (method,) = open_methods(spoken, checkpoints={}, device=device).values()
    values = {
        row.metric: row.result.value for measure in MEASURES.values() for row in measure(spoken, method) if row.result
    }
    assert list(values) == [MCQ_INTER, MCQ_INTRA, F1, IOU, R1_LOOSE, R1_STRICT, GROUNDING]
    assert method.scorer is not None
    accuracies = open_egomcq(spoken, device=device).answer(method.scorer).metrics()
    assert values[MCQ_INTRA] == accuracies["intra"].value


def test_grounding_is_the_first_answer_at_both_thresholds_and_their_mean(
    tiny: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    recall = {(1, 0.3): 0.4, (1, 0.5): 0.1, (5, 0.3): 0.9}
    scores = GroundingScores(recall, 0.2, n=7, excluded=2, per_query={})
    answers = Answers({}, StepGroundingReport(7, {}), {ZERO_SHOT: scores})
    asked = []
    task = SimpleNamespace(ground=lambda method, split, strategies: asked.append((split, [*strategies])) or answers)
    monkeypatch.setattr(ablation, "open_goalstep", lambda profile, device: task)
    method = Method("HiERO", None, None, None, object(), None, "")  # type: ignore[arg-type]
    rows = ablation.measure_grounding(tiny, method)
    assert asked == [("val", [ZERO_SHOT])]
    assert {row.metric: row.result for row in rows} == {
        R1_LOOSE: Metric(0.4, 7, 2),
        R1_STRICT: Metric(0.1, 7, 2),
        GROUNDING: Metric(0.25, 7, 2),
    }


def test_what_is_not_trained_is_measured_once_and_again_on_other_data(tmp_path: Path) -> None:
    own = load_profile(make_tiny(tmp_path / "data", features__text_projection=None))
    cells = cells_of(own, tmp_path, seeds=SEEDS)
    assert [cell.name for cell in cells[:2]] == ["no training", "L_vna, seed 1"]
    assert len(cells) == 1 + 2 * (len(ROWS) - 1)
    assert cells_of(own, tmp_path, seeds=[7])[0].fingerprint == cells[0].fingerprint
    egoclip = DataPaths.at(tmp_path / "data").egoclip
    egoclip.write_text(egoclip.read_text().replace("#C C", "#C D", 1))
    again = cells_of(own, tmp_path, seeds=SEEDS)
    assert {cell.folder for cell in again}.isdisjoint({cell.folder for cell in cells})
    assert {cell.fingerprint for cell in again}.isdisjoint({cell.fingerprint for cell in cells})


def test_figures_of_the_paper_stand_below_on_the_sample_and_beside_on_its_features(
    tiny: Profile, tmp_path: Path
) -> None:
    values = {MCQ_INTRA: 0.58, F1: 0.4, GROUNDING: 0.11}
    rows = ablation_rows(result_for(values), tiny, seeds=SEEDS)
    assert sum(row.result is None for row in rows) == sum(map(len, published_figures("ablation").values())) == 12
    record(tmp_path / "s", "ablation", rows, profile=tiny, seconds=1)
    assert all(entry.difference is None for entry in entries(load(tmp_path / "s")))

    features = dataclasses.replace(tiny.features, folder="egovlp")
    real = dataclasses.replace(tiny, is_sample=False, features=features)
    rows = ablation_rows(result_for(values), real, seeds=SEEDS)
    record(tmp_path / "r", "ablation", rows, profile=real, seconds=1)
    first = entries(load(tmp_path / "r"))[0]
    assert (first.published, first.here, first.spread) == (0.572, pytest.approx(0.59), None)
    assert first.difference == pytest.approx(0.018)
    trained = next(entry for entry in entries(load(tmp_path / "r")) if entry.method == "L_vna")
    assert (trained.published, trained.here, trained.seed) == (0.595, pytest.approx(0.595), "1, 2")
    assert trained.spread == pytest.approx(0.01 / 2**0.5)
    assert "57.20" in markdown([load(tmp_path / "r")]).split("<details>")[0]


def test_a_failed_seed_is_said(tiny: Profile) -> None:
    found = result_for({MCQ_INTRA: 0.5})
    del found.done["L_vna, seed 2"]
    found.failed["L_vna, seed 2"] = "ValueError: no"
    row = next(row for row in ablation_rows(found, tiny, seeds=SEEDS) if row.method == "L_vna")
    assert (row.seed, row.spread, row.note) == ((1,), None, "failed with seed 2")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": []}, "'seeds'.*at least one"),
        ({"seeds": [1, 1]}, r"'seeds', value \[1, 1\]"),
        ({"measures": ["mcq"]}, "'measures', value 'mcq'.*egomcq"),
        ({"rows": []}, "'rows'"),
    ],
)
def test_a_mistake_is_refused_before_anything_runs(
    changes: dict, message: str, tiny: Profile, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        cells_of(tiny, tmp_path, **({"seeds": [1]} | changes))
