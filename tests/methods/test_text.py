"""The text side of a profile: nothing is loaded before a text comes, and what was encoded is not encoded again."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from hiero_lib.base.errors import DataError
from hiero_lib.config import Profile
from hiero_lib.data.paths import DataPaths
from hiero_lib.methods import text as module
from hiero_lib.methods.text import TextSide
from hiero_lib.models.text_encoders import load_text_encoder

CPU = torch.device("cpu")
TEXTS = ["#C C cuts the onion", "#C C washes the plate"]


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The encoders that are loaded from now on, by their names."""
    loaded: list[str] = []
    load = load_text_encoder

    def spy(config, *, data_root):
        loaded.append(config.encoder)
        return load(config, data_root=data_root)

    monkeypatch.setattr(module, "load_text_encoder", spy)
    return loaded


def test_the_encoder_is_loaded_when_a_text_comes_and_once(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = counted(monkeypatch)
    side = TextSide(profile, device=CPU)
    assert loaded == []
    assert side.embed(TEXTS).shape == (2, profile.text.dim)
    side.embed(TEXTS[:1])
    assert loaded == [profile.text.encoder]


def test_weights_that_are_not_there_are_missed_by_a_text_alone(profile: Profile) -> None:
    lost = dataclasses.replace(profile, text=dataclasses.replace(profile.text, weights="pretrained/lost.pth"))
    side = TextSide(lost, device=CPU)
    with pytest.raises(DataError, match="no such file of weights"):
        side.embed(TEXTS)


def test_a_frozen_encoders_output_is_kept_on_disk(profile: Profile) -> None:
    first = TextSide(profile, device=CPU)
    expected = first.encoder(TEXTS)
    torch.testing.assert_close(first.embed(TEXTS), expected, rtol=2**-11, atol=1e-5)  # float16
    assert any((DataPaths.at(profile.data_root).caches / "text").rglob("*"))

    class Unused(type(first.encoder)):  # type: ignore[misc]
        def __call__(self, texts: Sequence[str]) -> Tensor:
            raise AssertionError("the text was encoded again")

    again = TextSide(profile, device=CPU)
    again.encoder.__class__ = Unused
    assert torch.equal(again.embed(TEXTS), first.embed(TEXTS))
    with pytest.raises(AssertionError, match="encoded again"):
        again.embed(["#C C opens the box"])


def test_an_encoder_that_is_trained_answers_itself(profile: Profile) -> None:
    trained = dataclasses.replace(profile, text=dataclasses.replace(profile.text, frozen=False))
    side = TextSide(trained, device=CPU)
    before = side.embed(TEXTS)
    with torch.no_grad():
        next(side.encoder.parameters()).add_(1.0)
    assert not torch.allclose(side.embed(TEXTS), before)
