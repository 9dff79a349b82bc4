"""What is said while a notebook runs."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

import pytest

from hiero_lib.pipelines.watching import watched


def test_a_log_gets_a_line_at_the_start_and_now_and_then() -> None:
    said: list[str] = []
    with watched("[2/9] 01", about_s=300.0, log=Path("logs/01.log"), say=said.append, every_s=0.02):
        deadline = time.monotonic() + 10
        while len(said) < 3 and time.monotonic() < deadline:
            time.sleep(0.005)
    assert said[0] == "[2/9] 01: about 5.0 min, log: logs/01.log"
    assert said[1] == "[2/9] 01: 0 s of about 5.0 min"
    count = len(said)
    time.sleep(0.06)
    assert len(said) == count


def test_what_takes_longer_than_foretold_is_said_to() -> None:
    said: list[str] = []
    with watched("x", about_s=0.01, log=Path("l"), say=said.append, every_s=0.05):
        time.sleep(0.3)
    assert said[1].endswith("longer than foretold: is there other work on this machine?")


def test_where_nothing_is_known_of_the_time() -> None:
    said: list[str] = []
    with pytest.raises(RuntimeError), watched("x", about_s=None, log=Path("l"), say=said.append):
        raise RuntimeError
    assert said == ["x: log: l"]


def test_in_a_terminal_there_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, said = Terminal(), list[str]()
    monkeypatch.setattr(sys, "stderr", terminal)
    with watched("[1/9] 00", about_s=60.0, log=Path("l"), say=said.append, every_s=0.01):
        deadline = time.monotonic() + 10
        while "of about 60 s" not in terminal.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
    assert "[1/9] 00: 00:00 of about 60 s" in terminal.getvalue()
    assert len(said) == 1
