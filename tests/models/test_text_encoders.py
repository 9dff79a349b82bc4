"""Text encoders: MiniLM as installed, and small DistilBERTs and CLIPs with random weights."""

import copy
import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from hiero_lib.base.errors import ConfigError, DataError, UnsafeFileError
from hiero_lib.config import TextConfig
from hiero_lib.data.text_cache import TextCache
from hiero_lib.models.authors_checkpoint import read_authors_checkpoint
from hiero_lib.models.text_encoders import (
    TextEncoder,
    clip_tower,
    distilbert_from_state_dict,
    last_token,
    load_text_encoder,
)
from hiero_lib.models.text_sources import MINILM_PACKAGE
from tests.helpers.lavila import lavila_state

MINILM = TextConfig(encoder="minilm", source=f"package:{MINILM_PACKAGE}", dim=384)
TEXTS = [
    "#C C picks a knife",
    '#O The man turns a 5" screw with the screwdriver he took from the table, then looks around the workshop',
    "#C C café",
    "",
    "#C C cuts the onion " * 60,
]


@pytest.fixture(scope="module")
def minilm():
    return load_text_encoder(MINILM, data_root="nowhere")


@pytest.fixture(scope="module")
def word_pieces() -> Path:
    """The folder of MiniLM, whose vocabulary is that of bert-base-uncased and of DistilBERT."""
    spec = importlib.util.find_spec(MINILM_PACKAGE)
    return Path(spec.submodule_search_locations[0]) / "model"


@pytest.fixture
def distilbert_folder(tmp_path, word_pieces) -> Path:
    """A DistilBERT of 128 channels saved as the public one is: with the head of its pre-training."""
    from transformers import DistilBertConfig, DistilBertForMaskedLM

    torch.manual_seed(0)
    config = DistilBertConfig(dim=128, hidden_dim=64, n_layers=2, n_heads=2, max_position_embeddings=90)
    folder = tmp_path / "distilbert"
    DistilBertForMaskedLM(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        (folder / name).write_bytes((word_pieces / name).read_bytes())
    return folder


@pytest.fixture
def clip_folder(tmp_path) -> Path:
    """A CLIP of both towers, with a tokenizer of single bytes."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast

    symbols = [*pre_tokenizers.ByteLevel.alphabet()]
    vocab = {
        s: i for i, s in enumerate([*symbols, *(f"{s}</w>" for s in symbols), "<|startoftext|>", "<|endoftext|>"])
    }
    tokenizer = Tokenizer(models.BPE(vocab, [], unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    start, end = ("<|startoftext|>", vocab["<|startoftext|>"]), ("<|endoftext|>", vocab["<|endoftext|>"])
    tokenizer.post_processor = processors.RobertaProcessing(end, start, trim_offsets=False)
    folder = tmp_path / "clip"
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=end[0]).save_pretrained(folder)
    torch.manual_seed(0)
    text = {"vocab_size": len(vocab), "hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 2}
    text |= {
        "num_attention_heads": 2,
        "max_position_embeddings": 77,
        "bos_token_id": start[1],
        "eos_token_id": end[1],
    }
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision |= {"image_size": 32, "patch_size": 16}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision)).eval().save_pretrained(folder)
    return folder


# MiniLM


def test_minilm_is_sentence_transformers(minilm, word_pieces):
    """Normalised, ours is what the package it was made for computes."""
    from sentence_transformers import SentenceTransformer

    theirs = SentenceTransformer(str(word_pieces), device="cpu", local_files_only=True)
    theirs.max_seq_length = minilm.max_tokens
    expected = torch.from_numpy(np.asarray(theirs.encode(TEXTS, show_progress_bar=False)))
    found = torch.nn.functional.normalize(minilm(TEXTS), dim=1)
    assert torch.allclose(found, expected, atol=1e-5)
    assert minilm(TEXTS).norm(dim=1).min() > 2  # it is not normalised here


def test_frozen_output_depends_on_the_text_alone(minilm):
    minilm.train()
    assert not minilm.training
    assert not any(module.training for module in minilm.modules())
    together = minilm(TEXTS)
    assert not together.requires_grad
    assert torch.equal(minilm(TEXTS), together)

    def unit_difference(encoder) -> float:
        """Largest difference of a channel, vectors at length 1, between a padded batch and one text at a time."""
        alone = torch.cat([encoder([text]) for text in TEXTS])
        return float(
            (torch.nn.functional.normalize(encoder(TEXTS)) - torch.nn.functional.normalize(alone)).abs().max()
        )

    # Raw vectors are about 7 long and differ by up to 1.4e-6; batches of equal length, without any padding, differ
    # as much. That this is rounding, and no padding leaks, is what the same in float64 shows.
    assert unit_difference(minilm) < 1e-6
    assert unit_difference(copy.deepcopy(minilm).double()) < 1e-12


def test_shapes_and_truncation(minilm):
    states, mask = minilm.encode_tokens(TEXTS)
    assert states.shape == (len(TEXTS), MINILM.max_tokens, 384)  # the last text is cut
    assert mask.dtype == torch.bool
    assert mask.sum(dim=1).tolist()[2:] == [6, 2, MINILM.max_tokens]
    assert minilm([]).shape == (0, 384)
    assert minilm.encode_tokens([])[0].shape == (0, 1, 384)
    longer = load_text_encoder(replace(MINILM, max_tokens=128), data_root="nowhere")
    assert longer.encode_tokens(TEXTS)[0].shape[1] == 128
    assert longer.fingerprint != minilm.fingerprint


def test_minilm_of_another_content_is_refused(tmp_path, monkeypatch, word_pieces):
    folder = tmp_path / MINILM_PACKAGE / "model"
    folder.mkdir(parents=True)
    for path in word_pieces.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    raw = bytearray((folder / "model.safetensors").read_bytes())
    raw[-1] ^= 1
    (folder / "model.safetensors").write_bytes(raw)
    (folder.parent / "__init__.py").write_text("raise RuntimeError('the package was imported')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, MINILM_PACKAGE, raising=False)
    with pytest.raises(DataError, match=r"model\.safetensors.*sha256"):
        load_text_encoder(MINILM, data_root=tmp_path)


def test_nothing_is_printed_fetched_or_set(tmp_path):
    """In a fresh process with no network: no warning of parallel tokenizers in a fork, no bar, no report."""
    code = f"""
import os, socket
def refuse(*arguments, **options):
    raise SystemExit(f"network: {{arguments}}")
socket.getaddrinfo = socket.socket.connect = refuse
before = dict(os.environ)
from hiero_lib.config import TextConfig
from hiero_lib.models.text_encoders import load_text_encoder
encoder = load_text_encoder(TextConfig("minilm", "package:{MINILM_PACKAGE}", 384), data_root=".")
encoder(["#C C opens a drawer", "#C C closes it"])
assert {{name: os.environ[name] for name in before}} == before
assert not any("PARALLELISM" in name or "OFFLINE" in name for name in os.environ.keys() - before.keys())
child = os.fork()
if child == 0:
    encoder.tokenizer.encode_batch(["one", "two"])
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TOKENIZERS_"))}
    environment |= {"HF_HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == done.stdout == ""


def test_import_is_light():
    code = "import sys, hiero_lib.models.text_encoders; assert not {'transformers', 'tokenizers'} & set(sys.modules)"
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": root})
    assert done.returncode == 0, done.stderr


def test_minilm_through_the_cache(tmp_path, minilm):
    cache = TextCache(tmp_path, minilm, device="cpu", batch_size=3)
    exact = minilm(TEXTS)
    assert torch.allclose(cache.embed(TEXTS), exact, rtol=2**-11, atol=1e-5)  # float16
    assert not torch.is_inference(cache.embed(TEXTS))


# DistilBERT


@pytest.mark.golden
def test_golden_authors_text_encoder(golden):
    """The number of heads is not in the weights: it is the one of the golden model, found by comparing."""
    checkpoint = read_authors_checkpoint(golden / "authors_checkpoint.pth")
    expected = load_file(golden / "authors_checkpoint_outputs.safetensors")
    head = checkpoint.text_head

    def text(n_heads):
        encoder = distilbert_from_state_dict(checkpoint.text_encoder, n_heads=n_heads)
        hidden = encoder.encode_ids(expected["input_ids"], expected["attention_mask"])
        return (hidden @ head["net.0.weight"].T + head["net.0.bias"]).relu() @ head["net.2.weight"].T + head[
            "net.2.bias"
        ]

    dim = checkpoint.text_encoder["embeddings.LayerNorm.weight"].numel()
    errors = {n: float((text(n) - expected["text"]).abs().max()) for n in range(1, dim + 1) if dim % n == 0}
    assert min(errors.values()) < 1e-5
    assert sum(error < 1e-5 for error in errors.values()) == 1


def test_distilbert_from_folder_is_transformers(distilbert_folder):
    from transformers import AutoTokenizer, DistilBertModel

    config = TextConfig(encoder="distilbert", source=str(distilbert_folder), dim=128, max_tokens=40)
    encoder = load_text_encoder(config, data_root="nowhere")
    tokens = AutoTokenizer.from_pretrained(distilbert_folder)(
        TEXTS, padding=True, truncation=True, max_length=40, return_tensors="pt"
    )
    theirs = DistilBertModel.from_pretrained(distilbert_folder).eval()
    with torch.no_grad():
        expected = theirs(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask).last_hidden_state
    assert torch.allclose(encoder(TEXTS), expected[:, 0], atol=1e-5)
    states, mask = encoder.encode_tokens(TEXTS)
    assert torch.equal(mask, tokens.attention_mask.bool())
    assert torch.allclose(states[mask], expected[mask], atol=1e-5)
    # The public DistilBERT has 64 channels a head, so that its weights alone give the same encoder.
    tokenizer = Tokenizer.from_file(str(distilbert_folder / "tokenizer.json"))
    alone = distilbert_from_state_dict(encoder.network.state_dict(), tokenizer=tokenizer, max_tokens=40)
    assert torch.allclose(alone(TEXTS), encoder(TEXTS), atol=1e-6)
    assert alone.fingerprint == encoder.fingerprint


def test_a_trained_encoder_has_gradients_and_dropout(distilbert_folder):
    config = TextConfig(encoder="distilbert", source=distilbert_folder.name, dim=128, frozen=False)
    encoder = load_text_encoder(config, data_root=distilbert_folder.parent)
    assert encoder.training
    assert not torch.equal(encoder(TEXTS), encoder(TEXTS))
    encoder(TEXTS).sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())
    encoder.eval()
    assert torch.equal(encoder(TEXTS), encoder(TEXTS))


@pytest.mark.parametrize("prefix", ["", "text_model.", "module.", "module.text_model."])
@pytest.mark.parametrize("checkpoint", [False, True], ids=["state dict", "authors' checkpoint"])
def test_weights_over_the_source(tmp_path, distilbert_folder, prefix, checkpoint):
    config = TextConfig(encoder="distilbert", source="distilbert", dim=128, weights="pretrained/w.pth")
    base = load_text_encoder(replace(config, weights=None), data_root=tmp_path)
    changed = {f"{prefix}{name}": value + 0.1 for name, value in base.network.state_dict().items()}
    changed[f"{prefix}embeddings.position_ids"] = torch.arange(90)
    if prefix:
        changed["other.weight"] = torch.zeros(1)
    (tmp_path / "pretrained").mkdir()
    torch.save({"task": changed, "model": {}} if checkpoint else changed, tmp_path / "pretrained" / "w.pth")
    (distilbert_folder / "model.safetensors").unlink()  # only its shape and tokenizer are needed
    encoder = load_text_encoder(config, data_root=tmp_path)
    for name, value in base.network.state_dict().items():
        assert torch.equal(encoder.network.state_dict()[name], value + 0.1)
    assert encoder.fingerprint != base.fingerprint


@pytest.mark.parametrize("change", ["missing", "unknown", "shape", "no tensor", "empty", "hostile", "no file"])
def test_weights_that_do_not_fit(tmp_path, distilbert_folder, change):
    config = TextConfig(encoder="distilbert", source="distilbert", dim=128, weights="w.pth")
    state = load_text_encoder(replace(config, weights=None), data_root=tmp_path).network.state_dict()
    name = "transformer.layer.1.ffn.lin1.bias"
    expected: type[DataError] = DataError
    if change == "missing":
        del state[name]
    elif change == "unknown":
        state["transformer.layer.1.more"] = torch.zeros(2)
    elif change == "shape":
        state[name] = torch.zeros(3)
    elif change == "no tensor":
        state = {"a": 3}
    elif change == "empty":
        state = {}
    elif change == "hostile":
        state, expected = {"a": subprocess.run}, UnsafeFileError
    if change != "no file":
        torch.save(state, tmp_path / "w.pth")
    with pytest.raises(expected, match=r"w\.pth") as caught:
        load_text_encoder(config, data_root=tmp_path)
    if change in ("missing", "unknown", "shape"):
        assert caught.value.field.startswith("transformer.layer.1.")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dim": 64}, r"text\.dim.*64.*has 128"),
        ({"max_tokens": 91}, r"text\.max_tokens.*91.*has 90"),
        ({"encoder": "minilm"}, "model_type.*distilbert"),
        ({"encoder": "clip"}, "model_type.*distilbert"),
        ({"source": "./nowhere/at all"}, "no such folder"),
        ({"source": "package:no_such_package_here"}, "not a package that text encoders come from"),
        ({"source": "package:"}, "not a package that text encoders come from"),
    ],
)
def test_settings_that_do_not_fit(tmp_path, distilbert_folder, changes, message):
    config = replace(TextConfig(encoder="distilbert", source="distilbert", dim=128), **changes)
    with pytest.raises(DataError, match=message) as caught:
        load_text_encoder(config, data_root=tmp_path)
    assert isinstance(caught.value, ConfigError) == ("dim" in changes or "max_tokens" in changes)


def test_no_code_of_the_working_directory_or_of_a_folder_is_run(tmp_path, distilbert_folder, monkeypatch):
    for package in ("evil", "evil/x"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("evil.x", "evil", "os.path", f"{MINILM_PACKAGE}.model"):
        with pytest.raises(DataError, match="not a package that text encoders come from"):
            load_text_encoder(replace(MINILM, source=f"package:{name}"), data_root=tmp_path)


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("where", [{}, {"text_config": {}}])
def test_a_folder_that_names_code_is_refused_without_a_question(
    tmp_path, distilbert_folder, monkeypatch, file, where
):
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("a question was asked"))
    found = json.loads((distilbert_folder / file).read_text())
    auto = {"auto_map": {"AutoConfig": "code.Config", "AutoModel": "code.Model", "AutoTokenizer": ["code.T", None]}}
    named = {name: value | auto for name, value in where.items()} if where else auto
    (distilbert_folder / file).write_text(json.dumps(found | named))
    (distilbert_folder / "code.py").write_text("raise SystemExit('run')")
    with pytest.raises(UnsafeFileError, match=r"auto_map.*refused: it names code"):
        load_text_encoder(TextConfig(encoder="distilbert", source="distilbert", dim=128), data_root=tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("n_layers", 10**9, "asks for .* weights at least"),
        ("vocab_size", 10**12, "asks for .* weights at least"),
        ("n_layers", -1, "whole number from 1|not the folder"),
        ("dim", "128", "whole number from 1|not the folder"),
        ("n_heads", 0, "whole number from 1|not the folder"),
    ],
)
def test_a_shape_is_compared_with_the_weights_before_it_is_made(tmp_path, distilbert_folder, name, value, message):
    found = json.loads((distilbert_folder / "config.json").read_text())
    assert name in found
    (distilbert_folder / "config.json").write_text(json.dumps(found | {name: value}))
    with pytest.raises(DataError, match=message):
        load_text_encoder(TextConfig(encoder="distilbert", source="distilbert", dim=128), data_root=tmp_path)


def test_one_name_does_not_make_a_thousand_layers(tmp_path):
    state = {
        "token_embedding.weight": torch.zeros(10, 64),
        "positional_embedding": torch.zeros(5, 64),
        "transformer.resblocks.99999999.ln_1.weight": torch.zeros(64),
    }
    with pytest.raises(DataError, match="a layer's weights are missing"):
        clip_tower(state)


def test_incomplete_folders(tmp_path, distilbert_folder):
    config = TextConfig(encoder="distilbert", source="distilbert", dim=128)
    weights = distilbert_folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"model\.safetensors"):
        load_text_encoder(config, data_root=tmp_path)
    weights.unlink()
    with pytest.raises(DataError, match=r"model\.safetensors"):
        load_text_encoder(config, data_root=tmp_path)
    save_file({"a": torch.zeros(1)}, weights)
    (distilbert_folder / "config.json").unlink()
    with pytest.raises(DataError, match="not the folder of a text encoder"):
        load_text_encoder(config, data_root=tmp_path)


def test_without_a_tokenizer_only_ids():
    state = {"embeddings.word_embeddings.weight": torch.zeros(9, 4)}
    with pytest.raises(DataError, match="position_embeddings"):
        distilbert_from_state_dict(state)
    encoder = TextEncoder(clip_tower(lavila_state()), last_token, dim=128)
    with pytest.raises(ValueError, match="without a tokenizer"):
        encoder(["text"])


# CLIP's text tower


def test_clip_from_folder_is_transformers(clip_folder):
    from transformers import CLIPTextModel

    config = TextConfig(encoder="clip", source=str(clip_folder), dim=128)
    encoder = load_text_encoder(config, data_root="nowhere")
    theirs = CLIPTextModel.from_pretrained(clip_folder).eval()
    input_ids, mask = encoder.tokenize(TEXTS[:4])
    with torch.no_grad():
        expected = theirs(input_ids=input_ids, attention_mask=mask)
    assert torch.allclose(encoder(TEXTS[:4]), expected.pooler_output, atol=1e-5)
    assert torch.allclose(encoder.encode_tokens(TEXTS[:4])[0][mask.bool()], expected[0][mask.bool()], atol=1e-5)
    alone = torch.cat([encoder([text]) for text in TEXTS])
    assert ((encoder(TEXTS) - alone).norm(dim=1) / alone.norm(dim=1)).max() < 1e-6


def test_lavila_weights_from_an_authors_checkpoint(tmp_path, clip_folder):
    """Only the tokenizer is the source's; the tower's shape is the checkpoint's."""
    state = lavila_state(width=192, vocab_size=700)
    task = {f"text_model.{name}": value for name, value in state.items()} | {"projector.1.weight": torch.zeros(2, 2)}
    torch.save({"model": {}, "task": task, "step": 3}, tmp_path / "lavila.pth")
    (clip_folder / "model.safetensors").unlink()
    config = TextConfig(encoder="clip", source="clip", dim=192, weights="lavila.pth")
    encoder = load_text_encoder(config, data_root=tmp_path)
    alike = TextEncoder(clip_tower(state), last_token, dim=192, tokenizer=encoder.tokenizer)
    assert torch.allclose(encoder(TEXTS), alike(TEXTS), atol=1e-6)
    with pytest.raises(ConfigError, match=r"max_tokens.*78.*77 positions"):
        load_text_encoder(replace(config, max_tokens=78), data_root=tmp_path)
