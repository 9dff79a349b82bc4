"""The token cache: each text once, kept apart by encoder, padded like the encoder's own output."""

import pytest
import torch

from hiero_lib.data.token_cache import TokenCache


class Words(torch.nn.Module):
    """A token for each word, filled with the word's length; remembers what it was asked."""

    dim = 2

    def __init__(self, fingerprint="words"):
        super().__init__()
        self.fingerprint, self.batches = fingerprint, []

    def encode_tokens(self, texts):
        self.batches.append(list(texts))
        words = [[len(word) for word in text.split()] for text in texts]
        longest = max(map(len, words))
        values = torch.tensor([w + [9] * (longest - len(w)) for w in words], dtype=torch.float64)
        mask = torch.tensor([[1] * len(w) + [0] * (longest - len(w)) for w in words]).bool()
        return values[:, :, None].repeat(1, 1, 2), mask


def cache_of(folder, encoder, **options):
    return TokenCache(folder, encoder, device="cpu", **options)


def test_each_text_once_padded_with_zeros(tmp_path):
    encoder = Words()
    cache = cache_of(tmp_path, encoder, batch_size=2)
    values, mask = cache(["where is it", "what", "where is it", "go on then now"])
    assert values.dtype == torch.float32
    assert values[:, :, 0].tolist() == [[5, 2, 2, 0], [4, 0, 0, 0], [5, 2, 2, 0], [2, 2, 4, 3]]
    assert mask.sum(1).tolist() == [3, 1, 3, 4]
    assert encoder.batches == [["what", "where is it"], ["go on then now"]]
    cache(["what", "new"])
    assert encoder.batches[2:] == [["new"]]
    assert cache([])[0].shape == (0, 0, 2)


def test_another_process_finds_them_and_encoders_are_kept_apart(tmp_path):
    first, second = cache_of(tmp_path, Words()), cache_of(tmp_path, Words())
    expected = second(["a bb", "c"])
    encoder = Words()
    for found in (first(["a bb", "c"]), cache_of(tmp_path, encoder)(["a bb", "c"])):
        assert all(torch.equal(a, b) for a, b in zip(found, expected))
    assert first.encoder.batches == encoder.batches == []
    other = Words("other")
    cache_of(tmp_path, other)(["c"])
    assert other.batches == [["c"]]


@pytest.mark.parametrize("name", ["tokens.npy", "texts.json"])
def test_a_damaged_shard_is_made_again(tmp_path, name, capsys):
    expected, _ = cache_of(tmp_path, Words())(["a bb", "c"])
    (shard,) = tmp_path.glob("words/shard-*")
    content = (shard / name).read_bytes()
    (shard / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    encoder = Words()
    found, _ = cache_of(tmp_path, encoder)(["a bb", "c"])
    assert torch.equal(found, expected)
    assert encoder.batches == [["c", "a bb"]]
    assert f"the checksum of {name} does not hold" in capsys.readouterr().err


def test_a_trained_encoder_is_refused(tmp_path):
    encoder = Words()
    encoder.weight = torch.nn.Parameter(torch.zeros(1))
    with pytest.raises(ValueError, match="freeze it"):
        cache_of(tmp_path, encoder)
