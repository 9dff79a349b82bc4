"""What is said while something long runs that says nothing: a bar in a terminal, a line now and then in a log."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tqdm import tqdm

from hiero_lib.base.progress import readable

EVERY_S = 60.0  # between two lines of a log
LATE = 1.5  # times as long as it was foretold


@contextlib.contextmanager
def watched(
    what: str, *, about_s: float | None, log: Path, say: Callable[[str], None], every_s: float = EVERY_S
) -> Iterator[None]:
    """Say at the start what runs, how long it will take, and where its own output is; then how far in time it is.

    Args:
        what: for example ``[2/9] 01_train_egoclip``.
        about_s: seconds that it is expected to take; None: not known.
        log: the file that its output goes to.
        say: receives the lines.
        every_s: seconds between two lines, where nobody watches a terminal.
    """
    expected = "" if about_s is None else f" about {readable(about_s)},"
    say(f"{what}:{expected} log: {log}")
    ended, started = threading.Event(), time.monotonic()
    interactive = sys.stderr.isatty()

    def lines() -> None:
        while not ended.wait(every_s):
            passed = time.monotonic() - started
            of = "" if about_s is None else f" of about {readable(about_s)}"
            if about_s is not None and passed > LATE * about_s:
                of += ", longer than foretold: is there other work on this machine?"
            say(f"{what}: {readable(passed)}{of}")

    def bar() -> None:
        form = "{desc}: {elapsed}" + ("" if about_s is None else " of about {total_fmt} s {bar}")
        with tqdm(
            desc=what, total=about_s and round(about_s), leave=False, file=sys.stderr, bar_format=form
        ) as shown:
            while not ended.wait(0.5):
                shown.n = min(round(time.monotonic() - started), shown.total or 10**9)
                shown.refresh()

    thread = threading.Thread(target=bar if interactive else lines, name=f"watching {what}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
