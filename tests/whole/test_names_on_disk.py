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


@pytest.mark.parametrize("cache", [TextCache, TokenCache])
def test_caches_of_text(tmp_path: Path, cache: Any) -> None:
    plain = TextEncoder(layer(), mean_pool, dim=3)
    assert cache(tmp_path, plain, device="cpu").folder == tmp_path / "a7c5826e3364e6f390ec1e9ec71b3035"
    tokenizing = TextEncoder(layer(), last_token, dim=3, tokenizer=Tokenizer(), max_tokens=5)
    assert cache(tmp_path, tokenizing, device="cpu").folder == tmp_path / "f3c354beb9d7425a8a19b737493ae271"


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
    assert egoclip_index.identity(path) == "818f54b88392cf17"


def test_heads_of_egonlq() -> None:
    assert egonlq._digest([], "abc", {"b": 1, "a": [0.5, None]}) == "99495c19"
    assert egonlq._digest([], training_settings(EgoNLQConfig())) == "5fa93505"


@pytest.mark.parametrize(
    ("profile", "digest"),
    [("egovlp", "5f0501fb3ed368e8"), ("lavila", "736811d5ce9d5606"), ("omnivore", "35edeaab9eb7ebf7")],
)
def test_folders_of_training(profile: str, digest: str) -> None:
    assert training_digest(load_profile(profile, {"data_root": "/nowhere"}))[:16] == digest
