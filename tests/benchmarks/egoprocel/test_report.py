"""EgoProceL for people: tables, files of clusters, and clusters in the colours of their key-steps."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from hiero_lib.benchmarks.egoprocel import report as procedure_report
from hiero_lib.benchmarks.egoprocel.report import BACKGROUND
from hiero_lib.benchmarks.egoprocel.scoring import RANDOM, UNIFORM, ProcedureTask, open_egoprocel
from hiero_lib.benchmarks.egoprocel.task import AVERAGE, ProcedureResult
from hiero_lib.config import load_profile
from hiero_lib.methods.method import UNTRAINED, open_methods
from hiero_lib.viz.timeline import plot_timeline
from tests.helpers.tiny import add_egoprocel, make_tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> ProcedureTask:
    root = tmp_path_factory.mktemp("report") / "data"
    profile = load_profile(make_tiny(root, videos=2, segments=8, features__text_projection=None))
    add_egoprocel(root)
    return open_egoprocel(profile, device=CPU)


@pytest.fixture(scope="module")
def results(task: ProcedureTask) -> dict[str, ProcedureResult]:
    return task.evaluate_all(open_methods(task.profile, checkpoints={}, device=CPU))


def test_tables(results: dict[str, ProcedureResult]) -> None:
    header, rows = procedure_report.dataset_table(results)
    columns = ["MECCANO (2)", "EGTEA (1)", "CMU (1)", "average over all labels", "runs a video (true: 6)"]
    assert header == ["method", AVERAGE, *columns]
    assert rows[1][-1] == "7"
    assert [row[0] for row in rows] == [RANDOM, UNIFORM, UNTRAINED]
    result = results[UNTRAINED]
    assert rows[-1][1] == f"{100 * result.value('F1'):.1f} / {100 * result.value('IoU'):.1f}"
    header, rows = procedure_report.task_table(results)
    assert header == ["dataset", "task", "videos", RANDOM, UNIFORM, UNTRAINED]
    assert [row[:3] for row in rows] == [["MECCANO", "MECCANO", "2"], ["EGTEA", "Pizza", "1"], ["CMU", "Eggs", "1"]]


def test_clusters_are_written_as_runs_of_frames(results: dict[str, ProcedureResult], tmp_path: Path) -> None:
    paths = procedure_report.save_clusters(results, tmp_path)
    assert [path.name for path in paths] == [
        "egoprocel_random_clusters.json",
        "egoprocel_uniform_pieces.json",
        "egoprocel_untrained_features.json",
    ]
    saved, entry = json.loads(paths[-1].read_text())["videos"][0], results[UNTRAINED].videos[0]
    assert (saved["runs"][0][0], saved["runs"][-1][1]) == (0, 959)
    assert all(before[1] + 1 == after[0] for before, after in itertools.pairwise(saved["runs"]))
    assert saved["matched"] == {str(cluster): label for cluster, label in entry.matched.items()}
    frames = np.concatenate([np.full(last + 1 - first, cluster) for first, last, cluster in saved["runs"]])
    np.testing.assert_array_equal(frames[1::2], entry.predicted)


def test_what_is_kept_beside_the_rows(task: ProcedureTask, results: dict[str, ProcedureResult]) -> None:
    extra = procedure_report.extra(task, results)
    assert extra["excluded"]["videos without features"] == []
    assert len(extra["excluded"]["tasks without labels"]) == 13
    assert extra["tasks"]["EGTEA/Pizza"][UNTRAINED]["F1"] == results[UNTRAINED].tasks["EGTEA", "Pizza"].f1
    json.dumps(extra, allow_nan=False)
    assert procedure_report.excluded_line(results) == "4 videos scored, 0 left out (labels without features)"


def test_videos_for_pictures_are_spread_over_the_ranking(results: dict[str, ProcedureResult]) -> None:
    result = results[UNTRAINED]
    ranked = [entry.video.video_uid for entry in sorted(result.videos, key=lambda entry: entry.scores.f1)]
    assert procedure_report.typical_videos(result, count=4) == ranked
    assert procedure_report.typical_videos(result, count=1) == [ranked[2]]
    assert procedure_report.typical_videos(result, count=9) == ranked  # no more than there are


def test_a_cluster_has_the_number_of_its_key_step(results: dict[str, ProcedureResult]) -> None:
    truth, found, pieces = procedure_report.keystep_rows(results, "a", methods=[UNTRAINED, UNIFORM])
    assert truth.names == {BACKGROUND: "background", 1: "step 1", 2: "step 2", 3: "step 3"}
    assert [span.label for span in truth.spans] == [BACKGROUND, 1, BACKGROUND, 2, BACKGROUND, 3]
    assert truth.spans[-1].end_s == pytest.approx(32.0)  # 960 frames at 30 per second
    entry = procedure_report.of_video(results[UNTRAINED], "a")
    seconds = {label: 0.0 for label in entry.matched.values()}
    for span in found.spans:
        if span.label <= 17:
            seconds[max(span.label, 0)] += span.length_s
    for cluster, label in entry.matched.items():
        assert seconds[label] == pytest.approx((entry.predicted == cluster).sum() / 15)
    unmatched = [span.label for span in pieces.spans if span.label > 17]
    assert {pieces.names[label] for label in unmatched} == {"no key-step"}
    assert len({span.label for span in pieces.spans}) == 7
    assert procedure_report.video_title(results[UNTRAINED], "a") == "Key-steps of a (MECCANO)"
    assert procedure_report.video_title(results[UNTRAINED], "c") == "Key-steps of c (EGTEA, Pizza)"
    figure = plot_timeline([truth, found, pieces], title="a")
    assert {"1 step 1", "background"} <= {trace.name for trace in figure.data}
