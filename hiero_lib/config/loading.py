"""Profiles: the files that fill the settings.

A profile is a YAML file (``hiero_lib/config/profiles/*.yaml`` or one of the user's) with one section per dataclass
of :mod:`hiero_lib.config.settings`. It may start from another, ``base: egovlp``, and give only what differs. Settings
are changed with dotted names: ``load_profile("sample", {"training.epochs": 2})``.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from hiero_lib.base.errors import ConfigError, known
from hiero_lib.config.settings import Profile
from hiero_lib.config.validation import short

PROFILE_FOLDER = Path(__file__).parent / "profiles"
_DEPTH = 3  # of sections in a profile: step_grounding.stepg.window


def available_profiles() -> list[str]:
    """Names of the profiles that come with the package."""
    return sorted(path.stem for path in PROFILE_FOLDER.glob("*.yaml"))


def load_profile(name: str | Path, settings: Mapping[str, Any] | None = None) -> Profile:
    """Read a profile and apply dotted ``settings`` (``{"training.lr": 1e-4}``).

    Args:
        name: the name of a packaged profile, or the path of a YAML file.
        settings: values that replace the file's; strings are read as YAML. Some settings of a section, given as a
            mapping, leave its others as they are.

    Raises:
        ConfigError: unknown profile, section or setting, or a value of the wrong type; the message names it.
    """
    path = _profile_path(name)
    return build_profile({"name": path.stem} | _read_profile(path, ()), settings, file=path)


def profile_options(profile: Profile) -> list[str]:
    """What opens a profile in a command that is told to a person: ``--profile``, and where its data lie if elsewhere.

    One of the user's own is called as its file.
    """
    if profile.name not in available_profiles():
        return ["--profile", f"{profile.name}.yaml"]
    root = load_profile(profile.name).data_root
    same = Path(root).absolute() == Path(profile.data_root).expanduser().absolute()
    return ["--profile", profile.name, *([] if same else ["--set", f"data_root={profile.data_root}"])]


def build_profile(raw: dict[str, Any], settings: Mapping[str, Any] | None = None, *, file: Path) -> Profile:
    """The profile of nested settings that were read from ``file``, with dotted ``settings`` put over them.

    Raises:
        ConfigError: as `load_profile`.
    """
    for dotted, value in (settings or {}).items():
        given = _given(value, dotted) if isinstance(value, str) else value
        raw = _with_setting(raw, dotted, given, file)
    profile: Profile = from_dict(Profile, raw, file=file)
    _check_together(profile, file)
    return profile


def _profile_path(name: str | Path, beside: Path = PROFILE_FOLDER) -> Path:
    """The file of a packaged profile, or a YAML file given by its path (relative ones are ``beside`` a file)."""
    if not str(name).endswith((".yaml", ".yml")):
        return PROFILE_FOLDER / f"{name}.yaml"
    path = Path(name).expanduser()
    return path if beside == PROFILE_FOLDER else beside / path


def _read_profile(path: Path, derived: tuple[Path, ...]) -> dict[str, Any]:
    """The nested settings of a file on top of those of its ``base``; ``derived``: the files that led here."""
    try:
        there = path.is_file()
    except OSError:  # a name that no file has
        there = False
    if not there:
        if path.parent != PROFILE_FOLDER:
            hint = f"Profiles that have a name: {', '.join(available_profiles())}"
            raise ConfigError("there is no such file", file=str(path)[:300], hint=hint)
        hint = known(path.stem, available_profiles())
        raise ConfigError("there is no such profile", value=path.stem, hint=hint)
    raw = _parsed(path.read_bytes(), file=path)
    if not isinstance(raw, dict):
        raise ConfigError("a profile is a mapping of sections", file=path)
    base = raw.pop("base", None)
    if base is None:
        return raw
    if not isinstance(base, str):
        raise ConfigError("expected the name of a profile or a YAML file", file=path, field="base", value=short(base))
    if path.resolve() in derived:
        raise ConfigError("profiles that start from each other", file=path, field="base", value=base)
    return _merged(_read_profile(_profile_path(base, path.parent), (*derived, path.resolve())), raw)


def read_yaml(path: Path) -> Any:
    """The value of a YAML file that is there, as profiles are read.

    Raises:
        ConfigError: not UTF-8, not YAML, nested too deep, or a mapping has a key twice.
    """
    return _parsed(path.read_bytes(), file=path)


_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"


class _Loader(yaml.SafeLoader):
    """Reads decimal numbers alone: YAML 1.1 takes 010 for 8, 1:30 for 90 and 1_0 for 10, and folders may be so named.

    Keeps each key of ``<<`` once, or a few lines of merged merges would grow to billions of keys.
    """

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        node.value = list({_identity(key): (key, value) for key, value in node.value}.values())


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag not in (_INT, _FLOAT)]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_INT, re.compile(r"-?(?:0|[1-9][0-9]*)$"), list("-0123456789"))
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$"),
    list("-+0123456789."),
)


def _given(text: str, setting: str) -> Any:
    """What a setting was given as: YAML, and a plain text as it is, also where YAML would see a remark (``a #2``)."""
    value = _parsed(text, setting=setting)
    plain = isinstance(value, str) and not text.lstrip().startswith(("'", '"', "|", ">", "!", "&"))
    return text.strip() if plain else value


def _parsed(text: str | bytes, *, file: Path | None = None, setting: str | None = None) -> Any:
    """The value of a YAML file or of the text that was given for a ``setting``."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        twice = _given_twice(node, f"{setting}." if setting else "", set())
        value = None if node is None or twice else loader.construct_document(node)
    except Exception as error:  # of what stands under a wrong tag, PyYAML raises nearly anything
        problem = f"not readable as YAML: {' '.join(str(error).split()) or type(error).__name__}"
        raise ConfigError(problem, file=file, field=setting, value=text if setting else None) from error
    if twice:
        raise ConfigError("given twice", file=file, field=twice)
    return value


def _given_twice(node: yaml.Node | None, prefix: str, seen: set[int]) -> str | None:
    """Dotted name of a key that one mapping of the tree has twice; YAML would take the last in silence."""
    if node is None or id(node) in seen:  # an alias
        return None
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        return next(filter(None, (_given_twice(item, prefix, seen) for item in node.value)), None)
    keys: set[object] = set()
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        name = f"{prefix}{key.value if isinstance(key, yaml.ScalarNode) else '?'}"
        if _identity(key) in keys:
            return name
        keys.add(_identity(key))
        if twice := _given_twice(value, f"{name}.", seen):
            return twice
    return None


def _identity(key: yaml.Node) -> object:
    """What two equal keys share."""
    return (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else id(key)


def _merged(base: dict[str, Any], changes: dict[str, Any], depth: int = _DEPTH) -> dict[str, Any]:
    """``base`` with ``changes`` put over it, section by section."""
    merged = dict(base)
    for key, value in changes.items():
        under = merged.get(key)
        if depth > 1 and isinstance(under, dict) and isinstance(value, dict):
            value = _merged(under, value, depth - 1)
        merged[key] = value
    return merged


def _with_setting(raw: dict[str, Any], dotted: str, value: Any, path: Path) -> dict[str, Any]:
    """``raw`` with the setting ``a.b`` (or some of a section ``a``) put over what it holds."""
    *sections, last = dotted.split(".")
    node: Any = raw
    for section in sections:
        node = node.get(section, {})
        if not isinstance(node, dict):
            raise ConfigError("not a section", file=path, field=dotted, value=short(value))
    changes = {last: value}
    for section in reversed(sections):
        changes = {section: changes}
    return _merged(raw, changes)


def _check_together(profile: Profile, file: Path) -> None:
    """Refuse at the boundary settings that do not fit each other, which would fail far from their cause."""
    model = profile.model
    if model.input_size != profile.features.dim:
        problem = f"the features have {profile.features.dim} channels (features.dim)"
        raise ConfigError(problem, file=file, field="model.input_size", value=model.input_size)
    if model.clustering_sample_points < model.n_clusters:
        problem = f"expected {model.n_clusters} or more (model.n_clusters)"
        name = "model.clustering_sample_points"
        raise ConfigError(problem, file=file, field=name, value=model.clustering_sample_points)
    training = profile.training
    if training.min_lr > training.lr:
        problem = f"expected at most training.lr, {training.lr:g}"
        raise ConfigError(problem, file=file, field="training.min_lr", value=training.min_lr)
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
    """Build ``cls``, a dataclass of checked values, and the sections in it from nested dictionaries.

    Raises:
        ConfigError: an unknown name, or a value of the wrong type or out of its range; names the file, the dotted
            field and the value.
    """
    if not isinstance(raw, Mapping):
        raise ConfigError("a section of settings is expected", file=file, field=prefix[:-1], value=short(raw))
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    for key, value in raw.items():
        hint = hints.get(key)
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            value = from_dict(hint, value, file=file, prefix=f"{prefix}{key}.")
        values[str(key)] = value
    try:
        return cls(**values)
    except ConfigError as error:
        name = f"{prefix}{error.field}"
        raise ConfigError(error.problem, file=file, field=name, value=error.value, hint=error.hint) from None
