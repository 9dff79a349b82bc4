"""A signal ends a command as one exception, or is noted until the work has come to a good point."""

from __future__ import annotations

import os
import pickle
import signal
import threading

import pytest

from hiero_lib.base.signals import Stopped, StopRequest, sigterm_raises


def send(number: int) -> None:
    os.kill(os.getpid(), number)


def test_sigterm_is_raised_within_the_block_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Stopped, match="stopped by SIGTERM") as caught, sigterm_raises():
        send(signal.SIGTERM)
    assert caught.value.exit_status == 143
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_is_noted_and_the_second_ends_the_work(number: int) -> None:
    before = signal.getsignal(number)
    with StopRequest() as request:
        assert request.number is None
        send(number)
        assert request.number == number
        with pytest.raises(Stopped):
            send(number)
    assert signal.getsignal(number) is before


def test_another_thread_leaves_signals_as_they_are() -> None:
    seen = []

    def work() -> None:
        with sigterm_raises(), StopRequest() as request:
            seen.append(request.number)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [None]


def test_it_comes_back_from_another_process_whole() -> None:
    stopped = pickle.loads(pickle.dumps(Stopped(signal.SIGTERM, "after step 7")))
    assert (str(stopped), stopped.exit_status) == ("stopped by SIGTERM after step 7", 143)
    assert isinstance(stopped, KeyboardInterrupt)
