"""Methods from a profile and from checkpoints: their names, what they lack, what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.config import Profile, load_profile
from hiero_lib.methods.levels import read_video
from hiero_lib.methods.method import HIERO, UNTRAINED
from hiero_lib.methods.opening import load_scorer, open_methods
from hiero_lib.methods.text import TextSide
from hiero_lib.models.checkpoints import load_model
from tests.helpers.tiny import make_checkpoint, make_tiny
from tests.methods.test_levels import store_of

CPU = torch.device("cpu")


def test_features_without_a_text_space_still_have_levels(profile: Profile, tmp_path: Path) -> None:
    bare = load_profile(make_tiny(tmp_path / "data", features__text_projection=None))
    method = open_methods(bare, checkpoints={}, device=CPU)[UNTRAINED]
    assert not method.text_space
    assert len(method.levels(read_video(store_of(bare), bare, "v0", device=CPU))) == 3
    with pytest.raises(DataError, match="no text space"):
        method.embed_text(["a"])


def test_several_checkpoints_of_one_kind_keep_their_names(profile: Profile, tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path / "m", profile, "hiero")
    found = open_methods(profile, checkpoints={"one": folder, "two": folder}, device=CPU)
    assert list(found) == [UNTRAINED, HIERO, f"{HIERO} (two)"]


def test_a_model_for_other_features_is_refused(profile: Profile, tmp_path: Path) -> None:
    other = load_profile(make_tiny(tmp_path / "data", dim=8))
    checkpoint = make_checkpoint(tmp_path / "hiero", profile, "hiero")
    with pytest.raises(DataError, match="field 'input_size', value 12: the profile's features have 8 channels"):
        load_scorer(other, checkpoint, TextSide(other, device=CPU), device=CPU)


@pytest.mark.parametrize("frozen", [True, False])
def test_an_authors_checkpoint_is_ready_to_answer(frozen: bool, golden: Path, tmp_path: Path) -> None:
    """The file has a DistilBERT without a tokenizer: the profile lends its own, or (frozen) its cached output."""
    checkpoint = golden / "authors_checkpoint.pth"
    bare, card = load_model(checkpoint)
    profile = load_profile(make_tiny(tmp_path / "data", dim=card.model.input_size, text__frozen=frozen))
    lent: Any = SimpleNamespace(tokenizer=SimpleNamespace(encode=lambda text: SimpleNamespace(ids=[1, len(text)])))
    embedded = torch.randn(2, bare.text_head.net[0].in_features)
    text = TextSide(profile, device=CPU)
    text.encoder, text.embed = lent, lambda queries: embedded[: len(queries)]  # type: ignore[method-assign]
    scorer, _ = load_scorer(profile, checkpoint, text, device=CPU)
    with torch.no_grad():
        answered = scorer.texts(["cuts", "washes"])
        expected = bare.text_head(embedded if frozen else bare.text_encoder.encode_ids(*_ids([[1, 4], [1, 6]])))
    torch.testing.assert_close(answered, expected)


def _ids(rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.tensor(rows)
    return ids, torch.ones_like(ids)


def test_levels_need_no_text_encoder(profile: Profile, tmp_path: Path) -> None:
    """Procedure learning runs where the encoder's weights are missing; texts then say what is."""
    checkpoint = make_checkpoint(tmp_path / "hiero", profile, "hiero")
    lost = dataclasses.replace(profile, text=dataclasses.replace(profile.text, weights="pretrained/lost.pth"))
    method = open_methods(lost, checkpoints={"hiero": checkpoint}, device=CPU)[HIERO]
    assert len(method.levels(read_video(store_of(lost), lost, "v0", device=CPU))) == 3
    with pytest.raises(DataError, match="no such file of weights"):
        method.embed_text(["a"])
