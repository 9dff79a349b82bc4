"""The authors' parameter names, and their checkpoints, read without executing anything in them.

A checkpoint of their trainer is a pickle of ``{"model", "task", "optimizer", "warmup_scheduler", "scheduler",
"step", "config"}``, the config an OmegaConf object. Torch's restricted unpickler reads the tensors; the classes of
OmegaConf become inert records that only keep their state; every other class is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from hiero_lib.base.errors import DataError
from hiero_lib.config import AlignmentConfig, ModelConfig, from_dict
from hiero_lib.models.inert import Inert, load_inert
from hiero_lib.models.weights import check_tensor

T = TypeVar("T")
# What torch.compile, DistributedDataParallel, FSDP, activation checkpoints and Fabric put into names.
_WRAPPER = "module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module|_forward_module"
_WRAPPERS = re.compile(rf"(?:(?<=^)|(?<=\.))(?:{_WRAPPER})\.")
_NUMBER = r"(\d{1,4})"  # of a layer; a longer one is no layer's name

_BACKBONE_NAMES = (
    (re.compile(r"^proj\.1\."), "projection."),
    (re.compile(r"^up_stages\."), "encoder_stages."),
    (re.compile(r"^down_stages\."), "decoder_stages."),
)


@dataclass(frozen=True)
class AuthorsCheckpoint:
    """What an authors' ``.pth`` holds, under our parameter names.

    Attributes:
        backbone, visual_head, text_head: state dicts; text_encoder: as the authors name it, empty where not saved.
        model, alignment: dimensions read from the weights, variants from the config; the thread graph is
            ``released``, since that is what these weights were trained with.
        config: the authors' config as plain dictionaries; step: of their trainer.
        unused: names under ``task`` that belong to neither head nor text encoder.
    """

    backbone: dict[str, Tensor]
    visual_head: dict[str, Tensor]
    text_head: dict[str, Tensor]
    text_encoder: dict[str, Tensor]
    model: ModelConfig
    alignment: AlignmentConfig
    config: dict[str, Any]
    step: int
    unused: list[str]

    @property
    def parts(self) -> dict[str, dict[str, Tensor]]:
        """The state of each part of a model, by the part's name in it."""
        return {"backbone": self.backbone, "visual_head": self.visual_head, "text_head": self.text_head}


def backbone_state(state: dict[str, Tensor], n_layers: int) -> dict[str, Tensor]:
    """The reference's backbone weights under our names.

    In a stage of theirs, module 0 is the dropout, modules 1, 3, 5, ... are TDGC layers with activations between,
    and the one after the last is the LayerNorm.
    """
    renamed = {}
    for name, value in state.items():
        for pattern, ours in _BACKBONE_NAMES:
            name = pattern.sub(ours, name)

        def module(match: re.Match) -> str:
            number = int(match[1])
            return ".norm." if number == 2 * n_layers else f".convs.{(number - 1) // 2}."

        renamed[re.sub(rf"\.module_{_NUMBER}\.", module, name)] = value
    return renamed


def their_name(part: str, name: str, n_layers: int) -> str:
    """The reference's name of a weight of our ``backbone``, ``visual_head`` or ``text_head``, for an error."""
    if part != "backbone":
        name = name.removeprefix("net.") if part == "text_head" else name
        return f"task.{'projector' if part == 'visual_head' else 'text_proj'}.{name}"
    for ours, theirs in (("projection.", "proj.1."), ("encoder_stages.", "up_stages."), ("decoder_", "down_")):
        name = re.sub(f"^{ours}", theirs, name)
    name = re.sub(r"\.convs\.(\d+)\.", lambda match: f".module_{2 * int(match[1]) + 1}.", name)
    return f"model.{name.replace('.norm.', f'.module_{2 * n_layers}.')}"


def head_states(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """The reference's ``task`` weights as those of our visual head, text head, and text encoder."""

    def below(prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}

    text_head = {f"net.{name}": value for name, value in below("text_proj.").items()}
    return below("projector."), text_head, below("text_model.")


def read_authors_checkpoint(path: str | Path) -> AuthorsCheckpoint:
    """Read a ``.pth`` as the authors' trainer writes it.

    Raises:
        UnsafeFileError: the pickle names a class or function beyond tensors and OmegaConf; nothing was executed.
        DataError: not such a checkpoint.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError("there is no such file", file=path)
    raw = load_inert(path)
    state, task = (_unwrapped(raw, key, path) for key in ("model", "task"))
    try:
        config = _plain(raw.get("config"))
    except RecursionError as error:
        raise DataError("nested too deeply to be read", file=path, field="config") from error
    if not isinstance(config, dict):
        raise DataError("expected the trainer's settings", file=path, field="config", value=type(config).__name__)
    model = _model_config(state, config.get("model") or {}, path)
    visual_head, text_head, text_encoder = head_states(task)
    for name in ("projector.net.4.bias", "text_proj.0.weight"):
        if name not in task:
            raise DataError("a weight is missing", file=path, field=f"task.{name}")
    (dim,) = _sizes(visual_head["net.4.bias"], 1, path, "task.projector.net.4.bias")
    used = ("projector.", "text_proj.", "text_model.")
    return AuthorsCheckpoint(
        backbone=backbone_state(state, model.n_layers),
        visual_head=visual_head,
        text_head=text_head,
        text_encoder=text_encoder,
        model=model,
        alignment=_settings(AlignmentConfig, {"dim": dim}, path),
        config=config,
        step=_number(raw.get("step") or 0, path, "step", int),
        unused=[name for name in task if not name.startswith(used)],
    )


def _unwrapped(raw: Any, key: str, path: Path) -> dict[str, Tensor]:
    """The tensors under ``key``, by their names without what wrappers put in.

    Raises:
        DataError: there are none, or one is no tensor that is there.
    """
    held = raw.get(key) if isinstance(raw, dict) else None
    if not isinstance(held, dict):
        raise DataError("not a checkpoint of the authors' trainer", file=path, field=key)
    state: dict[str, Tensor] = {}
    for name, value in held.items():
        plain = _WRAPPERS.sub("", str(name))
        if plain in state:
            raise DataError("two weights of one name, but for a prefix", file=path, field=f"{key}.{name}"[:300])
        check_tensor(value, f"{key}.{name}"[:300], path)
        state[plain] = value
    return state


def _sizes(value: Tensor, dimensions: int, path: Path, name: str) -> list[int]:
    if value.dim() != dimensions:
        problem = f"expected {dimensions} dimension(s)"
        raise DataError(problem, file=path, field=name, value=tuple(value.shape))
    return list(value.shape)


def _number(value: Any, path: Path, field: str, kind: Callable[[Any], T]) -> T:
    """A number of the trainer's, which may stand there as text."""
    try:
        if isinstance(value, int | float | str) and math.isfinite(float(value)):
            return kind(value)
    except (ValueError, OverflowError):
        pass
    raise DataError("expected a number", file=path, field=field, value=str(value)[:80])


def _settings(cls: type[T], values: dict[str, Any], path: Path) -> T:
    """Settings of ours; where one is out of its range, the file is named."""
    made: T = from_dict(cls, values, file=path)
    return made


def _model_config(state: dict[str, Tensor], config: Any, path: Path) -> ModelConfig:
    """Dimensions from the weights; what weights do not tell (radius, pooling, ...) from the config."""
    if "proj.1.weight" not in state:
        raise DataError("the input projection is missing", file=path, field="model.proj.1.weight")
    stages = {int(match[1]) for name in state if (match := re.match(rf"up_stages\.{_NUMBER}\.", name))}
    modules = {int(match[1]) for name in state if (match := re.match(rf"up_stages\.0\.module_{_NUMBER}\.", name))}
    if not stages:
        raise DataError("no encoder stage is in the file", file=path, field="model.up_stages")
    if not modules:
        raise DataError("no layer is in the first encoder stage", file=path, field="model.up_stages.0")
    conv = config.get("conv") or {} if isinstance(config, dict) else None
    if not isinstance(config, dict) or not isinstance(conv, dict):
        raise DataError("expected the model's settings", file=path, field="config.model")
    hidden_size, input_size = _sizes(state["proj.1.weight"], 2, path, "model.proj.1.weight")
    gate_name, gate = next(((n, v) for n, v in state.items() if n.endswith(".lin_pos.0.weight")), ("", None))

    def number(name: str, default: T, kind: Callable[[Any], T]) -> T:
        value = config.get(name, {})
        return default if value == {} else _number(value, path, f"config.model.{name}", kind)

    values = {
        "input_size": input_size,
        "hidden_size": hidden_size,
        "depth": len(stages),
        "n_layers": max(modules) // 2,
        "radius": number("k", 1.0, float),
        "dropout": number("dropout", 0.1, float),
        "pool": config.get("pool", "mean"),
        "n_clusters": number("n_clusters", 4, int),
        "clustering_sample_points": number("clustering_sample_points", 32, int),
        "pos_hidden_channels": 256 if gate is None else _sizes(gate, 2, path, f"model.{gate_name}")[0],
        "pos_act": conv.get("pos_act", "tanh"),
        "use_signed_temporal_distance": conv.get("use_signed_temporal_distance", True),
        "use_pos_attr": conv.get("use_pos_attr", True),
        "thread_graph": "released",
        "clustering_at_inference": config.get("clustering_at_inference", False),
    }
    return _settings(ModelConfig, values, path)


def _plain(value: Any) -> Any:
    """An inert OmegaConf tree as dictionaries, lists and scalars; interpolations stay as text."""
    state = getattr(value, "state", None)
    if isinstance(state, dict) and "_content" in state:
        return _plain(state["_content"])
    if isinstance(state, dict) and "_val" in state:
        return _plain(state["_val"])
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return {} if value is None or isinstance(value, Inert) else value
