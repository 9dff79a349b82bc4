"""Sections of settings: dataclasses of plain values, each number in a range that makes sense."""

from __future__ import annotations

import dataclasses
import json
import math
import pickle
import re
import typing
from collections.abc import Iterator
from typing import Any

import pytest

from hiero_lib.base.errors import ConfigError
from hiero_lib.config import ModelConfig, Profile, available_profiles, from_dict, load_profile

MINIMAL: dict[str, Any] = {
    "name": "minimal",
    "data_root": "data/tiny",
    "is_sample": True,
    "features": {"folder": "egovlp", "dim": 8},
    "text": {"encoder": "minilm", "source": "package:x", "dim": 4},
    "model": {"input_size": 8},
}

ZERO = {  # numbers that may be 0
    *("model.dropout", "alignment.dropout", "egonlq.dropout"),
    *("loss.beta", "loss.vna_weight", "loss.ft_weight"),
    *("training.warmup_epochs", "training.warmup_start", "training.lr", "training.min_lr", "training.weight_decay"),
    *("training.seed", "training.workers", "egomcq.context_window"),
    *("egonlq.level", "egonlq.seeds", "egonlq.compared_seeds", "egonlq.lr", "egonlq.weight_decay"),
    *("egonlq.highlight_weight", "egonlq.highlight_extend"),
    *("step_grounding.longer_than", "step_localization.longer_than"),
    *("step_grounding.stepg.coarse_weight", "step_grounding.stepg.ceiling", "step_grounding.stepg.patience"),
    *("step_grounding.stepg.min_length_s", "step_grounding.stepg.duplicate_iou", "step_grounding.stepg.margin"),
    *("step_grounding.stepg.coarse_longer_than", "step_grounding.stepg.order_slack_s"),
    "step_localization.duplicate_iou",
    *("hierarchy.coherence_s", "step_localization.bootstrap_seed"),
    *("search.max_overlap", "search.bootstrap_seed", "thread_recovery.bootstrap_seed"),
    *(f"{section}.bootstrap_seed" for section in ("egomcq", "egonlq", "egoprocel", "step_grounding")),
}
MINUS_ONE = {"loss.beta"}  # all negatives


def numbers(cls: Any = Profile, prefix: str = "") -> Iterator[tuple[str, bool]]:
    """Dotted names of all numeric settings, and whether one is a list."""
    for name, hint in typing.get_type_hints(cls).items():
        parts = {hint, *typing.get_args(hint)}
        if dataclasses.is_dataclass(hint):
            yield from numbers(hint, f"{prefix}{name}.")
        elif parts & {int, float} or any(type(part) is int for part in parts):
            yield f"{prefix}{name}", typing.get_origin(hint) is tuple


def test_the_walk_finds_the_numbers() -> None:
    found = dict(numbers())
    assert len(found) > 100
    lists = {"egonlq.seeds", "step_grounding.stepg.ratios", "step_localization.n_clusters"}
    assert {name for name, is_list in found.items() if is_list} == lists
    assert {"egomcq.max_questions", "egonlq.level", "model.depth"} <= found.keys()
    assert found.keys() >= ZERO | MINUS_ONE


VALUES = (0, 0.0, -1, -1.0, math.nan, math.inf, -math.inf, 1e300, -1e300, 10**300)


@pytest.mark.parametrize(("name", "is_list"), list(numbers()), ids=str)
def test_a_number_is_in_a_range_that_makes_sense(name: str, is_list: bool) -> None:
    *sections, last = name.split(".")
    raw: dict[str, Any] = json.loads(json.dumps(MINIMAL))
    node = raw
    for section in sections:
        node = node.setdefault(section, {})
    field = re.escape(f"{name}[0]" if is_list else name)
    is_whole = type(_default(name)) is int
    for value in VALUES:
        node[last] = [value] if is_list else value
        makes_sense = name in (ZERO if value == 0 else MINUS_ONE if value == -1 else ())
        if makes_sense and not (is_whole and isinstance(value, float)):
            assert _of(from_dict(Profile, raw), name) == ((value,) if is_list else value)
        else:
            with pytest.raises(ConfigError, match=f"field '{field}', value .*: expected "):
                from_dict(Profile, raw)


def _of(profile: Profile, name: str) -> Any:
    found: Any = profile
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _default(name: str) -> Any:
    """A value of the setting: of a list the first, 1 where the default is None."""
    value = _of(from_dict(Profile, MINIMAL), name)
    return 1 if value is None else value[0] if isinstance(value, tuple) else value


def test_what_may_be_left_out() -> None:
    raw = MINIMAL | {"search": {"max_overlap": None}, "egonlq": {"workers": None}, "egomcq": {"max_questions": None}}
    profile = from_dict(Profile, raw)
    assert (profile.search.max_overlap, profile.egonlq.workers, profile.egomcq.max_questions) == (None, None, None)


@pytest.mark.parametrize("name", available_profiles())
def test_a_profile_is_a_dataclass_of_plain_values(name: str) -> None:
    profile = load_profile(name)
    assert pickle.loads(pickle.dumps(profile)) == profile
    assert hash(load_profile(name)) == hash(profile)
    assert from_dict(Profile, json.loads(json.dumps(dataclasses.asdict(profile)))) == profile
    longer = dataclasses.replace(profile, training=dataclasses.replace(profile.training, epochs=99))
    assert (longer.training.epochs, longer.model) == (99, profile.model)
    assert longer != profile


def test_a_default_is_of_the_type_and_in_the_range_of_its_field() -> None:
    """Defaults are not checked when they are taken; written out they are."""
    profile = from_dict(Profile, MINIMAL)
    again = from_dict(Profile, profile.to_dict())
    assert again == profile
    assert json.dumps(again.to_dict()) == json.dumps(profile.to_dict())  # 1 and 1.0 are not the same


def test_code_is_checked_as_files_are() -> None:
    config = ModelConfig(input_size=8)
    with pytest.raises(ConfigError, match="field 'dropout', value 2: expected 1 or less"):
        dataclasses.replace(config, dropout=2)
    with pytest.raises(ConfigError, match="field 'depht', value 2: unknown setting"):
        ModelConfig(input_size=8, depht=2)  # type: ignore[call-arg]
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.depth = 2  # type: ignore[misc]
