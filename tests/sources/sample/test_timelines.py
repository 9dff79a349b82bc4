"""Samples from annotations: what real timing and texts may bring, and what is refused."""

import json
from pathlib import Path

import pytest
import torch

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.base.files import read_json
from hiero_lib.benchmarks.egoprocel.files import TASKS, read_csv_task, read_frame_table
from hiero_lib.benchmarks.thread_recovery.files import read_truth
from hiero_lib.sources.sample import make_sample, make_sample_from_timelines
from hiero_lib.sources.sample.timelines import read_timelines
from tests.helpers.shared import SHARED, needs

EPIC = SHARED / "epic/EPIC_100_validation.csv"
KEYSTEPS = SHARED / "egoprocel/keysteps.json"
UNTIDY = """video,start,end,text
a,0:00:01.5,4,take plate
a,3,6,#C C washes the plate
a,9,8,put plate
a,7,7,open tap
a,7,7,open tap
b,5,6,close tap
b,1,2,open door
b,3,4,
"""


def write(folder: Path, text: str, name: str = "mine.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def table(videos: int, rows: int, *, steps: bool = False) -> str:
    """Tidy annotations: ``rows`` actions of 4 s in each of ``videos`` videos."""
    nouns = ["plate", "knife", "pan", "cup", "bowl", "jar", "fork", "lid"]
    lines = ["video,start,end,text" + (",step,task" if steps else "")]
    for v in range(videos):
        for r in range(rows):
            step = f",{1 + r // 3 % 4},EGTEA/GreekSalad" if steps else ""
            lines.append(f"v{v},{5 * r},{5 * r + 4},{'take' if r % 2 else 'wash'} {nouns[(r + v) % 8]}{step}")
    return "\n".join(lines)


def test_untidy_rows_are_mended_or_left_out_and_counted(tmp_path):
    found = read_timelines(write(tmp_path, UNTIDY))
    assert found.broken == {
        "rows without text (left out)": 1,
        "rows that end before they start (left out)": 1,
        "rows given twice (left out)": 1,
        "rows of no length (kept)": 1,
        "rows out of order (sorted)": 1,
        "rows that overlap an earlier one (kept)": 1,
    }
    a, b = found.stories
    assert [(x.start_s, x.end_s, x.text) for x in a.beats] == [
        (1.5, 4.0, "take plate"),
        (3.0, 6.0, "washes the plate"),
        (7.0, 7.0, "open tap"),
    ]
    assert [x.text for x in b.beats] == ["open door", "close tap"]
    assert (a.duration_s, b.duration_s) == (7.0, 6.0)
    assert [(n.time_s, n.text) for n in found.narrations["a"]] == [
        (2.75, "#C C take plate"),
        (4.5, "#C C washes the plate"),
        (7.0, "#C C open tap"),
    ]


def test_the_three_forms_of_the_own_layout_are_one(tmp_path):
    text = table(2, 4, steps=True)
    rows = [dict(zip(text.splitlines()[0].split(","), line.split(","))) for line in text.splitlines()[1:]]
    files = [
        write(tmp_path, text),
        write(tmp_path, text.replace(",", "\t"), "mine.tsv"),
        write(tmp_path, json.dumps(rows), "mine.json"),
    ]
    first, *others = [read_timelines(f).stories for f in files]
    assert all(stories == first for stories in others)
    assert first[0].beats[3].step == "take cup"
    assert [b.keystep for b in first[0].beats] == [1, 1, 1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("video,start,end\nv,1,2", "columns are missing.*|field 'text'"),
        ("video,start,end,text,colour,mood\nv,1,2,x,y,z", "field 'colour, mood'.*unknown columns"),
        ("video_id,start_timestamp,stop_timestamp,narration,rating\n", "field 'rating'.*unknown columns"),
        ("video,start,end,text\nv,soon,2,x", r"line 2 start.*'soon'"),
        ("video,start,end,text\nv,1,nan,x", r"line 2 end.*'nan'"),
        ("video,start,end,text\nv,-1,2,x", r"line 2 start.*'-1'"),
        ("video,start,end,text\n../v,1,2,x", r"line 2 video.*'\.\./v'"),
        ("video,start,end,text\nv,1,2,x, and y", "line 2.*5 cells where the header has 4"),
        ("video,start,end,text\nv,1,2,", "no row can be used"),
    ],
)
def test_bad_tables_are_refused_by_name(tmp_path, text, message):
    with pytest.raises(DataError, match=message) as caught:
        read_timelines(write(tmp_path, text))
    assert "mine.csv" in str(caught.value)


def test_bad_json_is_refused(tmp_path):
    with pytest.raises(DataError, match="neither"):
        read_timelines(write(tmp_path, '{"a": 1}', "mine.json"))
    with pytest.raises(DataError, match=r"\[0\]"):
        read_timelines(write(tmp_path, "[3]", "mine.json"))
    with pytest.raises(DataError, match="no such file"):
        read_timelines(tmp_path / "absent.csv")


def test_epic_columns_lengths_and_stamps(tmp_path):
    head = "video_id,narration_timestamp,start_timestamp,stop_timestamp,narration,verb,noun\n"
    rows = [
        "P01,00:00:01.00,00:00:00.50,00:00:02.00,take plate,take,plate",
        "P01,00:00:09.00,00:00:03.00,00:00:04.00,wash cup,wash,cup",
        "P01,,00:00:05.00,00:00:07.00,open tap,open,tap",
        "P01,00:00:08.40,00:00:08.00,00:00:12.00,close tap,close,tap",
        "P01,00:00:20.00,00:00:20.00,00:00:21.00,wave hand,wave,hand",
    ]
    write(tmp_path, "video_id,duration,fps,resolution\nP01,10.0,60,1x1\n", "EPIC_100_video_info.csv")
    found = read_timelines(write(tmp_path, head + "\n".join(rows), "EPIC_100_validation.csv"))
    assert found.stories[0].duration_s == 10.0
    assert [n.time_s for n in found.narrations["P01"]] == [1.0, 6.0, 8.4, 9.0]
    assert found.stories[0].beats[0].action_key == ("take", "plate")
    assert found.broken == {
        "rows after their video's end (left out)": 1,
        "rows without a narration time (their middle taken)": 1,
        "rows that end after their video (cut)": 1,
        "narration times outside their row's span (kept)": 1,
        "of them by more than a second (not asked for in EgoMCQ)": 1,
    }


def test_a_sample_from_timelines_has_the_same_files(tmp_path, embed):
    file = write(tmp_path, table(9, 40))
    report = make_sample_from_timelines(tmp_path / "sample", file, embed=embed)
    root = tmp_path / "sample"
    marker = read_json(root / "sample.json")
    assert marker["is_sample"]
    assert (len(marker["training_videos"]), len(marker["held_out_videos"])) == (4, 5)
    rows = (root / "raw/annotations/egoclip.csv").read_text().splitlines()
    assert len(rows) == 1 + 4 * 40
    assert all("\t#C C take " in row or "\t#C C wash " in row for row in rows[1:])
    questions = read_json(root / "raw/annotations/egomcq.json").values()
    assert {q["types"] for q in questions} == {1, 2}
    assert {c["video_uid"] for q in questions for c in q["choices"].values()} == set(marker["held_out_videos"])
    truth = read_truth(root / "truth/v0.json")
    assert len(truth.levels["action"]) == 40
    assert truth.levels["thread"] == ()
    x = torch.load(root / "raw/features/sample_256/v0.pt", weights_only=True)
    assert x.shape == (int(199 * 30 / 16), 256)
    assert "in the timelines" not in report.summary()
    found = {f.name for f in (root / "raw/annotations").iterdir()}  # without steps no files that need them
    assert found == {"egoclip.csv", "egomcq.json", "nlq_train.json", "nlq_val.json"}


def test_key_steps_become_egoprocel_files(tmp_path, embed):
    file = write(tmp_path, table(7, 12, steps=True))
    report = make_sample_from_timelines(tmp_path / "sample", file, embed=embed, held_out=1.0)
    folder = tmp_path / "sample/raw/annotations/egoprocel"
    task = next(task for task in TASKS if task.name == "GreekSalad")
    videos = read_csv_task(task, folder, read_frame_table(folder / "videos.csv"))
    assert len(videos) == report.counts["egoprocel_videos"] == 7
    assert [span.step for span in videos[0].spans] == [1 + r // 3 for r in range(12)]
    assert report.counts["training_narrations"] == 0
    assert (tmp_path / "sample/raw/features/egoprocel/sample_256/EGTEA/v0.pt").is_file()


def test_named_steps_are_numbered_per_task(tmp_path):
    text = "video,start,end,text,step,task\nv,0,1,x,wash,A\nv,2,3,y,cut,A\nw,0,1,z,wash,B\n"
    found = read_timelines(write(tmp_path, text))
    assert [b.keystep for s in found.stories for b in s.beats] == [2, 1, 1]
    assert found.broken == {"videos that are not of one EgoProceL task (no EgoProceL files)": 2}


def test_timelines_and_grammar_share_one_feature_space(small, tmp_path, embed):
    root, _ = small
    make_sample_from_timelines(tmp_path / "sample", write(tmp_path, table(6, 20)), embed=embed)
    ours, theirs = (
        torch.load(r / "pretrained/sample_txt_proj.pth", weights_only=True) for r in (root, tmp_path / "sample")
    )
    torch.testing.assert_close(ours, theirs)


def test_features_follow_the_text_of_the_time(tmp_path, embed):
    """Segments of the same text are more alike than segments of different texts, in one video."""
    make_sample_from_timelines(tmp_path / "s", write(tmp_path, table(2, 120)), embed=embed)
    x = torch.load(tmp_path / "s/raw/features/sample_256/v0.pt", weights_only=True).float()
    at = ((torch.arange(120) * 5 + 2) * 30 / 16).long()
    unit = torch.nn.functional.normalize(x[at] - x.mean(0), dim=1)
    likeness = unit @ unit.T
    far = (torch.arange(120)[:, None] - torch.arange(120)).abs() > 12  # beyond the reach of motion and drift
    same = torch.arange(120)[:, None] % 8 == torch.arange(120) % 8
    assert likeness[far & same].mean() > likeness[far & ~same].mean() + 0.02


def test_a_share_out_of_range_is_named(tmp_path, embed):
    with pytest.raises(ConfigError, match="held_out"):
        make_sample_from_timelines(tmp_path / "s", write(tmp_path, table(2, 9)), embed=embed, held_out=0.0)


def test_a_changed_file_is_another_sample(tmp_path, embed):
    file = write(tmp_path, table(6, 20))
    make_sample_from_timelines(tmp_path / "s", file, embed=embed)
    assert not make_sample_from_timelines(tmp_path / "s", file, embed=embed).created
    write(tmp_path, table(6, 21))
    with pytest.raises(DataError, match="another sample"):
        make_sample_from_timelines(tmp_path / "s", file, embed=embed)
    with pytest.raises(DataError, match="another sample"):
        make_sample(tmp_path / "s", num_videos=6, embed=embed)


@needs(EPIC)
def test_the_real_epic_timelines_are_read():
    found = read_timelines(EPIC)
    assert len(found.stories) == 138
    assert sum(len(rows) for rows in found.narrations.values()) > 9600
    assert all(b.end_s <= s.duration_s for s in found.stories for b in s.beats)
    assert found.broken["rows that overlap an earlier one (kept)"] > 1000


@needs(KEYSTEPS)
def test_the_real_key_steps_are_read():
    found = read_timelines(KEYSTEPS)
    assert len(found.stories) + found.broken["videos without a row (left out)"] == 1079
    assert all(s.egoprocel for s in found.stories)


CASES = Path(__file__).parents[2] / "cases" / "timelines"


def test_steps_that_a_table_tool_wrote_keep_their_numbers() -> None:
    (story,) = read_timelines(CASES / "float_steps.csv").stories
    assert [beat.keystep for beat in story.beats] == [*range(1, 13), 0]  # the last row has none
    assert [beat.step for beat in story.beats][:12] == [f"crack egg {number}" for number in range(1, 13)]


def test_a_byte_order_mark_is_read() -> None:
    (story,) = read_timelines(CASES / "bom.json").stories
    assert [(beat.start_s, beat.end_s, beat.text) for beat in story.beats] == [(1.0, 3.0, "cuts")]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("negative.csv", "'line 2 start', value '-00:00:01.00'"),
        ("open_quote.csv", "'line 2': a quote opens here"),
        ("superscript.csv", "'line 2 step', value '²'"),
    ],
)
def test_odd_cells_are_named(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_timelines(CASES / name)


@pytest.mark.parametrize("step", ["nan", "-1", "1.5", "1e3", "٣", "½"])
def test_a_step_that_is_no_number_and_no_name_is_named(tmp_path: Path, step: str) -> None:
    file = write(tmp_path, f"video,start,end,text,step\nv,1,2,cuts,{step}\n")
    with pytest.raises(DataError, match=f"line 2 step', value '{step}'"):
        read_timelines(file)


def test_a_column_that_occurs_twice_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="value 'text': the column occurs twice"):
        read_timelines(write(tmp_path, "video,start,end,text,text\nv,1,2,cuts,washes\n"))
