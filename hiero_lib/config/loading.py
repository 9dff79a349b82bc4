"""Profiles: the files that fill the settings.

A profile is a YAML file (``hiero_lib/config/profiles/*.yaml`` or one of the user's) with one section per dataclass
of :mod:`hiero_lib.config.settings`. It may start from another, ``base: egovlp``, and give only what differs. Settings
are changed with dotted names: ``load_profile("sample", {"training.epochs": 2})``.
"""

from __future__ import annotations

import dataclasses
import operator
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml

from hiero_lib.base.errors import ConfigError
from hiero_lib.config.settings import Profile

PROFILE_FOLDER = Path(__file__).parent / "profiles"


def available_profiles() -> list[str]:
    """Names of the profiles that come with the package."""
    return sorted(path.stem for path in PROFILE_FOLDER.glob("*.yaml"))


def load_profile(name: str | Path, settings: Mapping[str, Any] | None = None) -> Profile:
    """Read a profile and apply dotted ``settings`` (``{"training.lr": 1e-4}``).

    Args:
        name: the name of a packaged profile, or the path of a YAML file.
        settings: values that replace the file's; strings are read as YAML scalars.

    Raises:
        ConfigError: unknown profile, section or setting, or a value of the wrong type; the message names it.
    """
    path = _profile_path(name)
    raw = _read_profile(path, ())
    for dotted, value in (settings or {}).items():
        _set_dotted(raw, dotted, _scalar(value, dotted), path)
    raw.setdefault("name", path.stem)
    profile: Profile = from_dict(Profile, raw, file=path)
    _check_ranges(profile, path)
    return profile


def _profile_path(name: str | Path, beside: Path = PROFILE_FOLDER) -> Path:
    """The file of a packaged profile, or a YAML file given by its path (relative ones are ``beside`` a file)."""
    if not str(name).endswith((".yaml", ".yml")):
        return PROFILE_FOLDER / f"{name}.yaml"
    path = Path(name).expanduser()
    return path if beside == PROFILE_FOLDER else beside / path


def _read_profile(path: Path, derived: tuple[Path, ...]) -> dict[str, Any]:
    """The nested settings of a file on top of those of its ``base``; ``derived``: the files that led here."""
    if not path.is_file():
        known = f"Known: {', '.join(available_profiles())}"
        raise ConfigError("there is no such profile", file=path, value=path.stem, hint=known)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"not readable as YAML: {' '.join(str(error).split())}", file=path) from error
    if not isinstance(raw, dict):
        raise ConfigError("a profile is a mapping of sections", file=path)
    base = raw.pop("base", None)
    if base is None:
        return raw
    if path.resolve() in derived:
        raise ConfigError("profiles that start from each other", file=path, field="base", value=base)
    return _merged(_read_profile(_profile_path(str(base), path.parent), (*derived, path.resolve())), raw)


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes`` put over it, section by section."""
    merged = dict(base)
    for key, value in changes.items():
        under = merged.get(key)
        merged[key] = _merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def _scalar(value: Any, name: str) -> Any:
    """A setting from the command line arrives as text: read it as YAML."""
    if not isinstance(value, str):
        return value
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError("not readable as a YAML value", field=name, value=value) from error


def _check_ranges(profile: Profile, file: Path) -> None:
    """Refuse at the boundary what would fail far from its cause."""
    if profile.model.input_size != profile.features.dim:
        raise ConfigError(
            f"the features have {profile.features.dim} channels (features.dim)",
            file=file,
            field="model.input_size",
            value=profile.model.input_size,
        )
    at_least: dict[str, float] = {
        "features.stride_frames": 1,
        "model.depth": 1,
        "model.n_layers": 1,
        "model.n_clusters": 1,
        "model.clustering_sample_points": profile.model.n_clusters,
        "training.epochs": 1,
        "training.batch_size": 1,
        "training.warmup_epochs": 0,
        "training.lr": 0,
        "training.workers": 0,
        "training.checkpoint_every_steps": 1,
        "training.keep_checkpoints": 1,
        "training.validate_every_epochs": 1,
        "egomcq.context_window": 0,
        "egomcq.batch_segments": 1,
        "egomcq.bootstrap_resamples": 1,
        "egonlq.dim": 1,
        "egonlq.num_heads": 1,
        "egonlq.max_pos_len": 1,
        "egonlq.answers": 1,
        "egonlq.bootstrap_resamples": 1,
        "egonlq.epochs": 1,
        "egonlq.batch_size": 1,
        "egonlq.validate_every": 1,
        "egonlq.compared_seeds": 0,
        "egoprocel.json_fps": 1,
        "egoprocel.n_clusters": 1,
        "egoprocel.bootstrap_resamples": 1,
        "step_grounding.n_clusters": 1,
        "step_grounding.longer_than": 0,
        "step_grounding.answers": 1,
        "step_grounding.bootstrap_resamples": 1,
        "step_grounding.stepg.coarse_clusters": 1,
        "step_grounding.stepg.window": 1,
        "step_grounding.stepg.patience": 0,
        "step_grounding.stepg.reach": 1,
        "step_grounding.stepg.min_length_s": 0,
        "step_grounding.stepg.answers": 1,
        "step_localization.n_clusters": 1,
        "step_localization.longer_than": 0,
        "step_localization.labels": 1,
    }
    above_zero = (
        *("features.fps", "model.radius", "loss.alpha", "loss.temperature", "training.chunk_s"),
        *("egoprocel.temperature", "step_grounding.temperature", "step_localization.temperature"),
        *("step_grounding.stepg.temperature", "step_grounding.stepg.ratios", "step_localization.label_temperature"),
    )
    shares = (
        *("model.dropout", "alignment.dropout", "egonlq.dropout", "step_grounding.stepg.coarse_weight"),
        *("step_grounding.stepg.duplicate_iou", "step_localization.duplicate_iou"),
    )
    for name in (*at_least, *above_zero, *shares):
        given = operator.attrgetter(name)(profile)
        for value in given if isinstance(given, tuple) else (given,):
            if name in at_least:
                fits, expected = value >= at_least[name], f"{at_least[name]:g} or more"
            elif name in above_zero:
                fits, expected = value > 0, "more than 0"
            else:
                fits, expected = 0 <= value <= 1, "0 to 1"
            if not fits:
                raise ConfigError(f"expected {expected}", file=file, field=name, value=value)
    seeds, level, heads = profile.egonlq.seeds, profile.egonlq.level, profile.egonlq.num_heads
    if profile.egonlq.dim % heads:
        problem = f"expected a multiple of egonlq.num_heads, {heads}"
        raise ConfigError(problem, file=file, field="egonlq.dim", value=profile.egonlq.dim)
    if len(set(seeds)) < len(seeds):
        raise ConfigError("expected each seed once", file=file, field="egonlq.seeds", value=list(seeds))
    if level != "all" and level >= profile.model.depth:
        problem = f"the model has {profile.model.depth} levels"
        raise ConfigError(problem, file=file, field="egonlq.level", value=level)


def from_dict(cls: type, raw: Mapping[str, Any], *, file: str | Path | None = None, prefix: str = "") -> Any:
    """Build the dataclass ``cls`` from nested dictionaries, checking names and types.

    Raises:
        ConfigError: naming the file, the dotted field and the value.
    """
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for key in raw:
        if key not in fields:
            raise ConfigError(
                "unknown setting",
                file=file,
                field=f"{prefix}{key}",
                value=raw[key],
                hint=f"Known: {', '.join(fields)}",
            )
    values: dict[str, Any] = {}
    for key, spec in fields.items():
        if key not in raw:
            if spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING:
                raise ConfigError("a required setting is missing", file=file, field=f"{prefix}{key}")
            continue
        values[key] = _convert(raw[key], hints[key], file, f"{prefix}{key}")
    return cls(**values)


def _convert(value: Any, hint: Any, file: str | Path | None, name: str) -> Any:
    """``value`` as the annotated type ``hint``, or a ConfigError."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise ConfigError("a section of settings is expected", file=file, field=name, value=value)
        return from_dict(hint, value, file=file, prefix=f"{name}.")
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        if not any(value == arg and type(value) is type(arg) for arg in args):
            raise ConfigError(f"expected one of {', '.join(map(str, args))}", file=file, field=name, value=value)
        return value
    if origin is tuple:  # of any length; YAML has lists
        if not isinstance(value, list | tuple) or not value:
            raise ConfigError("expected a list of one value or more", file=file, field=name, value=value)
        return tuple(_convert(item, args[0], file, f"{name}[{index}]") for index, item in enumerate(value))
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        return _convert(value, next(a for a in args if a is not type(None)), file, name)
    if hint is float and isinstance(value, str):  # YAML reads 1e-5 as a string
        try:
            return float(value)
        except ValueError:
            pass
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is str and isinstance(value, int) and not isinstance(value, bool):  # a folder named 2024
        return str(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise ConfigError(f"expected {hint.__name__}", file=file, field=name, value=value)
    return value


def _set_dotted(raw: dict[str, Any], dotted: str, value: Any, path: Path) -> None:
    """Set ``raw["a"]["b"] = value`` for ``"a.b"``."""
    *sections, last = dotted.split(".")
    node: Any = raw
    for section in sections:
        node = node.setdefault(section, {})
        if not isinstance(node, dict):
            raise ConfigError("not a section", file=path, field=dotted, value=value)
    node[last] = value
