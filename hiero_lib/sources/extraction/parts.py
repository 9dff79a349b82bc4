"""Finished parts of a video's features, so that a killed extraction goes on behind the last one."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import atomic_path, read_json, write_json


@dataclass(frozen=True)
class Parts:
    """Parts of ``size`` segments each, in a folder that belongs to one file and one way of making its features.

    Args:
        folder: holds the parts and ``made_by.json``.
        made_by: what decides their content: the extraction's fingerprint, and the identity of the video's file.
        size: segments of a part.
    """

    folder: Path
    made_by: str
    size: int

    def restore(self) -> int:
        """Segments that are done; parts that were made in another way, or of another file, are removed."""
        if not self._is_ours():
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            write_json(self.folder / "made_by.json", [self.made_by, self.size])
            return 0
        paths = self._paths()
        for number, path in enumerate(paths):
            if not self._is_whole(path):  # those behind it are no use without it
                for late in paths[number:]:
                    late.unlink()
                break
        return self.size * len(self._paths())

    def put_full(self, held: list[Tensor]) -> list[Tensor]:
        """Write the full parts of what is held; the rest."""
        if sum(map(len, held)) < self.size:
            return held
        rows = torch.cat(held)
        while len(rows) >= self.size:
            with atomic_path(self.folder / f"{len(self._paths()):06d}.pt") as temporary:
                torch.save(rows[: self.size].clone(), temporary)
            rows = rows[self.size :].clone()
        return [rows]

    def read(self) -> list[Tensor]:
        """All parts, in order."""
        return [torch.load(path, weights_only=True) for path in self._paths()]

    def remove(self) -> None:
        """Remove them all."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_ours(self) -> bool:
        try:
            return read_json(self.folder / "made_by.json") == [self.made_by, self.size]
        except DataError:
            return False

    def _is_whole(self, path: Path) -> bool:
        try:
            part = torch.load(path, weights_only=True)
        except Exception:  # a broken file may raise anything
            return False
        return isinstance(part, Tensor) and part.dim() == 2 and len(part) == self.size

    def _paths(self) -> list[Path]:
        """The parts from the first on, without a gap."""
        numbered = (self.folder / f"{number:06d}.pt" for number in itertools.count())
        return list(itertools.takewhile(Path.is_file, numbered))
