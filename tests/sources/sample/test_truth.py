"""The truth of a sample: tiles, threads that come back, labels that mean the same in every video."""

import numpy as np
import pytest

from hiero_lib.base.files import read_json
from hiero_lib.benchmarks.thread_recovery.files import read_truth
from hiero_lib.sources.sample.story import Beat, Story
from hiero_lib.sources.sample.truth import label_ids, write_truth


def test_threads_tile_the_video_and_come_back(small):
    root, _ = small
    returned = []
    for file in (root / "truth").glob("*.json"):
        truth = read_truth(file)
        for level in ("action", "step", "thread"):
            spans = truth.levels[level]
            edges = [0.0, *(s.end_s for s in spans)]
            assert [s.start_s for s in spans] == pytest.approx(edges[:-1], abs=1e-5)
            assert edges[-1] == pytest.approx(truth.duration_s, abs=1e-5)
        threads = [s.id for s in truth.levels["thread"]]
        returned += [threads.count(i) > 1 for i in set(threads)]
        assert all(2 <= s.end_s - s.start_s <= 15.001 for s in truth.levels["action"])
    assert np.mean(returned) > 0.3


def test_one_action_serves_several_threads(small):
    root, _ = small
    served: dict[int, set[int]] = {}
    for file in (root / "truth").glob("*.json"):
        truth = read_truth(file)
        for action in truth.levels["action"]:
            middle = (action.start_s + action.end_s) / 2
            served.setdefault(action.id, set()).update(truth.labels("thread", [middle]).tolist())
    assert np.mean([len(threads) > 1 for threads in served.values()]) > 0.05


def test_truth_labels_at_times(small):
    root, _ = small
    truth = read_truth(next((root / "truth").glob("*.json")))
    first, second = truth.levels["thread"][:2]
    at = [first.start_s, second.start_s - 1e-4, second.start_s, truth.duration_s + 1]
    assert truth.labels("thread", at).tolist() == [first.id, first.id, second.id, -1]
    assert first.id != second.id


def beat(start_s: float, end_s: float, text: str, step: str, thread: str, procedure: str, keystep: int) -> Beat:
    verb, noun = text.split(" the ")
    return Beat(start_s, end_s, text, verb, noun, step, thread, procedure, keystep)


STORIES = (
    Story(
        "a",
        "cooking",
        9.0,
        (
            beat(0, 2, "cut the onion", "chop", "vegetables", "soup", 1),
            beat(2, 5, "stir the soup", "chop", "vegetables", "soup", 1),
            beat(5, 9, "wipe the table", "wipe", "cleaning", "", 0),
        ),
    ),
    Story("b", "cooking", 3.0, (beat(0, 3, "cut the onion", "chop", "vegetables", "salad", 2),)),
)


def test_a_label_is_told_apart_by_what_stands_above_it():
    ids = label_ids(STORIES)
    assert ids["action"] == {("cut the onion",): 0, ("stir the soup",): 1, ("wipe the table",): 2}
    assert list(ids["step"]) == [
        ("", "cleaning", "wipe"),
        ("salad", "vegetables", "chop"),
        ("soup", "vegetables", "chop"),
    ]
    assert ids["procedure"] == {("salad",): 0, ("soup",): 1}


def test_what_is_written_is_read(tmp_path):
    ids = label_ids(STORIES)
    write_truth(tmp_path / "a.json", STORIES[0], ids, split="val", num_segments=16, stride_s=16 / 30)
    truth = read_truth(tmp_path / "a.json")
    assert (truth.video_uid, truth.split, truth.scenario, truth.duration_s) == ("a", "val", "cooking", 9.0)
    spans = {level: [(s.start_s, s.end_s, s.id, s.text) for s in rows] for level, rows in truth.levels.items()}
    assert spans == {
        "action": [(0, 2, 0, "cut the onion"), (2, 5, 1, "stir the soup"), (5, 9, 2, "wipe the table")],
        "step": [(0, 5, 2, "chop"), (5, 9, 0, "wipe")],
        "thread": [(0, 5, 2, "vegetables"), (5, 9, 0, "cleaning")],
        "procedure": [(0, 5, 1, "soup")],
    }
    raw = read_json(tmp_path / "a.json")["levels"]
    assert (raw["action"][0]["verb"], raw["action"][0]["noun"]) == ("cut", "onion")
    assert [span["keystep"] for span in raw["step"]] == [1, 0]
