"""Texts of the index: known by keys, and read only where an embedding is missing."""

import numpy as np
import pytest
import torch

from hiero_lib.data.egoclip import EgoClipIndex
from hiero_lib.data.egoclip_texts import IndexTexts, TextTable, UsedTexts
from hiero_lib.data.text_cache import TextCache
from hiero_lib.data.text_keys import text_keys

TEXTS = ["#C C cuts", "#C C eats", "#C C cuts", "#C C naïve 火", "#C C eats", "#C C sits"]


class Lengths(torch.nn.Module):
    dim, fingerprint = 1, "lengths"

    def __init__(self):
        super().__init__()
        self.asked = []

    def forward(self, texts):
        self.asked += texts
        return torch.tensor([[float(len(text))] for text in texts])


@pytest.fixture
def table(tmp_path):
    rows = [f"v\t{number}.0\t{text}" for number, text in enumerate(TEXTS)]
    (tmp_path / "egoclip.csv").write_text("\n".join(["video_uid\tnarration_time\tclip_text", *rows]) + "\n")
    return TextTable(EgoClipIndex.open(tmp_path / "egoclip.csv", tmp_path / "cache").folder)


def test_stretches_are_read_when_looked_at(table):
    texts = IndexTexts(table, 1, 4)
    assert (len(texts), list(texts), texts[-1], list(texts[:2])) == (3, TEXTS[1:4], TEXTS[3], TEXTS[1:3])


def test_different_texts_of_some_stretches(table):
    used = UsedTexts([IndexTexts(table, 0, 2), IndexTexts(table, 3, 5)])
    assert used.keys.tolist() == sorted(set(text_keys([*TEXTS[0:2], *TEXTS[3:5]]).tolist()))
    assert used.keys[used.number].tolist() == text_keys([*TEXTS[0:2], *TEXTS[3:5]]).tolist()
    assert text_keys(used.texts_at(np.arange(len(used.keys)))).tolist() == used.keys.tolist()


def test_rows_of_embeddings_and_nothing_encoded_that_is_not_used(table, tmp_path):
    encoder = Lengths()
    cache = TextCache(tmp_path / "text", encoder, device="cpu")
    rows = UsedTexts([IndexTexts(table, 0, 3), IndexTexts(table, 4, 5)]).rows_in(cache)
    assert cache.table().take(rows)[:, 0].tolist() == [len(text) for text in [*TEXTS[:3], TEXTS[4]]]
    assert sorted(encoder.asked) == sorted({*TEXTS[:3], TEXTS[4]})


def test_with_a_warm_cache_no_text_is_read(table, tmp_path, monkeypatch):
    cache = TextCache(tmp_path / "text", Lengths(), device="cpu")
    cache.embed(TEXTS)

    def read(self, start, stop):
        raise AssertionError("a text was read")

    monkeypatch.setattr(TextTable, "read", read)
    assert len(UsedTexts([IndexTexts(table, 0, 6)]).rows_in(cache)) == 6
