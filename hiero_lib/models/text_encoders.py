"""Text encoders: MiniLM, DistilBERT and CLIP's text tower behind one small class.

Each is a network that turns tokens into hidden states, a tokenizer, and a way to pool the states into one vector a
text. transformers is imported only where an encoder is built. Nothing is fetched unless ``source`` is a hub name.
"""

from __future__ import annotations

import copy
import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from hiero_lib.base.errors import ConfigError, DataError, UnsafeFileError
from hiero_lib.base.files import read_json
from hiero_lib.base.fingerprint import Fingerprint
from hiero_lib.config import TextConfig
from hiero_lib.models.clip_text_tower import ClipTextTower, openai_names
from hiero_lib.models.text_sources import locate
from hiero_lib.models.weights import check_strictly, load_strictly, read_state

_MODEL_TYPES = {"minilm": ("bert",), "distilbert": ("distilbert",), "clip": ("clip", "clip_text_model")}

Pool = Callable[[Tensor, Tensor], Tensor]


def mean_pool(states: Float[Tensor, "n L D"], mask: Int[Tensor, "n L"]) -> Float[Tensor, "n D"]:
    """Mean of ``states [n, L, D]`` over the tokens of ``mask [n, L]`` (sentence-transformers' MiniLM), ``[n, D]``.

    Not normalised: sentence-transformers scales the result to length 1, which the text head has no use for.
    """
    weight = mask.to(states.dtype).unsqueeze(-1)
    return (states * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)


def first_token(states: Float[Tensor, "n L D"], mask: Int[Tensor, "n L"]) -> Float[Tensor, "n D"]:
    """The state of the first token, ``[CLS]`` (EgoVLP's DistilBERT), ``[n, D]``."""
    return states[:, 0]


def last_token(states: Float[Tensor, "n L D"], mask: Int[Tensor, "n L"]) -> Float[Tensor, "n D"]:
    """The state of the last token of each text, the end-of-text token of CLIP, ``[n, D]``."""
    return states[torch.arange(len(states), device=states.device), mask.sum(dim=1) - 1]


class TextEncoder(nn.Module):
    """Texts to vectors.

    A frozen encoder has no gradients and stays in eval mode whatever ``train()`` says, so that its output is a
    function of the text alone (to rounding, whatever the batch) and can be cached. The reference leaves the dropout
    of a frozen encoder on in training; that is not reproduced (METHOD.md).

    Args:
        network: called with ``input_ids`` and ``attention_mask`` (both ``[n, L]`` int64), gives an object whose
            ``last_hidden_state`` is ``[n, L, dim]``.
        pool: ``(states [n, L, dim], mask [n, L]) -> [n, dim]``.
        dim: channels.
        tokenizer: a ``tokenizers.Tokenizer``; None where only token ids will be given.
        max_tokens: longer texts are cut, special tokens included in the count.
        pad_id: token that fills the shorter texts of a batch (masked).
        frozen: see above.
    """

    def __init__(
        self,
        network: nn.Module,
        pool: Pool,
        *,
        dim: int,
        tokenizer: Any = None,
        max_tokens: int = 77,
        pad_id: int = 0,
        frozen: bool = True,
    ) -> None:
        super().__init__()
        self.network, self.pool, self.tokenizer = network.float(), pool, copy.deepcopy(tokenizer)
        self.dim, self.max_tokens, self.pad_id, self.frozen = dim, max_tokens, pad_id, frozen
        if tokenizer is not None:
            self.tokenizer.no_padding()
            self.tokenizer.enable_truncation(max_tokens)
        self.requires_grad_(not frozen)
        self.train(not frozen)

    def train(self, mode: bool = True) -> TextEncoder:
        """Training mode, unless frozen."""
        return super().train(mode and not self.frozen)

    def forward(self, texts: Sequence[str]) -> Float[Tensor, "n D"]:
        """``[n, dim]``, one vector a text; differentiable unless frozen."""
        return self.encode_ids(*self.tokenize(texts))

    def encode_ids(self, input_ids: Int[Tensor, "n L"], attention_mask: Int[Tensor, "n L"]) -> Float[Tensor, "n D"]:
        """``[n, dim]`` of token ids and their mask, both ``[n, L]``."""
        return self.pool(self._states(input_ids, attention_mask), attention_mask)

    def encode_tokens(self, texts: Sequence[str]) -> tuple[Float[Tensor, "n L D"], Bool[Tensor, "n L"]]:
        """The state of every token, ``[n, L, dim]``, and which are of the text, ``[n, L]`` bool."""
        input_ids, attention_mask = self.tokenize(texts)
        return self._states(input_ids, attention_mask), attention_mask.bool()

    def tokenize(self, texts: Sequence[str]) -> tuple[Int[Tensor, "n L"], Int[Tensor, "n L"]]:
        """Token ids and attention mask, ``[n, L]`` int64 each, on the encoder's device; L is the longest text's.

        Texts are tokenised one by one: the tokenizer's own batches start threads, which would make it print a
        warning in every DataLoader worker that is forked later, and tokenising is a small part of encoding.

        Raises:
            ValueError: the encoder was built without a tokenizer.
        """
        if self.tokenizer is None:
            raise ValueError("this text encoder was built without a tokenizer: give it token ids, or a tokenizer")
        device = next(self.parameters()).device
        ids = [self.tokenizer.encode(text).ids for text in texts]
        length = max(map(len, ids), default=1)
        rows = [row + [self.pad_id] * (length - len(row)) for row in ids]
        lengths = torch.tensor([len(row) for row in ids], dtype=torch.int64)
        mask = torch.arange(length) < lengths.unsqueeze(1)
        input_ids = torch.tensor(rows, dtype=torch.int64).reshape(len(ids), length)
        return input_ids.to(device), mask.long().to(device)

    @functools.cached_property
    def fingerprint(self) -> str:
        """32 hexadecimal digits of SHA-256 over the weights, the tokenizer, the pooling and ``max_tokens``."""
        fingerprint = Fingerprint().text(f"{self.pool.__name__} {self.max_tokens}")
        if self.tokenizer is not None:
            parts = json.loads(self.tokenizer.to_str())
            fingerprint.json({**parts, "padding": None, "truncation": None})
        return fingerprint.weights(self.network.state_dict()).digits(32)

    def _states(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        if not len(input_ids):
            return torch.zeros(*input_ids.shape, self.dim, device=input_ids.device)
        return self.network(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def load_text_encoder(config: TextConfig, *, data_root: str | Path) -> TextEncoder:
    """The text encoder of a profile.

    ``config.source`` is ``package:NAME`` (the folder ``model`` of one of ``PACKAGES``, found without importing it), a
    local folder (as it stands or under ``data_root``), or else a name on the hub. With ``config.weights`` (a file
    under ``data_root``: a state dict, or an authors' checkpoint whose ``task`` has ``text_model.*``) only the shape
    and the tokenizer come from the source, and every weight from that file.

    EgoVLP's and LaViLa's own text weights could not be had where this was written: that their names and shapes are
    those of DistilBERT and of CLIP is taken from METHOD.md. Where names start with ``text_model.`` (or another known
    prefix) only those are read, and they must fit exactly; but for ``position_ids``, BERT's pooler and CLIP's
    ``text_projection``, which no encoder here has.

    Raises:
        DataError: the source or the weights file is missing or not what was expected.
        UnsafeFileError: reading the weights file would execute what it names.
        ConfigError: ``dim`` is not the encoder's, or ``max_tokens`` is beyond its positions.
    """
    root = Path(data_root).expanduser()
    source = locate(config.source, root, needs_weights=config.weights is None)
    weights_file = source / "model.safetensors" if config.weights is None else root / config.weights
    state = _read_weights(weights_file)
    shape, tokenizer, pad_id = _read_source(source)
    if shape.model_type not in _MODEL_TYPES[config.encoder]:
        raise DataError(
            f"a {config.encoder} encoder is expected", file=source, field="model_type", value=shape.model_type
        )
    network: Any
    pool: Pool
    if config.encoder == "clip":
        activation = getattr(shape, "text_config", shape).hidden_act
        network, pool = clip_tower(state, weights_file, quick_gelu=activation == "quick_gelu"), last_token
        dim, positions = network.token_embedding.embedding_dim, len(network.positional_embedding)
    else:
        _check_claims(shape, state, source)
        network = _filled(functools.partial(_transformer, shape), state, weights_file)
        pool = mean_pool if config.encoder == "minilm" else first_token
        dim, positions = shape.hidden_size, shape.max_position_embeddings
    if dim != config.dim:
        raise ConfigError(f"the encoder has {dim} channels", file=source, field="text.dim", value=config.dim)
    if config.max_tokens > positions:
        raise ConfigError(
            f"the encoder has {positions} positions", file=source, field="text.max_tokens", value=config.max_tokens
        )
    return TextEncoder(
        network,
        pool,
        dim=dim,
        tokenizer=tokenizer,
        max_tokens=config.max_tokens,
        pad_id=pad_id,
        frozen=config.frozen,
    )


def distilbert_from_state_dict(
    state: Mapping[str, Tensor],
    *,
    n_heads: int | None = None,
    tokenizer: Any = None,
    max_tokens: int = 77,
    frozen: bool = True,
) -> TextEncoder:
    """A DistilBERT whose shape is read from its weights, as an authors' checkpoint holds them (``text_model.*``).

    Args:
        state: transformers' names, ``embeddings.word_embeddings.weight`` and so on.
        n_heads: weights do not tell it. None takes channels / 64, the 12 of the public DistilBERT.
        tokenizer: a ``tokenizers.Tokenizer``; None for token ids only.
        max_tokens, frozen: see :class:`TextEncoder`.

    Raises:
        DataError: names or shapes are not DistilBERT's.
    """
    from transformers import DistilBertConfig, DistilBertModel

    try:
        vocab_size, dim = state["embeddings.word_embeddings.weight"].shape
        positions = len(state["embeddings.position_embeddings.weight"])
        hidden_dim = len(state["transformer.layer.0.ffn.lin1.bias"])
    except KeyError as error:
        raise DataError("not the weights of a DistilBERT", field=error.args[0]) from error
    except (TypeError, ValueError) as error:  # a number for a vector, a vector for a matrix
        raise DataError(f"not the weights of a DistilBERT ({error})", field="embeddings") from error
    config = DistilBertConfig(
        vocab_size=vocab_size,
        max_position_embeddings=positions,
        dim=dim,
        hidden_dim=hidden_dim,
        n_layers=_count(state, r"transformer\.layer\.(\d+)\."),
        n_heads=n_heads or max(1, dim // 64),
    )
    if config.dim % config.n_heads:
        raise DataError(f"channels do not divide among {config.n_heads} heads", field="embeddings", value=dim)
    network = _filled(functools.partial(DistilBertModel, config), state)
    return TextEncoder(network, first_token, dim=dim, tokenizer=tokenizer, max_tokens=max_tokens, frozen=frozen)


def clip_tower(state: Mapping[str, Tensor], file: Path | None = None, *, quick_gelu: bool = True) -> ClipTextTower:
    """The CLIP text tower that ``state`` (of ``file``) fills, with the shape of its weights and heads of 64 channels.

    The names are OpenAI's and LaViLa's (``transformer.resblocks.0.attn.in_proj_weight``) or transformers'
    (``encoder.layers.0.self_attn.q_proj.weight``).

    Raises:
        DataError: names or shapes are not those of a CLIP text tower.
    """
    weights = openai_names(state)
    try:
        vocab_size, width = weights["token_embedding.weight"].shape
        context = len(weights["positional_embedding"])
    except KeyError as error:
        raise DataError("not the weights of a CLIP text tower", file=file, field=error.args[0]) from error
    except (TypeError, ValueError) as error:  # a number for a vector, a vector for a matrix
        problem = f"not the weights of a CLIP text tower ({error})"
        raise DataError(problem, file=file, field="token_embedding.weight") from error
    make = functools.partial(
        ClipTextTower,
        vocab_size=vocab_size,
        context=context,
        width=width,
        n_layers=_count(weights, r"transformer\.resblocks\.(\d+)\."),
        n_heads=max(1, width // 64),
        quick_gelu=quick_gelu,
    )
    projections = ("text_projection", "text_projection.weight")
    return _filled(make, {name: value for name, value in weights.items() if name not in projections}, file)


def _read_source(folder: Path) -> tuple[Any, Any, int]:
    """The transformers config, the ``tokenizers.Tokenizer`` and the padding token of a local folder."""
    from transformers import AutoConfig, AutoTokenizer

    if not (folder / "config.json").is_file():  # older versions of transformers then guess from the folder's name
        raise DataError("not the folder of a text encoder", file=folder / "config.json")
    for file in (folder / "config.json", folder / "tokenizer_config.json"):
        if file.is_file() and "auto_map" in json.dumps(read_json(file)):
            raise UnsafeFileError(
                "refused: it names code of its own to be run", file=file, field="auto_map", hint="Nothing was run"
            )
    options = {"local_files_only": True, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(str(folder), **options)
        tokenizer = AutoTokenizer.from_pretrained(str(folder), use_fast=True, **options)
    except Exception as error:  # of odd values in its files: TypeError, KeyError, AttributeError, ...
        raise DataError(f"not the folder of a text encoder ({str(error)[:200]})", file=folder) from error
    return config, tokenizer.backend_tokenizer, tokenizer.pad_token_id or 0


def _transformer(config: Any) -> nn.Module:
    """An untrained BERT (without its pooler, which nothing here uses) or DistilBERT of the shape of ``config``."""
    from transformers import AutoModel

    pooler = {"add_pooling_layer": False} if config.model_type == "bert" else {}
    return AutoModel.from_config(config, trust_remote_code=False, **pooler)


def _check_claims(config: Any, state: Mapping[str, Tensor], source: Path) -> None:
    """DataError where a BERT's or DistilBERT's config claims more weights than its file has; before they are made."""
    names = ("vocab_size", "hidden_size", "max_position_embeddings", "num_hidden_layers", "num_attention_heads")
    sizes: dict[str, Any] = {name: getattr(config, name, None) for name in names}
    sizes["inner"] = getattr(config, "hidden_dim", None) or getattr(config, "intermediate_size", None)
    for name, size in sizes.items():
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise DataError("a whole number from 1 is expected", file=source / "config.json", field=name, value=size)
    vocabulary, width, positions, layers, _, inner = sizes.values()
    claimed = width * (vocabulary + positions + layers * (4 * width + 2 * inner))
    held = sum(value.numel() for value in state.values())
    if claimed > held:
        raise DataError(
            f"the shape asks for {claimed:.3g} weights at least, the file of weights has {held:.3g}",
            file=source / "config.json",
            field=", ".join(sizes),
            value=list(sizes.values()),
        )


_PREFIXES = ("_orig_mod.", "module.", "_orig_mod.", "text_model.", "distilbert.", "bert.")


def _read_weights(file: Path) -> dict[str, Tensor]:
    """The text encoder's state dict in a safetensors file, a ``.pth`` of one, or an authors' checkpoint.

    Where some names start with a known prefix, only those are of the text encoder, and the prefix is taken off.
    """
    state = read_state(file, field="text.weights")
    if isinstance(state, dict) and isinstance(state.get("task"), dict):
        state = state["task"]
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise DataError("a state dict of tensors is expected", file=file, field="type", value=type(state).__name__)
    for prefix in _PREFIXES:
        if any(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    return state


Network = TypeVar("Network", bound=nn.Module)


def _filled(make: Callable[[], Network], weights: Mapping[str, Tensor], file: Path | None = None) -> Network:
    """A network with ``weights``, but for what a file may have besides: old ``position_ids`` and BERT's pooler.

    Whether they fit is found before anything is allocated: its sizes may be those that the file claims.
    """
    kept = {n: v for n, v in weights.items() if not n.endswith("position_ids") and not n.startswith("pooler.")}
    with torch.device("meta"):
        expected = make().state_dict()
    check_strictly(expected, kept, file=file)
    network = make()
    load_strictly(network, kept, file=file)
    return network


def _count(state: Mapping[str, Tensor], pattern: str) -> int:
    """The number of layers, which the names that start with ``pattern`` count from 0 without a gap.

    Raises:
        DataError: a layer is missing; a single name must not make a thousand layers.
    """
    layers = {int(match[1]) for name in state if (match := re.match(pattern, name)) and len(match[1]) < 10}
    if layers != set(range(len(layers))):
        raise DataError("a layer's weights are missing", field=pattern.replace("\\", ""), value=sorted(layers)[:10])
    return len(layers)
