"""Layouts of annotations: Goal-Step's two, EPIC-KITCHENS' two, and times and names that no video has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.sources.sample import make_sample_from_timelines
from hiero_lib.sources.sample.timeline_files import Row, read_annotations
from hiero_lib.sources.sample.timelines import read_timelines
from tests.helpers.shared import SHARED, needs

GOALSTEP = SHARED / "goalstep/val.json"


def step(start: float, end: float, category: str, description: str, *substeps: dict[str, Any]) -> dict[str, Any]:
    return {
        "start_time": start,
        "end_time": end,
        "step_category": category,
        "step_description": description,
        "is_continued": False,
        "segments": list(substeps),
    }


def save(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document) if not isinstance(document, str) else document)
    return path


STEPS = {
    "version": "v1",
    "videos": [
        {
            "video_uid": "a",
            "goal_category": "COOKING:MAKE_OMELET",
            "segments": [
                step(1, 5, "Prepare: cut_onion", "cuts the  onion"),
                step(
                    5, 20, "cook_egg", "cooks", step(5, 9, "crack egg", "cracks the egg"), step(9, 20, "fry_egg", "")
                ),
            ],
        },
        {"video_uid": "b", "segments": []},
    ],
}


def test_goalsteps_steps_and_sub_steps(tmp_path: Path) -> None:
    path = save(tmp_path / "goalstep_train.json", STEPS)
    assert read_annotations(path).rows == [
        Row("a", 1, 5, "cuts the onion", "Prepare, cut onion"),
        Row("a", 5, 9, "cracks the egg", "cook egg"),
        Row("a", 9, 20, "fry egg", "cook egg"),
    ]
    found = read_timelines(path)
    assert [(span.start_s, span.end_s, span.beat.step) for span in found.stories[0].spans("step")] == [
        (1, 5, "Prepare, cut onion"),
        (5, 20, "cook egg"),
    ]
    assert found.broken == {"videos without a row (left out)": 1, "steps with sub-steps (these are taken)": 1}


def query(text: str | None, start: float | None, end: float | None) -> dict[str, Any]:
    times = {} if start is None else {"clip_start_sec": start, "clip_end_sec": end}
    return {"query": text, **times}


def grounding(*queries: dict[str, Any]) -> dict[str, Any]:
    annotations = [{"annotation_uid": "x", "language_queries": list(queries)}]
    clip = {"clip_uid": "a", "video_start_sec": 0.5, "video_end_sec": 60.0, "annotations": annotations}
    return {"version": "v1", "videos": [{"video_uid": "a", "clips": [clip]}]}


def test_goalsteps_queries_are_in_seconds_of_their_video(tmp_path: Path) -> None:
    path = save(tmp_path / "val.json", grounding(query("Kneads the dough", 1.0, 5.0), query(None, 2.0, 3.0)))
    found = read_annotations(path)
    assert (found.rows, found.lengths) == ([Row("a", 1.5, 5.5, "Kneads the dough")], {"a": 60.0})
    timelines = read_timelines(path)
    assert timelines.stories[0].duration_s == 60.0
    assert timelines.broken == {"rows without text (left out)": 1}
    with pytest.raises(DataError, match="no times: a test file"):
        read_annotations(save(tmp_path / "test.json", grounding(query("Kneads", None, None))))


@needs(GOALSTEP)
def test_the_real_queries_of_goalstep_become_a_sample(tmp_path: Path) -> None:
    found = read_timelines(GOALSTEP)
    queries = sum(
        bool((query["query"] or "").strip())
        for video in json.loads(GOALSTEP.read_text())["videos"]
        for clip in video["clips"]
        for annotation in clip["annotations"]
        for query in annotation["language_queries"]
    )
    left_out = sum(count for what, count in found.broken.items() if "rows" in what and "left out" in what)
    assert sum(len(story.beats) for story in found.stories) + left_out >= queries
    assert len(found.stories) > 100


def test_a_sample_is_made_of_goalsteps_steps(tmp_path: Path) -> None:
    videos = [
        {
            "video_uid": f"v{v}",
            "segments": [step(5 * r, 5 * r + 4, f"step_{r % 3}", f"does it {r}") for r in range(6)],
        }
        for v in range(4)
    ]
    path = save(tmp_path / "goalstep_val.json", {"videos": videos})
    make_sample_from_timelines(tmp_path / "s", path, dim=8, held_out=0.5)
    made = json.loads((tmp_path / "s/raw/annotations/goalstep/goalstep_val.json").read_text())
    assert {s["step_category"] for video in made["videos"] for s in video["segments"]} == {
        "step_0",
        "step_1",
        "step_2",
    }


EPIC_55 = (
    "uid,participant_id,video_id,narration,start_timestamp,stop_timestamp,start_frame,stop_frame,verb,verb_class,noun,"
    "noun_class,all_nouns,all_noun_classes\n"
    "0,P01,P01_01,open door,00:00:00.14,00:00:03.37,8,202,open,2,door,8,['door'],[8]\n"
    "1,P01,P01_01,\"turn on light, then go\",00:00:04.37,00:00:06.17,262,370,turn-on,6,light,113,['light'],[113]\n"
)


def test_epic_55_with_the_lengths_of_its_videos(tmp_path: Path) -> None:
    path = save(tmp_path / "EPIC_train_action_labels.csv", EPIC_55)
    save(tmp_path / "EPIC_video_info.csv", "video,resolution,duration,fps\nP01_01,1920x1080,1652.15,59.94\n")
    found = read_annotations(path)
    assert found.rows[1] == Row("P01_01", 4.37, 6.17, "turn on light, then go", verb="turn-on", noun="light")
    assert found.lengths == {"P01_01": 1652.15}
    assert read_timelines(path).stories[0].duration_s == 1652.15
    bare = "participant_id,video_id,start_timestamp,stop_timestamp,narration\nP01,P01_02,0:01,0:02,open door\n"
    assert read_annotations(save(tmp_path / "EPIC_train_action_narrations.csv", bare)).rows[0].video == "P01_02"


@pytest.mark.parametrize(
    ("name", "document", "message"),
    [
        ("a.csv", "video,start,end,text\nv,0,99999999,x\n", "expected seconds from 0 to 604800"),
        ("a.json", {"videos": [{"video_uid": "v", "segments": [step(0, 1e9, "x", "")]}]}, "from 0 to 604800"),
        ("a.json", {"videos": [{"video_uid": "v", "segments": [step(-1, 1, "x", "")]}]}, "finite seconds from 0"),
        ("a.json", {"videos": [{"video_uid": "../v", "segments": []}]}, "not a name that a file can have"),
        ("a.json", {"videos": [{"video_uid": "v" * 300, "segments": []}]}, "not a name that a file can have"),
        ("a.csv", 'video,start,end,text\n"a\nb",0,1,x\n', "not a name that a file can have"),
        ("a.json", [{"video": "\ud800", "start": 0, "end": 1, "text": "x"}], r"\[0\].video.*half a character"),
        ("a.json", [{"video": "v", "start": 0, "end": 1, "text": "a\ud800"}], r"\[0\].text.*half a character"),
        ("a.json", [{"video": "v", "start": 0, "end": 1, "text": ["a"]}], r"\[0\] text.*a text or a number"),
        ("a.json", [{"video": "v", "start": True, "end": 1, "text": "a"}], r"\[0\] start.*a text or a number"),
        ("a.csv", "video,start,end,text\nnan,0,1,x\n", "line 2 video', value 'nan': the name of a video is missing"),
        (
            "a.csv",
            "video,start,end,text,task\nv,0,1,x,NaN\n",
            "line 2 task', value 'NaN': expected the name",
        ),
        ("a.csv", "video,start,end,text,step\nv,0,1,x,0\n", "line 2 step', value '0'.*from 1.*leave it empty"),
        ("a.csv", "video,start,end,text,step\nv,0,1,x,N/A\n", "line 2 step', value 'N/A'"),
        ("a.csv", "video,start,end,text,step\nv,0,1,x,-\n", "line 2 step', value '-'"),
        (
            "a.csv",
            'video,start,end,text\nv,"1,500","2,500",x\n',
            "line 2 start', value '1,500': thousands or",
        ),
        ("a.csv", "video,start,end,text\nv,0,1,a\0b\n", "line 2': a zero byte"),
        ("a.json", {"videos": []}, "expected a list of videos"),
        ("a.json", {"videos": [1]}, r"videos\[0\].video_uid"),
    ],
)
def test_times_and_names_that_no_video_has(tmp_path: Path, name: str, document: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_annotations(save(tmp_path / name, document))


def test_a_german_spreadsheet_is_read(tmp_path: Path) -> None:
    path = save(tmp_path / "a.csv", "video;start;end;text\nv;1,5;2,75;cuts, then stirs\n")
    assert read_annotations(path).rows == [Row("v", 1.5, 2.75, "cuts, then stirs")]


def test_texts_that_table_tools_write_for_none_are_counted(tmp_path: Path) -> None:
    path = save(tmp_path / "a.csv", "video,start,end,text\nv,0,1,nan\nv,1,2,NA\nv,2,3,cuts\n")
    assert read_timelines(path).broken == {"rows without text (left out)": 2}


@pytest.mark.parametrize(("one", "other"), [("Kitchen", "kitchen"), ("caf\u00e9", "cafe\u0301")])
def test_two_names_of_one_file_are_an_error(tmp_path: Path, one: str, other: str) -> None:
    path = save(tmp_path / "a.csv", f"video,start,end,text\n{one},0,1,x\n{other},0,1,y\n")
    with pytest.raises(DataError, match="two videos whose names differ only in case"):
        read_timelines(path)


def test_steps_by_number_and_by_name_are_an_error_in_one_task_alone(tmp_path: Path) -> None:
    text = "video,start,end,text,step,task\nv,0,1,x,1,a\nv,1,2,y,stir,{}\n"
    with pytest.raises(DataError, match="field 'step', value '1, stir': key-steps by number and by name"):
        read_timelines(save(tmp_path / "a.csv", text.format("a")))
    assert len(read_timelines(save(tmp_path / "b.csv", text.format("b"))).stories) == 1


def test_lengths_that_are_there_twice_or_not_at_all(tmp_path: Path) -> None:
    path = save(
        tmp_path / "EPIC_100_train.csv",
        "video_id,start_timestamp,stop_timestamp,narration\nP,00:00:01.0,00:00:02.0,open\nQ,00:00:01.0,00:00:02.0,shut\n",
    )
    info = save(tmp_path / "EPIC_100_video_info.csv", "video_id,duration\nP,9\n")
    assert read_timelines(path).broken == {"videos of unknown length (the end of their last row taken)": 1}
    info.write_text("video_id,duration\nP,9\nP,90\n")
    with pytest.raises(DataError, match="line 3', value 'P': the video occurs twice"):
        read_timelines(path)
