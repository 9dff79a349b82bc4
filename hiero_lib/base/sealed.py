"""JSON files that vouch for themselves and for files beside them: a flipped bit is found when they are read.

Such a file has a ``format`` (a number that its writer raises when the layout changes), ``sha256`` (file name -> the
hash of that file in the same folder) and ``seal``, the hash of all the rest of its content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import read_json, sha256_of, write_json
from hiero_lib.base.fingerprint import Fingerprint


class OtherFormatError(DataError):
    """A file that is whole and of another version of the kit."""


def write_sealed(path: Path, value: Mapping[str, Any], *, format: int, files: Sequence[str] = ()) -> None:
    """Write ``value`` with its seal and the hashes of ``files``, names of files that stand beside ``path``.

    Raises:
        DataError: a number is NaN or infinite.
    """
    hashes = {name: sha256_of(path.with_name(name)) for name in files}
    content = {"format": format, **value, "sha256": hashes}
    write_json(path, content | {"seal": _seal(content)})


def read_sealed(path: Path, *, format: int, what: str, files: bool = True) -> dict[str, Any]:
    """The content of a sealed file, and whether it is what was written.

    Args:
        path: of the file.
        format: that is expected.
        what: the file is, for the error.
        files: check the files beside it too, which takes reading them whole.

    Raises:
        DataError: it, or a file that it vouches for, is missing or is not what was written; names that file.
        OtherFormatError: it is of another version.
    """
    raw = read_json(path)
    other = f"not {what} of this version of hiero_lib"
    if not isinstance(raw, dict):
        raise DataError(other, file=path, field="format", value=type(raw).__name__)
    content = {name: value for name, value in raw.items() if name != "seal"}
    if "seal" in raw and raw["seal"] != _seal(content):
        raise DataError("damaged: its content is not what was written", file=path, field="seal")
    if content.get("format") != format or isinstance(content.get("format"), bool):
        raise OtherFormatError(other, file=path, field="format", value=content.get("format"))
    if "seal" not in raw:
        raise DataError("damaged: its seal is missing", file=path, field="seal")
    hashes = content.get("sha256")
    if not isinstance(hashes, dict):
        raise DataError(other, file=path, field="sha256", value=type(hashes).__name__)
    for name, digest in hashes.items() if files else ():
        check_hash(path.with_name(Path(name).name), digest)
    return content


def check_hash(path: Path, digest: str) -> None:
    """DataError where the file is missing, or its SHA-256 is not ``digest``."""
    if not path.is_file():
        raise DataError("there is no such file", file=path)
    if (found := sha256_of(path)) != digest:
        raise DataError("damaged: it is not the file that was written", file=path, field="sha256", value=found)


def _seal(content: Mapping[str, Any]) -> str:
    return Fingerprint().json(content).digits()
