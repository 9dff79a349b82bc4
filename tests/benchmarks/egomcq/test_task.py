"""A run's models side by side: what is loaded, what is compared, what the table says of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import write_json
from hiero_lib.benchmarks.egomcq import task as scoring
from hiero_lib.benchmarks.egomcq.score import EgoMCQResult
from hiero_lib.benchmarks.egomcq.task import EgoMCQTask, open_egomcq
from hiero_lib.benchmarks.thread_recovery.score import ThreadRecovery
from hiero_lib.config import load_profile
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED, open_methods
from tests.helpers.tiny import make_checkpoint, make_tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> EgoMCQTask:
    root = tmp_path_factory.mktemp("scoring")
    profile = load_profile(make_tiny(root / "data", features__text_projection="p.pth"))
    generator = torch.Generator().manual_seed(0)
    weights = {"weight": torch.randn(12, 384, generator=generator), "bias": torch.zeros(12)}
    torch.save(weights, root / "data" / "p.pth")
    return open_egomcq(profile, device=CPU)


def test_every_method_answers_the_same_questions(task: EgoMCQTask, tmp_path: Path) -> None:
    checkpoints = {name: make_checkpoint(tmp_path / name, task.profile, name) for name in ("probe", "hiero")}
    methods = open_methods(task.profile, checkpoints=checkpoints, device=CPU, text=task.text)
    assert list(methods) == [UNTRAINED, PROBE, HIERO]
    hiero = methods[HIERO].model
    assert hiero is not None
    assert not hiero.training
    results = {name: task.evaluate(method.scorer) for name, method in methods.items() if method.scorer is not None}
    rows = scoring.egomcq_rows(results)
    measured = {(row.method, row.metric): row.result for row in rows if row.result is not None}
    inter = "inter-video accuracy"
    difference = measured["HiERO minus linear probe", inter]
    assert difference.value == pytest.approx(measured["HiERO", inter].value - measured["linear probe", inter].value)
    assert {metric.n for metric in measured.values()} == {10}
    quoted = {(row.method, row.metric): row.published for row in rows if row.result is None}
    assert quoted["HiERO (EgoVLP)", "intra-video accuracy"] == 0.596
    assert len(quoted) == 10

    written = scoring.save_predictions(results, tmp_path)
    names = ["egomcq_untrained_features.json", "egomcq_linear_probe.json", "egomcq_hiero.json"]
    assert [path.name for path in written] == names
    assert all(path.parent == tmp_path / "predictions" for path in written)

    header, shown = scoring.question_table(results, count=4)
    assert header == ["query", "type", "right clip", *results]
    assert len(shown) == 4
    assert len(scoring.question_table(results, count=99)[1]) == 20

    accuracies = task.validate(hiero)
    assert accuracies == {
        "egomcq_inter": measured["HiERO", inter].value,
        "egomcq_intra": measured["HiERO", "intra-video accuracy"].value,
    }


def test_checkpoints_of_one_kind_have_files_side_by_side(task: EgoMCQTask, tmp_path: Path) -> None:
    checkpoints = {f"outputs/{name}/best": make_checkpoint(tmp_path / name, task.profile, "hiero") for name in "ab"}
    methods = open_methods(task.profile, checkpoints=checkpoints, device=CPU, text=task.text)
    results = {name: task.evaluate(method.scorer) for name, method in methods.items() if method.scorer is not None}
    written = scoring.save_predictions(results, tmp_path)
    assert len({path.name for path in written}) == 3
    assert all(path.parent == tmp_path / "predictions" and path.is_file() for path in written)


def test_the_question_table_marks_right_and_wrong(task: EgoMCQTask) -> None:
    questions = task.questions[:2]
    similarity = np.zeros((2, 5), dtype=np.float32)
    similarity[0, questions[0].answer] = 0.9
    similarity[1, (questions[1].answer + 1) % 5] = 0.8
    result = EgoMCQResult(questions, similarity, task.report, task.profile.egomcq)
    _, ((*_, right), (*_, wrong)) = scoring.question_table({"m": result}, count=2)
    assert right == f"✓ {questions[0].answer} (0.90)"
    assert wrong == f"✗ {(questions[1].answer + 1) % 5} (0.80, right: 0.00)"


def test_no_question_left_is_an_error(tmp_path: Path) -> None:
    profile = load_profile(make_tiny(tmp_path / "data"))
    for path in (tmp_path / "data/raw/features/tiny").glob("v[0-7].pt"):
        path.unlink()
    with pytest.raises(DataError, match=r"egomcq\.json: not one of 20 questions"):
        open_egomcq(profile, device=CPU)


def test_only_held_out_videos_with_threads_can_be_compared(tmp_path: Path) -> None:
    """Real data have no truth, and a sample of timelines one without threads."""
    profile = load_profile(make_tiny(tmp_path / "data"))
    assert scoring.held_out_videos(profile, device=CPU) == ({}, {})
    span = {"start_s": 0.0, "end_s": 9.0, "id": 3, "text": "washing up"}
    for uid, split, threads in (("v0", "val", [span]), ("v1", "val", []), ("v2", "train", [span])):
        levels = {"action": [], "step": [], "thread": threads, "procedure": []}
        truth = {"version": 1, "video_uid": uid, "split": split, "scenario": "", "duration_s": 9.0, "levels": levels}
        write_json(tmp_path / "data" / "truth" / f"{uid}.json", truth)
    videos, truths = scoring.held_out_videos(profile, device=CPU)
    assert list(videos) == list(truths) == ["v0"]


def test_the_typical_video_is_the_median_one() -> None:
    scores = {"HiERO": [np.array([0.9, 0.1, 0.5, 0.4, 0.7])]}
    threads = {"HiERO": [{uid: (np.zeros(1), np.zeros(1)) for uid in "abcde"}]}
    recovery = ThreadRecovery(scores, threads)
    assert scoring.typical_video(recovery, method="HiERO", level=0) == "c"
    header, rows = scoring.thread_table(recovery)
    assert header == ["method", "level 0"]
    assert rows[0][1].startswith("52.0 (")
    (row,) = scoring.thread_rows(recovery)
    assert (row.method, row.metric, row.result.n if row.result else None) == ("HiERO", "level 0", 5)
