"""Kept arrays: what comes back is what was written, or an error."""

import contextlib
import os
import resource
from pathlib import Path

import numpy as np
import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.base.kept import read_kept, write_kept

ARRAYS = {
    "a": np.arange(12, dtype=np.float32).reshape(3, 4),
    "b/1": np.array([True, False]),
    "none": np.zeros((0, 3)),
}
ABOUT = {"made_of": "this", "labels": '["é", ""]'}


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    write_kept(tmp_path / "f", {**ARRAYS, "turned": ARRAYS["a"].T}, about=ABOUT)
    arrays, about = read_kept(tmp_path / "f")
    assert about == ABOUT
    assert arrays.keys() == {*ARRAYS, "turned"}
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype
    np.testing.assert_array_equal(arrays["turned"], ARRAYS["a"].T)


def test_what_cannot_be_opened_just_now_is_not_called_damaged(tmp_path: Path) -> None:
    write_kept(tmp_path / "f", ARRAYS, about=ABOUT)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as opened:
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        opened.callback(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        with contextlib.suppress(OSError):
            while True:
                opened.enter_context(open(os.devnull, "rb"))
        with pytest.raises(OSError, match="Too many open files"):
            read_kept(tmp_path / "f")
    assert read_kept(tmp_path / "f")[1] == ABOUT


def test_no_flipped_bit_is_taken(tmp_path: Path) -> None:
    """Every single bit of a small file."""
    path = tmp_path / "f"
    write_kept(path, ARRAYS, about=ABOUT)
    whole = path.read_bytes()
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            arrays, about = read_kept(path)
        except DataError:
            continue
        assert about == ABOUT, bit  # white space of the header
        assert all(np.array_equal(arrays[name], ARRAYS[name]) for name in ARRAYS), bit


def test_what_is_missing_or_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f"
    with pytest.raises(DataError, match="not readable"):
        read_kept(path)
    write_kept(path, ARRAYS, about=ABOUT)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError):
            read_kept(path)
