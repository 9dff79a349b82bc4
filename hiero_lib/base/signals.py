"""Ctrl-C and SIGTERM: as one exception of a command, or, where work must come to a good point first, as a request."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any


class Stopped(KeyboardInterrupt):
    """A signal ended the work; ``exit_status`` is what a shell expects of it."""

    def __init__(self, number: int = signal.SIGINT, done: str = "") -> None:
        self.number, self.done = number, done
        super().__init__(f"stopped by {signal.Signals(number).name}{f' {done}' if done else ''}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.number, self.done)

    @property
    def exit_status(self) -> int:
        """130 for SIGINT, 143 for SIGTERM."""
        return 128 + self.number


@contextlib.contextmanager
def sigterm_raises() -> Iterator[None]:
    """Within the block SIGTERM raises :class:`Stopped` as Ctrl-C raises KeyboardInterrupt, so that files are tidied.

    Nothing happens outside the main thread, which alone receives signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _raise(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)


class StopRequest:
    """Within its block the first SIGINT or SIGTERM is only noted; a second one ends the work at once.

    Attributes:
        number: the signal that came, or None.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.number is not None:
            raise Stopped(number)
        self.number = number
