"""The README's lines of Python do what it says: from a checkpoint of the authors and a feature file to a figure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

import hiero_lib

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def test_the_readmes_lines_draw_the_threads(tmp_path: Path, golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = re.search(r"<!-- example: python -->\n```python\n(.*?)```", README, re.DOTALL)
    assert lines is not None
    _, card = hiero_lib.load_model(golden / "authors_checkpoint.pth")
    dim = card.model.input_size
    torch.save(torch.randn(120, dim, generator=torch.Generator().manual_seed(0)), tmp_path / "VIDEO.pt")
    (tmp_path / "hiero_egovlp.pth").symlink_to(golden / "authors_checkpoint.pth")
    monkeypatch.chdir(tmp_path)
    toy = {"features.dim": dim, "model.input_size": dim}
    exec(lines[1].replace('load_profile("egovlp")', f'load_profile("egovlp", {toy!r})'), {})
    page = (tmp_path / "threads.html").read_text("utf-8")
    for name in ("My video", "level 0", "level 1", "level 2"):
        assert name in page


def test_every_name_of_the_face_is_there_and_no_other() -> None:
    for name in hiero_lib.__all__:
        assert getattr(hiero_lib, name).__name__ == name
    assert set(hiero_lib.__all__) <= set(dir(hiero_lib))
    with pytest.raises(AttributeError, match="no attribute 'threads'"):
        hiero_lib.threads  # noqa: B018
