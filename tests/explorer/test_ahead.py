"""What is made ahead: once, in order, and no one waits for what nobody asked for."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest
import torch

from hiero_lib.explorer.ahead import Ahead


def rest(ahead: Ahead) -> None:
    """Wait until nothing is being made."""
    end = time.monotonic() + 60
    while not ahead.idle:
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_value_is_made_once_whoever_makes_it() -> None:
    ahead, made = Ahead(), list[str]()

    def make(name: str):
        return lambda: made.append(name) or name

    assert ahead.get("a", make("a")) == ahead.get("a", make("a")) == "a"
    ahead.begin({name: make(name) for name in "abc"})
    ahead.begin({name: make(name) for name in "abc"})
    rest(ahead)
    assert ahead.get("b", make("b")) == "b"
    assert made == ["a", "b", "c"]


def test_what_is_being_made_is_waited_for_and_what_is_not_begun_is_made_at_once() -> None:
    ahead, begun, go = Ahead(), threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        assert go.wait(30)
        return threading.current_thread().name

    ahead.begin({"slow": slow, "next": lambda: "ahead"})
    assert begun.wait(30)
    assert not ahead.idle
    assert ahead.get("next", lambda: "now") == "now"
    threading.Timer(0.1, go.set).start()
    assert ahead.get("slow", lambda: pytest.fail("twice")).startswith("hiero-ahead")
    rest(ahead)
    assert ahead.get("next", lambda: pytest.fail("twice")) == "now"


def test_what_is_not_kept_is_forgotten_and_not_begun() -> None:
    ahead, go = Ahead(), threading.Event()
    ahead.begin({"a": lambda: go.wait(30), "b": lambda: pytest.fail("forgotten"), "c": lambda: 3})
    ahead.keep({"c"})
    go.set()
    rest(ahead)
    assert ahead.get("a", lambda: 1) == 1
    assert ahead.get("b", lambda: 2) == 2
    assert ahead.get("c", lambda: 4) == 3


def test_an_error_is_told_where_it_is_asked_for_and_tried_again() -> None:
    ahead = Ahead()
    ahead.begin({"a": lambda: 1 // 0, "b": lambda: 2})
    rest(ahead)
    assert ahead.get("b", lambda: 3) == 2
    with pytest.raises(ZeroDivisionError):
        ahead.get("a", lambda: pytest.fail("not yet"))
    with pytest.raises(ZeroDivisionError):
        ahead.get("a", lambda: 1 // 0)
    assert ahead.get("a", lambda: 5) == 5


def test_a_process_ends_without_what_nobody_asked_for() -> None:
    code = """
import time
from hiero_lib.explorer.ahead import Ahead
ahead = Ahead()
ahead.begin({name: lambda name=name: (time.sleep(0.5), print(name, flush=True)) for name in "abc"})
time.sleep(0.1)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "a\n", "")


def test_one_core_is_taken() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        ahead = Ahead()
        ahead.begin({"a": torch.get_num_threads})
        rest(ahead)
        assert ahead.get("a", lambda: 0) == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
