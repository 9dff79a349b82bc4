"""A journal is read back as it was written; what is none of it counts for nothing, and is said."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from hiero_lib.sources.download.journal import Written, add_to, read_journal

DONE = [Written("a/v0.pt", 5000, 7), Written("é.pt", 0, 0)]


def written(path: Path) -> Path:
    with path.open("a", encoding="utf-8") as log:
        for one in DONE:
            add_to(log, one)
    return path


def test_what_was_written_is_read_but_for_a_line_that_was_cut_off(tmp_path: Path) -> None:
    journal, said = written(tmp_path / "j"), list[str]()
    with journal.open("a") as log:
        log.write('{"path": "b.pt", "si')
    assert read_journal(journal, say=said.append) == {one.path: one for one in DONE}
    assert read_journal(tmp_path / "none") == {}
    assert said == []


@pytest.mark.parametrize(
    "line",
    [
        "5\t../../precious", "4\tmine.pt", "[]", "3", "null", "{}", "[" * 30_000, "9" * 6000, "\udc80",
        '{"path": "../../precious", "size": 1, "crc32": 1}', '{"path": "/etc/passwd", "size": 1, "crc32": 1}',
        '{"path": "a\\n", "size": 1, "crc32": 1}', '{"path": "\\ud800", "size": 1, "crc32": 1}',
        '{"path": "a", "size": -1, "crc32": 1}', '{"path": "a", "size": true, "crc32": 1}',
        '{"path": "a", "size": 1e400, "crc32": 1}', '{"path": "a", "size": NaN, "crc32": 1}',
        '{"path": ["a"], "size": 1, "crc32": 1}', '{"path": "a", "size": 1}',
        '{"path": "a", "size": 1, "crc32": 1, "more": 1}', f'{{"path": "a", "size": {2**80}, "crc32": 1}}',
    ],
)  # fmt: skip
def test_a_line_of_another_shape_counts_for_nothing(line: str, tmp_path: Path) -> None:
    journal, said = tmp_path / "j", list[str]()
    journal.write_bytes(line.encode("utf-8", "surrogateescape") + b"\n")
    written(journal)
    assert read_journal(journal, say=said.append) == {one.path: one for one in DONE}
    assert said == [f"{journal}: 1 of 3 lines are not of a journal, and count for nothing"]


def test_whatever_its_bytes_nothing_outside_comes_out(tmp_path: Path) -> None:
    draw, base = random.Random(0), written(tmp_path / "j").read_bytes()
    for _ in range(500):
        made = bytearray(base)
        for _ in range(draw.randint(1, 5)):
            made[draw.randrange(len(made))] = draw.choice(b'\n"/.\\{}0-' + bytes([draw.randrange(256)]))
        (tmp_path / "j").write_bytes(made)
        for name, one in read_journal(tmp_path / "j").items():
            assert json.dumps(name)
            assert ".." not in Path(name).parts
            assert not Path(name).is_absolute()
            assert one.size >= 0
