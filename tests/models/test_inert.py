"""Torch files: what they claim is checked. That nothing in them runs: test_authors_checkpoint, test_weights."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.models.inert import load_inert


def test_tensors_and_plain_containers_are_read(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2), "b": [1, "x"]}, tmp_path / "w.pth")
    found = load_inert(tmp_path / "w.pth")
    assert torch.equal(found["a"], torch.ones(2))
    assert found["b"] == [1, "x"]


def test_members_that_claim_more_than_the_file_has_are_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1_000_000)}, tmp_path / "w.pth")
    with (
        zipfile.ZipFile(tmp_path / "w.pth") as whole,
        zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for name in whole.namelist():
            bomb.writestr(name, whole.read(name))
    with pytest.raises(DataError, match=r"bomb\.pth, value \d+: not a torch file: its parts claim more bytes"):
        load_inert(tmp_path / "bomb.pth")
