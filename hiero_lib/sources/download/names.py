"""Names that come from elsewhere: of members of archives and of shared folders, in manifests and in records.

One rule for all: a relative path that stays where it starts, without a character that cannot be seen, which every
file system can hold. Nothing is repaired: a name is taken as it is, or refused with the reason.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path, PurePosixPath

from hiero_lib.base.errors import DownloadError, UnsafeFileError

LONGEST_NAME = 255  # bytes, of one part; Linux, macOS and Windows agree
LONGEST_PATH = 1000  # bytes, below the data root
_HIDDEN = {
    "Cc": "a control character",
    "Cf": "a character that cannot be seen",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
    "Cs": "a byte that is no text (the name is not UTF-8)",
}
_FORBIDDEN = re.compile(r'[<>:"|?*]')
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\..*)?", re.IGNORECASE)


def fault_of(name: object) -> str | None:
    """Why ``name`` cannot be a path below a folder; None where it can."""
    if not isinstance(name, str):
        return "a name that is no text"
    for character in name:
        if (kind := unicodedata.category(character)) in _HIDDEN:
            return f"a name with {_HIDDEN[kind]}"
    parts = PurePosixPath(name).parts
    if not parts:
        return "an empty name"
    if parts[0].startswith("/") or ".." in parts or "\\" in name or ":" in parts[0]:
        return "a name that leads out of the folder"
    if len(name.encode()) > LONGEST_PATH or any(len(part.encode()) > LONGEST_NAME for part in parts):
        return f"a name that is too long ({LONGEST_NAME} bytes; {LONGEST_PATH} with its folders)"
    for part in parts:
        if _FORBIDDEN.search(part) or _DEVICE.fullmatch(part) or part[-1] in " .":
            return f"a name that Windows cannot have ({part[:60]!r})"
    return None


def file_fault_of(name: object) -> str | None:
    """Why ``name`` cannot be that of a file (or folder) by itself; None where it can."""
    fault = fault_of(name)
    if fault is None and PurePosixPath(str(name)).name != name:
        return "a path, where a name is expected"
    return fault


def same_file(path: PurePosixPath) -> str:
    """What two paths share that are one file where case, or how an accent is written, does not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", str(path)).casefold())


def place_inside(folder: Path, target: PurePosixPath, *, file: Path) -> Path:
    """``folder/target`` with its folders made; no part below ``folder`` may be a link.

    Args:
        folder: where.
        target: a path without fault.
        file: what asks for it, for errors.

    Raises:
        UnsafeFileError: a link, or a file, on the way.
        DownloadError: a folder cannot be made.
    """
    path = folder
    for part in target.parts[:-1]:
        path = path / part
        if path.is_symlink():
            raise UnsafeFileError("refused: a link on the way", file=file, value=str(target))
        try:
            path.mkdir(exist_ok=True)
        except FileExistsError as error:
            raise UnsafeFileError("refused: a file as a folder", file=file, value=str(target)) from error
        except OSError as error:
            raise DownloadError(f"cannot be made ({error.strerror or error})", file=path) from error
    return path / target.name
