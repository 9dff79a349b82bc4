"""Whether a process runs is said only where it is known."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time

import pytest

from hiero_lib.base.processes import this_process


def test_this_process_runs_and_one_of_elsewhere_is_not_known() -> None:
    own = this_process()
    assert own.pid == os.getpid()
    assert own == this_process()
    assert dataclasses.replace(own, machine="0" * 12).runs() is None
    assert dataclasses.replace(own, pid=2**40).runs() is False
    assert dataclasses.replace(own, pid=-1).runs() is False


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell when a process began")
def test_a_number_that_was_given_again_and_a_dead_child_do_not_run() -> None:
    own = this_process()
    assert own.runs() is True
    assert dataclasses.replace(own, started=own.started - 1).runs() is False
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while dataclasses.replace(own, pid=child.pid, started=0).runs() is not False:  # dead, and not yet waited for
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.wait()
