"""What is made ahead: once, in order, and no one waits for what nobody asked for."""

from __future__ import annotations

import threading

import pytest
import torch

from hiero_lib.explorer.ahead import Ahead


def test_a_value_is_made_once_whoever_makes_it() -> None:
    ahead, made = Ahead(), list[str]()

    def make(name: str):
        return lambda: made.append(name) or name

    assert ahead.get("a", make("a")) == ahead.get("a", make("a")) == "a"
    ahead.begin({"a": make("a"), "b": make("b")})
    ahead.begin({"a": make("a"), "b": make("b")})
    assert ahead.get("b", make("b")) == "b"
    assert made == ["a", "b"]


def test_what_is_being_made_is_waited_for_and_what_is_not_begun_is_made_at_once() -> None:
    ahead, begun, go = Ahead(), threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        assert go.wait(30)
        return threading.current_thread().name

    ahead.begin({"slow": slow, "next": lambda: "ahead"})
    assert begun.wait(30)
    assert ahead.get("next", lambda: "now") == "now"
    threading.Timer(0.1, go.set).start()
    assert ahead.get("slow", lambda: pytest.fail("twice")).startswith("hiero-ahead")
    ahead.close()
    assert ahead.get("next", lambda: pytest.fail("twice")) == "now"


def test_what_is_not_kept_is_forgotten() -> None:
    ahead = Ahead()
    ahead.begin({"a": lambda: 1, "b": lambda: 2})
    ahead.close()
    ahead.keep({"b"})
    assert ahead.get("a", lambda: 3) == 3
    assert ahead.get("b", lambda: 4) == 2


def test_an_error_is_told_where_it_is_asked_for_and_tried_again() -> None:
    ahead = Ahead()
    ahead.begin({"a": lambda: 1 // 0})
    ahead.close()
    with pytest.raises(ZeroDivisionError):
        ahead.get("a", lambda: pytest.fail("not yet"))
    with pytest.raises(ZeroDivisionError):
        ahead.get("a", lambda: 1 // 0)
    assert ahead.get("a", lambda: 5) == 5


def test_one_core_is_taken_and_no_other_thread_loses_one(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        ahead, seen = Ahead(), list[int]()
        ahead.begin({"a": torch.get_num_threads})
        ahead.close()
        assert ahead.get("a", lambda: 0) == 1
        thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert (torch.get_num_threads(), seen) == (2, [2])
    finally:
        torch.set_num_threads(before)
