"""A record is read back as it was written; one of any other shape counts as none, and is said."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from hiero_lib.base.errors import DownloadError
from hiero_lib.sources.download.manifest import Archive, Item, Mirror
from hiero_lib.sources.download.records import (
    FileRecord,
    Record,
    is_whole,
    journal_file,
    read_record,
    record_file,
    verify,
    write_record,
)

ITEM = Item("a", "a test", "raw/a", "none", (Mirror(drive="D"),))
ARCHIVE = Item("b", "a test", "raw/b", "none", (Mirror(drive="D"),), archive=Archive("zip"))
DIGEST = "0123456789abcdef" * 4
RAW = {"id": "a", "source": "by hand", "size": 3, "date": "2026-01-01T00:00:00Z", "sha256": DIGEST}
FILES = {"x/y.csv": {"size": 3, "sha256": DIGEST}}


def put(root: Path, text: str | bytes) -> Path:
    path = record_file(root, ITEM)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text)
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    assert read_record(tmp_path, ITEM) is None
    for record in (
        Record("a", "https://h/a", 3, "2026", DIGEST),
        Record("a", "https://h/a", 3, "2026", DIGEST, unpacked=4),
        Record("a", "by hand", 3, "2026", files={"x/y.csv": FileRecord(3, DIGEST)}),
    ):
        write_record(tmp_path, ITEM, record)
        assert read_record(tmp_path, ITEM) == record


@pytest.mark.parametrize(
    "change",
    [
        {"id": "b"}, {"id": 3}, {"size": -1}, {"size": "3"}, {"size": True}, {"size": 1.5}, {"size": 2**80},
        {"size": None}, {"sha256": "x"}, {"sha256": DIGEST.upper()}, {"sha256": 3}, {"unpacked": -1},
        {"unpacked": []}, {"source": 3}, {"source": "a\nb"}, {"date": {}}, {"more": 1}, {"files": []},
        {"files": {"x": 3}},
        {"files": {"../../x": FILES["x/y.csv"]}}, {"files": {"/etc/passwd": FILES["x/y.csv"]}},
        {"files": {"x": {"size": 3}}}, {"files": {"x": {"size": -3, "sha256": DIGEST}}},
        {"files": {"x": {"size": 3, "sha256": None}}}, {"files": {"x\u2028": FILES["x/y.csv"]}},
    ],
)  # fmt: skip
def test_a_field_of_another_kind_makes_it_none(change: dict, tmp_path: Path) -> None:
    said: list[str] = []
    path = put(tmp_path, json.dumps(RAW | change))
    assert read_record(tmp_path, ITEM, say=said.append) is None
    assert len(said) == 1
    assert said[0].startswith(f"{path}: ")
    assert said[0].endswith("it is no record of a, and counts as none")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "3", "{", "[" * 50_000, "9" * 6000, "\udc80", '{"id": "a", "id": "a"}', '{"size": NaN}'],
)
def test_what_is_no_object_is_none(text: str, tmp_path: Path) -> None:
    said: list[str] = []
    put(tmp_path, text)
    assert read_record(tmp_path, ITEM, say=said.append) is None
    assert "counts as none" in said[0]


def test_whatever_its_bytes_it_raises_nothing_and_leads_nowhere(tmp_path: Path) -> None:
    draw, base = random.Random(0), json.dumps(RAW | {"files": FILES}).encode()
    for _ in range(500):
        made = bytearray(base)
        for _ in range(draw.randint(1, 4)):
            made[draw.randrange(len(made))] = draw.choice(b'\n"/.\\{}0-' + bytes([draw.randrange(256)]))
        put(tmp_path, bytes(made))
        record = read_record(tmp_path, ITEM)
        if record is not None:
            assert isinstance(is_whole(ITEM, tmp_path, record), bool)
            assert not any(".." in Path(name).parts or Path(name).is_absolute() for name in record.files or {})


def test_files_are_looked_at_by_size_and_verified_by_what_they_hold(tmp_path: Path) -> None:
    (tmp_path / "raw/b").mkdir(parents=True)
    (tmp_path / "raw/b/v.pt").write_bytes(b"abc")
    write_record(tmp_path, ARCHIVE, Record("b", "by hand", 3, "2026", DIGEST, unpacked=1))
    record = read_record(tmp_path, ARCHIVE)
    assert record is not None
    assert not is_whole(ARCHIVE, tmp_path, record)  # without its journal
    journal_file(tmp_path, ARCHIVE).write_text('{"path": "v.pt", "size": 3, "crc32": 891568578}\n')
    assert is_whole(ARCHIVE, tmp_path, record)
    gone = tmp_path / "gone"
    assert verify(ARCHIVE, tmp_path, record, gone) == ", checksum verified"
    (tmp_path / "raw/b/v.pt").write_bytes(b"abd")
    assert is_whole(ARCHIVE, tmp_path, record)
    with pytest.raises(DownloadError, match=r"v\.pt: wrong checksum: CRC-32 .* when it was unpacked it was 352441c2"):
        verify(ARCHIVE, tmp_path, record, gone)
    with pytest.raises(DownloadError, match=r"v\.pt: wrong checksum: SHA-256 .* recorded is 0123"):
        verify(ARCHIVE, tmp_path, record, tmp_path / "raw/b/v.pt")
    (tmp_path / "raw/b/v.pt").write_bytes(b"ab")
    assert not is_whole(ARCHIVE, tmp_path, record)
