"""The authors' parameter names, and their checkpoints, read without executing anything in them.

A checkpoint of their trainer is a pickle of ``{"model", "task", "optimizer", "warmup_scheduler", "scheduler",
"step", "config"}``, the config an OmegaConf object. Torch's restricted unpickler reads the tensors; the classes of
OmegaConf become inert records that only keep their state; every other class is refused.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hiero_lib.base.errors import DataError, UnsafeFileError
from hiero_lib.config import AlignmentConfig, ModelConfig

_INERT = re.compile(
    r"omegaconf\.|typing\.Any$|collections\.(defaultdict|OrderedDict)$|builtins\.(dict|list|int|str)$"
)

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
    """

    backbone: dict[str, Tensor]
    visual_head: dict[str, Tensor]
    text_head: dict[str, Tensor]
    text_encoder: dict[str, Tensor]
    model: ModelConfig
    alignment: AlignmentConfig
    config: dict[str, Any]
    step: int


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

        renamed[re.sub(r"\.module_(\d+)\.", module, name)] = value
    return renamed


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
    for key in ("model", "task"):
        if not isinstance(raw, dict) or not isinstance(raw.get(key), dict):
            raise DataError("not a checkpoint of the authors' trainer", file=path, field=key)
    state = raw["model"]
    if "proj.1.weight" not in state:
        raise DataError("the input projection is missing", file=path, field="model.proj.1.weight")
    config = _plain(raw.get("config"))
    model = _model_config(state, config.get("model", {}), path)
    visual_head, text_head, text_encoder = head_states(raw["task"])
    return AuthorsCheckpoint(
        backbone=backbone_state(state, model.n_layers),
        visual_head=visual_head,
        text_head=text_head,
        text_encoder=text_encoder,
        model=model,
        alignment=AlignmentConfig(dim=len(visual_head["net.4.bias"])),
        config=config,
        step=int(raw.get("step") or 0),
    )


def _model_config(state: dict[str, Tensor], config: dict[str, Any], path: Path) -> ModelConfig:
    """Dimensions from the weights; what weights do not tell (radius, pooling, ...) from the config."""
    stages = {int(match[1]) for name in state if (match := re.match(r"up_stages\.(\d+)\.", name))}
    modules = {int(match[1]) for name in state if (match := re.match(r"up_stages\.0\.module_(\d+)\.", name))}
    if not stages:
        raise DataError("no encoder stage is in the file", file=path, field="model.up_stages")
    conv = config.get("conv") or {}
    hidden_size, input_size = state["proj.1.weight"].shape
    gate = state.get("up_stages.0.module_1.lin_pos.0.weight")
    return ModelConfig(
        input_size=input_size,
        hidden_size=hidden_size,
        depth=len(stages),
        n_layers=max(modules) // 2,
        radius=float(config.get("k", 1.0)),
        dropout=float(config.get("dropout", 0.1)),
        pool=config.get("pool", "mean"),
        n_clusters=int(config.get("n_clusters", 4)),
        clustering_sample_points=int(config.get("clustering_sample_points", 32)),
        pos_hidden_channels=256 if gate is None else gate.shape[0],
        pos_act=conv.get("pos_act", "tanh"),
        use_signed_temporal_distance=bool(conv.get("use_signed_temporal_distance", True)),
        use_pos_attr=bool(conv.get("use_pos_attr", True)),
        thread_graph="released",
        clustering_at_inference=bool(config.get("clustering_at_inference", False)),
    )


class _Inert:
    """Stands for a class that is not loaded: keeps arguments and state, does nothing."""

    def __init__(self, *args: Any) -> None:
        self.args = args

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        self.__dict__.setdefault("items", {})[key] = value


def load_inert(path: Path, *, inert: re.Pattern[str] = _INERT) -> Any:
    """``torch.load`` of tensors and plain containers, with some classes as inert records, OmegaConf's by default.

    Args:
        path: the file.
        inert: full names of what is let in as records that do nothing; everything else is refused.

    Raises:
        UnsafeFileError: naming the first other class or function that the file wants to import.
        DataError: not a file of torch's.
    """
    wanted: list[str] = []
    if zipfile.is_zipfile(path):  # the format before torch 1.6 is left to the restricted unpickler as it is
        try:
            wanted = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        except Exception as error:
            raise DataError(f"not readable as a torch file ({error})"[:300], file=path) from error
    for name in sorted(wanted):
        if not inert.match(name):
            raise _refusal(path, name)
    stubs: list[Any] = [(type(name.rpartition(".")[2], (_Inert,), {}), name) for name in wanted]
    try:
        with torch.serialization.safe_globals(stubs):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        unsupported = re.search(r"Unsupported (?:global: GLOBAL|class) ([\w.]+)", str(error))
        if unsupported:
            raise _refusal(path, unsupported[1]) from error
        raise DataError(f"not readable as a torch file ({error})"[:300], file=path) from error
    except Exception as error:
        raise DataError(f"not readable as a torch file ({error})"[:300], file=path) from error


def _refusal(path: Path, name: str) -> UnsafeFileError:
    """The error for a pickle that names a class or function which is not let in."""
    return UnsafeFileError(
        "refused: reading it would import and run what it names",
        file=path,
        field="pickle",
        value=name,
        hint="Ask its author for a file of tensors (safetensors)",
    )


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
    return {} if value is None or isinstance(value, _Inert) else value
