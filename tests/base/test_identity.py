"""The identity of a file: of its content, at a cost that its length does not decide."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from hiero_lib.base import identity
from hiero_lib.base.files import sha256_of
from hiero_lib.base.identity import file_identity, identity_once, sha256_once


def test_a_copied_renamed_or_touched_file_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(os.urandom(5000))
    shutil.copyfile(tmp_path / "a", tmp_path / "b")
    os.utime(tmp_path / "b", (1, 1))
    assert file_identity(tmp_path / "a") == file_identity(tmp_path / "b")


def test_a_byte_anywhere_in_a_file_that_is_read_whole_makes_another(tmp_path: Path) -> None:
    raw = bytearray(os.urandom(3000))
    path = tmp_path / "a"
    found = set()
    for at in (0, 1, 1500, 2999):
        raw[at] ^= 1
        path.write_bytes(raw)
        found.add(file_identity(path))
    path.write_bytes(raw[:-1])
    found.add(file_identity(path))
    path.write_bytes(b"")
    assert len(found | {file_identity(path)}) == 6


def test_of_a_long_file_both_ends_and_blocks_between_are_read(tmp_path: Path) -> None:
    path = tmp_path / "long"
    raw = bytes(range(200))
    path.write_bytes(raw)
    whole = file_identity(path, blocks=4, block_bytes=10)
    for at, seen in ((0, True), (9, True), (10, False), (63, True), (199, True), (189, False), (190, True)):
        changed = bytearray(raw)
        changed[at] ^= 1
        path.write_bytes(changed)
        assert (file_identity(path, blocks=4, block_bytes=10) != whole) is seen, at


def test_ten_gigabytes_cost_what_64_megabytes_do(tmp_path: Path) -> None:
    """Of a sparse file: bytes read are what counts."""
    with open(tmp_path / "long", "wb") as stream:
        stream.truncate(10 * 2**30)
    before = _read_bytes()
    file_identity(tmp_path / "long")
    assert _read_bytes() - before < 70 * 2**20


def _read_bytes() -> int:
    counters = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(counters["rchar"])


def test_a_file_is_hashed_once_and_again_when_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, read = tmp_path / "f", list[str]()
    path.write_bytes(b"one")
    monkeypatch.setattr(identity, "SETTLED_S", 0.0)
    monkeypatch.setattr(identity, "sha256_of", lambda path: read.append(str(path)) or sha256_of(path))
    assert sha256_once(path) == sha256_once(path) == sha256_of(path)
    assert len(read) == 1
    path.write_bytes(b"two")
    assert sha256_once(path) == sha256_of(path)
    assert len(read) == 2
    monkeypatch.setattr(identity, "SETTLED_S", 3600.0)  # just written: not to be relied on
    sha256_once(path)
    sha256_once(path)
    assert len(read) == 4


def test_the_identity_is_computed_once_as_long_as_the_stamp_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, read = tmp_path / "a", list[str]()

    def counted(path: str | Path) -> str:
        read.append(str(path))
        return file_identity(path)

    monkeypatch.setattr(identity, "file_identity", counted)
    monkeypatch.setattr(identity, "SETTLED_S", 0.0)
    path.write_bytes(b"one")
    assert identity_once(path) == identity_once(path) == file_identity(path)
    assert len(read) == 1
    path.write_bytes(b"other")
    assert identity_once(path) == file_identity(path)
    assert len(read) == 2
    monkeypatch.setattr(identity, "SETTLED_S", 3600.0)
    identity_once(path)
    assert len(read) == 3
