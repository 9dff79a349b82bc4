"""The errors that a user meets. Each names the file, the field and the value."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


def known(name: object, names: Iterable[str]) -> str:
    """The hint where a name is not known: what may have been meant, and all that are."""
    listed = list(names)
    guess = meant(str(name), listed).strip(" ()")
    return f"{guess[:1].upper()}{guess[1:]} Known: {', '.join(listed)}".strip()


def meant(name: str, names: Iterable[str]) -> str:
    """`` (did you mean ...?)`` where one of the names is near, else nothing."""
    near = difflib.get_close_matches(name[:100].lower(), list(names), n=1, cutoff=0.7)
    return f" (did you mean {near[0]}?)" if near else ""


class DataError(ValueError):
    """A file that cannot be used as it is.

    Args:
        problem: what is wrong, in plain words.
        file: the file (or folder) it was found in.
        field: the column, key, tensor or row.
        value: the offending value.
        hint: what the user can do about it.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | Path | None = None,
        field: str | None = None,
        value: object = None,
        hint: str | None = None,
    ) -> None:
        self.problem, self.file, self.field, self.value, self.hint = problem, file, field, value, hint
        where = [str(file)] if file is not None else []
        if field is not None:
            where.append(f"field {field!r}")
        if value is not None:
            where.append(f"value {value!r}"[:300])
        message = f"{', '.join(where)}: {problem}" if where else problem
        super().__init__(f"{message}. {hint}" if hint else message)


class ConfigError(DataError):
    """A setting that is unknown, of the wrong type or out of range."""


class UnsafeFileError(DataError):
    """A file whose reading would execute code that it carries."""


class DownloadError(DataError):
    """A file that could not be fetched or unpacked; the hint says what to do by hand."""


class EndOfNotebook(Exception):
    """Nothing is left to do in this notebook, and nothing is wrong: shown as its one line, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]
