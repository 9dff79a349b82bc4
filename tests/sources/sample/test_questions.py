"""EgoMCQ of the sample: the official types, and wrong clips that show another action."""

import numpy as np

from hiero_lib.base.files import read_json
from hiero_lib.sources.sample.narrations import Narration
from hiero_lib.sources.sample.questions import INTER, INTRA, make_questions
from hiero_lib.sources.sample.story import Beat


def test_questions_are_of_the_two_official_types(small, golden):
    root, report = small
    questions = read_json(root / "raw/annotations/egomcq.json")
    reference = next(iter(read_json(golden / "egomcq_windows.json")["questions"].values()))
    held_out = set(read_json(root / "sample.json")["held_out_videos"])
    assert list(questions) == [str(i) for i in range(len(questions))]
    kinds = [q["types"] for q in questions.values()]
    assert (kinds.count(1), kinds.count(2)) == (report.counts["egomcq_inter"], report.counts["egomcq_intra"])
    assert min(kinds.count(1), kinds.count(2)) > 50
    for q in questions.values():
        assert {"answer", "types", "query", "choices"} <= set(q) <= set(reference) | {"query"}
        choices = [q["choices"][str(i)] for i in range(5)]
        assert len(q["choices"]) == 5
        assert q["query"] == choices[q["answer"]]
        assert set(choices[0]) >= set(reference["choices"]["0"])
        uids = {c["video_uid"] for c in choices}
        assert uids <= held_out
        assert len(uids) == (5 if q["types"] == 1 else 1)
        assert all(c["clip_start"] < c["clip_end"] for c in choices)
        if q["types"] == 2:
            assert max(c["clip_start"] for c in choices) - min(c["clip_start"] for c in choices) < 125
    answers = [q["answer"] for q in questions.values()]
    assert set(answers) == {0, 1, 2, 3, 4}


def test_wrong_clips_show_another_action(small):
    root, _ = small
    actions = {f.stem: read_json(f)["levels"]["action"] for f in (root / "truth").glob("*.json")}

    def shown(clip) -> set[tuple[str, str]]:
        low, high = clip["clip_start"] - 0.1, clip["clip_end"] + 0.1
        spans = actions[clip["video_uid"]]
        return {(a["verb"], a["noun"]) for a in spans if a["start_s"] - 1 <= high and a["end_s"] + 1 >= low}

    for q in read_json(root / "raw/annotations/egomcq.json").values():
        if q["types"] == 1:  # clips of one video are neighbours, and may touch each other's action
            right = shown(q["query"])
            assert all(shown(c) != right for i, c in q["choices"].items() if int(i) != q["answer"])


def narration(uid: str, time_s: float, noun: str, **fields) -> Narration:
    beat = Beat(time_s - 1, time_s + 1, f"take the {noun}", "take", noun)
    return Narration(uid, time_s, f"#C C takes the {noun}", beat, **fields)


def questions_of(rows: dict[str, list[Narration]], per_type: int = 100) -> list[dict]:
    rng = np.random.default_rng(0)
    half = dict.fromkeys(rows, 0.5)
    return list(make_questions(rng, rows, dict.fromkeys(rows, 60.0), half, per_type=per_type).values())


def test_what_cannot_be_told_apart_or_trusted_is_not_asked():
    """Of five narrations, and five that are unsure, of a second pass, or of no action of this person."""
    good = [narration("v", float(k), f"thing {k}") for k in range(1, 6)]
    bad = [narration("v", 10.0, "a", unsure=True), narration("v", 11.0, "b", second_pass=True)]
    bad += [Narration("v", 12.0, "#O man X walks around", None)]
    bad += [Narration("v", 14.0, "#C C takes c", Beat(16.0, 17.0, "take c", "take", "c"))]
    questions = questions_of({"v": [*good, *bad]})
    texts = {choice["clip_text"] for q in questions for choice in q["choices"].values()}
    assert texts == {n.text for n in good}
    assert {q["types"] for q in questions} == {INTRA}  # five videos are needed for the other type


def test_clips_are_cut_at_the_ends_of_the_video():
    rows = {f"v{k}": [narration(f"v{k}", 0.2 if k else 59.9, f"thing {k}")] for k in range(5)}
    questions = questions_of(rows)
    assert {q["types"] for q in questions} == {INTER}
    assert len(questions) == 5
    for choice in questions[0]["choices"].values():
        times = (choice["clip_start"], choice["clip_end"])
        assert times == ((59.4, 60.0) if choice["video_uid"] == "v0" else (0.0, 0.7))


def test_as_many_as_asked_for():
    rows = {f"v{k}": [narration(f"v{k}", float(t), f"thing {t}") for t in range(1, 20)] for k in range(6)}
    kinds = [q["types"] for q in questions_of(rows, per_type=7)]
    assert (kinds.count(INTER), kinds.count(INTRA)) == (7, 7)
