"""The grammar, and the order of what happens."""

from itertools import pairwise

import numpy as np
import pytest

from hiero_lib.sources.sample.grammar import grammar
from hiero_lib.sources.sample.story import Story, sample_story


def story_of(procedures, seed: int, duration_s: float = 600.0) -> Story:
    beside = grammar().beside_of(procedures[0].scenario)
    rng = np.random.default_rng(seed)
    return sample_story(rng, video_uid="v", procedures=procedures, beside=beside, duration_s=duration_s)


@pytest.mark.parametrize("procedure", grammar().procedures, ids=lambda p: p.text)
@pytest.mark.parametrize("seed", range(3))
def test_steps_keep_their_order(procedure, seed):
    """A thread's steps start in turn; a step that waits starts after all that stand before it have started."""
    story = story_of([procedure], seed)
    starts: dict[str, float] = {}
    for beat in story.beats:
        if beat.procedure:
            starts.setdefault(beat.step, beat.start_s)
    for thread in procedure.threads:
        times = [starts[s.text] for s in thread.steps if s.text in starts]
        assert times == sorted(times)
    for index, step in enumerate(procedure.steps):
        if step.waits and step.text in starts:
            earlier = [starts[s.text] for s in procedure.steps[:index] if s.text in starts]
            assert max(earlier) < starts[step.text]
        assert step.text in starts or step.optional


def test_a_story_lasts_about_as_long_as_asked():
    for seed, seconds in enumerate((120, 600, 1800)):
        story = story_of([grammar().procedures[seed]], seed, seconds)
        assert story.duration_s == pytest.approx(seconds, rel=0.35)


def test_two_procedures_interleave():
    story = story_of(grammar().procedures[:2], 0, 1200)
    order = [span.key[0] for span in story.spans("procedure")]
    assert len(set(order)) == 2
    assert len(order) > 6


def test_steps_are_interrupted_and_taken_up_again():
    story = story_of([grammar().procedures[4]], 0, 1500)
    runs = [span.key for span in story.spans("step") if span.beat.procedure]
    assert max(runs.count(key) for key in runs) > 1


def test_spans_of_a_level_join_touching_beats_of_one_label():
    story = story_of([grammar().procedures[0]], 0)
    for level in ("step", "thread"):
        spans = story.spans(level)
        assert all(a.key != b.key for a, b in pairwise(spans))
        assert spans[0].start_s == 0
        assert spans[-1].end_s == story.duration_s
