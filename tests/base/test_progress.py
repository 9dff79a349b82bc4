"""What is said where nobody watches, and the bar where someone does."""

from __future__ import annotations

import sys
import time

import pytest

from hiero_lib.base.progress import Progress, readable, say, say_aside


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in its one element."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_lines_go_to_stdout_and_aside_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    say("result")
    say_aside("remark")
    assert capsys.readouterr() == ("result\n", "remark\n")


def test_a_line_is_out_before_the_next_thing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    flushed = []
    monkeypatch.setattr(sys.stdout, "flush", lambda: flushed.append("out"))
    monkeypatch.setattr(sys.stderr, "flush", lambda: flushed.append("err"))
    say("a")
    say_aside("b")
    assert flushed == ["out", "err"]


def test_in_batch_a_line_every_few_seconds_and_at_the_end(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress("steps", total=20, start=10)
    for step in range(11, 21):
        clock[0] += 2
        progress.show(step, {"loss": 1 / 3})
    progress.close()
    assert capsys.readouterr().out.splitlines() == [
        "steps 11/20, 18 s left: loss 0.3333",
        "steps 14/20, 12 s left: loss 0.3333",
        "steps 17/20, 6 s left: loss 0.3333",
        "steps 20/20, 0 s left: loss 0.3333",
    ]


def test_a_total_that_grows(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("video", total=0)
    progress.of(0, None)
    for done, total in ((3, 8), (9, 8)):
        clock[0] += 6
        progress.of(done, total)
    assert capsys.readouterr().out.splitlines() == ["video 0/0", "video 3/8, 10 s left", "video 9/9, 0 s left"]


def test_the_other_processes_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("steps", total=2, enabled=False)
    progress.show(2)
    progress.of(2, 2)
    progress.close()
    assert capsys.readouterr() == ("", "")


def test_a_bar_where_someone_watches(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress = Progress("steps", total=4, start=1)
    progress.show(3, {"loss": 2.0})
    progress.of(4, 5)
    assert progress.bar is not None
    assert (progress.bar.n, progress.bar.total) == (4, 5)
    progress.close()
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "steps" in shown.err


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (90, "1.5 min"), (5400, "1.5 h"), (130_000, "1.5 days")]
)
def test_times_for_people(seconds: float, text: str) -> None:
    assert readable(seconds) == text
