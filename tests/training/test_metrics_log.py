"""The metrics log: JSON whatever is measured, and cut to what a training goes on from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hiero_lib.training.metrics_log import MetricsLog, epoch_logged


@pytest.fixture
def log(tmp_path: Path) -> MetricsLog:
    return MetricsLog(tmp_path / "metrics.jsonl")


def refuse(literal: str) -> None:
    raise AssertionError(literal)


def records(log: MetricsLog) -> list[dict]:
    return [json.loads(line, parse_constant=refuse) for line in log.file.read_text().splitlines()]


def test_what_is_not_finite_is_written_as_not_measured(log: MetricsLog) -> None:
    log.add({"step": 1, "loss": 0.5, "grad_norm": float("inf"), "ft": float("nan"), "lr": -float("inf")})
    assert records(log) == [{"step": 1, "loss": 0.5, "grad_norm": None, "ft": None, "lr": None}]


BAD = [b'{"step": 2, "lo', b"\xff\xfe", b"[1]", b"3", b"null", b'{"loss": 1}', b'{"step": "2"}', b'{"step": NaN}']
BAD += [b'{"step": true}', b"", b"\x00", b"[" * 100_000, b'{"step": ' + b"9" * 5000 + b"}"]


@pytest.mark.parametrize("bad", BAD, ids=[repr(line[:20]) for line in BAD])
def test_a_bad_line_is_left_out_and_said_and_the_others_stay(
    log: MetricsLog, bad: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    log.file.write_bytes(b'{"step": 1}\n' + bad + b'\n{"step": 3}\n{"step": 4}\n{"step": 5, "lo')
    log.cut(3)
    assert records(log) == [{"step": 1}, {"step": 3}]
    (line,) = capsys.readouterr().out.splitlines()
    assert "metrics.jsonl, line 2: not a record of the log" in line
    assert len(line) < 500


def test_a_line_that_was_being_written_is_no_damage(log: MetricsLog, capsys: pytest.CaptureFixture[str]) -> None:
    log.file.write_text('{"step": 1}\n{"step": 2, "lo')
    log.cut(5)
    assert records(log) == [{"step": 1}]
    assert capsys.readouterr().out == ""


def test_the_epochs_of_a_step(log: MetricsLog) -> None:
    assert epoch_logged(log.file, 2) is None  # there is no log
    log.add({"step": 1, "epoch": 0.5, "loss": 3.0})
    log.add({"step": 2, "epoch": 1.0, "loss": 2.0})
    log.add({"step": 2, "epoch": 1.0, "accuracy": 0.2})
    log.add({"step": 3, "loss": 2.0})
    with log.file.open("ab") as stream:
        stream.write(b'{"step": 4, "epo')
    assert [epoch_logged(log.file, step) for step in (1, 2, 3, 4)] == [0.5, 1.0, None, None]
