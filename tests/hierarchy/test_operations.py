"""Corrections as values: each in words."""

from __future__ import annotations

from typing import get_args

from hiero_lib.hierarchy.operations import (
    Assign,
    Border,
    Follow,
    Mark,
    Merge,
    Operation,
    Rename,
    Replace,
    Split,
    in_words,
)
from hiero_lib.hierarchy.spans import Span


def test_every_operation_is_told_in_words() -> None:
    made = [
        Rename(1, "x"),
        Merge(2, 1, 0),
        Split(0, 1, 3725.25),
        Assign(0, 1.0, 2.0, None),
        Border(0, 59.96, 61.0),
        Mark(0, 1.0, 2.0, True),
        Replace(0, (), {}),
        Follow(1, (Span(0.0, 2.0, 3), Span(5.0, 6.5, 0))),
    ]
    assert [type(one) for one in made] == list(get_args(Operation))
    assert [in_words(one) for one in made] == [
        "thread 1 is “x”",
        "level 2: thread 1 merged into 0",
        "level 0: thread 1 split at 1:02:05.2",
        "level 0: 00:01.0 to 00:02.0 is a thread of its own",
        "level 0: border from 01:00.0 to 01:01.0",
        "level 0: 00:01.0 to 00:02.0 marked as wrong",
        "level 0: 0 spans as read from a file",
        "level 1: the rest divided anew, 3.5 s in other threads",
    ]
