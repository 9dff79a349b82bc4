"""Names of caches, trainings and records on disk stay what they were, or everything is made again.

The values were written down once. One that changes with a setting, a format or weights on purpose is written anew;
one that changes by rearranging code is a fault.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from hiero_lib.benchmarks.egonlq import task as egonlq
from hiero_lib.benchmarks.egonlq.score import training_settings
from hiero_lib.config import EgoNLQConfig, FeatureConfig, load_profile
from hiero_lib.data import egoclip_index
from hiero_lib.data.text_cache import TextCache
from hiero_lib.data.token_cache import TokenCache
from hiero_lib.models.text_encoders import TextEncoder, last_token, mean_pool
from hiero_lib.sources.extraction.extract import Extraction
from hiero_lib.sources.extraction.extractors.base import fingerprint_of
from hiero_lib.training.checkpointing import training_digest


def layer() -> torch.nn.Linear:
    """A network of known weights."""
    network = torch.nn.Linear(2, 3)
    with torch.no_grad():
        network.weight.copy_(torch.arange(6.0).reshape(3, 2))
        network.bias.copy_(torch.tensor([0.5, -1.0, 2.0]))
    return network


class Tokenizer:
    """Of a tokenizer, what a fingerprint reads."""

    def no_padding(self) -> None: ...

    def enable_truncation(self, length: int) -> None: ...

    def to_str(self) -> str:
        return '{"model": {"vocab": {"b": 1, "a": 0}}, "padding": {"length": 3}, "truncation": null}'


@pytest.mark.parametrize(("cache", "of"), [(TextCache, "-float16"), (TokenCache, "")])
def test_caches_of_text(tmp_path: Path, cache: Any, of: str) -> None:
    plain = TextEncoder(layer(), mean_pool, dim=3)
    assert cache(tmp_path, plain, device="cpu").folder == tmp_path / f"a7c5826e3364e6f390ec1e9ec71b3035{of}"
    tokenizing = TextEncoder(layer(), last_token, dim=3, tokenizer=Tokenizer(), max_tokens=5)
    assert cache(tmp_path, tokenizing, device="cpu").folder == tmp_path / f"f3c354beb9d7425a8a19b737493ae271{of}"


def test_records_of_extraction() -> None:
    state = {
        "b": torch.arange(4.0).reshape(2, 2),
        "a": torch.tensor(3),
        "h": torch.tensor([1.5], dtype=torch.bfloat16),
        "e": torch.zeros(0, 2),
    }
    weights = fingerprint_of(state, how=("clip", 2, "x"))
    assert weights == "c3c0d44cba1934fae2a7f529c513a7a8331ed5ebd6a7fcaa8b4bea7ef4054ea1"
    extractor: Any = SimpleNamespace(name="clip", fingerprint="ff", sampled=2)
    features = FeatureConfig(folder="f", dim=4, stride_frames=16, window_frames=32, fps=30.0)
    made = Extraction(extractor, features, torch.device("cpu")).fingerprint
    assert made == "affd182e17222ffa392bab28e2b8560f79ce5b0621d42c6b9a42a3bd8e60a2c6"


def test_the_index_of_egoclip(tmp_path: Path) -> None:
    path = tmp_path / "egoclip.csv"
    path.write_text("video_uid\tnarration_time\tclip_text\nv\t1.0\t#C C\n")
    assert egoclip_index.identity(path) == "c42b1412692a1b5c"


def test_heads_of_egonlq() -> None:
    assert egonlq._digest([], "abc", {"b": 1, "a": [0.5, None]}) == "99495c19"
    assert egonlq._digest([], training_settings(EgoNLQConfig())) == "5fa93505"


@pytest.mark.parametrize(
    ("profile", "digest"),
    [("egovlp", "c9136e72468e71a8"), ("lavila", "7b3aed99d088a3e1"), ("omnivore", "e521defcd0fcc542")],
)
def test_folders_of_training(profile: str, digest: str) -> None:
    assert training_digest(load_profile(profile, {"data_root": "/nowhere"}))[:16] == digest
