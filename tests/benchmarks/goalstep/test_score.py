"""Queries answered by several strategies: which are asked, which cannot be answered, and the official format."""

import dataclasses
import json
from functools import partial

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.goalstep.score import (
    COHERENT,
    FULL_STEPG,
    RELEASED_RUNS,
    ZERO_SHOT,
    StepGroundingReport,
    compare_strategies,
    strategies_of,
)
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
from hiero_lib.benchmarks.grounding.zero_shot import VideoFeatures, zero_shot
from hiero_lib.config import Profile
from hiero_lib.models.clustering.coherence import coherent_cluster
from hiero_lib.models.clustering.spectral import default_cluster
from tests.helpers.clusterings import by_axis
from tests.helpers.shared import SHARED, needs

REAL = SHARED / "goalstep"


def pieces(*lengths, stride_s=0.5):
    """A video of pieces, each along its own axis, and one query along each."""
    axes = torch.eye(len(lengths))
    fine = axes.repeat_interleave(torch.tensor(lengths), dim=0)
    return VideoFeatures(fine, fine[::4].clone(), stride_s), axes


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


def test_a_strategy_knows_where_the_clip_starts():
    features, queries = pieces(10, 10)
    starts = []

    def strategy(features, texts):
        starts.append(features.clip_start_s)
        return [[(0.0, 1.0)]] * len(texts)

    compare_strategies(
        [clip("a", "x"), dataclasses.replace(clip("b", "x"), start_s=7.5)],
        groups={},
        features_of=lambda members: features,
        embed=lambda texts: queries[: len(texts)],
        strategies={"": strategy},
    )
    assert starts == [0.0, 7.5]


def test_a_groups_reading_is_the_released_one_where_that_is_asked_for():
    features, queries = pieces(10, 10)
    asked = []

    def features_of(members):
        asked.append(members)
        return features

    for released in (False, True):
        compare_strategies(
            [clip("b", "x"), clip("grp-none", "x")],
            groups={"b": ("b", "c")},
            features_of=features_of,
            embed=lambda texts: queries[: len(texts)],
            strategies={"published": partial(zero_shot, cluster=by_axis)},
            released_groups=released,
        )
    assert asked == [("b",), ("b", "c"), ("none",)]


def with_grounding(profile: Profile, **settings) -> Profile:
    return dataclasses.replace(profile, step_grounding=dataclasses.replace(profile.step_grounding, **settings))


def test_strategies_are_the_published_one_its_variants_and_stepg_with_and_without_each_part(profile: Profile) -> None:
    names = list(strategies_of(profile))
    assert names[:4] == [ZERO_SHOT, RELEASED_RUNS, COHERENT, FULL_STEPG]
    assert len(names) == 9
    assert "coarse similarity from level 0" in names
    assert list(strategies_of(profile, ablation=False)) == names[:4]


def test_strategies_follow_the_settings(profile: Profile) -> None:
    features, queries = pieces(3, 40, 30, 20, 50)
    profile = with_grounding(profile, n_clusters=5, temperature=0.05, longer_than=4, answers=2)
    found = strategies_of(profile)
    expected = partial(zero_shot, features, queries, n_clusters=5, temperature=0.05, longer_than=4, answers=2)
    assert found[ZERO_SHOT](features, queries) == expected()
    released = strategies_of(with_grounding(profile, released_runs=True))
    plain = found[ZERO_SHOT](features, queries)
    assert released[ZERO_SHOT](features, queries) == expected(released_runs=True) != plain
    assert found[RELEASED_RUNS](features, queries) == expected(released_runs=True)
    assert found[FULL_STEPG](features, queries) == stepg(features, queries, config=profile.step_grounding.stepg)
    switch_cost = profile.hierarchy.coherence_s / profile.features.stride_s
    cluster = coherent_cluster(default_cluster, switch_cost=switch_cost)
    assert found[COHERENT](features, queries) == expected(cluster=cluster)


def test_a_report_says_how_many_and_why_not():
    assert StepGroundingReport(3, {}).summary() == "3 queries answered; excluded: none"
    said = StepGroundingReport(3, {"without features": 2, "in a group": 1}).summary()
    assert said == "3 queries answered; excluded: 1 in a group; 2 without features"


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
        # the last segment may stick out of the video, and a span of it alone is widened to 2 s around its middle
        assert all(0 <= start < end <= ends[key] + 0.5333 / 2 + 1 for start, end in spans)
    if split == "val":
        scores = grounding_scores(truth_of(clips), predictions)
        assert scores.n == 7696
        assert scores.excluded == 0
