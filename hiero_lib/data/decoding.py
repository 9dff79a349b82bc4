"""Text of files that people make: UTF-8 with or without a mark at its start, UTF-16 and UTF-32 with one.

Any other encoding must be named: what is guessed is text that is wrong in silence. The error says what it may be.
"""

from __future__ import annotations

import codecs
from pathlib import Path

from hiero_lib.base.errors import ConfigError, DataError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)  # a mark of UTF-32 begins with one of UTF-16
_LOOKED_AT = 1 << 16
_MANY = 0.3  # of a text's letters that are not ASCII: then it is in none of Western Europe's languages


def read_text(path: str | Path, *, encoding: str | None = None) -> str:
    """The text of a file.

    Args:
        path: the file.
        encoding: Python's name of it, such as ``cp1252``; None: by the mark at its start, else UTF-8.

    Raises:
        DataError: the file is missing or cannot be opened, is not in that encoding, or holds zero bytes; the hint
            names a likely encoding. ConfigError: there is no such encoding.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError("there is no such file", file=path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"the file cannot be opened ({error.strerror})", file=path) from error
    known = next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8")
    try:
        text = raw.decode(encoding or known)
    except (LookupError, ValueError) as error:
        if isinstance(error, LookupError) and encoding is not None:
            raise ConfigError("there is no such encoding of text", field="encoding", value=encoding) from error
        at = f"byte {error.start}" if isinstance(error, UnicodeDecodeError) else None
        problem = f"not {(encoding or known).removesuffix('-sig').upper()} text"
        raise DataError(problem, file=path, field=at, hint=_hint(raw)) from error
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise DataError("the text holds what no text has (a zero, or half a character)", file=path, hint=_hint(raw))
    return text.removeprefix("\ufeff")


def likely_encoding(raw: bytes) -> str | None:
    """A guess, for a message alone: by zero bytes, the share of letters that are not ASCII, or charset-normalizer."""
    raw = raw[:_LOOKED_AT]
    if raw.count(0) > len(raw) // 8:
        return "utf-16-le" if raw[1::2].count(0) >= raw[0::2].count(0) else "utf-16-be"
    high = sum(byte >= 0x80 for byte in raw)
    letters = high + sum(bytes((byte,)).isalpha() for byte in raw)
    if high <= _MANY * letters:
        try:
            raw.decode("cp1252")
        except UnicodeDecodeError:
            return "latin-1"
        return "cp1252"
    from charset_normalizer import from_bytes  # which requests needs, too

    found = from_bytes(raw).best()
    return None if found is None else found.encoding


def _hint(raw: bytes) -> str:
    likely = likely_encoding(raw)
    guess = f"; it may be {likely}" if likely else ""
    return f"Save it as UTF-8, or name its encoding (--encoding, encoding=){guess}"
