"""The steps of videos as labelled spans, and the labels that occur."""

from hiero_lib.benchmarks.step_localization.data import LabelledSpan, taxonomy, true_spans
from hiero_lib.benchmarks.step_localization.files import Step, StepVideo

LABELS = ["cut_onion", "stir_pan", "wash_pot"]


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


def test_a_true_span_has_the_times_of_its_step_in_its_video():
    video = StepVideo("w", (Step(2.0, 9.5, "cut_onion", "cuts", 0, (Step(3.0, 3.0, "wash_pot", "", 1),)),))
    assert true_spans([video]) == [LabelledSpan("w", 2.0, 9.5, "cut_onion", 1.0)]
    assert taxonomy([video]) == ["cut_onion", "wash_pot"]  # a label of no length occurs as well
    assert (taxonomy([]), true_spans([])) == ([], [])


def test_a_label_that_comes_again_is_once_in_the_taxonomy_and_each_time_in_the_truth():
    again = StepVideo("w", (Step(0, 1, "cut_onion", ""), Step(2, 3, "cut_onion", "")))
    assert taxonomy([again, *VIDEOS]) == LABELS
    assert len(true_spans([again])) == 2
