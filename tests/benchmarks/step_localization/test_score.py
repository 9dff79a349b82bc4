import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.step_localization.files import Step, StepVideo
from hiero_lib.benchmarks.step_localization.score import evaluate, localize_steps, taxonomy, true_spans
from hiero_lib.config import LocalizationConfig

LABELS = ["cut_onion", "stir_pan", "wash_pot"]


def by_axis(x, n_clusters, temperature):
    return x.argmax(dim=1)


def line(*parts):
    """A video of (axis, segments) parts."""
    return torch.cat([torch.eye(3)[axis].repeat(n, 1) for axis, n in parts])


def embed(texts):
    assert texts == [label.replace("_", " ") for label in LABELS]
    return torch.eye(3)


VIDEOS = [
    StepVideo("v", (Step(0, 10, "cut_onion", "", 0, (Step(0, 5, "stir_pan", "", 1),)), Step(10, 20, "wash_pot", ""))),
    StepVideo("lost", (Step(0, 10, "cut_onion", ""),)),
    StepVideo("bare", ()),
]


def test_taxonomy_and_truth_hold_steps_and_substeps():
    assert taxonomy(VIDEOS) == LABELS
    assert [(s.label, s.end_s) for s in true_spans(VIDEOS[:1])] == [
        ("cut_onion", 10),
        ("stir_pan", 5),
        ("wash_pot", 20),
    ]
    assert true_spans([StepVideo("v", (Step(3, 3, "x", ""),))]) == []


def test_runs_get_their_label_first():
    found = localize_steps(
        "v", line((0, 10), (1, 6), (0, 8)), torch.eye(3), labels=LABELS, stride_s=0.5, cluster=by_axis
    )
    best = [s for s in found if s.score > 0.9]
    assert {(s.label, s.start_s, s.end_s) for s in best} == {
        ("cut_onion", 0.0, 5.0),
        ("stir_pan", 5.0, 8.0),
        ("cut_onion", 8.0, 12.0),
    }
    assert [s.score for s in found] == sorted((s.score for s in found), reverse=True)
    # Both scales found the same runs here: no span of a label is there twice.
    assert len({(s.label, s.start_s, s.end_s) for s in found}) == len(found)


def test_both_scales_are_offered():
    def scales(x, n_clusters, temperature):
        return torch.arange(len(x)) * n_clusters // len(x)

    config = LocalizationConfig(n_clusters=(1, 2), labels=1)
    found = localize_steps(
        "v", line((0, 20)), torch.eye(3), labels=LABELS, stride_s=1.0, config=config, cluster=scales
    )
    assert {(s.start_s, s.end_s) for s in found} == {(0.0, 20.0), (0.0, 10.0), (10.0, 20.0)}


def test_evaluation_counts_what_has_no_features():
    features = {"v": line((0, 10), (2, 10)), "bare": line((1, 10))}
    got = evaluate(VIDEOS, features_of=features.get, embed=embed, stride_s=1.0, cluster=by_axis)
    assert got.without_features == ("lost",)
    assert got.scores.n_truth == 3
    # cut_onion and wash_pot are found exactly; the half of stir_pan is answered by worse scores only.
    assert got.scores.mean_ap[0.5] == pytest.approx((1 + 1 / 2 + 1) / 3)
    assert 0 < got.scores.average <= 1


def test_bad_features():
    with pytest.raises(DataError, match="NaN") as error:
        evaluate(VIDEOS, features_of=lambda uid: torch.full((4, 3), float("nan")), embed=embed, stride_s=1.0)
    assert error.value.file == "v"
    with pytest.raises(DataError, match="no video"):
        evaluate(VIDEOS, features_of=lambda uid: None, embed=embed, stride_s=1.0)
