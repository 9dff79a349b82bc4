"""Omnivore's checkpoints: read as they come, fetched as torch hub fetches them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.sources.extraction.extractors import omnivore
from hiero_lib.sources.extraction.extractors.swin3d import SwinTrunk
from tests.helpers.extractors import check_form, random_clips, randomised


def test_constants_of_the_public_code() -> None:
    made = omnivore.PREPROCESSING
    shape = (made.short_side, made.crop, made.size)
    assert shape == (256, 224, 224)
    assert (made.mean, made.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.fixture(scope="module")
def small_trunk() -> SwinTrunk:
    trunk = SwinTrunk(dim=12, depths=(2, 2, 2, 2), heads=(1, 2, 3, 4), window=(8, 7, 7))
    return randomised(trunk, std=0.2)  # type: ignore[return-value]


def test_omnivore_loads_checkpoints_and_fetches_them_as_torch_hub_does(
    tmp_path: Path, small_trunk: SwinTrunk
) -> None:
    state = small_trunk.state_dict()
    raw = {"trunk": state, "heads": {"video.1.weight": torch.zeros(400, 96)}}
    torch.save(raw, tmp_path / "swin.torch")
    extractor = omnivore.load(tmp_path / "swin.torch")
    check_form(extractor, dim=96, sampled=32, window=32)

    torch.save({f"trunk.{name}": value for name, value in state.items()}, tmp_path / "model.torch")
    assert omnivore.load(tmp_path / "model.torch").fingerprint == extractor.fingerprint
    asked: list[Any] = []

    def fetch(address: str, **options: Any) -> dict:
        asked.append((address, options))
        return raw

    fetched = omnivore.load(fetch=fetch)
    assert torch.equal(fetched(random_clips(3)), extractor(random_clips(3)))
    assert asked[0][0] == "https://dl.fbaipublicfiles.com/omnivore/models/swinL_In21k_checkpoint.torch"
    assert asked[0][1]["weights_only"] is True

    def fail(address: str, **options: Any) -> dict:
        raise OSError("no route to host")

    with pytest.raises(DataError, match=r"not to be had \(no route to host\)\. Fetch https.* by hand"):
        omnivore.load(fetch=fail)
    torch.save({"trunk": {"norm.weight": torch.zeros(3)}}, tmp_path / "other.torch")
    with pytest.raises(DataError, match="not a checkpoint of Omnivore"):
        omnivore.load(tmp_path / "other.torch")
