import numpy as np
import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.base.kept import write_kept
from hiero_lib.search.table import (
    SpanTable,
    join,
    normalised,
    read_table,
    source_of,
    spans_by_level,
    table_of,
    write_table,
)


def made(uid: str, count: int, *, dim: int = 8, seed: int = 0, levels: int = 2) -> SpanTable:
    """Spans of 10 s each, level after level."""
    random = np.random.default_rng(seed)
    start = np.arange(count) * 10.0
    return table_of(
        uid,
        random.normal(size=(count, dim)).astype(np.float32),
        level=np.arange(count) % levels,
        thread=np.arange(count) % 3,
        start_s=start,
        end_s=start + 10,
        labels=[f"{uid} <{i}> ä" for i in range(count)],
    )


def test_a_file_holds_what_was_written(tmp_path) -> None:
    table = made("v", 7)
    path = tmp_path / "v.safetensors"
    assert source_of(path) is None
    write_table(path, table, source="s1")
    read = read_table(path)
    assert source_of(path) == "s1"
    assert read.video_uids == ("v",)
    assert list(read.labels) == list(table.labels)
    for name in ("video", "level", "thread", "start_s", "end_s"):
        np.testing.assert_array_equal(getattr(read, name), getattr(table, name))
    np.testing.assert_array_equal(read.vectors.half, table.vectors.half)
    np.testing.assert_allclose((read.vectors[:] * table.vectors[:]).sum(1), 1, atol=1e-5)
    counts, dim = spans_by_level(path)
    assert (counts.tolist(), dim) == ([4, 3], 8)
    assert [p.name for p in tmp_path.iterdir()] == ["v.safetensors"]


def test_join_sorts_by_level_video_and_start_and_keeps_rows_together() -> None:
    tables = [made("b", 5), made("a", 4, seed=1)]
    joined = join(tables)
    assert joined.video_uids == ("b", "a")
    keys = list(zip(joined.level, joined.video, joined.start_s))
    assert keys == sorted(keys)
    of = {label: vector for table in tables for label, vector in zip(table.labels, table.vectors.half)}
    for label, vector in zip(joined.labels, joined.vectors.half):
        np.testing.assert_array_equal(vector, of[label])


def test_a_broken_or_foreign_file_is_an_error_that_names_it(tmp_path) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "v.safetensors"
    with pytest.raises(DataError, match=r"v\.safetensors: not readable"):
        read_table(path)
    path.write_bytes(b"no")
    assert source_of(path) is None
    with pytest.raises(DataError, match=r"v\.safetensors: not readable"):
        read_table(path)
    save_file({"x": np.zeros(2)}, path, metadata={"format": "other"})
    assert source_of(path) is None
    with pytest.raises(DataError, match="checksum does not hold"):
        read_table(path)
    with pytest.raises(DataError, match=r"v\.safetensors: not readable"):
        spans_by_level(path)
    write_kept(path, {"x": np.zeros(2)}, about={"format": "other"})
    assert source_of(path) is None
    with pytest.raises(DataError, match="value 'other'"):
        read_table(path)


def test_bad_rows_are_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match="'v' holds NaN"):
        table_of("v", np.full((1, 2), np.nan), level=[0], thread=[0], start_s=[0], end_s=[1], labels=[""])
    with pytest.raises(ValueError, match="1 vectors but 2 of labels"):
        table_of("v", np.ones((1, 2)), level=[0], thread=[0], start_s=[0], end_s=[1], labels=["", ""])
    with pytest.raises(ValueError, match="different spaces"):
        join([made("a", 2), made("b", 2, dim=9)])
    with pytest.raises(ValueError, match="one video, not 2"):
        write_table(tmp_path / "x", join([made("a", 2), made("b", 2)]), source="")


def test_a_zero_vector_stays_zero() -> None:
    np.testing.assert_array_equal(normalised(np.zeros((2, 3))), np.zeros((2, 3), dtype=np.float32))
