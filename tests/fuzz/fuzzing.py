"""What every fuzzed reader must do: read a file or raise the kit's own error, within 5 s and 1 GB."""

from __future__ import annotations

import json
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from hiero_lib.base.errors import DataError

LONGEST_S = 5.0
MOST_KB = 1 << 20
AT_ONCE = 40
_ROUNDS = 25  # at most, on a slow machine, until one input was a file of the format

ODD = st.sampled_from(
    [
        "", " ", "0", "-1", "-0", "1.5", "1e308", "1e-308", "nan", "inf", "-inf", "Infinity", "NaN", "null", "true",
        "²", "１", "٣", "9" * 400, "9" * 5000, "0x10", "1_0", "1,5", "00:00:01,000", "00:00:02.5", "-00:00:01",
        "1:2:3:4", "99999999999:59:59.999", "\ufeff", "\x00", "\x0b", "\x85", "\u2028", "=1+1", '"', "'", "\\", "<",
        "<c>", "&amp;", "&#9999999999;", "&#" + "9" * 5000 + ";", "{\\an8}", "-->", "#C C", "../x", ".", "a" * 300,
        "é", "日本", "\\ud800",
    ]
)  # fmt: skip
WORDS = st.sampled_from(
    ["cuts the onion", "washes the pan", "#C C opens it", "x", "é日本", "a, b", 'says "no"', "<i>b</i>"]
)
NUMBERS = st.integers(-5, 10_000).map(str) | st.floats(0, 1e4, allow_nan=False).map(lambda x: f"{x:.3f}")
CELLS = st.one_of(WORDS, NUMBERS, ODD)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | WORDS | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mostly(draw: st.DrawFn, good: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> Any:
    """``good`` fifteen times in sixteen."""
    return draw(odd if draw(st.integers(0, 15)) == 15 else good)


@st.composite
def damaged(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Bytes with up to four of them flipped, cut out, doubled or put in; often as they were."""
    content = bytearray(draw(whole))
    for _ in range(draw(st.sampled_from([0, 0, 1, 2, 4]))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        length = draw(st.integers(1, 40))
        match draw(st.sampled_from(["flip", "cut", "end", "double", "put"])):
            case "flip" if content:
                content[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del content[at : at + length]
            case "end":
                del content[at:]
            case "double":
                content[at:at] = content[at : at + length]
            case _:
                content[at:at] = draw(ODD).encode("utf-8", "surrogatepass")
    return bytes(content)


def encoded(text: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """Text in one of the encodings that people's tools write."""
    names = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"])
    names = mostly(names, st.sampled_from(["utf-16-le", "cp1252", "utf-7"]))
    return st.builds(lambda text, name: text.encode(name, "replace"), text, names)


def as_json(value: st.SearchStrategy[object]) -> st.SearchStrategy[bytes]:
    """Values as JSON writes them, lone surrogates and NaN too; now and then nested without end."""
    plain = value.map(lambda value: json.dumps(value).encode())
    return mostly(plain, st.sampled_from([b"[" * 100_000, b'{"a":' * 50_000]))


@dataclass
class Outcome:
    """How many inputs were tried, and how many of them were read."""

    tried: int = 0
    read: int = 0


def fuzz(inputs: st.SearchStrategy[bytes], read: Callable[[Path], object], file: Path, *, seconds: float) -> Outcome:
    """Write inputs to ``file`` and read them until the time is over, and one was read; the same ones in every run.

    Any exception but DataError, 5 s or a GB of memory for one input is a failure; hypothesis shows the smallest.
    """
    outcome, until, number = Outcome(), time.monotonic() + seconds, 0
    while number == 0 or time.monotonic() < until or (not outcome.read and number < _ROUNDS):

        @seed(number)
        @settings(
            max_examples=AT_ONCE,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        )
        @given(inputs)
        def once(content: bytes) -> None:
            file.write_bytes(content)
            outcome.tried += 1
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            signal.signal(signal.SIGALRM, _too_long)
            signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
            try:
                read(file)
                outcome.read += 1
            except DataError as error:
                str(error).encode()  # it can be printed
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_KB, "a GB for one input"

        once()
        number += 1
    return outcome


def _too_long(*_: object) -> None:
    raise TimeoutError(f"more than {LONGEST_S} s for one input")
