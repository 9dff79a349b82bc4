"""A video that is open in the explorer: its division, what was corrected of it, and where that is kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import DataError
from hiero_lib.config import HierarchyConfig
from hiero_lib.hierarchy.corrections import corrections_of, with_corrections, write_corrections
from hiero_lib.hierarchy.division import ThreadCount
from hiero_lib.hierarchy.edits import corrected
from hiero_lib.hierarchy.following import divided_anew
from hiero_lib.hierarchy.operations import EditError, Operation
from hiero_lib.hierarchy.video import VideoHierarchy, with_threads

Divide = Callable[[Sequence[ThreadCount] | None], VideoHierarchy]
"""Numbers of threads, one a level, the finest first (None: as the explorer was asked) -> the video, with names."""


@dataclass
class OpenVideo:
    """One video while it is worked on; every change of the corrections is written at once.

    Attributes:
        base: as the model divides it; hierarchy: with the corrections.
        done, undone: operations that are made, and those that were taken back last, the latest at the end.
        file: where corrections are kept; None: nowhere.
        chosen: what was chosen when each of the latest operations was made; those of another day are not known.
        refused: why corrections that lie there are not used; then none can be made.
    """

    base: VideoHierarchy
    hierarchy: VideoHierarchy
    method: str
    fingerprint: str
    file: Path | None
    done: list[Operation] = field(default_factory=list)
    undone: list[Operation] = field(default_factory=list)
    chosen: list[dict[str, Any] | None] = field(default_factory=list)
    refused: str = ""

    def edit(self, operation: Operation) -> None:
        """Make a correction.

        Raises:
            EditError: it cannot be made; OSError: it cannot be written. Nothing has changed then.
        """
        self._check()
        self._make(operation)
        self.undone = []

    def follow(self, level: int, config: HierarchyConfig) -> Operation:
        """Divide the rest of a level anew, so that it follows the corrections: one more correction, returned.

        Raises:
            EditError, OSError: as `edit` and `hiero_lib.hierarchy.following.divided_anew`.
        """
        self._check()
        operation = divided_anew(self.base, self.done, level, config)
        self.edit(operation)
        return operation

    def undo(self) -> None:
        """Take the last correction back, if there is one."""
        self._check()
        if self.done:
            last, rest = self.done[-1], self.done[:-1]
            self._become(rest, corrected(self.base, rest))
            self.undone.append(last)

    def redo(self) -> None:
        """Make the correction again that was taken back last, if there is one."""
        self._check()
        if self.undone:
            self._make(self.undone[-1])
            self.undone.pop()

    def divide(self, level: int, count: ThreadCount, named: Callable[[VideoHierarchy], VideoHierarchy]) -> None:
        """Divide a level, and those below, anew; ``named`` gives the threads their names.

        Raises:
            EditError: there are corrections, which belong to the division as it is.
        """
        if self.done:
            hint = "Undo them first"
            problem = f"another division would drop {len(self.done)} corrections"
            raise EditError(problem, field="threads", value=count, hint=hint)
        self._check()
        self.base = self.hierarchy = named(with_threads(self.base, level, count))
        self.undone = []

    def _make(self, operation: Operation) -> None:
        """All corrections are made anew, as when they are read again: new threads have the same numbers then."""
        operations = [*self.done, operation]
        self._become(operations, corrected(self.base, operations))

    def _check(self) -> None:
        if self.refused:
            raise EditError(self.refused)

    def _become(self, operations: list[Operation], hierarchy: VideoHierarchy) -> None:
        if self.file is not None:
            empty = corrections_of(self.base, method=self.method, fingerprint=self.fingerprint)
            if operations:
                write_corrections(self.file, dataclasses.replace(empty, operations=tuple(operations)))
            else:
                self.file.unlink(missing_ok=True)
        self.done, self.hierarchy = operations, hierarchy


def open_video(divide: Divide, *, method: str, fingerprint: str, file: Path | None) -> OpenVideo:
    """A video with what was corrected of it before.

    Corrections that cannot be used (another division, a damaged file) are left where they are, and told.
    """
    refused = ""
    if file is not None:
        try:
            found = with_corrections(file, divide)
        except DataError as error:
            found, refused = None, f"The corrections there are not used: {error}"
        if found is not None:
            base, hierarchy, corrections = found
            return OpenVideo(base, hierarchy, method, fingerprint, file, done=list(corrections.operations))
    base = divide(None)
    return OpenVideo(base, base, method, fingerprint, file, refused=refused)
