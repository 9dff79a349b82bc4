"""Claims: void when their process is gone or nobody touches them, and never two owners."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hiero_lib.base import locks
from hiero_lib.base.errors import DataError
from hiero_lib.base.locks import Owner, claimed, exclusive, lock_file
from hiero_lib.base.processes import Process, this_process

ELSEWHERE = Process("0" * 12, 1, 5)
REPOSITORY = Path(__file__).parents[2]


def claim_of(path: Path, process: Process, *, age_s: float = 0) -> Path:
    owner = Owner(process, "elsewhere", "2026-01-01T00:00:00Z", "train", "t")
    path.write_text(json.dumps(dataclasses.asdict(owner)) + "\n")
    os.utime(path, (time.time() - age_s, time.time() - age_s))
    return path


def dead() -> Process:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return dataclasses.replace(this_process(), pid=child.pid)


def test_the_claim_of_a_dead_process_is_void(tmp_path: Path) -> None:
    claim = claim_of(tmp_path / ".v.claim", dead())
    with claimed(claim) as ours:
        assert ours
        with claimed(claim) as again:
            assert not again
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text", [None, "", "{", "[" * 50_000, '{"process": 3}', '{"process": {"pid": []}}', "elsewhere 1 x\n", "\udcff"]
)
def test_the_claim_of_another_machine_is_void_when_nobody_touches_it(text: str | None, tmp_path: Path) -> None:
    claim = tmp_path / ".v.claim"

    def left(age_s: float) -> None:
        claim_of(claim, ELSEWHERE)
        if text is not None:
            claim.write_bytes(text.encode("utf-8", "surrogateescape"))
        os.utime(claim, (time.time() - age_s, time.time() - age_s))

    left(0)
    with claimed(claim) as ours:
        assert not ours
    left(400)
    with claimed(claim) as ours:
        assert ours
    assert list(tmp_path.iterdir()) == []


def test_a_claim_is_kept_alive_and_not_after_another_took_it(tmp_path: Path) -> None:
    claim = tmp_path / ".v.claim"
    with claimed(claim, touch_every_s=0.01):
        os.utime(claim, (0, 0))
        deadline = time.monotonic() + 5
        while claim.stat().st_mtime < 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert claim.stat().st_mtime > 1
        claim_of(claim, ELSEWHERE, age_s=100)
        time.sleep(0.1)
        assert claim.stat().st_mtime < time.time() - 90
    assert claim.exists()  # another's is not removed


def test_a_time_in_the_future_counts_from_now_on(tmp_path: Path) -> None:
    claim = claim_of(tmp_path / ".v.claim", ELSEWHERE, age_s=-1e6)
    with claimed(claim, void_after_s=0.2) as ours:
        assert not ours
    assert abs(claim.stat().st_mtime - time.time()) < 60
    time.sleep(0.3)
    with claimed(claim, void_after_s=0.2) as ours:
        assert ours


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell when a process began")
def test_a_process_that_runs_keeps_its_claim_however_long_it_slept(tmp_path: Path) -> None:
    claim = claim_of(tmp_path / ".v.claim", this_process(), age_s=1e6)
    with claimed(claim) as ours:
        assert not ours
    claim_of(claim, dataclasses.replace(this_process(), started=1))  # its number was given to another
    with claimed(claim) as ours:
        assert ours


def test_a_claim_that_nobody_signed_holds_for_seconds(tmp_path: Path) -> None:
    """As of a process that was killed between making its file and writing into it."""
    claim = tmp_path / "claim"
    claim.touch()
    with claimed(claim) as ours:
        assert not ours  # somebody may be about to sign it
    os.utime(claim, (time.time() - 20,) * 2)
    with claimed(claim) as ours:
        assert ours
    claim.write_text("x")  # of another version, say
    os.utime(claim, (time.time() - 20,) * 2)
    with claimed(claim) as ours:
        assert not ours


def test_a_turn_that_was_left_holds_up_nobody(tmp_path: Path) -> None:
    claim, turn = tmp_path / ".v.claim", tmp_path / ".v.claim.turn"
    for process, age_s in ((dead(), 0), (ELSEWHERE, 20)):
        claim_of(claim, ELSEWHERE, age_s=400)
        claim_of(turn, process, age_s=age_s)
        with claimed(claim) as ours:
            assert ours
        assert list(tmp_path.iterdir()) == []
    claim_of(claim, ELSEWHERE, age_s=400)
    claim_of(turn, ELSEWHERE)  # at work
    with claimed(claim) as ours:
        assert not ours


def test_of_many_that_want_a_void_claim_one_gets_it(tmp_path: Path) -> None:
    claim = tmp_path / ".v.claim"
    for _ in range(10):
        claim_of(claim, ELSEWHERE, age_s=1e6)
        barrier, got, release = threading.Barrier(4), [], threading.Event()

        def want(barrier: threading.Barrier = barrier, got: list = got, release: threading.Event = release) -> None:
            barrier.wait()
            with claimed(claim) as ours:
                got.append(ours)
                if ours:
                    release.wait(5)

        threads = [threading.Thread(target=want) for _ in range(4)]
        for thread in threads:
            thread.start()
        while len(got) < 4:
            time.sleep(0.001)
        release.set()
        for thread in threads:
            thread.join()
        assert sum(got) == 1
        assert list(tmp_path.iterdir()) == []


HOLD = (
    "from hiero_lib.base.locks import exclusive\nwith exclusive({!r}, 'train'):\n print('in', flush=True)\n input()"
)


def test_a_command_that_must_be_alone_says_who_is_there(tmp_path: Path) -> None:
    run = tmp_path / "outputs" / "run"
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(str(run))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"in\n"
    message = rf"run: another process is at work on it: train, process {child.pid} on \S+, since 20\S+Z. Wait for it"
    with pytest.raises(DataError, match=message), exclusive(run, "train"):
        pass
    with exclusive(run.with_name("other"), "train"):
        pass
    child.send_signal(signal.SIGKILL)
    child.communicate()
    with exclusive(run, "train"), pytest.raises(DataError, match="this very process"), exclusive(run / ".", "x"):
        pass
    assert list(run.parent.iterdir()) == []


def test_what_a_claim_says_is_shown_only_if_it_is_plain(tmp_path: Path) -> None:
    owner = Owner(ELSEWHERE, "host\x1b[2J", "2026", "train", "t")
    lock_file(tmp_path / "x").write_text(json.dumps(dataclasses.asdict(owner)))
    with (
        pytest.raises(DataError, match=r"x: another process is at work on it\. Wait"),
        exclusive(tmp_path / "x", "x"),
    ):
        pass


def test_the_claim_goes_with_an_error_and_one_may_wait_for_it(tmp_path: Path) -> None:
    target = tmp_path / "results.json"
    with contextlib.suppress(KeyboardInterrupt), exclusive(target, "x"):
        assert lock_file(target).exists()
        raise KeyboardInterrupt
    assert not lock_file(target).exists()
    counted = []

    def add() -> None:
        with exclusive(target, "x", wait_s=30):
            counted.append(len(list(tmp_path.iterdir())))

    threads = [threading.Thread(target=add) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted == [1] * 5


def test_a_claim_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"\.x\.lock: cannot be claimed"), exclusive(tmp_path / "file" / "x", "x"):
        pass

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(locks.os, "fdopen", full)
    with pytest.raises(DataError, match="No space left"), exclusive(tmp_path / "x", "x"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert len(os.fsencode(lock_file("ä" * 120).name)) < 200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_fork_of_the_owner_does_not_end_its_claim(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom hiero_lib.base.locks import exclusive, lock_file\n"
        "with exclusive(sys.argv[1], 'x'):\n"
        " child = os.fork()\n"
        " if child:\n  os.waitpid(child, 0)\n  print(lock_file(sys.argv[1]).exists())\n"
    )
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "x")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "True\n"
