import json
from functools import partial
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
import pytest
import torch

from hiero_lib.benchmarks.grounding_metrics import grounding_scores
from hiero_lib.benchmarks.step_grounding import (
    StepGConfig,
    VideoFeatures,
    coarse_similarity,
    compress,
    find_peaks,
    fuse,
    ground_steps,
    grow_peak,
    run_means,
    stepg,
    stepg_ablation,
    suppress,
    viterbi_order,
    widen,
    zero_shot,
)
from hiero_lib.data.nlq import (
    GOALSTEP_CHALLENGE,
    GroundingClip,
    GroundingQuery,
    parse_predictions,
    read_grounding,
    read_video_groups,
    truth_of,
    write_predictions,
)
from hiero_lib.errors import DataError

REAL = Path("/work/shared/data/goalstep")


def test_golden_compress(golden):
    cases = json.loads((golden / "compress.json").read_text())
    assert cases
    for case in cases:
        mask, released = np.array(case["mask"]), [tuple(run) for run in case["runs"]]
        assert compress(mask, released=True) == released
        runs = compress(mask)
        assert runs[:-1] == released[:-1]
        rebuilt = np.concatenate([np.full(length, mask[start]) for start, length in runs])
        np.testing.assert_array_equal(rebuilt, mask)


def test_runs_of_short_lines():
    assert compress(np.array([], dtype=int)) == []
    assert compress(np.array([3])) == [(0, 1)]
    assert compress(np.array([3, 3])) == [(0, 2)]
    assert compress(np.array([3, 3]), released=True) == [(-1, 2)]
    assert torch.isnan(run_means(torch.ones(2, 3), [(-1, 2)])).all()


def pieces(*lengths, stride_s=0.5):
    """A video of pieces, each along its own axis, and one query along each."""
    axes = torch.eye(len(lengths))
    fine = axes.repeat_interleave(torch.tensor(lengths), dim=0)
    return VideoFeatures(fine, fine[::4].clone(), stride_s), axes


def by_axis(x, n_clusters, temperature):
    return x.argmax(dim=1)


def test_zero_shot_takes_the_most_similar_runs():
    features, queries = pieces(10, 6, 3, 8)
    found = zero_shot(features, queries, cluster=by_axis)
    assert found[0][0] == (0.0, 5.0)
    assert found[3][0] == (9.5, 13.5)
    # The run of 3 segments is no candidate, so its query gets others.
    assert (8.0, 9.5) not in found[2]
    assert [len(spans) for spans in found] == [3] * 4


def test_zero_shot_with_real_clustering_finds_a_planted_step():
    features, queries = pieces(40, 60, 50, 30, 45, 70, 35, 20)
    jitter = torch.randn(features.fine.shape, generator=torch.Generator().manual_seed(0)) * 0.05
    found = zero_shot(VideoFeatures(features.fine + jitter, features.coarse, 1.0), queries)
    assert found[1][0] == (40.0, 100.0)
    assert found[7][0] == (330.0, 350.0)


def test_zero_shot_where_all_runs_are_short():
    features, queries = pieces(2, 2)
    assert zero_shot(features, queries, cluster=by_axis)[0][0] == (0.0, 1.0)


def test_a_single_run_as_released_still_gives_a_finite_answer():
    features, queries = pieces(7)
    assert zero_shot(features, queries, cluster=by_axis, released_runs=True) == [[(0.0, 3.0)]]
    assert zero_shot(features, queries, cluster=by_axis) == [[(0.0, 3.5)]]


def test_fusion_by_hand():
    assert fuse(torch.tensor([[1.0]]), torch.tensor([[0.5]]), coarse_weight=0.3).item() == pytest.approx(0.85)


def test_coarse_similarity_is_spread_over_four_segments_a_node():
    coarse = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    got = coarse_similarity(coarse, torch.eye(2), num_segments=10, config=StepGConfig(), cluster=by_axis)
    assert got[0].tolist() == [1.0] * 8 + [0.0] * 2
    assert got[1].tolist() == [0.0] * 8 + [1.0] * 2


@pytest.mark.parametrize("seed", range(8))
def test_viterbi_equals_trying_all_orders(seed):
    rng = np.random.default_rng(seed)
    similarity = rng.normal(size=(3, 7)).round(1)
    path = viterbi_order(similarity)
    best = max(sum(similarity[q, n] for q, n in enumerate(p)) for p in combinations_with_replacement(range(7), 3))
    assert (np.diff(path) >= 0).all()
    assert similarity[np.arange(3), path].sum() == pytest.approx(best)


def test_viterbi_of_one_step_and_of_one_segment():
    assert viterbi_order(np.array([[0.1, 0.9, 0.3]])).tolist() == [1]
    assert viterbi_order(np.zeros((3, 1))).tolist() == [0, 0, 0]


def test_peaks_are_the_highest_of_their_window():
    line = np.array([0.1, 0.5, 0.4, 0.9, 0.2, 0.3, 0.3, 0.0, 0.8])
    assert find_peaks(line, window=5).tolist() == [3, 8]
    assert find_peaks(line, window=3).tolist() == [3, 8, 1, 5]
    assert find_peaks(np.zeros(4)).tolist() == [0]


def test_growing_stops_below_the_threshold_but_steps_over_short_dips():
    line = np.array([0.0, 0.3, 0.0, 0.0, 0.0, 0.5, 0.8, 0.5, 0.1, 0.1, 0.1, 0.45, 0.1, 0.1, 0.1, 0.1, 0.7])
    # The threshold is 0.5 * 0.8: three low segments are stepped over to the right, then four are too many.
    assert grow_peak(line, 6, ratio=0.5) == (5, 11)
    assert grow_peak(line, 6, ratio=0.5, patience=2) == (5, 7)
    assert grow_peak(line, 6, ratio=0.3) == (1, 11)
    assert grow_peak(line, 6, ratio=0.9, ceiling=1.0) == (6, 6)
    assert grow_peak(line, 6, ratio=0.9, ceiling=0.5) == (5, 7)
    assert grow_peak(np.ones(50), 20, ratio=0.5, reach=10) == (10, 30)
    assert grow_peak(np.full(9, -0.5), 4, ratio=0.5) == (4, 4)


def test_short_spans_are_widened_inside_the_video():
    assert widen((10.0, 13.0), min_length_s=2.0, duration_s=60.0) == (10.0, 13.0)
    assert widen((10.0, 11.0), min_length_s=2.0, duration_s=60.0) == (9.5, 11.5)
    assert widen((0.0, 0.5), min_length_s=2.0, duration_s=60.0) == (0.0, 2.0)
    assert widen((59.5, 60.0), min_length_s=2.0, duration_s=60.0) == (58.0, 60.0)
    assert widen((0.0, 0.5), min_length_s=2.0, duration_s=1.0) == (0.0, 1.0)


def test_duplicates_are_suppressed():
    spans = [(0.0, 10.0), (0.0, 9.0), (0.0, 6.0), (20.0, 30.0)]
    assert suppress(spans, iou=0.65) == [(0.0, 10.0), (0.0, 6.0), (20.0, 30.0)]
    assert suppress(spans, iou=0.65, limit=2) == [(0.0, 10.0), (0.0, 6.0)]


def repeated():
    """Step A, B, A again: the second query for A is right only if the order counts."""
    axes = torch.eye(3)
    fine = axes[[0] * 20 + [2] * 20 + [1] * 20 + [2] * 20 + [0] * 20]
    return VideoFeatures(fine, fine[::4], 0.5), axes[[0, 1, 0]]


def test_stepg_tells_repeated_steps_apart_by_their_order():
    features, queries = repeated()
    a, b, again = stepg(features, queries, cluster=by_axis)
    assert a[0] == (0.0, 10.0)
    assert b[0] == (20.0, 30.0)
    assert again[0] == (40.0, 50.0)
    unordered = stepg(features, queries, config=StepGConfig(use_order=False), cluster=by_axis)
    assert unordered[2][0] == unordered[0][0]


def test_each_switch_of_stepg_changes_the_answers():
    features, queries = repeated()
    noise = torch.randn(features.fine.shape, generator=torch.Generator().manual_seed(1)) * 0.6
    features = VideoFeatures(features.fine + noise, (features.fine + noise)[::4], 0.5)
    answers = {name: stepg(features, queries, config=c, cluster=by_axis) for name, c in stepg_ablation().items()}
    full = answers.pop("HiERO-StepG")
    assert len(answers) == 4
    for name, other in answers.items():
        assert other != full, name
    assert all(1 <= len(spans) <= 5 for spans in full)
    assert all(end - start >= 2.0 and start >= 0 and end <= 50.0 for spans in full for start, end in spans)


def clip(uid, *texts):
    queries = tuple(GroundingQuery(uid, uid, i, text, 0.0, 1.0) for i, text in enumerate(texts))
    return GroundingClip(uid, uid, 0.0, 60.0, queries)


def test_a_whole_file_counts_what_it_cannot_answer():
    features, queries = pieces(10, 10)
    clips = [clip("a", "x", "y"), clip("grp-b", "x"), clip("grp-none", "x"), clip("lost", "x", "y"), clip("empty")]
    asked, texts = [], []

    def features_of(members):
        asked.append(members)
        return None if members == ("lost",) else features

    def embed(batch):
        texts.extend(batch)
        return queries[: len(batch)]

    predictions, report = ground_steps(
        clips,
        groups={"b": ("b", "c")},
        features_of=features_of,
        embed=embed,
        strategy=partial(zero_shot, cluster=by_axis),
    )
    assert asked == [("a",), ("b", "c"), ("lost",)]
    assert texts[0] == "#C C x"
    assert set(predictions) == {("a", "a", 0), ("a", "a", 1), ("grp-b", "grp-b", 0)}
    assert report.predicted == 3
    assert report.excluded == {"in a group that is not in the table": 1, "without features": 2}
    assert "2 without features" in report.summary()


@pytest.mark.parametrize("name", ["fine", "coarse"])
def test_features_with_nan_name_the_video(name):
    features, queries = pieces(10, 10)
    getattr(features, name)[1, 0] = float("nan")
    with pytest.raises(DataError) as error:
        ground_steps(
            [clip("a", "x", "y")], groups={}, features_of=lambda members: features, embed=lambda texts: queries
        )
    assert (error.value.file, error.value.field) == ("a", name)


@pytest.mark.skipif(not REAL.is_dir(), reason="the third-party Goal-Step annotations are not in this folder")
@pytest.mark.parametrize("split", ["val", "test"])
@pytest.mark.parametrize("strategy", [partial(zero_shot, cluster=by_axis), partial(stepg, cluster=by_axis)])
def test_real_annotations_give_well_formed_predictions(tmp_path, split, strategy):
    clips, report = read_grounding(REAL / f"{split}.json")
    groups = read_video_groups(REAL / "goalstep_video_groups.tsv")
    length = {c.video_uid.removeprefix("grp-"): int(c.end_s / 0.5333) + 1 for c in clips}

    def features_of(members):
        g = torch.Generator().manual_seed(length[members[0]])
        fine = torch.randn(length[members[0]], 16, generator=g).cumsum(0)
        return VideoFeatures(fine, fine[::4], 0.5333)

    def embed(texts):
        return torch.stack([torch.randn(16, generator=torch.Generator().manual_seed(len(t))) for t in texts])

    predictions, made = ground_steps(clips, groups=groups, features_of=features_of, embed=embed, strategy=strategy)
    assert made.predicted == report.queries - report.without_text
    assert made.excluded == {}
    write_predictions(tmp_path / "p.json", predictions, challenge=GOALSTEP_CHALLENGE)
    read = parse_predictions(json.loads((tmp_path / "p.json").read_text()), clips=clips)
    ends = {q.key: c.end_s for c in clips for q in c.queries}
    for key, spans in read.items():
        assert 1 <= len(spans) <= 5
        assert all(0 <= start < end <= ends[key] + 2 * 0.5333 for start, end in spans)
    if split == "val":
        scores = grounding_scores(truth_of(clips), predictions)
        assert scores.n == 7696
        assert scores.excluded == 0
