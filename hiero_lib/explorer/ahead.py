"""What will be asked for next, made while nobody asks: one thing after another, beside what is shown."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Container, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from hiero_lib.base.cores import one_core


class Ahead:
    """Values by name, each made once: ahead by one thread, or when it is asked for, whichever comes first.

    What is made must not depend on anything that changes. An error is raised where the value is asked for, and the
    next time it is made anew. A process that ends waits for the one that is being made, and for no other.
    """

    def __init__(self) -> None:
        self._made: dict[str, Future[Any]] = {}
        self._waiting: dict[str, Callable[[], Any]] = {}
        self._making: Future[Any] | None = None
        self._worker = ThreadPoolExecutor(1, "hiero-ahead")
        self._lock = threading.RLock()

    @property
    def idle(self) -> bool:
        """Whether nothing is being made, and nothing waits."""
        with self._lock:
            return self._making is None and not self._waiting

    def begin(self, makers: Mapping[str, Callable[[], Any]]) -> None:
        """Make these, in their order, and forget all others; those that are there, or are being made, stay."""
        with self._lock:
            self.keep(makers)
            self._waiting = {name: make for name, make in makers.items() if name not in self._made}
            self._go_on()

    def keep(self, names: Container[str]) -> None:
        """Forget all others."""
        with self._lock:
            self._made = {name: made for name, made in self._made.items() if name in names}
            self._waiting = {name: make for name, make in self._waiting.items() if name in names}

    def get(self, name: str, make: Callable[[], Any]) -> Any:
        """The value: made ahead, waited for while it is being made, or made now."""
        with self._lock:
            self._waiting.pop(name, None)
            known = self._made.get(name)
        if known is None:
            value = make()
            known = Future()
            known.set_result(value)
            self._made[name] = known
        elif known.exception() is not None:
            self._made.pop(name, None)
        return known.result()

    def _go_on(self) -> None:
        """One at a time: what has been given to the worker, the end of a process would wait for."""
        with self._lock, contextlib.suppress(RuntimeError):  # which the worker of a process that ends raises
            if self._making is None and self._waiting:
                name = next(iter(self._waiting))
                self._making = self._made[name] = self._worker.submit(_on_one_core, self._waiting[name])
                del self._waiting[name]
                self._making.add_done_callback(self._after)

    def _after(self, _: Future[Any]) -> None:
        with self._lock:
            self._making = None
            self._go_on()


def _on_one_core(make: Callable[[], Any]) -> Any:
    """The other cores are left to whoever asks."""
    with one_core():
        return make()
