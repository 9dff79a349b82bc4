"""A sealed file, and those that it vouches for, are read as they were written or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.base.sealed import OtherFormatError, read_sealed, write_sealed

VALUE = {"step": 7, "rate": 1e-05, "names": ["a", "ü"], "inner": {"x": None, "y": [0.1, True]}}


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    (tmp_path / "w.bin").write_bytes(bytes(range(256)))
    write_sealed(tmp_path / "card.json", VALUE, format=3, files=["w.bin"])
    return tmp_path / "card.json"


def read(path: Path) -> dict:
    return read_sealed(path, format=3, what="a card")


def test_it_comes_back(sealed: Path) -> None:
    found = read(sealed)
    assert {name: found[name] for name in VALUE} == VALUE


@pytest.mark.parametrize("name", ["card.json", "w.bin"])
def test_a_flipped_bit_is_an_error_that_names_the_file_or_changes_nothing(sealed: Path, name: str) -> None:
    path = sealed.with_name(name)
    whole, before, named = path.read_bytes(), read(sealed), 0
    for at in range(len(whole)):
        broken = bytearray(whole)
        broken[at] ^= 1 << at % 8
        path.write_bytes(broken)
        try:
            assert read(sealed) == before  # a blank became another blank
        except DataError as error:
            named += error.file in (path, sealed.with_name("w.bin"))
    assert named > 0.8 * len(whole)


def test_a_file_that_is_missing_or_cut_is_named(sealed: Path) -> None:
    weights = sealed.with_name("w.bin")
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"w\.bin, field 'sha256'.*damaged"):
        read(sealed)
    weights.unlink()
    with pytest.raises(DataError, match=r"w\.bin: there is no such file"):
        read(sealed)
    assert read_sealed(sealed, format=3, what="a card", files=False)["step"] == 7


@pytest.mark.parametrize("content", ["[]", "3", "null", '"x"', "{}", '{"format": 3}', '{"format": 3, "seal": 1}', ""])
def test_any_other_shape_is_an_error(sealed: Path, content: str) -> None:
    sealed.write_text(content)
    with pytest.raises(DataError, match=r"card\.json"):
        read(sealed)


def test_another_version_is_not_damage(sealed: Path) -> None:
    write_sealed(sealed, VALUE, format=4)
    with pytest.raises(OtherFormatError, match=r"'format', value 4: not a card of this version"):
        read(sealed)
    sealed.write_text(json.dumps({**VALUE, "format": 1}))  # from before there were seals
    with pytest.raises(OtherFormatError, match="value 1"):
        read(sealed)
    sealed.write_text(json.dumps(json.loads(sealed.read_text()) | {"format": 3}))
    with pytest.raises(DataError, match="its seal is missing"):
        read(sealed)


def test_what_json_has_not_is_refused(sealed: Path) -> None:
    with pytest.raises(DataError, match=r"card\.json, field 'inner\.y\[1\]', value inf"):
        write_sealed(sealed, {"inner": {"y": [1.0, float("inf")]}}, format=3)
    assert read(sealed)["step"] == 7  # what was there stays
