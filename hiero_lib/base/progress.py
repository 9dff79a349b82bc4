"""How the library speaks: lines, a bar where someone watches, a line every few seconds where a log is written."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

from tqdm import tqdm


def say(line: str) -> None:
    """Print a line now, also into a pipe or a log: the default of every function that takes a ``say``."""
    print(line, flush=True)


def quiet(line: str) -> None:
    """Say nothing: the default where there may be thousands of lines, and a caller asks for them."""


def say_aside(line: str) -> None:
    """`say` on stderr, where stdout is for the result."""
    print(line, file=sys.stderr, flush=True)


class Progress:
    """Progress of a long loop.

    Args:
        what: names the loop.
        total: steps in all; start: steps done before.
        enabled: False says nothing (processes other than the main one).
        every_s: seconds between two lines in batch.
    """

    def __init__(self, what: str, *, total: int, start: int = 0, enabled: bool = True, every_s: float = 5.0) -> None:
        self.what, self.total, self.enabled, self.every_s = what, total, enabled, every_s
        self.start, self.started, self.said = start, time.monotonic(), -float("inf")
        interactive = enabled and sys.stderr.isatty()
        self.bar = tqdm(desc=what, total=total, initial=start, file=sys.stderr) if interactive else None

    def show(self, step: int, values: Mapping[str, float] | None = None) -> None:
        """Say that ``step`` steps are done, with some numbers."""
        if not self.enabled:
            return
        text = ", ".join(f"{name} {value:.4g}" for name, value in (values or {}).items())
        if self.bar is not None:
            self.bar.set_postfix_str(text, refresh=False)
            self.bar.update(step - self.bar.n)
            return
        now = time.monotonic()
        if now - self.said < self.every_s and step < self.total:
            return
        self.said = now
        rate = (step - self.start) / max(1e-9, now - self.started)
        left = f", {(self.total - step) / rate:.0f} s left" if rate > 0 and step > self.start else ""
        say(f"{self.what} {step}/{self.total}{left}{f': {text}' if text else ''}")

    def of(self, done: int, total: int | None) -> None:
        """Say that ``done`` of about ``total`` steps are done, where the number of all was not known before."""
        self.total = max(done, total or 0)
        if self.bar is not None:
            self.bar.total = self.total
        self.show(done)

    def close(self) -> None:
        """Finish the bar."""
        if self.bar is not None:
            self.bar.close()


def readable(seconds: float) -> str:
    """Seconds in the largest unit of which there is one: ``1.5 h``."""
    for unit, scale in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= scale:
            return f"{seconds / scale:.1f} {unit}"
    return f"{seconds:.0f} s"
