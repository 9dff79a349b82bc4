"""The text cache: once per text, atomically, and bit for bit the same after a kill."""

import multiprocessing
import os
import pickle
import time

import numpy as np
import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.base.sealed import write_sealed
from hiero_lib.data import text_cache, text_parts
from hiero_lib.data.text_cache import TextCache
from hiero_lib.data.text_keys import text_keys


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


def parts(folder):
    return sorted(folder.glob("*/part-*"))


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
    assert len(parts(tmp_path)) == 2


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


def test_another_folder_is_read_and_not_written(tmp_path):
    """A cache that lies with read-only data serves; what it lacks is written elsewhere."""
    expected = cache_of(tmp_path / "shared", Counting()).embed(["x", "yy"])
    before = sorted((tmp_path / "shared").rglob("*"))
    encoder = Counting()
    cache = cache_of(tmp_path / "own", encoder, also=tmp_path / "shared")
    assert torch.equal(cache.embed(["x", "yy", "new"])[:2], expected)
    assert encoder.batches == [["new"]]
    assert sorted((tmp_path / "shared").rglob("*")) == before
    assert len(parts(tmp_path / "own")) == 1


def test_no_text(tmp_path):
    encoder = Counting()
    assert cache_of(tmp_path, encoder).embed([]).shape == (0, 2)
    assert encoder.batches == []
    assert not parts(tmp_path)


def test_texts_are_only_read_where_they_are_missing(tmp_path):
    cache, asked = cache_of(tmp_path, Counting()), []
    texts = ["a", "bb", "ccc", "bb"]
    cache.embed(texts[:1])

    def texts_at(places):
        asked.extend(places.tolist())
        return [texts[place] for place in places.tolist()]

    keys = text_keys(texts)
    assert cache.missing(keys) == 2
    rows = cache.rows_of(keys, texts_at)
    assert sorted(asked) == [1, 2]
    assert cache.table().take(rows)[:, 0].tolist() == [1, 2, 3, 2]
    assert cache.missing(keys) == 0


def test_encoders_are_kept_apart(tmp_path):
    cache_of(tmp_path, Counting("one")).embed(["x"])
    other = Counting("two")
    cache_of(tmp_path, other).embed(["x"])
    assert other.batches == [["x"]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one-float16", "two-float16"]


def test_a_trained_encoder_is_refused(tmp_path):
    encoder = Counting()
    encoder.weight = torch.nn.Parameter(torch.zeros(1))
    with pytest.raises(ValueError, match="trained"):
        cache_of(tmp_path, encoder)
    encoder.requires_grad_(False)
    cache_of(tmp_path, encoder)


def test_what_float16_cannot_hold_is_named(tmp_path):
    class Huge(Counting):
        def forward(self, texts):
            return 7e4 * super().forward(texts).double()

    with pytest.raises(DataError, match=r"value 140000.*float16 cannot hold the embedding of 'bb'"):
        cache_of(tmp_path, Huge()).embed(["bb"])
    assert not list(tmp_path.glob("*/part-*/block-*"))


def test_values_are_those_of_float16(tmp_path):
    class Thirds(Counting):
        def forward(self, texts):
            return super().forward(texts) / 3

    found = cache_of(tmp_path, Thirds()).embed(["x"])
    assert torch.equal(found, torch.tensor([[1 / 3, 1 / 3]]).half().float())


def test_progress_and_blocks_of_whole_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(text_cache, "BLOCK_TEXTS", 7)
    told = []
    encoder = Counting()
    cache = cache_of(tmp_path, encoder, batch_size=3, progress=lambda done, total: told.append((done, total)))
    cache.embed([f"{i:03}" for i in range(20)])
    assert told == [(0, 20), (6, 20), (12, 20), (18, 20), (20, 20)]
    assert cache.embed([f"{i:03}" for i in range(19, -1, -1)])[:, 1].tolist() == [2, 2] + [3] * 18
    assert [path.name for path in sorted(parts(tmp_path)[0].iterdir())] == [
        *("about.json", "embeddings.npy", "keys.npy", "whole.json")
    ]


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


def test_many_small_parts_become_one(tmp_path, monkeypatch):
    """Each holds a file open: 1,024 is the limit of many systems."""
    monkeypatch.setattr(text_cache, "MOST_PARTS", 8)
    cache = cache_of(tmp_path, Counting())
    texts = [f"query {'x' * number}" for number in range(40)]
    rows = [cache.rows([text])[0] for text in texts]
    assert len(parts(tmp_path)) <= 10
    lengths = [len(text) for text in texts]
    assert cache.table().take(np.array(rows))[:, 0].tolist() == lengths  # rows of parts that are gone, too
    encoder = Counting()
    assert cache_of(tmp_path, encoder).embed(texts)[:, 0].tolist() == lengths
    assert encoder.batches == []


def _embed_slowly(folder, texts):
    text_cache.BLOCK_TEXTS = 4
    cache_of(folder, Counting(delay_s=0.05), batch_size=2).embed(texts)


def _started(*arguments):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_embed_slowly, args=(folder, texts)) for folder, texts in arguments]
    for process in processes:
        process.start()
    return processes


@pytest.mark.parametrize("blocks_done", [0, 1, 3])
def test_killed_and_resumed_equals_uninterrupted(tmp_path, monkeypatch, blocks_done):
    """The embedding tells its batch, so that a resumed cache is equal only if it makes the same batches."""
    monkeypatch.setattr(text_cache, "BLOCK_TEXTS", 4)
    texts = ["x" * (i % 7) + str(i) for i in range(37)]
    whole = cache_of(tmp_path / "whole", Counting(), batch_size=2).embed(texts)
    (process,) = _started((tmp_path / "killed", texts))
    deadline = time.monotonic() + 60
    while len(blocks := list(tmp_path.glob("killed/*/*/block-*.part"))) < blocks_done and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.join()
    blocks = list(tmp_path.glob("killed/*/*/block-*.part"))
    assert blocks_done <= len(blocks) < 10
    encoder = Counting()
    resumed = cache_of(tmp_path / "killed", encoder, batch_size=2)
    assert torch.equal(resumed.embed(texts), whole)
    assert sum(map(len, encoder.batches)) == len(texts) - 4 * len(blocks)


def test_what_was_done_of_other_texts_is_kept(tmp_path, monkeypatch):
    """After a kill the next call wants only some of the texts: what is done serves it, the rest is not encoded."""
    monkeypatch.setattr(text_cache, "BLOCK_TEXTS", 4)
    texts = [f"{i:03}" for i in range(37)]
    (process,) = _started((tmp_path, texts))
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("*/*/block-*.part"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.join()
    for claim in tmp_path.glob("*/*/.block-*.lock"):
        if not claim.stat().st_size:  # killed before it had signed its claim, which holds for some seconds
            os.utime(claim, (time.time() - 60,) * 2)
    encoder = Counting()
    cache = cache_of(tmp_path, encoder, batch_size=2)
    cache.embed([*texts[:8], "new"])
    assert encoder.batches == [["new"]]
    assert not list(tmp_path.glob("*/*/block-*.part"))


def test_processes_share_the_work(tmp_path):
    """Both begin with the same 30 texts: no block is made twice, and both end with all of them."""
    texts = ["x" * (i % 5) + str(i) for i in range(30)]
    processes = _started((tmp_path, texts), (tmp_path, texts))
    for process in processes:
        process.join()
        assert process.exitcode == 0
    encoder = Counting()
    assert cache_of(tmp_path, encoder).embed(texts)[:, 0].tolist() == [len(text) for text in texts]
    assert encoder.batches == []
    assert len(parts(tmp_path)) == 1
    assert not [path for path in tmp_path.rglob(".*") if path.name.endswith((".tmp", ".lock"))]


def test_two_processes_with_other_texts(tmp_path):
    texts = ["x" * (i % 5) + str(i) for i in range(30)]
    for process in _started((tmp_path, texts[:20]), (tmp_path, texts[10:])):
        process.join()
        assert process.exitcode == 0
    encoder = Counting()
    assert cache_of(tmp_path, encoder).embed(texts)[:, 0].tolist() == [len(text) for text in texts]
    assert encoder.batches == []


@pytest.mark.parametrize(
    "breakage", ["truncated", "empty", "gone", "other values", "bad about", "other keys", "bad sums", "few sums"]
)
def test_a_damaged_part_is_made_again(tmp_path, breakage, capsys):
    expected = cache_of(tmp_path, Counting()).embed(["a", "bb"])
    (part,) = parts(tmp_path)
    embeddings = part / "embeddings.npy"
    if breakage == "truncated":
        embeddings.write_bytes(embeddings.read_bytes()[:-4])
    elif breakage == "empty":
        embeddings.write_bytes(b"")
    elif breakage == "gone":
        embeddings.unlink()
    elif breakage == "other values":
        np.save(embeddings, np.zeros((2, 2), dtype=np.float16))
    elif breakage == "bad about":
        (part / "about.json").write_text('{"texts": ')
    elif breakage == "other keys":
        np.save(part / "keys.npy", np.zeros((2, 16), dtype=np.uint8))
    elif breakage == "bad sums":
        (part / "whole.json").write_text('{"crc32": [1')
    else:
        write_sealed(part / "whole.json", {"crc32": []}, format=1)
    encoder = Counting()
    assert torch.equal(cache_of(tmp_path, encoder).embed(["a", "bb"]), expected)
    assert encoder.batches == [["a", "bb"]]
    assert str(part) in capsys.readouterr().err
    again = Counting()
    cache_of(tmp_path, again).embed(["a", "bb"])
    assert again.batches == []
    assert capsys.readouterr().err == ""


def test_of_a_damaged_block_only_its_own_texts_are_made_again(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(text_cache, "BLOCK_TEXTS", 4)
    texts = [f"{i:03}" for i in range(12)]
    expected = cache_of(tmp_path, Counting(), batch_size=2).embed(texts)
    (part,) = parts(tmp_path)
    content = bytearray((part / "embeddings.npy").read_bytes())
    content[-20] ^= 1  # in the last block
    (part / "embeddings.npy").write_bytes(content)
    for encoded in (4, 0):  # and the damage is noted
        encoder = Counting()
        assert torch.equal(cache_of(tmp_path, encoder, batch_size=2).embed(texts), expected)
        assert sum(map(len, encoder.batches)) == encoded
        assert bool("1 of 3 blocks are damaged" in capsys.readouterr().err) is bool(encoded)


def test_a_flipped_bit_is_never_a_number(tmp_path, capsys):
    """100 single flips anywhere in the files of a part: each is found, and said."""
    random = np.random.default_rng(1)
    for _ in range(100):
        expected = cache_of(tmp_path, Counting()).embed(["some", "texts", "here"])
        part = parts(tmp_path)[0]
        files = sorted(path for path in part.iterdir())
        path = files[random.integers(len(files))]
        content = bytearray(path.read_bytes())
        content[random.integers(len(content))] ^= 1 << random.integers(8)
        path.write_bytes(content)
        assert torch.equal(cache_of(tmp_path, Counting()).embed(["some", "texts", "here"]), expected)
        assert str(part) in capsys.readouterr().err


def test_a_damaged_part_that_cannot_be_removed_is_passed_over(tmp_path, monkeypatch):
    expected = cache_of(tmp_path, Counting()).embed(["a"])
    (part,) = parts(tmp_path)
    (part / "embeddings.npy").write_bytes(b"")
    monkeypatch.setattr(text_parts.shutil, "rmtree", lambda path, ignore_errors: None)
    assert torch.equal(cache_of(tmp_path, Counting()).embed(["a"]), expected)


def test_what_cannot_be_read_just_now_stays(tmp_path, monkeypatch):
    """Too many open files is no damage: nothing is removed, and nothing is encoded again and again."""
    expected = cache_of(tmp_path, Counting()).embed(["a", "bb"])

    def refuse(*_, **__):
        raise OSError(24, "Too many open files", "embeddings.npy")

    with monkeypatch.context() as patched:
        patched.setattr(text_parts.np, "load", refuse)
        with pytest.raises(OSError, match="Too many"):
            cache_of(tmp_path, Counting()).embed(["a", "bb"])
    encoder = Counting()
    assert torch.equal(cache_of(tmp_path, encoder).embed(["a", "bb"]), expected)
    assert encoder.batches == []


def test_a_disk_that_keeps_nothing_ends_the_call(tmp_path, monkeypatch):
    monkeypatch.setattr(text_parts.Part, "whole_rows", lambda self: (_ for _ in ()).throw(DataError("damaged")))
    with pytest.raises(OSError, match="damaged or gone at once"):
        cache_of(tmp_path, Counting()).embed(["a"])
