"""The sample as a whole: its files, its bytes, its difficulty."""

import csv
import json
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.base.files import read_json, sha256_of
from hiero_lib.benchmarks.egoprocel.files import TASKS, read_csv_task, read_frame_table
from hiero_lib.benchmarks.grounding.files import read_grounding, read_video_groups
from hiero_lib.benchmarks.step_localization.files import read_goalstep
from hiero_lib.benchmarks.thread_recovery.files import read_truth
from hiero_lib.sources.sample import SampleReport, make_sample
from hiero_lib.sources.sample.build import minilm

COLUMNS = (
    "clip_idx video_uid video_dur narration_source narration_ind narration_time clip_start clip_end clip_text "
    "tag_verb tag_noun"
)


def hashes(root: Path) -> dict[str, str]:
    return {str(f.relative_to(root)): sha256_of(f) for f in root.rglob("*") if f.is_file()}


def egoclip(root: Path) -> list[dict[str, str]]:
    with (root / "raw/annotations/egoclip.csv").open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(small, tmp_path, embed):
    root, _ = small
    make_sample(tmp_path / "again", num_videos=8, minutes=(2, 5), embed=embed)
    assert hashes(tmp_path / "again") == hashes(root)
    make_sample(tmp_path / "other", num_videos=8, minutes=(2, 5), embed=embed, seed=1)
    same = hashes(tmp_path / "other").items() & hashes(root).items()
    assert not same


def test_nothing_is_written_beside_the_root(small):
    root, _ = small
    assert [p.name for p in root.parent.iterdir()] == [root.name]


def test_egoclip_has_all_columns_and_only_training_videos(small):
    root, report = small
    rows = egoclip(root)
    marker = read_json(root / "sample.json")
    assert list(rows[0]) == COLUMNS.split()
    assert len(rows) == report.counts["training_narrations"]
    assert {r["video_uid"] for r in rows} == set(marker["training_videos"])
    assert [int(r["clip_idx"]) for r in rows] == list(range(len(rows)))
    for row in rows:
        assert row["clip_text"].startswith("#")
        assert row["narration_source"] in ("narration_pass_1", "narration_pass_2")
        assert isinstance(json.loads(row["tag_verb"]), list)
        start, moment, end = (float(row[k]) for k in ("clip_start", "narration_time", "clip_end"))
        assert 0 <= start <= moment <= end <= float(row["video_dur"])
    per_minute = len(rows) / sum({r["video_uid"]: float(r["video_dur"]) / 60 for r in rows}.values())
    assert 9 < per_minute < 17


def test_features_are_half_precision_and_as_long_as_their_video(small):
    root, report = small
    files = sorted((root / "raw/features/sample_256").glob("*.pt"))
    assert len(files) == report.counts["videos"] == 8
    for file in files:
        x = torch.load(file, weights_only=True)
        truth = read_json(root / "truth" / f"{file.stem}.json")
        assert x.dtype == torch.float16
        assert x.shape == (truth["num_segments"], 256)
        assert 0 <= truth["duration_s"] - len(x) * 16 / 30 < 16 / 30
        assert torch.isfinite(x).all()
        assert 0.1 < x.float().std() < 1


def test_the_text_projection_fits_the_features_and_the_text(small):
    root, _ = small
    state = torch.load(root / "pretrained/sample_txt_proj.pth", weights_only=True)
    assert {name: tuple(v.shape) for name, v in state.items()} == {"weight": (256, 48), "bias": (256,)}


def test_narrations_lie_about_where_their_action_is(small):
    root, _ = small
    off = []
    for row in egoclip(root):
        if row["tag_noun"] == "[]" or "#unsure" in row["clip_text"]:
            continue
        raw = read_json(root / "truth" / f"{row['video_uid']}.json")["levels"]["action"]
        moment = float(row["narration_time"])
        around = [a for a in raw if a["start_s"] - 1.5 <= moment <= a["end_s"] + 1.5]
        off.append(not any(a["noun"] in row["clip_text"] for a in around))
    assert np.mean(off) < 0.04  # typing errors


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


def test_the_other_benchmarks_files_are_read_by_their_readers(small):
    root, report = small
    folder = root / "raw/annotations"
    held_out = set(read_json(root / "sample.json")["held_out_videos"])
    for name, count in (("nlq_train", "nlq_train"), ("nlq_val", "nlq_val"), ("goalstep/val", "goalstep_val")):
        clips, found = read_grounding(folder / f"{name}.json")
        assert found.queries == report.counts[count] > 10
        assert (found.without_text, found.zero_length, found.beyond_clip) == (0, 0, 0)
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


def test_truth_labels_at_times(small):
    root, _ = small
    truth = read_truth(next((root / "truth").glob("*.json")))
    first, second = truth.levels["thread"][:2]
    at = [first.start_s, second.start_s - 1e-4, second.start_s, truth.duration_s + 1]
    assert truth.labels("thread", at).tolist() == [first.id, first.id, second.id, -1]
    assert first.id != second.id


def test_an_equal_sample_is_left_alone_and_another_one_is_not_replaced(tmp_path, embed):
    root = tmp_path / "sample"
    make_sample(root, num_videos=6, minutes=(1, 2), embed=embed)
    before = {f: f.stat().st_mtime_ns for f in root.rglob("*.pt")}
    again = make_sample(root, num_videos=6, minutes=(1, 2), embed=embed)
    assert not again.created
    assert "already there" in again.summary()
    assert {f: f.stat().st_mtime_ns for f in root.rglob("*.pt")} == before
    with pytest.raises(DataError, match="another sample"):
        make_sample(root, num_videos=6, minutes=(1, 2), embed=embed, seed=3)
    assert make_sample(root, num_videos=6, minutes=(1, 2), embed=embed, seed=3, force=True).created
    assert read_json(root / "sample.json")["settings"]["seed"] == 3


def test_a_folder_that_is_no_sample_is_never_replaced(tmp_path, embed):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "licence.txt").write_text("mine")
    with pytest.raises(DataError, match="no sample"):
        make_sample(tmp_path / "real", num_videos=6, embed=embed, force=True)
    assert (tmp_path / "real" / "licence.txt").read_text() == "mine"


def test_a_failure_leaves_nothing_behind(tmp_path):
    def broken(texts):
        raise RuntimeError("no encoder")

    with pytest.raises(RuntimeError, match="no encoder"):
        make_sample(tmp_path / "sample", num_videos=6, minutes=(1, 2), embed=broken)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"num_videos": 5}, "num_videos"),
        ({"minutes": (3, 1)}, "minutes"),
        ({"dim": 0}, "dim"),
        ({"seed": -1}, "seed"),
    ],
)
def test_arguments_out_of_range_are_named(tmp_path, embed, arguments, name):
    with pytest.raises(ConfigError, match=name):
        make_sample(tmp_path / "sample", embed=embed, **arguments)


def test_another_dimension_has_the_same_story(small, tmp_path, embed):
    root, _ = small
    make_sample(tmp_path / "wide", num_videos=8, minutes=(2, 5), embed=embed, dim=1536)
    narrow, wide = hashes(root), hashes(tmp_path / "wide")
    for name in ("raw/annotations/egoclip.csv", "raw/annotations/egomcq.json"):
        assert narrow[name] == wide[name]
    x = torch.load(next((tmp_path / "wide/raw/features/sample_1536").glob("*.pt")), weights_only=True)
    assert x.shape[1] == 1536
    assert 0.1 < x.float().std() < 1


def baseline(root: Path, embed) -> dict[int, float]:
    """Accuracy by question type of raw features (middle segment) against the features' own text projection."""
    questions = list(read_json(root / "raw/annotations/egomcq.json").values())
    state = torch.load(root / "pretrained/sample_txt_proj.pth", weights_only=True)
    hidden = torch.from_numpy(embed([q["query"]["clip_text"] for q in questions])).relu()
    texts = hidden @ state["weight"].T + state["bias"]
    right: dict[int, list[bool]] = {1: [], 2: []}
    for q, text in zip(questions, texts):
        rows = []
        for i in range(5):
            clip = q["choices"][str(i)]
            x = torch.load(root / f"raw/features/sample_256/{clip['video_uid']}.pt", weights_only=True)
            rows.append(x[min(len(x) - 1, int((clip["clip_start"] + clip["clip_end"]) * 15 / 16))].float())
        right[q["types"]].append(int(torch.cosine_similarity(torch.stack(rows), text[None]).argmax()) == q["answer"])
    return {kind: float(np.mean(found)) for kind, found in right.items()}


def test_the_full_sample_is_small_quick_and_hard(tmp_path):
    root = tmp_path / "sample"
    start = time.perf_counter()
    report: SampleReport = make_sample(root)
    assert report.created
    assert time.perf_counter() - start < 60
    assert report.megabytes < 60
    assert report.counts["videos"] == 40
    assert report.counts["egomcq_inter"] == report.counts["egomcq_intra"] == 300
    truths = [read_truth(f) for f in (root / "truth").glob("*.json")]
    minutes = [t.duration_s / 60 for t in truths]
    assert min(minutes) > 2.5
    assert 20 < max(minutes) < 32
    assert 7 < np.mean(minutes) < 10
    assert len({t.scenario for t in truths}) == 5
    accuracy = baseline(root, minilm())
    assert 0.4 < accuracy[1] < 0.75
    assert 0.25 < accuracy[2] < 0.42
