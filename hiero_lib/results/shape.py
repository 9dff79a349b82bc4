"""The shape of ``results.json``: checked when it is read, so that no table fails on a value of another type.

What a file has besides is kept. The checks are pydantic's, the errors ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from hiero_lib.base.errors import DataError
from hiero_lib.config.validation import short

_Number = Annotated[float, Field(ge=-1e300, le=1e300, allow_inf_nan=False)]
_Whole = Annotated[int, Field(ge=-(2**63), le=2**63)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class _Measured(_Part):
    value: _Number
    n: _Whole
    excluded: _Whole = 0
    interval: Annotated[list[_Number], Field(min_length=2, max_length=2)] | None = None


class _Row(_Part):
    benchmark: str
    method: str
    metric: str
    result: _Measured | None
    published: _Number | None
    note: str
    thread_graph: str | None = None
    segment_times: str | None = None
    seed: _Whole | list[_Whole] | None = None
    spread: _Number | None = None


class _Features(_Part):
    folder: str = ""


class _Config(_Part):
    name: str
    features: _Features = _Features()


class _Environment(_Part):
    versions: dict[str, str]
    commit: str
    device: str
    threads: _Whole
    command: list[str] = []


class _Extra(_Part):
    missing: list[str] = []


class _Section(_Part):
    is_sample: bool
    rows: list[_Row]
    config: _Config
    environment: _Environment
    seed: _Whole
    finished: str
    seconds: _Number
    extra: _Extra = _Extra()


class _Notebook(_Part):
    status: str
    seconds: _Number = 0.0
    sections: list[str] = []
    cell: _Whole | None = None
    error: str = ""


class _Results(_Part):
    run: str
    notebooks: dict[str, _Notebook]
    sections: dict[str, _Section]


_RESULTS = TypeAdapter(_Results)


def check_results(value: Any, file: Path) -> None:
    """DataError where ``value`` is not the content of a ``results.json``; names the field and the value."""
    try:
        _RESULTS.validate_python(value)
        return
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    where = ".".join(str(part)[:80] for part in first["loc"]) or None
    problem = f"not a results file of hiero_lib ({first['msg'][0].lower()}{first['msg'][1:]})"[:300]
    hint = "Move it away, or choose another run name"
    raise DataError(problem, file=file, field=where, value=short(first["input"]), hint=hint)
