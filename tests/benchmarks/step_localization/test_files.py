import json

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.step_localization.files import Step, StepVideo, read_goalstep, step_text, write_goalstep

VIDEO = StepVideo(
    "v",
    (
        Step(1.0, 9.0, "cook_rice", "cooks", 0, (Step(2.0, 4.0, "wash_rice", "washes", 1),)),
        Step(9.0, 12.0, "eat", ""),
    ),
)


def test_what_is_written_is_read(tmp_path):
    file = tmp_path / "goalstep_val.json"
    write_goalstep(file, [VIDEO])
    assert read_goalstep(file) == [VIDEO]
    assert [s.category for s in VIDEO.all_steps()] == ["cook_rice", "wash_rice", "eat"]


def test_step_text():
    assert step_text("cook_rice") == "cook rice"


def segment(**changes):
    return {"start_time": 1, "end_time": 2, "step_category": "eat"} | changes


def document(*segments, uids=("v",)):
    return {"videos": [{"video_uid": uid, "segments": list(segments)} for uid in uids]}


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({}, "videos"),
        ([], "videos"),
        ({"videos": []}, "videos"),
        ({"videos": [{"segments": []}]}, "videos[0].video_uid"),
        ({"videos": [{"video_uid": "v"}]}, "videos[0].segments"),
        (document(uids=("v", "v")), "videos[1].video_uid"),
        (document(segment(start_time=3)), "videos[0].segments[0].start_time"),
        (document(segment(end_time="3")), "videos[0].segments[0].start_time, end_time"),
        (document(segment(end_time=float("nan"))), "videos[0].segments[0].start_time, end_time"),
        (document(segment(end_time=10**400)), "videos[0].segments[0].start_time, end_time"),
        (document(segment(step_category=" ")), "videos[0].segments[0].step_category"),
        (document(segment(segments=[segment(start_time=5)])), "videos[0].segments[0].segments[0].start_time"),
        (document("x"), "videos[0].segments[0]"),
    ],
)
def test_bad_files(tmp_path, value, field):
    file = tmp_path / "g.json"
    file.write_text(json.dumps(value))
    with pytest.raises(DataError) as error:
        read_goalstep(file)
    assert (error.value.file, error.value.field) == (file, field)
