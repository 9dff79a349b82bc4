"""A video's uid: its file's stem, which names its features, its page and its narrations' rows."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from hiero_lib.base.errors import DataError

# A file name has 255 bytes; the longest that is made of a uid is .UID.json.12345678.tmp
MOST_BYTES = 255 - len("..json.12345678.tmp")


def check_uid(video_uid: str, file: str | Path) -> None:
    """Raise a DataError where a name cannot be a video's uid; ``file`` is for the message.

    A uid is UTF-8 of at most :data:`MOST_BYTES` bytes, no hidden file, without slashes, backslashes, control
    characters or line ends, and without white space at its ends, which tables lose.
    """
    problem = problem_of(video_uid)
    if problem:
        hint = "Rename the file"
        raise DataError(problem, file=printable(str(file)), field="video_uid", value=video_uid[:80], hint=hint)


def problem_of(video_uid: str) -> str:
    """Why a name cannot be a uid; empty where it can."""
    try:
        length = len(video_uid.encode())
    except UnicodeEncodeError:
        return "the name is not UTF-8"
    if length > MOST_BYTES:
        return f"a name of {length} bytes is too long, {MOST_BYTES} are the most"
    if not video_uid or video_uid[0] == ".":
        return "a name that is empty or begins with a dot"
    if any(character in "/\\" for character in video_uid):
        return "a name with a slash or backslash"
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in video_uid):
        return "a name with a control character"
    if video_uid != video_uid.strip():
        return "a name that begins or ends with white space"
    return ""


def printable(text: str) -> str:
    """Text in one line that any UTF-8 stream takes: line ends and bytes that are no UTF-8 show as escapes."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
