"""Sealed folders: whatever is changed in them is found."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from hiero_lib.base import checksums


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    (tmp_path / "a.npy").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "b.json").write_text("[1]")
    checksums.seal(tmp_path)
    return tmp_path


def test_what_is_as_it_was_written_is_not_damaged(sealed: Path) -> None:
    assert checksums.damage(sealed) is None
    checksums.seal(sealed)
    assert checksums.damage(sealed) is None


def test_every_flipped_bit_is_found(sealed: Path) -> None:
    """In the files; and of the checksums' own file at least never in silence: it then fits nothing."""
    random = np.random.default_rng(0)
    for name in ("a.npy", "b.json", checksums.FILE):
        whole = (sealed / name).read_bytes()
        for bit in random.permutation(8 * len(whole))[:60].tolist():
            flipped = bytearray(whole)
            flipped[bit // 8] ^= 1 << bit % 8
            (sealed / name).write_bytes(flipped)
            if name != checksums.FILE or not whole[bit // 8 : bit // 8 + 1].isspace():  # JSON's white space is free
                assert checksums.damage(sealed) is not None, (name, bit)
        (sealed / name).write_bytes(whole)
    assert checksums.damage(sealed) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "a.npy").unlink(), "a.npy is missing"),
        (lambda folder: (folder / "a.npy").write_bytes(b""), "a.npy does not hold"),
        (lambda folder: (folder / checksums.FILE).unlink(), "not readable"),
        (lambda folder: (folder / checksums.FILE).write_text("{}"), "names no file"),
        (lambda folder: (folder / checksums.FILE).write_text("[]"), "names no file"),
        (lambda folder: (folder / checksums.FILE).write_text('{"../a": [1, 2]}'), "../a is missing"),
        (lambda folder: (folder / checksums.FILE).write_text('{"a.npy": null}'), "does not hold"),
    ],
)
def test_what_is_wrong_is_said(sealed: Path, change, said: str) -> None:
    change(sealed)
    assert said in (checksums.damage(sealed) or "")


def test_too_many_open_files_are_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that is called damaged is removed."""
    (tmp_path / "a").write_text("x")
    checksums.seal(tmp_path)

    def refuse(number):
        def crc32_of(path):
            raise OSError(number, os.strerror(number), str(path))

        return crc32_of

    monkeypatch.setattr(checksums, "crc32_of", refuse(errno.EMFILE))
    with pytest.raises(OSError, match="Too many open files"):
        checksums.damage(tmp_path)
    monkeypatch.setattr(checksums, "crc32_of", refuse(errno.EIO))
    assert "not readable" in checksums.damage(tmp_path)
