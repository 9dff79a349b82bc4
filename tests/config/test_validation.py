"""A checked dataclass is a dataclass, and its errors are ours."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from hiero_lib.base.errors import ConfigError
from hiero_lib.config.validation import Count, Number, Several, Temperature, Text, checked_dataclass, short
from hiero_lib.models.clustering.embedding import laplacian_eigenvectors


@checked_dataclass
class Recipe:
    count: Count
    weight: Number = 1.0
    name: Text | None = None
    flat: bool = True
    parts: Several[Count] = (1, 2)


def test_what_yaml_writes_otherwise_is_taken() -> None:
    recipe = Recipe(3, weight="1e-5", name=2024, parts=[4])  # type: ignore[arg-type]
    assert (recipe.weight, recipe.name, recipe.parts) == (1e-5, "2024", (4,))
    assert type(Recipe(3, weight=1).weight) is float


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": True}, "field 'count', value True: expected int"),
        ({"count": 2.0}, "field 'count', value 2.0: expected int"),
        ({"count": "2"}, "field 'count', value '2': expected int"),
        ({"count": 0}, "field 'count', value 0: expected 1 or more"),
        ({"count": 10**10}, "field 'count', value 10000000000: expected 1000000000 or less"),
        ({"count": 16**9999}, "field 'count', value an integer of thousands of digits: expected 1000000000 or less"),
        ({"count": 1, "weight": 10**400}, r"field 'weight', value 10+\.\.\.0+: expected "),
        ({"count": 1, "weight": "heavy"}, "field 'weight', value 'heavy': expected float"),
        ({"count": 1, "weight": "nan"}, "field 'weight', value nan: expected a finite number"),
        ({"count": 1, "name": True}, "field 'name', value True: expected str"),
        ({"count": 1, "flat": 1}, "field 'flat', value 1: expected bool"),
        ({"count": 1, "parts": []}, r"field 'parts', value (\[\]|\(\)): expected a list of one value or more"),
        ({"count": 1, "parts": "12"}, "field 'parts', value '12': expected a list of one value or more"),
        ({"count": 1, "parts": [1, 0]}, r"field 'parts\[1\]', value 0: expected 1 or more"),
        (
            {"count": 0, "wieght": 2},
            "field 'wieght', value 2: unknown setting. Did you mean weight\\? Known: count, weight, name",
        ),
        ({"wieght": 2}, "field 'wieght', value 2: unknown setting"),
        ({}, "field 'count': a required setting is missing"),
    ],
)
def test_a_wrong_value_is_refused_by_name(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        Recipe(**values)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_a_value_without_its_name_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="field 'weight', value 'heavy': expected float"):
        Recipe(1, "heavy")  # type: ignore[arg-type]


@checked_dataclass
class Oven:
    temperature: Temperature


def test_the_lowest_temperature_is_one_that_segments_can_be_clustered_with() -> None:
    x = torch.randn(1, 10, 4, generator=torch.Generator().manual_seed(0))
    assert laplacian_eigenvectors(x, 3, temperature=Oven(2e-3).temperature).isfinite().all()
    with pytest.raises(ConfigError, match=r"field 'temperature', value 0\.001: expected 0\.002 or more"):
        Oven(1e-3)


def test_a_value_is_cut_before_it_is_written_out() -> None:
    bomb: list[Any] = ["x"]
    for _ in range(30):
        bomb = [bomb] * 9
    assert len(repr(short(bomb))) < 1000
    assert short("text") == "text"
