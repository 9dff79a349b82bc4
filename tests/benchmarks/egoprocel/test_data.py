"""EgoProceL under a data root: both layouts, frame rates from a table or a video, and what is wrong with them."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.egoprocel.data import (
    KeystepData,
    frames_per_node,
    needed_files,
    open_keysteps,
    raw_level_features,
    read_video_rate,
    spread_to_frames,
)
from hiero_lib.benchmarks.egoprocel.files import TASKS, KeystepVideo
from hiero_lib.config import Profile, load_profile
from tests.helpers.tiny import add_egoprocel, make_tiny


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_tiny(tmp_path / "data", videos=2, segments=8)
    add_egoprocel(tmp_path / "data")
    return tmp_path / "data"


def profile_of(root: Path, **settings: object) -> Profile:
    return load_profile(root / "tiny.yaml", {name.replace("__", "."): value for name, value in settings.items()})


def labels_of(root: Path) -> Path:
    return root / "raw" / "annotations" / "egoprocel"


def make_video(path: Path, *, frames: int, fps: int) -> Path:
    import av
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width = stream.height = 32
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), number, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def keysteps(**changes: object) -> dict[str, object]:
    task = {
        "handles": ["x", "y"],
        "hdl_actions": [["0", "40", "7"], ["40"]],
        "hdl_start_times": [["0", "3", "5"], ["0"]],
        "hdl_end_times": [["3", "5", "9"], ["4"]],
    }
    return {"tent": task | changes}


def test_tasks_that_are_there_are_found_with_their_features(root: Path) -> None:
    data = open_keysteps(profile_of(root))
    assert [(v.video_uid, v.task.dataset, v.task.name) for v in data.videos] == [
        ("a", "MECCANO", "MECCANO"),
        ("b", "MECCANO", "MECCANO"),
        ("c", "EGTEA", "Pizza"),
        ("d", "CMU", "Eggs"),
    ]
    assert len(data.absent) == 13
    assert "4 labelled videos of 3 tasks in 3 datasets" in data.summary()
    segments = data.segments(data.videos[0])
    assert segments is not None
    assert segments.x.shape == (60, 12)
    assert segments.pos[:2].tolist() == pytest.approx([0.5 * 16 / 30, 1.5 * 16 / 30])


def test_times_of_segments_count_in_each_videos_own_rate(root: Path) -> None:
    table = labels_of(root) / "videos.csv"
    table.write_text(table.read_text().replace("a,30,", "a,59.94,"))
    data = open_keysteps(profile_of(root))
    segments = data.segments(data.videos[0])
    assert segments is not None
    assert float(segments.pos[0]) == pytest.approx(0.5 * 16 / 59.94)


def test_a_video_without_features_is_none(root: Path) -> None:
    (root / "raw/features/egoprocel/tiny/MECCANO/a.pt").unlink()
    shutil.rmtree(root / "raw/features/egoprocel/tiny/EGTEA")
    data = open_keysteps(profile_of(root))
    assert [data.segments(video) is None for video in data.videos] == [True, False, True, False]


def test_features_of_another_folder(root: Path) -> None:
    folder = root / "raw/features/egoprocel"
    (folder / "tiny").rename(folder / "omnivore_video_swinl_window-16")
    with pytest.raises(DataError, match="no such folder of features"):
        open_keysteps(profile_of(root))
    data = open_keysteps(profile_of(root, egoprocel__feature_folder="omnivore_video_swinl_window-16"))
    assert data.segments(data.videos[0]) is not None
    assert load_profile("omnivore").egoprocel.feature_folder == "omnivore_video_swinl_window-16"


def json_data(root: Path, document: object, **settings: object) -> KeystepData:
    shutil.rmtree(labels_of(root))
    labels_of(root).mkdir()
    (labels_of(root) / "keysteps.json").write_text(document if isinstance(document, str) else json.dumps(document))
    return open_keysteps(profile_of(root, **settings))


def test_the_json_layout_has_one_rate_and_the_features_theirs(root: Path) -> None:
    features = root / "raw/features/egoprocel/tiny/EPIC-Tent"
    features.mkdir()
    torch.save(torch.zeros(4, 12), features / "tent.x.pt")
    torch.save(torch.ones(5, 12), features / "y.pt")
    data = json_data(root, keysteps(), egoprocel__json_fps=5)
    assert [(v.video_uid, v.fps, v.num_frames) for v in data.videos] == [("tent.x", 5, 9), ("tent.y", 5, 4)]
    found = [data.segments(video) for video in data.videos]
    assert [len(segments.x) for segments in found if segments is not None] == [4, 5]  # the handle is a name, too
    assert data.feature_fps == 30
    assert float(found[0].pos[0]) == pytest.approx(0.5 * 16 / 30)  # type: ignore[union-attr]


def test_labels_may_lie_elsewhere(root: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere.json"
    moved.write_text(json.dumps(keysteps()))
    (tmp_path / "id2action.txt").write_text("0 background\n7 peg_down\n40 pole_in\n")
    data = open_keysteps(profile_of(root, egoprocel__labels=str(moved)))
    assert data.source == moved
    assert [span.text for span in data.videos[0].spans] == ["pole in", "peg down"]
    assert [data.segments(video) for video in data.videos] == [None, None]


# What a csv, JSON or frame table may have wrong: file, content, expected (file, field, value) of the error.
BAD_CSV = [
    ("empty", "MECCANO/a.csv", "", "a.csv", None, None),
    ("header", "MECCANO/a.csv", "start,end,label\n0,1,1 cut\n", "a.csv", "line 1", ["start", "end", "label"]),
    ("start after end", "MECCANO/a.csv", "0,1,1 cut\n5,1,1 cut\n", "a.csv", "line 2", (5.0, 1.0)),
    ("no text and no number", "MECCANO/a.csv", "0,1,\n", "a.csv", "line 1", ["0", "1", ""]),
    ("key-step of another task", "MECCANO/a.csv", "0,1,18 cut\n", "a.csv", "line 1", 18),
    ("unknown video", "MECCANO/new.csv", "0,1,1 cut\n", "new.csv", "video", "new"),
    ("video of two datasets", "EPIC-Tents/a.csv", "0,1,1 cut\n", "EPIC-Tents", "video", "a"),
    ("duplicated ids", "videos.csv", "video,fps,num_frames\na,30,9\na,30,9\n", "videos.csv", "line 3", "a"),
    ("empty table", "videos.csv", "", "videos.csv", None, None),
    ("table without header", "videos.csv", "a,30,960\n", "videos.csv", "fps, num_frames, video", None),
]
BAD_JSON = [
    ("empty", "", None, None),
    ("truncated", json.dumps(keysteps())[:-9], "line 1 column", None),
    ("a list", "[]", None, "list"),
    ("unknown task", {"baking": {}}, "baking", None),
    ("start after end", keysteps(hdl_end_times=[["3", "2", "9"], ["4"]]), "tent[0]", (3, 2, 40)),
    ("duplicated ids", keysteps(handles=["x", "x"]), "tent.handles", "x"),
    ("no number", keysteps(hdl_actions=[["0", "cut", "7"], ["40"]]), "tent[0]", None),
    ("lines of different lengths", keysteps(hdl_actions=[["0"]]), "tent", (1, 2, 2)),
]


@pytest.mark.parametrize(
    ("name", "text", "in_file", "field", "value"), [c[1:] for c in BAD_CSV], ids=[c[0] for c in BAD_CSV]
)
def test_bad_csv_files_name_file_field_and_value(
    root: Path, name: str, text: str, in_file: str, field: str | None, value: object
) -> None:
    file = labels_of(root) / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    with pytest.raises(DataError) as error:
        open_keysteps(profile_of(root))
    assert Path(str(error.value.file)).name == in_file
    assert (error.value.field, error.value.value) == (field, value)


@pytest.mark.parametrize(("document", "field", "value"), [c[1:] for c in BAD_JSON], ids=[c[0] for c in BAD_JSON])
def test_bad_json_files_name_file_field_and_value(
    root: Path, document: object, field: str | None, value: object
) -> None:
    with pytest.raises(DataError) as error:
        json_data(root, document)
    assert Path(str(error.value.file)).name == "keysteps.json"
    assert error.value.field == field or str(error.value.field).startswith(str(field))
    assert error.value.value == value


@pytest.mark.parametrize("bad", [torch.full((9, 12), torch.nan), torch.zeros(0, 12), torch.zeros(9, 3)])
def test_bad_features_name_the_file(root: Path, bad: torch.Tensor) -> None:
    file = root / "raw/features/egoprocel/tiny/MECCANO/a.pt"
    torch.save(bad, file)
    data = open_keysteps(profile_of(root))
    with pytest.raises(DataError) as error:
        data.segments(data.videos[0])
    assert error.value.file == file
    assert error.value.field


def test_no_labels_at_all(root: Path) -> None:
    shutil.rmtree(labels_of(root))
    with pytest.raises(DataError, match=r"no key-step labels.*keysteps\.json"):
        open_keysteps(profile_of(root))


def test_rates_come_from_the_videos_where_the_table_lacks_them(root: Path) -> None:
    table = labels_of(root) / "videos.csv"
    table.write_text("\n".join(line for line in table.read_text().splitlines() if not line.startswith("b,")) + "\n")
    video = make_video(root / "raw/videos/egoprocel/MECCANO/b.MP4", frames=100, fps=20)
    data = open_keysteps(profile_of(root))
    assert [(v.fps, v.num_frames) for v in data.videos[:2]] == [(30, 960), (20, 100)]
    assert read_video_rate(video) == (20, 100)
    video.write_bytes(b"no video")
    with pytest.raises(DataError, match="not readable as a video"):
        read_video_rate(video)


def test_without_pyav_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DataError, match=r"pip install av, or write videos\.csv"):
        read_video_rate(tmp_path / "b.mp4")


def test_features_and_labels_are_needed_and_rates_where_nothing_else_has_them(root: Path) -> None:
    features, labels = root / "raw/features/egoprocel/tiny", labels_of(root)
    assert needed_files(profile_of(root)) == [features, labels, labels / "videos.csv"]
    (root / "raw/videos/egoprocel").mkdir(parents=True)
    assert needed_files(profile_of(root)) == [features, labels]  # the videos know their rates
    (root / "raw/videos/egoprocel").rmdir()
    (labels / "keysteps.json").touch()
    assert needed_files(profile_of(root)) == [features, labels]  # one rate for all
    named = profile_of(root, egoprocel__labels="/elsewhere.json", egoprocel__feature_folder="other")
    assert needed_files(named) == [features.with_name("other")]


def test_spreading_equals_repeating_32_times_then_padding_or_cutting() -> None:
    ids = np.arange(5)
    for num_labels in (100, 160, 163):
        repeated = np.pad(np.repeat(ids, 32), (0, 200))[:num_labels]
        np.testing.assert_array_equal(spread_to_frames(ids, num_labels=num_labels, frames_per_node=64), repeated)


def test_spreading_at_another_rate_follows_the_time() -> None:
    # Labels at 10 frames per second, nodes of 64 / 30 s: label frame f lies at f / 10 s.
    width = frames_per_node(KeystepVideo("v", TASKS[0], 10.0, 600, ()), stride_frames=16, fps=30.0)
    got = spread_to_frames(np.arange(50), num_labels=300, frames_per_node=width)
    expected = [min(int((2 * j + 1) / 10 / (64 / 30)), 49) for j in range(300)]
    assert got.tolist() == expected


def test_raw_features_at_the_rate_of_level_two() -> None:
    x = torch.arange(11.0)[:, None]
    assert raw_level_features(x).flatten().tolist() == [2, 6, 10]
    assert raw_level_features(x[:2]).flatten().tolist() == [1]
    assert raw_level_features(x[:0]).shape == (0, 1)


def test_a_node_covers_64_frames_of_the_rate_that_the_features_count_in() -> None:
    at = {fps: KeystepVideo("v", TASKS[0], fps, 600, ()) for fps in (30.0, 59.94)}
    assert frames_per_node(at[59.94], stride_frames=16) == 64
    assert frames_per_node(at[59.94], stride_frames=16, fps=29.97) == 128
    assert frames_per_node(at[30.0], stride_frames=8, fps=30.0) == 32


def test_what_a_mac_leaves_beside_the_labels_is_passed_over(root: Path) -> None:
    before = len(open_keysteps(profile_of(root)).videos)
    for name in ("._b.csv", "._x.csv"):
        (labels_of(root) / "MECCANO" / name).write_bytes(b"\0\5\x16\7")
    assert len(open_keysteps(profile_of(root)).videos) == before


def test_key_steps_after_the_video_are_an_error(root: Path) -> None:
    (labels_of(root) / "MECCANO/b.csv").write_text("1000,2000,1 cut\n")  # milliseconds
    with pytest.raises(DataError, match=r"b\.csv.*value '1000 s': all key-steps lie after the video's end"):
        open_keysteps(profile_of(root))


def test_two_videos_of_one_name_are_an_error(root: Path) -> None:
    table = labels_of(root) / "videos.csv"
    table.write_text("\n".join(line for line in table.read_text().splitlines() if not line.startswith("b,")) + "\n")
    for camera in ("one", "two"):
        make_video(root / f"raw/videos/egoprocel/{camera}/b.mp4", frames=100, fps=20)
    with pytest.raises(DataError, match="two videos of one name"):
        open_keysteps(profile_of(root))
