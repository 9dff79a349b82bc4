import csv
import json
from pathlib import Path

import numpy as np
import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.egoprocel.files import (
    TASKS,
    KeystepSpan,
    KeystepVideo,
    read_csv_task,
    read_frame_table,
    read_keysteps_json,
    read_label_csv,
    read_step_names,
)
from tests.helpers.shared import SHARED, needs

TENT = next(task for task in TASKS if task.name == "EPIC-Tents")
REAL = SHARED / "egoprocel"


def write_csv(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return path


def test_golden_procedure_labels(golden, tmp_path):
    cases = json.loads((golden / "procedure_labels.json").read_text())
    assert cases
    for case in cases:
        file = write_csv(tmp_path / "v.csv", case["annotations"])
        spans = read_label_csv(file, fps=case["fps"], n_keysteps=100)
        video = KeystepVideo("v", TENT, case["fps"], case["num_frames"], spans)
        expected = np.concatenate([np.full(n, max(label, 0)) for label, n in case["frame_labels_run_length"]])
        np.testing.assert_array_equal(video.frame_labels(), expected)
        np.testing.assert_array_equal(video.half_rate_labels(), case["sampled_labels"])


def test_fractional_rates_are_cut_and_a_dot_after_the_number_is_allowed(tmp_path):
    file = tmp_path / "v.csv"
    file.write_text('1.0,2.0,"3. cut, then peel"\n2.5,3.0,4 stir\n')
    spans = read_label_csv(file, fps=29.97, n_keysteps=5)
    assert spans == (KeystepSpan(29, 58, 3, "cut, then peel"), KeystepSpan(72, 87, 4, "stir"))


def test_tasks_are_the_papers():
    assert len(TASKS) == 16
    assert len({t.dataset for t in TASKS}) == 6
    assert len({t.annotation_folder for t in TASKS}) == len({t.json_key for t in TASKS}) == 16
    assert {t.name: t.n_keysteps for t in TASKS if t.dataset == "CMU"}["Salad"] == 9


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("start,end,label\n0,1,1 cut\n", "line 1"),
        ("0,1,1 cut\n0,1\n", "line 2"),
        ("0,1,cut\n", "line 1"),
        ("5,1,1 cut\n", "line 1"),
        ("-1,1,1 cut\n", "line 1"),
        ("0,nan,1 cut\n", "line 1"),
        ("0,1,13 cut\n", "line 1"),
        ("0,1,0 background\n", "line 1"),
        ("", None),
        (None, None),
    ],
)
def test_bad_label_files(tmp_path, text, field):
    file = tmp_path / "v.csv"
    if text is not None:
        file.write_text(text)
    with pytest.raises(DataError) as error:
        read_label_csv(file, fps=30, n_keysteps=12)
    assert error.value.file == file
    assert error.value.field == field


def test_a_task_needs_the_frame_rate_of_each_video(tmp_path):
    write_csv(tmp_path / "EPIC-Tents" / "a.csv", [[0, 1, "1 unfold"]])
    write_csv(tmp_path / "EPIC-Tents" / "b.csv", [[0, 1, "2 fold"]])
    table = write_csv(tmp_path / "frames.csv", [["video", "fps", "num_frames"], ["a", 30, 90], ["b", 29.97, 60]])
    videos = read_csv_task(TENT, tmp_path, read_frame_table(table))
    assert [(v.video_uid, v.fps, v.num_frames) for v in videos] == [("a", 30.0, 90), ("b", 29.97, 60)]
    with pytest.raises(DataError, match="'b'"):
        read_csv_task(TENT, tmp_path, {"a": (30.0, 90)})
    with pytest.raises(DataError, match="no label file"):
        read_csv_task(TENT, tmp_path / "nowhere", {})


@pytest.mark.parametrize(
    "rows",
    [
        [["a", 30, 90]],
        [["video", "fps", "num_frames"], ["a", "x", 90]],
        [["video", "fps", "num_frames"], ["a", 30, 0]],
        [["video", "fps", "num_frames"], ["a", 0.5, 90]],
        [["video", "fps", "num_frames"], ["a", 30, 90], ["a", 30, 91]],
        [["video", "fps", "num_frames"], ["a"]],
    ],
)
def test_bad_frame_tables(tmp_path, rows):
    file = write_csv(tmp_path / "frames.csv", rows)
    with pytest.raises(DataError, match=r"frames\.csv"):
        read_frame_table(file)


def layout(**changes):
    task = {
        "handles": ["x", "y"],
        "hdl_actions": [["0", "40", "7"], ["40"]],
        "hdl_start_times": [["0", "3", "5"], ["0"]],
        "hdl_end_times": [["3", "5", "9"], ["4"]],
    }
    return {"tent": task | changes}


def test_json_layout_numbers_ids_per_task_and_ends_before_the_end_frame(tmp_path):
    file = tmp_path / "k.json"
    file.write_text(json.dumps(layout()))
    x, y = read_keysteps_json(file, fps=10, names={7: "peg"}, tasks=[TENT])
    assert (x.video_uid, x.num_frames, y.num_frames) == ("tent.x", 9, 4)
    assert x.frame_labels().tolist() == [0, 0, 0, 2, 2, 1, 1, 1, 1]
    assert [s.text for s in x.spans] == ["", "peg"]
    assert x.half_rate_labels().tolist() == [0, 2, 1, 1]


def test_json_layout_with_several_cameras_of_a_recording(tmp_path):
    file = tmp_path / "k.json"
    file.write_text(json.dumps(layout(handles=["x"])))
    assert [v.video_uid for v in read_keysteps_json(file, fps=10, tasks=[TENT])] == ["tent.000", "tent.001"]


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "(top level)"),
        ({}, "tent"),
        (layout(handles=None), "tent.handles"),
        (layout(handles=["x", "x"]), "tent.handles"),
        (layout(hdl_actions=[["0"]]), "tent"),
        (layout(hdl_actions=[["0", "1"], ["1"]]), "tent[0]"),
        (layout(hdl_actions=[["0", "a", "1"], ["1"]]), "tent[0]"),
        (layout(hdl_end_times=[["3", "2", "9"], ["4"]]), "tent[0]"),
        (
            layout(
                hdl_actions=[[str(i) for i in range(1, 14)]], hdl_start_times=[[0] * 13], hdl_end_times=[[5] * 13]
            ),
            "tent",
        ),
        (layout(hdl_actions=[[], [1]], hdl_start_times=[[], [0]], hdl_end_times=[[], [4]]), "tent[0]"),
    ],
)
def test_bad_json_layouts(tmp_path, document, field):
    file = tmp_path / "k.json"
    file.write_text(json.dumps(document))
    with pytest.raises(DataError) as error:
        read_keysteps_json(file, fps=10, tasks=[TENT])
    assert error.value.field == field
    assert error.value.file == file


def test_step_names(tmp_path):
    file = tmp_path / "ids.txt"
    file.write_text("0 background\n1 add_jam\n")
    assert read_step_names(file) == {0: "background", 1: "add jam"}
    file.write_text("0 background\n0 add_jam\n")
    with pytest.raises(DataError, match="each id once"):
        read_step_names(file)


@needs(REAL)
def test_real_timelines():
    videos = read_keysteps_json(REAL / "keysteps.json", fps=10, names=read_step_names(REAL / "id2action.txt"))
    assert len(videos) == len({v.video_uid for v in videos}) == 1079
    assert {v.task.name for v in videos if v.task.dataset == "CMU"} == {
        "Brownie",
        "Eggs",
        "Pizza",
        "Salad",
        "Sandwich",
    }
    meccano = sorted(v.num_frames / v.fps / 60 for v in videos if v.task.name == "MECCANO")
    assert 21 < meccano[len(meccano) // 2] < 23
    assert all(span.text for video in videos for span in video.spans)
    occurring = {t: {s.step for v in videos if v.task == t for s in v.spans} for t in TASKS}
    assert sum(len(occurring[t]) < t.n_keysteps for t in TASKS) == 6


def test_a_number_of_thousands_of_digits_is_an_error_with_its_line(tmp_path: Path) -> None:
    huge = "9" * 5000
    (tmp_path / "id2action.txt").write_text(f"1 take_it\n{huge} put_it\n")
    with pytest.raises(DataError, match="line 2"):
        read_step_names(tmp_path / "id2action.txt")
    (tmp_path / "v.csv").write_text(f"0.0,1.0,{huge}. takes it\n")
    with pytest.raises(DataError, match=r"row 1|line 1"):
        read_label_csv(tmp_path / "v.csv", fps=30.0, n_keysteps=17)
