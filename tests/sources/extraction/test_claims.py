"""Claims: void when their process is gone or nobody touches them, and never two owners."""

from __future__ import annotations

import multiprocessing
import os
import socket
import threading
import time
from pathlib import Path

from hiero_lib.sources.extraction.claims import claimed


def test_the_claim_of_a_dead_process_is_void(tmp_path: Path) -> None:
    claim = tmp_path / ".v.claim"
    context = multiprocessing.get_context("spawn")
    child = context.Process(target=os.getpid)
    child.start()
    child.join()
    claim.write_text(f"{socket.gethostname()} {child.pid} x\n")
    with claimed(claim) as ours:
        assert ours
        with claimed(claim) as again:
            assert not again
    assert list(tmp_path.iterdir()) == []


def test_the_claim_of_another_machine_is_void_when_nobody_touches_it(tmp_path: Path) -> None:
    claim = tmp_path / ".v.claim"
    claim.write_text("elsewhere 1 x\n")
    with claimed(claim) as ours:
        assert not ours
    os.utime(claim, (time.time() - 400, time.time() - 400))
    with claimed(claim) as ours:
        assert ours
    claim.write_text("elsewhere 1 x\n")
    os.utime(claim, (time.time() - 400, time.time() - 400))
    with claimed(claim, touch_every_s=0.01):
        os.utime(claim, (0, 0))
        deadline = time.monotonic() + 5
        while claim.stat().st_mtime < 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert claim.stat().st_mtime > 1  # it is kept alive


def test_of_many_that_want_a_void_claim_one_gets_it(tmp_path: Path) -> None:
    claim = tmp_path / ".v.claim"
    for _ in range(10):
        claim.write_text("elsewhere 1 x\n")
        os.utime(claim, (0, 0))
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
