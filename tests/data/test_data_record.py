"""The data of a run: what is changed, what is more, what is not read again, and what cannot be told."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hiero_lib.base import identity
from hiero_lib.base.errors import DataError
from hiero_lib.data import data_record as module
from hiero_lib.data.data_record import SAMPLED, DataRecord, data_record, difference, record_from
from hiero_lib.data.paths import DataPaths

OTHER = "video_uid\tnarration_time\tclip_text\nv\t1\t#C C puts\n"
CSV = "video_uid\tnarration_time\tclip_text\nv\t1\t#C C cuts\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(identity, "SETTLED_S", -1.0)  # the files of a test are young
    paths = DataPaths(tmp_path / "a")
    (paths.features("f")).mkdir(parents=True)
    (paths.features("egoprocel/f/PC")).mkdir(parents=True)
    (paths.annotations / "goalstep").mkdir(parents=True)
    (paths.annotations / "goalstep/val.json").write_text("{}")
    paths.egoclip.write_text(CSV)
    for number in range(4):
        torch.save(torch.full((9, 4), float(number)), paths.features("f") / f"v{number}.pt")
    torch.save(torch.ones(9, 4), paths.features("egoprocel/f/PC") / "p.pt")
    (paths.root / "text.pth").write_bytes(b"weights")
    return tmp_path / "a"


def of(root: Path, known: DataRecord | None = None) -> DataRecord:
    return data_record(DataPaths(root), ["f", "egoprocel/f"], ["text.pth", "absent.pth"], known)


def keeping_times(path: Path, change: Callable[[Path], object]) -> None:
    before = path.stat()
    change(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda root: (root / "raw/annotations/egoclip.csv").write_text(OTHER),
            ["egoclip.csv is another"],
        ),
        (
            lambda root: keeping_times(root / "raw/annotations/egoclip.csv", lambda p: p.write_text(OTHER)),
            ["egoclip.csv is another"],
        ),
        (lambda root: (root / "raw/annotations/egoclip.csv").unlink(), ["egoclip.csv is gone"]),
        (
            lambda root: keeping_times(
                root / "raw/features/f/v2.pt", lambda p: torch.save(torch.full((9, 4), 7.0), p)
            ),
            ["1 feature file (f/v2.pt) changed"],
        ),
        (lambda root: (root / "raw/features/f/v1.pt").unlink(), ["1 feature file (f/v1.pt) gone"]),
        (
            lambda root: (root / "raw/features/f/v1.pt").rename(root / "raw/features/f/w.pt"),
            ["1 feature file (f/v1.pt) gone"],
        ),
        (
            lambda root: (root / "raw/annotations/goalstep/val.json").write_text("[]"),
            ["goalstep/val.json is another"],
        ),
        (
            lambda root: (root / "raw/features/egoprocel/f/PC/p.pt").unlink(),
            ["1 feature file (egoprocel/f/PC/p.pt) gone"],
        ),
        (lambda root: (root / "text.pth").write_bytes(b"Weights"), ["text.pth is another"]),
        (lambda root: os.utime(root / "raw/annotations/egoclip.csv", (1, 1)), []),
        (lambda root: (root / "raw/annotations/._egoclip.csv").write_text("of a Mac"), []),
        (lambda root: (root / "raw/features/f/._v1.pt").write_text("of a Mac"), []),
    ],
)
def test_a_change_is_told_whatever_the_times_say(
    root: Path, change: Callable[[Path], object], told: list[str]
) -> None:
    kept = of(root)
    change(root)
    assert difference(kept, of(root, kept)).changed == told


def test_what_comes_later_is_more_and_is_known_from_then_on(root: Path) -> None:
    (root / "raw/annotations/egoclip.csv").unlink()
    first = of(root)
    (root / "raw/annotations/egoclip.csv").write_text(CSV)
    torch.save(torch.zeros(9, 4), root / "raw/features/f/w.pt")
    second = of(root, first)
    found = difference(first, second)
    assert (found.changed, found.more) == ([], ["egoclip.csv", "1 feature file (f/w.pt)"])
    torch.save(torch.ones(9, 4), root / "raw/features/f/w.pt")
    assert difference(second, of(root, second)).changed == ["1 feature file (f/w.pt) changed"]


def test_other_folders_and_weights_are_changed_settings(root: Path) -> None:
    kept = of(root)
    (root / "other.pth").write_bytes(b"weights")
    now = data_record(DataPaths(root), ["g"], ["other.pth"], kept)
    assert difference(kept, now).changed == []
    again = data_record(DataPaths(root), ["f", "g"], ["text.pth"], now)
    assert difference(kept, again).changed == []


def test_weights_may_lie_anywhere(root: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.pth"
    elsewhere.write_bytes(b"weights")
    kept = data_record(DataPaths(root), ["f"], [str(elsewhere)])
    elsewhere.write_bytes(b"Weights")
    now = data_record(DataPaths(root), ["f"], [str(elsewhere)], kept)
    assert difference(kept, now).changed == [f"{elsewhere} is another"]


def test_features_that_are_linked_count_and_a_link_that_leads_back_ends(root: Path, tmp_path: Path) -> None:
    folder = root / "raw/features/egoprocel/f"
    (folder / "PC").rename(tmp_path / "elsewhere")
    (folder / "PC").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/back").symlink_to(folder)
    assert "egoprocel/f/PC/p.pt" in of(root).files
    assert len(of(root).files) == 5


def test_a_copy_is_the_same(root: Path, tmp_path: Path) -> None:
    kept = of(root)
    copy = shutil.copytree(root, tmp_path / "b", copy_function=shutil.copyfile)
    found = difference(kept, of(copy, kept))
    assert (found.changed, found.more) == ([], [])


def test_nothing_is_read_again_where_the_stamps_hold(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = of(root)
    notes = {"raw/annotations/egoclip.csv", "raw/annotations/goalstep/val.json"}
    assert set(kept.stamps) == {*notes, "text.pth", *(f"raw/features/{name}" for name in kept.files)}
    for name in ("sha256_once", "feature_identity"):
        monkeypatch.setattr(module, name, lambda path: pytest.fail(f"{path} is read"))
    assert of(root, kept) == kept


def test_a_young_file_has_no_stamp(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "SETTLED_S", 3600.0)
    assert of(root).stamps == {}


def test_a_file_that_is_not_compared_is_told(root: Path) -> None:
    for number in range(2 * SAMPLED):
        (root / f"raw/features/f/x{number:03}.pt").write_bytes(b"a")
    kept = of(root)
    assert len(kept.contents) == SAMPLED + 1
    other = next(name for name in kept.files if name.startswith("f/x") and name not in kept.contents)
    (root / "raw/features" / other).write_bytes(b"b")
    os.utime(root / "raw/features" / other, (1, 1))
    found = difference(kept, of(root, kept))
    assert (found.changed, found.more, found.unread) == ([], [], [other])


def test_a_record_comes_back_from_a_file(root: Path) -> None:
    kept = of(root)
    assert record_from(kept.to_dict(), root) == kept


@pytest.mark.parametrize(
    "value", [None, [], "x", {}, {"files": []}, {"annotations": {}, "folders": [], "files": {"a": "1"}}]
)
def test_another_shape_is_an_error_with_its_file(tmp_path: Path, value: object) -> None:
    with pytest.raises(DataError, match=r"run\.json.*data"):
        record_from(value, tmp_path / "run.json")
