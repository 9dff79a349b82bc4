"""The text cache: once per text, atomically, and bit for bit the same after a kill."""

import json
import multiprocessing
import pickle
import time

import numpy as np
import pytest
import torch

from hiero_lib.base import checksums
from hiero_lib.data import text_cache
from hiero_lib.data.text_cache import TextCache


class Counting(torch.nn.Module):
    """Embeds a text as its length and the size of the batch it came in; remembers what it was asked."""

    dim = 2

    def __init__(self, fingerprint: str = "counting", delay_s: float = 0.0) -> None:
        super().__init__()
        self.fingerprint, self.delay_s, self.batches = fingerprint, delay_s, []

    def forward(self, texts):
        time.sleep(self.delay_s)
        self.batches.append(list(texts))
        return torch.tensor([[len(text), len(texts)] for text in texts], dtype=torch.float64)


def cache_of(folder, encoder, **options):
    return TextCache(folder, encoder, device="cpu", **options)


def shards(folder):
    return sorted(folder.glob("*/shard-*"))


def test_each_text_once_in_order_of_length(tmp_path):
    encoder = Counting()
    cache = cache_of(tmp_path, encoder, batch_size=2)
    texts = ["three", "a", "bb", "three", "a", "naïve 火"]
    found = cache.embed(texts)
    assert found.dtype == torch.float32
    assert found.shape == (6, 2)
    assert found[:, 0].tolist() == [len(text) for text in texts]
    assert encoder.batches == [["a", "bb"], ["three", "naïve 火"]]
    assert torch.equal(cache.embed(texts), found)
    cache.embed(["bb", "new"])
    assert encoder.batches[2:] == [["new"]]
    assert len(shards(tmp_path)) == 2


def test_another_process_finds_them(tmp_path):
    found = cache_of(tmp_path, Counting()).embed(["x", "yy", ""])
    encoder = Counting()
    assert torch.equal(cache_of(tmp_path, encoder).embed(["", "x", "yy"]), found[[2, 0, 1]])
    assert encoder.batches == []


def test_what_another_process_adds_meanwhile_is_seen(tmp_path):
    encoder = Counting()
    first, second = cache_of(tmp_path, encoder), cache_of(tmp_path, Counting())
    expected = second.embed(["x", "yy"])
    assert torch.equal(first.embed(["x", "yy"]), expected)
    assert encoder.batches == []


def test_no_text(tmp_path):
    encoder = Counting()
    assert cache_of(tmp_path, encoder).embed([]).shape == (0, 2)
    assert encoder.batches == []
    assert not shards(tmp_path)


def test_encoders_are_kept_apart(tmp_path):
    cache_of(tmp_path, Counting("one")).embed(["x"])
    other = Counting("two")
    cache_of(tmp_path, other).embed(["x"])
    assert other.batches == [["x"]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_a_trained_encoder_is_refused(tmp_path):
    encoder = Counting()
    encoder.weight = torch.nn.Parameter(torch.zeros(1))
    with pytest.raises(ValueError, match="trained"):
        cache_of(tmp_path, encoder)
    encoder.requires_grad_(False)
    cache_of(tmp_path, encoder)


def test_progress_and_shards_of_whole_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(text_cache, "SHARD_TEXTS", 7)
    told = []
    encoder = Counting()
    cache = cache_of(tmp_path, encoder, batch_size=3, progress=lambda done, total: told.append((done, total)))
    cache.embed([f"{i:03}" for i in range(20)])
    assert told == [(6, 20), (12, 20), (18, 20), (20, 20)]
    assert [len(json.loads((path / "texts.json").read_text())) for path in shards(tmp_path)].count(6) == 3
    assert cache.embed([f"{i:03}" for i in range(19, -1, -1)])[:, 1].tolist() == [2, 2] + [3] * 18


def test_rows_stay_valid_when_the_cache_grows(tmp_path):
    cache = cache_of(tmp_path, Counting())
    rows = cache.rows(["a", "bb"])
    before = cache.table()
    cache.embed([str(10**i) for i in range(5)])
    assert torch.equal(cache.table().take(rows), before.take(rows))
    assert cache.table().take(rows)[:, 0].tolist() == [1, 2]
    assert (len(before), len(cache.table())) == (2, 7)
    copy = pickle.loads(pickle.dumps(before))
    assert torch.equal(copy.take(rows[[1, 1, 0]]), before.take(rows[[1, 1, 0]]))
    assert before.take(np.zeros(0, dtype=np.int64)).shape == (0, 2)


def _embed_slowly(folder, texts, start):
    text_cache.SHARD_TEXTS = 4
    start.wait()
    cache_of(folder, Counting(delay_s=0.05), batch_size=2).embed(texts)


@pytest.mark.parametrize("shards_done", [0, 1, 3])
def test_killed_and_resumed_equals_uninterrupted(tmp_path, monkeypatch, shards_done):
    """The embedding tells its batch, so that a resumed cache is equal only if it makes the same batches."""
    monkeypatch.setattr(text_cache, "SHARD_TEXTS", 4)
    texts = ["x" * (i % 7) + str(i) for i in range(37)]
    whole = cache_of(tmp_path / "whole", Counting(), batch_size=2).embed(texts)
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    process = context.Process(target=_embed_slowly, args=(tmp_path / "killed", texts, start))
    process.start()
    start.set()
    deadline = time.monotonic() + 60
    while len(shards(tmp_path / "killed")) < shards_done and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.join()
    done = sum(len(json.loads((path / "texts.json").read_text())) for path in shards(tmp_path / "killed"))
    assert 4 * shards_done <= done < len(texts)
    encoder = Counting()
    resumed = cache_of(tmp_path / "killed", encoder, batch_size=2)
    assert torch.equal(resumed.embed(texts), whole)
    assert sum(map(len, encoder.batches)) == len(texts) - done


def test_two_processes_at_once(tmp_path):
    texts = ["x" * (i % 5) + str(i) for i in range(30)]
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    parts = (texts[:20], texts[10:])
    processes = [context.Process(target=_embed_slowly, args=(tmp_path, part, start)) for part in parts]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    encoder = Counting()
    assert cache_of(tmp_path, encoder).embed(texts)[:, 0].tolist() == [len(text) for text in texts]
    assert encoder.batches == []
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".tmp")]


@pytest.mark.parametrize("breakage", ["truncated", "empty", "gone", "other values", "bad texts", "other texts"])
def test_a_damaged_shard_is_made_again(tmp_path, breakage, capsys):
    expected = cache_of(tmp_path, Counting()).embed(["a", "bb"])
    (shard,) = shards(tmp_path)
    embeddings = shard / "embeddings.npy"
    if breakage == "truncated":
        embeddings.write_bytes(embeddings.read_bytes()[:-4])
    elif breakage == "empty":
        embeddings.write_bytes(b"")
    elif breakage == "gone":
        embeddings.unlink()
    elif breakage == "other values":
        np.save(embeddings, np.zeros((2, 2), dtype=np.float32))
    elif breakage == "bad texts":
        (shard / "texts.json").write_text('["a", ')
    else:
        (shard / "texts.json").write_text((shard / "texts.json").read_text().replace("a", "c"))
    encoder = Counting()
    assert torch.equal(cache_of(tmp_path, encoder).embed(["a", "bb"]), expected)
    assert encoder.batches == [["a", "bb"]]
    assert str(shard) in capsys.readouterr().err
    assert not shard.exists()


def test_a_flipped_bit_is_never_a_number(tmp_path, capsys):
    """100 single flips anywhere in the files of a shard: each is found, and said."""
    random = np.random.default_rng(1)
    for _ in range(100):
        expected = cache_of(tmp_path, Counting()).embed(["some", "texts", "here"])
        (shard,) = shards(tmp_path)
        files = sorted(path for path in shard.iterdir() if path.name != checksums.FILE)
        path = files[random.integers(len(files))]
        content = bytearray(path.read_bytes())
        content[random.integers(len(content))] ^= 1 << random.integers(8)
        path.write_bytes(content)
        assert torch.equal(cache_of(tmp_path, Counting()).embed(["some", "texts", "here"]), expected)
        assert path.name in capsys.readouterr().err


def test_a_damaged_shard_that_cannot_be_removed_is_passed_over(tmp_path, monkeypatch):
    expected = cache_of(tmp_path, Counting()).embed(["a"])
    (shard,) = shards(tmp_path)
    (shard / "embeddings.npy").write_bytes(b"")
    monkeypatch.setattr(text_cache.shutil, "rmtree", lambda path, ignore_errors: None)
    assert torch.equal(cache_of(tmp_path, Counting()).embed(["a"]), expected)
