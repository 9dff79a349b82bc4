"""The little English that the sample needs: third person, past and plural of the grammar's words."""

from __future__ import annotations

import re

_UNCOUNTED_WORDS = """
batter bread butter cheese dough dust flour glue lettuce mayonnaise memory milk mulch oil paint paper paste
pepper powder salt sandpaper sauce scissors soil soup syrup thread trousers turkey water wool
"""
UNCOUNTED = frozenset(_UNCOUNTED_WORDS.split())
_PAST = {
    "bend": "bent",
    "blow": "blew",
    "break": "broke",
    "cut": "cut",
    "dig": "dug",
    "draw": "drew",
    "drink": "drank",
    "hang": "hung",
    "hold": "held",
    "put": "put",
    "read": "read",
    "shake": "shook",
    "slide": "slid",
    "spread": "spread",
    "sweep": "swept",
    "tear": "tore",
    "throw": "threw",
    "write": "wrote",
}
_UNSTRESSED = ("open", "cover", "tighten", "loosen", "lower", "iron")  # their last consonant is not doubled


def third_person(verb: str) -> str:
    """``pick up`` becomes ``picks up``, ``wash`` ``washes``, ``carry`` ``carries``; later words stay."""
    first, space, rest = verb.partition(" ")
    return _with_s(first) + space + rest


def past(text: str) -> str:
    """``stir the soup`` becomes ``stirred the soup``; later words stay."""
    first, space, rest = text.partition(" ")
    if first in _PAST:
        first = _PAST[first]
    elif first.endswith("e"):
        first += "d"
    elif re.search(r"[^aeiou]y$", first):
        first = first[:-1] + "ied"
    elif re.search(r"[^aeiou][aeiou][^aeiouwxy]$", first) and first not in _UNSTRESSED:
        first += first[-1] + "ed"
    else:
        first += "ed"
    return first + space + rest


def plural(noun: str) -> str:
    """``berry`` becomes ``berries``, ``knife`` ``knives``; the last word changes."""
    before, space, last = noun.rpartition(" ")
    return before + space + (last[:-2] + "ves" if last.endswith("ife") else _with_s(last))


def _with_s(word: str) -> str:
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "sh", "ch", "x", "z", "o")) else "s")
