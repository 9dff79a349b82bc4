"""What an error says, and what can be caught as what."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from hiero_lib.base.errors import ConfigError, DataError, DownloadError, UnsafeFileError


def test_an_error_names_file_field_value_and_says_what_to_do() -> None:
    error = UnsafeFileError("it would run code", file="a.pth", field="model", value=7, hint="Do not open it")
    assert str(error) == "a.pth, field 'model', value 7: it would run code. Do not open it"
    assert str(DataError("broken")) == "broken"
    assert str(DataError("broken", file=Path("a/b.csv"))) == "a/b.csv: broken"
    assert str(DataError("broken", field="x", value=0)) == "field 'x', value 0: broken"
    assert len(str(DataError("long", value="x" * 10_000))) < 400


def test_its_parts_can_be_read() -> None:
    error = ConfigError("unknown", file="p.yaml", field="model.depth", value="three", hint="An integer")
    parts = (error.problem, error.file, error.field, error.value, error.hint)
    assert parts == ("unknown", "p.yaml", "model.depth", "three", "An integer")


@pytest.mark.parametrize("kind", [DataError, ConfigError, UnsafeFileError, DownloadError])
def test_all_are_data_errors_and_value_errors_and_come_back_from_a_process(kind: type[DataError]) -> None:
    error = kind("broken", file="a.csv", field="x", value=3, hint="Fetch it again")
    assert isinstance(error, DataError)
    assert isinstance(error, ValueError)
    other = pickle.loads(pickle.dumps(error))
    assert type(other) is kind
    assert str(other) == str(error)
    assert (other.file, other.field, other.value) == ("a.csv", "x", 3)
