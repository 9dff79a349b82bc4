"""Parts of a video: only of the same file and way, and only whole ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hiero_lib.sources.extraction.parts import Parts


def made(folder: Path, made_by: str = "a") -> Parts:
    return Parts(folder / ".v.parts", made_by, 4)


def test_whole_parts_are_taken_up(tmp_path: Path) -> None:
    parts, rows = made(tmp_path), torch.arange(22.0).reshape(11, 2)
    assert parts.restore() == 0
    assert torch.equal(parts.put_full([rows[:3], rows[3:]])[0], rows[8:])
    assert made(tmp_path).restore() == 8
    assert torch.equal(torch.cat(parts.read()), rows[:8])
    assert made(tmp_path, "another file").restore() == 0
    parts.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["cut", "rows", "marker"])
def test_damaged_parts_are_made_again(damage: str, tmp_path: Path) -> None:
    parts = made(tmp_path)
    parts.restore()
    parts.put_full([torch.zeros(12, 2)])
    folder = tmp_path / ".v.parts"
    if damage == "cut":
        path = folder / "000001.pt"
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "rows":
        torch.save(torch.zeros(3, 2), folder / "000001.pt")
    else:
        (folder / "made_by.json").write_text("[")
    assert made(tmp_path).restore() == (0 if damage == "marker" else 4)
    assert len(parts.read()) == (0 if damage == "marker" else 1)
