"""A run's models side by side: what is loaded, what is compared, what is written of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.egomcq.task import EgoMCQTask, needed_files, open_egomcq
from hiero_lib.config import Profile, load_profile
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED, Method
from hiero_lib.methods.opening import open_methods
from tests.helpers.tiny import make_tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def task(profile: Profile) -> EgoMCQTask:
    return open_egomcq(profile, device=CPU)


def test_every_method_answers_the_same_questions(
    task: EgoMCQTask, methods: dict[str, Method], tmp_path: Path
) -> None:
    assert list(methods) == [UNTRAINED, PROBE, HIERO]
    hiero = methods[HIERO].model
    assert hiero is not None
    assert not hiero.training
    results = task.evaluate(methods, run_folder=tmp_path)
    assert list(results) == list(methods)
    assert all(result.questions == task.questions for result in results.values())
    (section,) = task.sections(results, methods)
    assert (section.name, task.notes(results)) == ("egomcq", [])
    measured = {(row.method, row.metric): row.result for row in section.rows if row.result is not None}
    inter = "inter-video accuracy"
    difference = measured["HiERO minus linear probe", inter]
    assert difference.value == pytest.approx(measured["HiERO", inter].value - measured["linear probe", inter].value)
    assert {metric.n for metric in measured.values()} == {10}
    assert {row.thread_graph for row in section.rows if row.method == HIERO} == {"within_threads"}

    written = task.save_predictions(results, methods, tmp_path)
    names = ["egomcq_untrained_features.json", "egomcq_linear_probe.json", "egomcq_hiero.json"]
    assert [path.name for path in written] == names
    assert all(path.parent == tmp_path / "predictions" for path in written)
    saved = json.loads(written[-1].read_text())
    right = [entry["predicted"] == entry["answer"] for entry in saved if entry["type"] == 1]
    assert sum(right) / len(right) == measured["HiERO", inter].value

    accuracies = task.validate(hiero)
    assert accuracies == {
        "egomcq_inter": measured["HiERO", inter].value,
        "egomcq_intra": measured["HiERO", "intra-video accuracy"].value,
    }


def test_a_method_answers_as_its_scorer_does(task: EgoMCQTask, methods: dict[str, Method]) -> None:
    scorer = methods[PROBE].scorer
    assert scorer is not None
    alone = task.answer(scorer)
    together = task.evaluate({PROBE: methods[PROBE]})[PROBE]
    assert (alone.similarity == together.similarity).all()


def test_a_method_without_a_text_space_is_left_out(task: EgoMCQTask, methods: dict[str, Method]) -> None:
    bare = Method(**{**vars(methods[UNTRAINED]), "scorer": None})
    assert list(task.evaluate({UNTRAINED: bare, HIERO: methods[HIERO]})) == [HIERO]


def test_checkpoints_of_one_kind_have_files_side_by_side(
    task: EgoMCQTask, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    given = {f"outputs/{name}/best": checkpoints["hiero"] for name in "ab"}
    methods = open_methods(task.profile, checkpoints=given, device=CPU)
    written = task.save_predictions(task.evaluate(methods), methods, tmp_path)
    assert len({path.name for path in written}) == 3
    assert all(path.parent == tmp_path / "predictions" and path.is_file() for path in written)


def test_the_summary_counts_and_the_needed_file_is_the_questions(task: EgoMCQTask, root: Path) -> None:
    assert needed_files(task.profile) == [root / "raw/annotations/egomcq.json"]
    assert task.summary().startswith("EgoMCQ: 20 of 20 questions")


def test_no_question_left_is_an_error(tmp_path: Path) -> None:
    profile = load_profile(make_tiny(tmp_path / "data"))
    for path in (tmp_path / "data/raw/features/tiny").glob("v[0-7].pt"):
        path.unlink()
    with pytest.raises(DataError, match=r"egomcq\.json: not one of 20 questions"):
        open_egomcq(profile, device=CPU)
