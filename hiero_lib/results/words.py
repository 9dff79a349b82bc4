"""What the words of a results table mean: a line for each that occurs in it, to stand below it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hiero_lib.results.entries import Entry

_OF_NAMES = {
    r", plain\b": (
        "plain: each moment goes to the thread that fits it best, whatever its neighbours do, as in the paper;"
        " without the word, threads that hang together in time (hierarchy.coherence_s)"
    ),
    r", coherent\b": (
        "coherent: threads that hang together in time (hierarchy.coherence_s), as the explorer shows them; without"
        " the word, as published"
    ),
    r" as shown, ": (
        "as shown, threads (or steps, actions): the level as the explorer and the pages show it, with the number of"
        " threads that the features say, against the true threads (or steps, actions); without the words, with as"
        " many threads as there truly are"
    ),
}
"""What stands in the name of a method or of a measure."""

_OF_COLUMNS = {
    "excluded": "excluded: how many were left out, for want of features or of an answer, and so are not in n",
    "thread_graph": (
        "thread graph: how the network joins the nodes of a thread: within_threads as in the paper; released as in"
        " the authors' code, where edges cross threads; nothing where the method has no graph"
    ),
    "segment_times": (
        "segment times: those that the network is told: paper as they are; released times 4, as for the published"
        " figures"
    ),
}


def words_of_names(entries: Sequence[Entry]) -> list[str]:
    """Of methods and measures."""
    names = {name for entry in entries for name in (entry.method, entry.metric)}
    return [meaning for word, meaning in _OF_NAMES.items() if any(re.search(word, name) for name in names)]


def words_of_columns(entries: Sequence[Entry]) -> list[str]:
    """Of the columns that say how a value was measured; none where no line has anything in it."""
    return [
        meaning
        for column, meaning in _OF_COLUMNS.items()
        if any(getattr(entry, column) not in (None, "") for entry in entries)
    ]
