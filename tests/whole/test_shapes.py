"""Tests check the shapes that annotations promise; whoever uses the library pays nothing for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from jaxtyping import TypeCheckError

from hiero_lib.models.clustering.kmeans import batched_kmeans
from hiero_lib.models.hiero import HierarchyLevel
from hiero_lib.models.mixing import interpolation
from hiero_lib.models.temporal import video_pointer
from hiero_lib.models.text_encoders import mean_pool
from hiero_lib.training.losses import PairGeometry, video_narration_loss


def test_a_wrong_number_of_dimensions() -> None:
    with pytest.raises(TypeCheckError, match="B P C"):
        batched_kmeans(torch.zeros(4, 3), 2)


def test_lengths_that_have_to_agree() -> None:
    with pytest.raises(TypeCheckError, match="batch_y"):
        interpolation(
            torch.arange(4.0),
            torch.zeros(3),
            ptr_x=torch.tensor([0, 4]),
            batch_y=torch.zeros(2, dtype=torch.int64),
            neighbours=2,
        )


def test_a_wrong_type_of_numbers() -> None:
    with pytest.raises(TypeCheckError, match="mask"):
        mean_pool(torch.zeros(2, 3, 4), torch.ones(2, 3))


def test_fields_of_a_record() -> None:
    rows: Any = torch.zeros(4, dtype=torch.int64)
    with pytest.raises(TypeCheckError, match="assignments"):
        HierarchyLevel(0, torch.zeros(4, 2), torch.zeros(4), rows, rows, rows[:3])


def test_a_length_that_an_argument_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = torch.tensor([0, 0, 2])
    assert video_pointer(batch, 3).tolist() == [0, 2, 2, 3]
    monkeypatch.setattr(torch, "cat", lambda parts: parts[1])  # forgets the first
    with pytest.raises(TypeCheckError, match="return"):
        video_pointer(batch, 3)


def test_nothing_is_checked_outside_of_tests() -> None:
    code = "\n".join(
        [
            "import sys, torch",
            "from hiero_lib.models.text_encoders import mean_pool",
            "mean_pool(torch.zeros(2, 3, 4), torch.ones(2, 3))",
            "assert 'beartype' not in sys.modules",
        ]
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": root})
    assert done.returncode == 0, done.stderr


def test_segments_and_narrations_of_a_loss_share_their_space() -> None:
    geometry = PairGeometry(torch.zeros(2), torch.zeros(2).long(), torch.zeros(3), torch.zeros(3).long())
    with pytest.raises(TypeCheckError, match="narrations"):
        video_narration_loss(torch.zeros(2, 4), torch.zeros(3, 5), geometry)
