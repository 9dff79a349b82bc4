"""Single checks: headers, values, durations, the coverage of benchmarks, and what notebooks will read."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.config import Profile, load_profile
from hiero_lib.data.feature_survey import SurveyedStore
from hiero_lib.data.paths import DataPaths
from hiero_lib.doctor import checks
from hiero_lib.doctor.audit import AuditRow
from hiero_lib.doctor.examine import examine
from tests.helpers.tiny import add_egoprocel, add_goalstep, make_tiny, make_tiny_nlq

DIM = 12
ROW = AuditRow("segment features", "there", "found", "all well")


def features(root: Path) -> Path:
    return root / "raw/features/tiny"


def tiny(root: Path, **settings: int) -> tuple[Profile, SurveyedStore]:
    profile = load_profile(make_tiny(root, dim=DIM, **settings))
    return profile, SurveyedStore(features(root), dim=DIM)


def with_durations(root: Path, seconds: float) -> Path:
    path = root / "raw/annotations/egoclip.csv"
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([f"{header}\tvideo_dur", *(f"{row}\t{seconds}" for row in rows)]))
    return path


def test_values_are_read_of_a_stated_sample_or_of_all(tmp_path: Path) -> None:
    profile = load_profile(make_tiny(tmp_path, videos=120, segments=5, dim=DIM))
    x = torch.load(features(tmp_path) / "v1.pt")
    x[0, 0] = float("inf")
    torch.save(x, features(tmp_path) / "v1.pt")
    values = {row.what: row for row in examine(profile, ["explorer"]).rows}["values of the features"]
    assert values.details == "all finite (40 of 120 files read, all with --deep)"
    assert not examine(profile, ["explorer"], deep=True).healthy


def test_headers_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_tiny(tmp_path, dim=DIM)
    store = SurveyedStore(features(tmp_path), dim=DIM)
    for path in features(tmp_path).iterdir():
        path.unlink()
    assert [store.num_segments(uid) for uid in store.video_uids] == [60] * 9


def test_a_thousand_headers_take_less_than_four_seconds(tmp_path: Path) -> None:
    """An eighth of Ego4D, in an eighth of the 30 s; ``python -m tests.tools.speed headers`` has all."""
    x = torch.zeros(300, 16, dtype=torch.float16)
    for number in range(1000):
        torch.save(x, tmp_path / f"v{number}.pt")
    started = time.process_time()
    assert len(SurveyedStore(tmp_path, dim=16).headers) == 1000
    assert time.process_time() - started < 30 / 8


def test_a_broken_file_is_kept_as_its_error(tmp_path: Path) -> None:
    make_tiny(tmp_path, dim=DIM)
    (features(tmp_path) / "v3.pt").write_bytes(b"PK")
    store = SurveyedStore(features(tmp_path), dim=DIM)
    assert list(store.broken) == ["v3"]
    assert len(store.headers) == 8
    assert "v3" in store
    assert len(store.video_uids) == 9
    with pytest.raises(DataError, match=r"v3\.pt"):
        store.header("v3")


def test_the_row_of_the_features_names_broken_files_and_dtypes(tmp_path: Path) -> None:
    _, store = tiny(tmp_path)
    assert checks.features_row(ROW, store) == AuditRow(ROW.what, ROW.where, "found", "all well; 9 of float16")
    torch.save(torch.zeros(60, DIM), features(tmp_path) / "v2.pt")
    mixed = checks.features_row(ROW, SurveyedStore(features(tmp_path), dim=DIM))
    assert (mixed.status, mixed.details) == ("doubtful", "all well; 8 of float16, 1 of float32")
    (features(tmp_path) / "v3.pt").write_bytes(b"PK")
    broken = checks.features_row(ROW, SurveyedStore(features(tmp_path), dim=DIM))
    assert broken.status == "missing or unusable"
    assert broken.details.startswith("1 of 9 files cannot be used: ")


@pytest.mark.parametrize(("seconds", "status"), [(32.0, "found"), (34.0, "found"), (34.1, "doubtful")])
def test_lengths_may_differ_by_two_seconds(tmp_path: Path, seconds: float, status: str) -> None:
    """Of 60 segments, which last 32 s."""
    profile, store = tiny(tmp_path)
    row = checks.durations_row(profile, store, with_durations(tmp_path, seconds))
    assert row.status == status
    assert ("9 lengths differ" in row.details) == (status == "doubtful")


def test_durations_are_optional(tmp_path: Path) -> None:
    profile, store = tiny(tmp_path)
    row = checks.durations_row(profile, store, tmp_path / "raw/annotations/egoclip.csv")
    assert (row.status, row.details) == ("found", "no video has both (the column video_dur is optional)")


def test_benchmarks_are_looked_at_where_their_commands_look(tmp_path: Path) -> None:
    profile, store = tiny(tmp_path)
    make_tiny_nlq(tmp_path)
    add_egoprocel(tmp_path, dim=DIM)
    add_goalstep(tmp_path)
    paths = DataPaths.at(tmp_path)
    titles = (
        checks.NLQ_TRAIN,
        checks.NLQ_VAL,
        checks.STEPS_QUERIES,
        checks.STEPS_GROUPS,
        checks.STEPS_VAL,
        checks.EGOPROCEL,
    )
    rows = {row.what: row for row in checks.benchmark_rows(profile, paths, store, set(titles))}
    assert {title: row.status for title, row in rows.items()} == dict.fromkeys(titles, "found")
    assert "6 of 6 clips" in rows[checks.NLQ_TRAIN].details
    assert "3 of 3 clips" in rows[checks.NLQ_VAL].details
    assert Path(rows[checks.STEPS_VAL].where) == paths.annotations / "goalstep/goalstep_val.json"
    (only,) = checks.benchmark_rows(profile, paths, store, {checks.STEPS_GROUPS})
    assert only == rows[checks.STEPS_GROUPS]
    without = checks.benchmark_rows(profile, paths, None, {checks.NLQ_VAL, checks.STEPS_VAL})
    assert [row.status for row in without] == ["missing or unusable", "found"]
    assert "not one clip has features" in without[0].details
    assert without[1].details.endswith(", 0 of which have features")


def test_segments_that_notebooks_read(tmp_path: Path) -> None:
    """Of EgoMCQ those of the five windows of each question."""
    profile, store = tiny(tmp_path)
    paths = DataPaths.at(tmp_path)
    counts = checks.segments(store, profile, paths)
    assert set(counts) == {"all", "egomcq"}
    assert counts["all"] == 9 * 60
    widest = 2 * profile.egomcq.context_window + 5  # a clip of two seconds meets five segments at most
    assert 20 * 5 <= counts["egomcq"] <= 20 * 5 * widest
    add_egoprocel(tmp_path, dim=DIM)
    assert checks.segments(store, profile, paths)["egoprocel"] > 0
    paths.egomcq.write_text("[")
    assert "egomcq" not in checks.segments(store, profile, paths)
    assert checks.segments(None, profile, paths).keys() == {"egoprocel"}


def test_segments_of_zeros_are_doubtful(tmp_path: Path) -> None:
    profile = load_profile(make_tiny(tmp_path, videos=3))
    path = tmp_path / "raw/features/tiny/v1.pt"
    x = torch.load(path)
    x[-5:] = 0
    torch.save(x, path)
    row = {row.what: row for row in examine(profile, ["explorer"]).rows}["values of the features"]
    assert (row.status, "1 files have segments of nothing but zeros" in row.details) == ("doubtful", True)
