"""The held-out videos' files for EgoNLQ, Goal-Step and EgoProceL, read by those benchmarks' readers."""

import numpy as np
import pytest

from hiero_lib.base.files import read_json, sha256_of
from hiero_lib.benchmarks.egoprocel.files import TASKS, read_csv_task, read_frame_table
from hiero_lib.benchmarks.grounding.files import read_grounding, read_video_groups
from hiero_lib.benchmarks.step_localization.files import read_goalstep
from hiero_lib.sources.sample.annotations import (
    egoprocel_task,
    nlq_document,
    step_videos,
    write_groups,
    write_keysteps,
)
from hiero_lib.sources.sample.story import Beat, Story


def test_the_other_benchmarks_files_are_read_by_their_readers(small):
    root, report = small
    folder = root / "raw/annotations"
    held_out = set(read_json(root / "sample.json")["held_out_videos"])
    for name, count in (("nlq_train", "nlq_train"), ("nlq_val", "nlq_val"), ("goalstep/val", "goalstep_val")):
        clips, report_of = read_grounding(folder / f"{name}.json")
        assert report_of.queries == report.counts[count] > 10
        assert (report_of.without_text, report_of.zero_length, report_of.beyond_clip) == (0, 0, 0)
        assert all(clip.duration_s < 730 for clip in clips)
    test, _ = read_grounding(folder / "goalstep/test.json")
    assert all(q.start_s is None for clip in test for q in clip.queries)
    groups = read_video_groups(folder / "goalstep/goalstep_video_groups.tsv")
    grouped = [c for c in read_grounding(folder / "goalstep/val.json")[0] if c.video_uid.startswith("grp-")]
    assert [groups[c.video_uid.removeprefix("grp-")] for c in grouped] == [*groups.values()][:1]
    assert {v.video_uid for v in read_goalstep(folder / "goalstep/goalstep_val.json")} < held_out
    assert all(s.substeps for v in read_goalstep(folder / "goalstep/goalstep_train.json") for s in v.steps)


def test_a_group_has_the_timeline_of_its_members_features(small):
    root, _ = small
    groups = read_video_groups(root / "raw/annotations/goalstep/goalstep_video_groups.tsv")
    first, second = next(iter(groups.values()))
    document = read_json(root / "raw/annotations/goalstep/val.json")
    queries = document["videos"][0]["clips"][0]["annotations"][0]["language_queries"]
    truths = [read_json(root / "truth" / f"{uid}.json") for uid in (first, second)]
    shift = truths[0]["num_segments"] * 16 / 30
    starts = [s["start_s"] for s in truths[0]["levels"]["step"]]
    starts += [s["start_s"] + shift for s in truths[1]["levels"]["step"]]
    assert [q["clip_start_sec"] for q in queries] == pytest.approx(starts, abs=1e-4)


def test_egoprocel_files_agree_with_the_truth(small):
    root, report = small
    folder = root / "raw/annotations/egoprocel"
    table = read_frame_table(folder / "videos.csv")
    tasks = [task for task in TASKS if (folder / task.annotation_folder).is_dir()]
    assert len({task.dataset for task in tasks}) >= 2
    videos = [video for task in tasks for video in read_csv_task(task, folder, table)]
    assert len(videos) == report.counts["egoprocel_videos"] == len(table)
    for video in videos:
        features = root / f"raw/features/egoprocel/sample_256/{video.task.feature_folder}/{video.video_uid}.pt"
        assert sha256_of(features) == sha256_of(root / f"raw/features/sample_256/{video.video_uid}.pt")
        steps = [s for s in read_json(root / f"truth/{video.video_uid}.json")["levels"]["step"] if s["keystep"]]
        assert [(s.step, s.text) for s in video.spans] == [(s["keystep"], s["text"]) for s in steps]
        assert 0.5 < (video.frame_labels() > 0).mean() < 1


def story_of(*texts: str, uid: str = "v") -> Story:
    beats = []
    for number, text in enumerate(texts):
        verb, noun = text.split(" the ")
        beats.append(
            Beat(4.0 * number, 4.0 * number + 4, text, verb, noun, "set the table", "t", "p", 1 + number // 2)
        )
    return Story(uid, "cooking", 4.0 * len(texts), tuple(beats))


def test_only_what_happens_once_is_asked_for():
    document = nlq_document(
        np.random.default_rng(0),
        [story_of("wash the cup", "cut the bread", "wash the cup", "put the plate", "fold the cloth")],
        split="val",
    )
    (clip,) = document["videos"][0]["clips"]
    (annotation,) = clip["annotations"]
    queries = annotation["language_queries"]
    assert [(q["video_start_sec"], q["video_end_sec"]) for q in queries] == [(4, 8), (12, 16), (16, 20)]
    assert queries[1] == {
        "clip_start_sec": 12.0,
        "clip_end_sec": 16.0,
        "video_start_sec": 12.0,
        "video_end_sec": 16.0,
        "template": "Place: Where did I put X?",
        "query": "Where did I put the plate?",
    }


def test_steps_have_their_actions_below_them_in_the_files_words():
    (video,) = step_videos([story_of("wash the cup", "cut the bread")])
    (step,) = video.steps
    assert (step.start_s, step.end_s, step.category, step.description) == (0, 8, "set_the_table", "sets the table")
    assert [s.description for s in step.substeps] == ["washes the cup", "cuts the bread"]


def test_only_groups_of_several_videos_are_written(tmp_path):
    alone, first, second = (story_of("wash the cup", uid=uid) for uid in "abc")
    write_groups(tmp_path / "groups.tsv", [[alone], [first, second]])
    assert read_video_groups(tmp_path / "groups.tsv") == {"b": ("b", "c")}


def test_tasks_by_either_name():
    task = next(task for task in TASKS if task.json_key)
    assert egoprocel_task(f"{task.dataset}/{task.name}") is egoprocel_task(task.json_key) is task
    assert egoprocel_task("none") is None


def test_nothing_is_written_where_no_video_has_key_steps(tmp_path):
    assert write_keysteps(tmp_path, {}, [story_of("wash the cup")]) == set()
    assert list(tmp_path.iterdir()) == []
