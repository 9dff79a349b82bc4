"""Dataclasses whose values are checked when one is made, and the types of settings with their ranges.

The checks are pydantic's; what a user meets is a :class:`~hiero_lib.base.errors.ConfigError`.
"""

from __future__ import annotations

import dataclasses
import functools
import reprlib
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, dataclass_transform

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass as pydantic_dataclass

from hiero_lib.base.errors import ConfigError, known

T = TypeVar("T")


def _number(value: Any) -> Any:
    """YAML reads 1e-5 as a string."""
    if isinstance(value, str) and "_" not in value:
        try:
            return float(value)
        except ValueError:
            pass
    return value


def _text(value: Any) -> Any:
    """A folder may be named 2024."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _tuple(value: Any) -> Any:
    """YAML has lists."""
    return tuple(value) if isinstance(value, list) else value


Text = Annotated[str, BeforeValidator(_text)]
Number = Annotated[float, BeforeValidator(_number)]
Several = Annotated[tuple[T, ...], BeforeValidator(_tuple), Field(min_length=1)]

# Upper bounds are generous: they refuse what can only be a mistake, before memory or arithmetic does far from here.
Count = Annotated[int, Field(ge=1, le=10**9)]
CountOr0 = Annotated[int, Field(ge=0, le=10**9)]
Channels = Annotated[int, Field(ge=1, le=10**5)]
Layers = Annotated[int, Field(ge=1, le=64)]
Processes = Annotated[int, Field(ge=1, le=1024)]
Resamples = Annotated[int, Field(ge=1, le=10**6)]  # of a bootstrap, which are held in memory
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what numpy takes
Share = Annotated[Number, Field(ge=0, le=1)]
Temperature = Annotated[Number, Field(ge=2e-3, le=1e3)]  # exp(1 / 0.001), of two equal segments, is no float64
Weight = Annotated[Number, Field(ge=0, le=1e6)]
Factor = Annotated[Number, Field(ge=1e-3, le=1e6)]
Rate = Annotated[Number, Field(ge=0, le=1e38)]  # times a gradient; a float32 ends above 1e38
Norm = Annotated[Number, Field(ge=1e-4, le=1e38)]  # of a gradient; 1e38: no limit
Seconds = Annotated[Number, Field(ge=1e-3, le=1e6)]
SecondsOr0 = Annotated[Number, Field(ge=0, le=1e6)]
Hertz = Annotated[Number, Field(ge=1e-3, le=1e6)]


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def checked_dataclass(cls: type[T]) -> type[T]:
    """A frozen dataclass that takes no value of another type or out of its range, and no unknown name.

    Raises:
        ConfigError: when one is made (``dataclasses.replace`` makes one too), naming the field and the value.
    """
    config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
    made: Any = pydantic_dataclass(frozen=True, config=config)(cls)
    made.__init__ = _refusing(made.__init__)
    return made


def _refusing(init: Callable[..., None]) -> Callable[..., None]:
    """``init`` with pydantic's error as ours."""

    @functools.wraps(init)
    def init_or_refuse(self: Any, *args: Any, **values: Any) -> None:
        try:
            init(self, *args, **values)
        except ValidationError as error:
            refused = _refused(type(self), error)
        else:
            return
        raise refused  # outside, as a traceback would show pydantic's error with all of the value

    return init_or_refuse


def _refused(cls: Any, error: ValidationError) -> ConfigError:
    """The first complaint of pydantic's in the words of a user; an unknown name comes before what it leaves out."""
    unknown = "unexpected_keyword_argument"
    first = min(error.errors(include_url=False), key=lambda found: found["type"] != unknown)
    fields = [field.name for field in dataclasses.fields(cls)]
    setting, *items = first["loc"]  # its position where it was given without its name
    name = fields[setting] if isinstance(setting, int) else setting
    name += "".join(f"[{item}]" for item in items if isinstance(item, int))  # the others name parts of a type
    value = first["input"]
    if first["type"] == unknown:
        return ConfigError("unknown setting", field=name, value=short(value), hint=known(name, fields))
    if first["type"] == "missing":
        return ConfigError("a required setting is missing", field=name)
    return ConfigError(f"expected {_expected(first['type'], first.get('ctx', {}))}", field=name, value=short(value))


def _expected(kind: str, limits: dict[str, Any]) -> str:
    """What pydantic's error of a ``kind`` asks for."""
    match kind:
        case "greater_than_equal":
            return f"{limits['ge']:.10g} or more"
        case "greater_than":
            return f"more than {limits['gt']:.10g}"
        case "less_than_equal":
            return f"{limits['le']:.10g} or less"
        case "less_than":
            return f"less than {limits['lt']:.10g}"
        case "finite_number":
            return "a finite number"
        case "literal_error":
            return f"one of {limits['expected'].replace(' or ', ', ').replace(chr(39), '')}"
        case "tuple_type" | "too_short":
            return "a list of one value or more"
        case "dataclass_type" | "dataclass_exact_type":
            return "a section of settings"
    return {"string": "str"}.get(kind.removesuffix("_type"), kind.removesuffix("_type"))


class _Repr(reprlib.Repr):
    """Cuts what is nested deeper than a setting can be."""

    def repr_int(self, x: int, level: int) -> str:
        return super().repr_int(x, level) if x.bit_length() < 10_000 else "an integer of thousands of digits"


_REPR = _Repr()
_REPR.maxlevel = 2


class _Cut:
    """A value that shows its beginning only."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __repr__(self) -> str:
        return _REPR.repr(self.value)


def short(value: object) -> object:
    """``value`` for an error: lists, mappings and long numbers are cut before they are written out.

    A few lines of YAML can stand for a list of billions, by aliases of aliases.
    """
    long = isinstance(value, list | tuple | dict | set) or (type(value) is int and abs(value) > 10**30)
    return _Cut(value) if long else value
