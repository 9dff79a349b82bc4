"""HiERO-StepG: every part against the authors' numbers, and against slow literal readings of the method."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from hiero_lib.benchmarks.grounding.stepg import (
    coarse_runs,
    coarse_similarity,
    filled_up,
    fuse,
    fused_similarity,
    grow_peaks,
    grown_spans,
    highest_segments,
    query_peaks,
    segments_back,
    segments_of,
    stepg,
    stepg_ablation,
    suppress,
    viterbi_order,
    widen,
)
from hiero_lib.benchmarks.grounding.zero_shot import VideoFeatures, cosine
from hiero_lib.config import StepGConfig
from tests.helpers.clusterings import by_axis


@dataclass
class Case:
    """One video of ``golden/stepg.*``."""

    name: str
    features: VideoFeatures
    queries: Tensor
    similarity: Tensor
    config: StepGConfig
    raw: dict[str, Any]

    def cluster(self, x: Tensor, n_clusters: int, temperature: float) -> Tensor:
        """The recorded ids."""
        assert (x is self.features.coarse, n_clusters) == (True, self.config.coarse_clusters)
        return torch.tensor(self.raw["coarse_ids"])


@pytest.fixture
def cases(golden: Path) -> list[Case]:
    return list(read_cases(golden))


def read_cases(golden: Path) -> Iterator[Case]:
    document, tensors = json.loads((golden / "stepg.json").read_text()), load_file(golden / "stepg.safetensors")
    s = document["settings"]
    config = StepGConfig(
        coarse_weight=round(1 - s["alpha"], 6),
        coarse_clusters=s["n_clusters"],
        coarse_longer_than=s["longer_than"],
        window=s["nms_window"],
        peaks=s["top_k"],
        ratios=tuple(s["ratios"]),
        ceiling=s["ceiling"],
        patience=s["patience"],
        reach=s["reach"],
        min_length_s=float(s["min_duration_s"]),
        duplicate_iou=s["duplicate_iou"],
        answers=s["answers"],
    )
    for raw in document["cases"]:
        name = raw["name"]
        fine, coarse, queries, similarity = (
            tensors[f"{name}.{key}"] for key in ("fine", "coarse", "queries", "similarity")
        )
        features = VideoFeatures(fine, coarse, raw["stride_s"], raw["clip_start_s"])
        yield Case(name, features, queries, similarity, config, raw)


def test_the_settings_of_the_authors_are_the_defaults() -> None:
    assert {case.config for case in read_cases(Path(__file__).parents[2] / "golden")} == {StepGConfig()}


def test_golden_coarse_runs(cases: list[Case]) -> None:
    for case in cases:
        runs = coarse_runs(np.array(case.raw["coarse_ids"]), longer_than=case.config.coarse_longer_than)
        assert [list(run) for run in runs] == case.raw["coarse_runs"], case.name


def test_golden_fused_similarity(cases: list[Case]) -> None:
    for case in cases:
        fine, fused = fused_similarity(case.features, case.queries, config=case.config, cluster=case.cluster)
        torch.testing.assert_close(fused, case.similarity, rtol=1e-5, atol=1e-5, msg=case.name)
        assert fine.shape == fused.shape


def test_golden_viterbi_nodes(cases: list[Case]) -> None:
    for case in cases:
        back = segments_back(case.config.order_slack_s, case.features.stride_s)
        assert viterbi_order(case.similarity.numpy(), back=back).tolist() == case.raw["path"], case.name


def test_golden_peaks(cases: list[Case]) -> None:
    for case in cases:
        c = case.config
        path = np.array(case.raw["path"])
        peaks = query_peaks(case.similarity.numpy(), path, count=c.peaks, window=c.window, margin=c.margin)
        assert peaks == case.raw["peaks"], case.name


def test_golden_spans_before_suppression(cases: list[Case]) -> None:
    for case in cases:
        fine = cosine(case.queries, case.features.fine).double().numpy()
        for line, peaks, expected in zip(fine, case.raw["peaks"], case.raw["spans"], strict=True):
            start, stride = case.raw["clip_start_s"], case.features.stride_s
            spans = grown_spans(line, peaks, config=case.config, stride_s=stride, earliest_s=start)
            np.testing.assert_allclose(spans - start, expected, rtol=0, atol=1e-4, err_msg=case.name)


def test_golden_predicted_times(cases: list[Case]) -> None:
    for case in cases:
        config = replace(case.config, released_times=True)
        answers = stepg(case.features, case.queries, config=config, cluster=case.cluster)
        np.testing.assert_allclose(answers, case.raw["predicted_times"], rtol=0, atol=1e-4, err_msg=case.name)


def test_times_are_those_of_the_annotations_unless_the_released_ones_are_asked_for(cases: list[Case]) -> None:
    for case in cases:
        on_timeline = stepg(case.features, case.queries, config=case.config, cluster=case.cluster)
        for start in (0.0, 2.0 * case.features.stride_s):
            moved = replace(case.features, clip_start_s=start)
            assert stepg(moved, case.queries, config=case.config, cluster=case.cluster) == on_timeline
            # without widening, which stops at the clip's start
            config = replace(case.config, released_times=True, min_length_s=0.0)
            plain = replace(case.config, min_length_s=0.0)
            released = stepg(moved, case.queries, config=config, cluster=case.cluster)
            expected = np.array(stepg(moved, case.queries, config=plain, cluster=case.cluster)) - start
            np.testing.assert_allclose(released, expected, rtol=0, atol=1e-9)


def test_runs_by_hand_as_released_and_correct() -> None:
    ids = np.array([3, 3, 1, 2, 2, 2, 0, 0])
    assert coarse_runs(ids) == [(0, 2), (3, 3), (5, 2)]
    assert coarse_runs(ids, released=False) == [(0, 2), (3, 3), (6, 2)]
    assert coarse_runs(ids, released=False, longer_than=0) == [(0, 2), (2, 1), (3, 3), (6, 2)]
    assert coarse_runs(np.zeros(4, dtype=int)) == []
    assert coarse_runs(np.zeros(4, dtype=int), released=False) == [(0, 4)]
    assert coarse_runs(np.arange(5)) == []


def test_segments_of_a_run_are_rounded_down() -> None:
    assert segments_of((1, 2), num_segments=10, num_nodes=3) == (3, 10)
    assert segments_of((0, 1), num_segments=10, num_nodes=3) == (0, 3)


def test_coarse_similarity_by_hand() -> None:
    coarse = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    fine = torch.tensor([[0.0, 1.0]]).expand(12, 2)
    features = VideoFeatures(fine, coarse, 0.5)
    spread = coarse_similarity(features, torch.eye(2), [(0, 2)])
    assert spread.tolist() == [[1.0] * 8 + [-1.0] * 4, [0.0] * 8 + [-1.0] * 4]
    # the later of two runs that overlap counts
    assert coarse_similarity(features, torch.eye(2), [(0, 2), (1, 2)])[0, 4:].unique().numel() == 1
    of_segments = coarse_similarity(features, torch.eye(2), [(0, 2)], level0=True)
    assert of_segments.tolist() == [[0.0] * 8 + [-1.0] * 4, [1.0] * 8 + [-1.0] * 4]


def test_only_the_fine_similarity_where_no_run_is_left() -> None:
    features = VideoFeatures(torch.randn(12, 3), torch.eye(3), 0.5)
    for config in (StepGConfig(), StepGConfig(use_coarse=False)):
        fine, fused = fused_similarity(features, torch.eye(3), config=config, cluster=by_axis)
        assert torch.equal(fine, fused)


def test_the_settings_of_the_coarse_level_change_the_similarity() -> None:
    g = torch.Generator().manual_seed(0)
    coarse = torch.eye(3)[[0] * 4 + [1] * 5 + [2] * 3] + 0.3 * torch.rand(12, 3, generator=g)
    features = VideoFeatures(torch.randn(48, 3, generator=g), coarse, 0.5)

    def fused(**changed: Any) -> Tensor:
        return fused_similarity(features, torch.eye(3), config=StepGConfig(**changed), cluster=by_axis)[1]

    assert (fused()[:, 44:] < fused(released_runs=False)[:, 44:]).all()  # the last node is in no run, as released
    assert not torch.equal(fused(), fused(coarse_features="level0"))
    assert torch.equal(fused(coarse_longer_than=4, released_runs=False)[:, :16], fused(coarse_longer_than=4)[:, :16])
    assert not torch.equal(fused(coarse_longer_than=4), fused())


def test_fusion_by_hand() -> None:
    assert fuse(torch.tensor([[1.0]]), torch.tensor([[0.5]]), coarse_weight=0.3).item() == pytest.approx(0.85)


@pytest.mark.parametrize("back", [0, 1, 3, 20])
@pytest.mark.parametrize("seed", range(6))
def test_viterbi_equals_trying_all_orders(seed: int, back: int) -> None:
    similarity = np.random.default_rng(seed).normal(size=(4, 7))
    allowed = [p for p in product(range(7), repeat=4) if all(p[i + 1] >= p[i] - back for i in range(3))]
    best = max(allowed, key=lambda p: sum(similarity[q, n] for q, n in enumerate(p)))
    assert viterbi_order(similarity, back=back).tolist() == list(best)


def slow_viterbi(similarity: np.ndarray, back: int) -> list[int]:
    """Every earlier segment of every segment tried in turn."""
    q, n = similarity.shape
    total, came_from = [[float(s) for s in similarity[0]]], []
    for step in range(1, q):
        chosen = []
        for j in range(n):
            places = range(min(j + back, n - 1) + 1)
            chosen.append(max(places, key=lambda i: total[-1][i]))
        came_from.append(chosen)
        total.append([float(similarity[step, j]) + total[-1][chosen[j]] for j in range(n)])
    path = [max(range(n), key=lambda i: total[-1][i])]
    for chosen in reversed(came_from):
        path.append(chosen[path[-1]])
    return path[::-1]


@pytest.mark.parametrize("seed", range(12))
def test_viterbi_equals_the_slow_one_with_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    similarity = rng.integers(-4, 5, size=(rng.integers(1, 12), rng.integers(1, 60))) / 4
    back = int(rng.integers(0, 4))
    assert viterbi_order(similarity, back=back).tolist() == slow_viterbi(similarity, back)


def test_viterbi_of_one_step_and_of_one_segment() -> None:
    assert viterbi_order(np.array([[0.1, 0.9, 0.3]])).tolist() == [1]
    assert viterbi_order(np.zeros((3, 1)), back=2).tolist() == [0, 0, 0]


def test_seconds_back_are_whole_segments() -> None:
    assert segments_back(1.0, 16 / 30) == 1
    assert segments_back(1.0, 0.1) == 10
    assert segments_back(0.9, 1.0) == 0


def test_repeated_argmax_by_hand() -> None:
    lines = np.array([[0.1, 0.5, 0.4, 0.9, 0.2, 0.3, 0.3, 0.0, 0.8], [-np.inf] * 8 + [0.0]])
    assert highest_segments(lines, window=1) == [[3, 8, 1, 5], [8]]
    assert highest_segments(lines, window=2, count=2) == [[3, 8], [8]]
    assert highest_segments(lines, window=20) == [[3], [8]]
    assert highest_segments(np.zeros((1, 4)), window=1) == [[0, 2]]


def test_peaks_near_the_order_come_before_the_rest() -> None:
    lines = np.full((3, 40), -np.inf)
    lines[1, [5, 12, 20, 26, 38]] = 0.9, 0.5, 0.4, 0.6, 0.8
    path = np.array([14, 20, 24])
    near = query_peaks(lines, path, count=5, window=3, margin=2)[1]
    assert near[:3] == [20, 26, 12]  # the bounds are included
    assert near[3:5] == [5, 38]
    assert query_peaks(lines, path, count=5, window=3, margin=1)[1] == [20, 5, 38, 26, 12]
    # 26, too near to 24, is one of the two highest there: 20 does not move up
    assert query_peaks(lines, np.array([14, 24, 24]), count=2, window=3, margin=2)[1] == [24, 12, 5, 38]
    assert query_peaks(lines, None, count=2, window=3)[1] == [5, 38]


def slow_growth(
    line: np.ndarray, peak: int, *, ratio: float, ceiling: float, patience: int, reach: int
) -> tuple[int, int]:
    """One segment after the other, left and right."""
    threshold = max(min(ratio * line[peak], ceiling), 0)
    ends = []
    for side in (-1, 1):
        end, low = peak, 0
        for step in range(1, reach + 1):
            at = peak + side * step
            if not 0 <= at < len(line):
                break
            if line[at] >= threshold:
                end, low = at, 0
            else:
                low += 1
                if low > patience:
                    break
        ends.append(end)
    return ends[0], ends[1]


@pytest.mark.parametrize("seed", range(20))
def test_growing_equals_the_slow_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 120))
    line = rng.normal(0.3, 0.3, size=n).round(1)
    peaks = rng.integers(0, n, size=8).tolist()
    settings = {"ceiling": 0.4, "patience": int(rng.integers(0, 5)), "reach": int(rng.integers(1, 40))}
    ratios = (0.5, 0.6, 0.4, 1.0)
    first, last = grow_peaks(line, peaks, ratios=ratios, **settings)
    for i, peak in enumerate(peaks):
        for j, ratio in enumerate(ratios):
            assert (first[i, j], last[i, j]) == slow_growth(line, peak, ratio=ratio, **settings)


def test_growing_stops_below_the_threshold_but_steps_over_short_dips() -> None:
    line = np.array([0.0, 0.3, 0.0, 0.0, 0.0, 0.5, 0.8, 0.5, 0.1, 0.1, 0.1, 0.45, 0.1, 0.1, 0.1, 0.1, 0.7])

    def grow(ratio: float, line: np.ndarray = line, peak: int = 6, **settings: Any) -> tuple[int, int]:
        first, last = grow_peaks(line, [peak], ratios=[ratio], **settings)
        return int(first[0, 0]), int(last[0, 0])

    # The threshold is 0.5 * 0.8: three low segments are stepped over to the right, then four are too many.
    assert grow(0.5) == (5, 11)
    assert grow(0.5, patience=2) == (5, 7)
    assert grow(0.3) == (1, 11)
    assert grow(0.9, ceiling=1.0) == (6, 6)
    assert grow(0.9, ceiling=0.5) == (5, 7)
    assert grow(0.5, np.ones(50), 20, reach=10) == (10, 30)
    assert grow(0.5, np.full(9, -0.5), 4) == (4, 4)  # the threshold is never below 0


def test_short_spans_are_widened_around_their_middle() -> None:
    spans = [(10.0, 13.0), (10.0, 11.0), (0.0, 0.5), (59.5, 60.0)]
    assert widen(spans, min_length_s=2.0).tolist() == [[10.0, 13.0], [9.5, 11.5], [0.0, 1.25], [58.75, 60.75]]
    assert widen([(3.0, 4.0), (0.0, 5.0)], min_length_s=2.0, earliest_s=2.8).tolist() == [[2.8, 4.5], [0.0, 5.0]]


def test_spans_of_a_peak_come_before_those_of_the_next() -> None:
    line = np.array([0.0] * 9 + [0.35, 0.6, 0.35, *([0.0] * 9), 0.5, 0.2, 0.1])
    spans = grown_spans(line, [10, 21], config=StepGConfig(ratios=(0.5, 0.9), ceiling=1.0), stride_s=3.0)
    assert spans.tolist() == [[27.0, 36.0], [30.0, 33.0], [63.0, 66.0], [63.0, 66.0]]
    single = grown_spans(line, [10, 21], config=StepGConfig(use_growth=False), stride_s=1.0)
    assert single.tolist() == [[9.5, 11.5], [20.5, 22.5]]


def test_duplicates_are_suppressed() -> None:
    spans = [(0.0, 10.0), (0.0, 9.0), (0.0, 6.5), (0.0, 6.0), (20.0, 30.0)]
    assert suppress(spans, iou=0.65) == [(0.0, 10.0), (0.0, 6.5), (20.0, 30.0)]
    assert suppress(spans, iou=0.65, limit=2) == [(0.0, 10.0), (0.0, 6.5)]
    assert suppress([], iou=0.65, limit=2) == []


def test_fewer_answers_are_filled_up_with_the_last() -> None:
    assert filled_up([(0.0, 2.0), (3.0, 4.0)], answers=3) == [(0.0, 2.0), (3.0, 4.0), (3.0, 4.0)]
    assert filled_up([(0.0, 2.0), (3.0, 4.0)], answers=1) == [(0.0, 2.0)]
    assert filled_up([], answers=2) == [(0.0, 1.0)] * 2


def repeated() -> tuple[VideoFeatures, Tensor]:
    """Step A, B, A again: the second query for A is right only if the order counts."""
    axes = torch.eye(3)
    fine = axes[[0] * 20 + [2] * 20 + [1] * 20 + [2] * 20 + [0] * 20]
    return VideoFeatures(fine, fine[::4], 0.5), axes[[0, 1, 0]]


def test_stepg_tells_repeated_steps_apart_by_their_order() -> None:
    features, queries = repeated()
    a, b, again = stepg(features, queries, cluster=by_axis)
    assert a[0] == (0.0, 10.0)
    assert b[0] == (20.0, 30.0)
    assert again[0] == (40.0, 50.0)
    unordered = stepg(features, queries, config=StepGConfig(use_order=False), cluster=by_axis)
    assert unordered[2][0] == unordered[0][0]
    assert stepg(features, queries[:0], cluster=by_axis) == []


def test_as_released_widening_stops_at_the_start_of_the_clip() -> None:
    axes = torch.eye(2)
    features = VideoFeatures(axes[[0] * 10 + [1] + [0] * 9], axes[[0] * 5], 1.0, clip_start_s=10.0)
    for released, expected in ((False, (9.5, 11.5)), (True, (0.0, 1.5))):
        config = StepGConfig(released_times=released)
        assert stepg(features, axes[1:], config=config, cluster=by_axis)[0][0] == expected


def test_each_part_of_stepg_changes_the_answers() -> None:
    features, queries = repeated()
    generator = torch.Generator().manual_seed(1)
    fine, coarse = (x + 0.6 * torch.randn(x.shape, generator=generator) for x in (features.fine, features.coarse))
    features = VideoFeatures(fine, coarse, 0.5)
    clusters = features.coarse.argmax(dim=1)
    answers = {
        name: stepg(features, queries, config=config, cluster=lambda *_: clusters)
        for name, config in stepg_ablation().items()
    }
    full = answers.pop("HiERO-StepG")
    assert len(answers) == 5
    for name, other in answers.items():
        assert other != full, name
    assert all(len(spans) == 5 for spans in full)
    assert all(end - start >= 1.0 and start >= 0 for spans in full for start, end in spans)
