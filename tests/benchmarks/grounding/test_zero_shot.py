import json
from functools import partial

import numpy as np
import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.grounding.files import (
    GOALSTEP_CHALLENGE,
    GroundingClip,
    GroundingQuery,
    parse_predictions,
    read_grounding,
    read_video_groups,
    truth_of,
    write_predictions,
)
from hiero_lib.benchmarks.grounding.metrics import grounding_scores
from hiero_lib.benchmarks.grounding.stepg import stepg
from hiero_lib.benchmarks.grounding.zero_shot import (
    VideoFeatures,
    compare_strategies,
    compress,
    run_means,
    zero_shot,
)
from tests.helpers.shared import SHARED, needs

REAL = SHARED / "goalstep"


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

    predictions, report = compare_strategies(
        clips,
        groups={"b": ("b", "c")},
        features_of=features_of,
        embed=embed,
        strategies={"published": partial(zero_shot, cluster=by_axis)},
    )
    assert asked == [("a",), ("b", "c"), ("lost",)]
    assert texts[0] == "#C C x"
    assert set(predictions["published"]) == {("a", "a", 0), ("a", "a", 1), ("grp-b", "grp-b", 0)}
    assert report.predicted == 3
    assert report.excluded == {"in a group that is not in the table": 1, "without features": 2}
    assert "2 without features" in report.summary()


@pytest.mark.parametrize("name", ["fine", "coarse"])
def test_features_with_nan_name_the_video(name):
    features, queries = pieces(10, 10)
    getattr(features, name)[1, 0] = float("nan")
    with pytest.raises(DataError) as error:
        compare_strategies(
            [clip("a", "x", "y")],
            groups={},
            features_of=lambda members: features,
            embed=lambda texts: queries,
            strategies={"published": zero_shot},
        )
    assert (error.value.file, error.value.field) == ("a", name)


@needs(REAL)
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

    predictions, made = compare_strategies(
        clips, groups=groups, features_of=features_of, embed=embed, strategies={"": strategy}
    )
    predictions = predictions[""]
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
