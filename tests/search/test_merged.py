"""The spans of all videos in one folder: the same rows as joined in memory, and no flipped bit goes unseen."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.search import merged
from hiero_lib.search.index import SearchIndex
from hiero_lib.search.merged import BrokenTables, Made, Merged, merge
from hiero_lib.search.table import SpanTable, join, table_of, write_table


def made_up(uid: str, count: int, *, seed: int, levels: int = 3, dim: int = 8) -> SpanTable:
    """Spans in no order, of which a video without ``levels`` has fewer."""
    random = np.random.default_rng(seed)
    start = random.permutation(count) * 4.0
    return table_of(
        uid,
        random.normal(size=(count, dim)),
        level=random.integers(0, levels, count),
        thread=random.integers(-1, 3, count),
        start_s=start,
        end_s=start + 4,
        labels=[f"cuts {number % 5} ä" for number in range(count)],
    )


TABLES = [made_up("w", 40, seed=0), made_up("a", 7, seed=1, levels=1), made_up("m", 60, seed=2)]


def written(folder: Path) -> dict[str, Path]:
    """The videos' files."""
    paths = {table.video_uids[0]: folder / f"{table.video_uids[0]}.safetensors" for table in TABLES}
    for path, table in zip(paths.values(), TABLES):
        write_table(path, table, source=f"of {path.stem}")
    return paths


MADE = {uid: Made(f"of {uid}", (number, 10**18 + number)) for number, uid in enumerate(["w", "a", "m"])}


def test_the_rows_are_those_of_joining_in_memory(tmp_path: Path) -> None:
    told = merge(tmp_path / "all", written(tmp_path), MADE)
    kept = Merged.read(tmp_path / "all")
    assert kept == told
    assert kept.videos == MADE
    found, expected = kept.open(), join(TABLES)
    assert found.video_uids == expected.video_uids
    assert list(found.labels) == list(expected.labels)
    np.testing.assert_array_equal(found.vectors.half, expected.vectors.half)
    np.testing.assert_array_equal(found.vectors[:], expected.vectors[:])
    for name in ("video", "level", "thread", "start_s", "end_s"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert isinstance(found.vectors.half, np.memmap)
    for level in (None, 2):
        query = np.random.default_rng(5).normal(size=8)
        answers = [SearchIndex(spans).find(query, count=9, level=level) for spans in (found, expected)]
        assert answers[0] == answers[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["all", *(f"{uid}.safetensors" for uid in MADE)]
    )


@pytest.mark.parametrize("verified_whole", [True, False])
def test_no_flipped_bit_is_silent(tmp_path: Path, monkeypatch, verified_whole: bool) -> None:
    merge(tmp_path / "all", written(tmp_path), MADE)
    if not verified_whole:
        monkeypatch.setattr(merged, "VERIFIED_WHOLE", 0)
    expected, random = join(TABLES), np.random.default_rng(0)
    for path in sorted((tmp_path / "all").iterdir()):
        content = path.read_bytes()
        for _ in range(12):
            damaged = bytearray(content)
            damaged[random.integers(len(damaged))] ^= 1 << random.integers(8)
            path.write_bytes(damaged)
            found = Merged.read(tmp_path / "all")
            if path.name == "about.json":
                assert found is None
            elif path.name == "vectors.npy" and not verified_whole:
                with pytest.raises(DataError, match=r"vectors\.npy.*damaged"):
                    SearchIndex(found.open()).find(expected.vectors[3])
            else:
                with pytest.raises(DataError, match=f"{path.name}.*damaged"):
                    found.open()
        path.write_bytes(content)
    assert len(Merged.read(tmp_path / "all").open()) == len(expected)


def test_a_file_that_is_cut_or_gone_is_named(tmp_path: Path) -> None:
    merge(tmp_path / "all", written(tmp_path), MADE)
    for name in ("vectors.npy", "level.npy"):
        path = tmp_path / "all" / name
        content = path.read_bytes()
        path.write_bytes(content[:-2])
        with pytest.raises(DataError, match=f"{name}.*damaged"):
            Merged.read(tmp_path / "all").open()
        path.unlink()
        with pytest.raises(DataError, match=f"{name}.*not readable"):
            Merged.read(tmp_path / "all").open()
        path.write_bytes(content)
    assert Merged.read(tmp_path / "none") is None


def test_every_damaged_table_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    paths = written(tmp_path)
    content = bytearray(paths["m"].read_bytes())
    content[-5] ^= 1  # in a tensor: its header is as it was
    paths["m"].write_bytes(content)
    with pytest.raises(BrokenTables) as broken:
        merge(tmp_path / "all", paths, MADE)
    assert list(broken.value.why) == ["m"]
    paths["w"].write_bytes(b"half")
    with pytest.raises(BrokenTables) as broken:
        merge(tmp_path / "all", paths, MADE)
    assert "w.safetensors: not readable" in str(broken.value.why["w"])
    assert not (tmp_path / "all").exists()
    write_table(paths["w"], made_up("w", 4, seed=0, dim=9), source="")
    with pytest.raises(BrokenTables) as broken:
        merge(tmp_path / "all", paths, MADE)
    assert "8 channels are expected" in str(broken.value.why["w"])


def test_other_stamps_are_noted_without_another_file_being_touched(tmp_path: Path) -> None:
    kept = merge(tmp_path / "all", written(tmp_path), MADE)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "all").iterdir()}
    moved = {uid: dataclasses.replace(made, stamp=(1, 2)) for uid, made in MADE.items()}
    dataclasses.replace(kept, videos=moved).write_about(kept.folder)
    assert Merged.read(tmp_path / "all").videos == moved
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "all").iterdir()}
    assert {name for name in after if after[name] != before.get(name)} == {"about.json"}
