"""What will be asked for next, made while nobody asks: one thing after another, beside what is shown."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from hiero_lib.base.cores import one_core


class Ahead:
    """Values by name, each made once: ahead by one thread, or when it is asked for, whichever comes first.

    What is made must not depend on anything that changes. An error is raised where the value is asked for, and the
    next time it is made anew.
    """

    def __init__(self) -> None:
        self._made: dict[str, Future[Any]] = {}
        self._worker: ThreadPoolExecutor | None = None

    def begin(self, makers: Mapping[str, Callable[[], Any]]) -> None:
        """Make these, in their order, and forget all others; those that are there, or are being made, stay."""
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, "hiero-ahead")
        self.keep(makers)
        for name, make in makers.items():
            if name not in self._made:
                self._made[name] = self._worker.submit(_on_one_core, make)

    def keep(self, names: Container[str]) -> None:
        """Forget all others."""
        for name in [name for name in self._made if name not in names]:
            self._made.pop(name).cancel()

    def close(self) -> None:
        """Wait for what is being made; nothing more is made ahead."""
        if self._worker is not None:
            self._worker.shutdown()

    def get(self, name: str, make: Callable[[], Any]) -> Any:
        """The value: made ahead, waited for while it is being made, or made now."""
        known = self._made.get(name)
        if known is None or known.cancel():  # not begun
            known = self._made[name] = Future()
            try:
                known.set_result(make())
            except BaseException:
                del self._made[name]
                raise
        if (error := known.exception()) is not None:
            del self._made[name]
            raise error
        return known.result()


def _on_one_core(make: Callable[[], Any]) -> Any:
    """The other cores are left to whoever asks."""
    with one_core():
        return make()
