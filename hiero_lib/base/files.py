"""Reading and writing so that nothing is lost: a temporary name first, then a rename."""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import io
import json
import math
import os
import re
import shlex
import shutil
import tempfile
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from hiero_lib.base.errors import DataError
from hiero_lib.base.processes import Process, this_process

CsvRow: TypeAlias = tuple[int, dict[str, str]]
"""The line on which a row begins, and its cells by column."""

_HOLDER = re.compile(
    r"\.(?P<name>.+)\.(?P<machine>[0-9a-f]{12})-(?P<pid>[0-9]{1,10})-(?P<started>[0-9]{1,18})\.[a-z0-9_]{8}\.tmp",
    re.DOTALL,
)
_DAY_S = 86_400
_HALF = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)|[\ud800-\udfff]")  # where a text may hold what no text has
_SURROGATE = re.compile("[\0\ud800-\udfff]")


@contextlib.contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target`` that becomes ``target`` when the block succeeds.

    Works for a file and for a folder (create the folder inside the block); an existing folder is replaced.
    When the block raises, what was written under the temporary name is removed and ``target`` is untouched.
    What a killed process left beside it is removed by the next one that writes there.

    Raises:
        OSError: it cannot be written; also where torch or safetensors say so in their own way.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(target.parent, target.name) as holder:
        temporary = holder / target.name
        try:
            yield temporary
        except Exception as error:
            if _says_unwritable(error):
                first_line = str(error).partition("\n")[0][:120]
                raise OSError(errno.EIO, f"cannot be written ({first_line})", str(target)) from error
            raise
        if target.is_dir() and temporary.is_dir():
            os.replace(target, holder / "replaced")
            try:
                os.replace(temporary, target)
            except BaseException:
                os.replace(holder / "replaced", target)  # or it would go with the holder
                raise
        else:
            os.replace(temporary, target)


def _says_unwritable(error: Exception) -> bool:
    """Whether an error is torch's or safetensors' for a write that the system refused (a full disk)."""
    message = str(error)
    by_torch = isinstance(error, RuntimeError) and message.startswith(
        ("[enforce fail at inline_container", "basic_ios")
    )
    return by_torch or (type(error).__name__ == "SafetensorError" and "I/O error" in message)


@contextlib.contextmanager
def scratch_folder(folder: Path, name: str) -> Iterator[Path]:
    """A temporary folder in ``folder``, ``.NAME.PROCESS.xxxxxxxx.tmp``, for what is renamed out of it.

    It goes at the end of the block; what killed processes left in ``folder`` goes at its beginning.
    """
    remove_left_overs(folder)
    process = this_process()
    prefix = f".{_cut(name)}.{process.machine}-{process.pid}-{process.started}."
    holder = Path(tempfile.mkdtemp(prefix=prefix, suffix=".tmp", dir=folder))
    try:
        yield holder
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def remove_left_overs(folder: Path) -> None:
    """Remove the scratch folders of processes that are gone.

    Of this machine, that is known; another machine's counts as gone when nothing in it has changed for a day. A
    folder whose replacement was cut off between the two renames of :func:`atomic_path` is put in place.
    """
    now: float | None = None
    for holder, _, process in _holders(folder):
        with contextlib.suppress(OSError):  # another process may be removing it as well
            runs = process.runs()
            if runs is None:
                now = now_of(folder) if now is None else now
                runs = now - max(path.lstat().st_mtime for path in (holder, *holder.rglob("*"))) < _DAY_S
            if not runs:
                _finish(holder)


def finish_interrupted(target: str | Path) -> None:
    """Put a folder in place whose replacement was cut off between the two renames of :func:`atomic_path`.

    At that moment the new folder is complete but still has its temporary name. Other left-overs of ``target`` are
    removed, whoever left them: only for a ``target`` that no other process is writing.
    """
    target = Path(target)
    for holder, name, _ in _holders(target.parent):
        if name == _cut(target.name):
            _finish(holder)


def now_of(folder: Path) -> float:
    """The time as the folder's file system tells it, which this machine's clock need not agree with."""
    with tempfile.TemporaryFile(dir=folder) as probe:
        return os.fstat(probe.fileno()).st_mtime


def _holders(folder: Path) -> list[tuple[Path, str, Process]]:
    """The scratch folders in ``folder``, sorted: each with the name that it is for, and whose it is."""
    try:
        names = sorted(name for name in os.listdir(folder) if name.startswith(".") and name.endswith(".tmp"))
    except OSError:  # one may write into a folder without being able to list it
        return []
    found = [(folder / name, match) for name in names if (match := _HOLDER.fullmatch(name))]
    return [(path, m["name"], Process(m["machine"], int(m["pid"]), int(m["started"]))) for path, m in found]


def _finish(holder: Path) -> None:
    """Remove a scratch folder, after putting in place what was about to replace a folder."""
    if (holder / "replaced").exists():
        for new in holder.iterdir():
            if new.name != "replaced" and not os.path.lexists(holder.parent / new.name):
                os.replace(new, holder.parent / new.name)
    shutil.rmtree(holder, ignore_errors=True)


def _cut(name: str) -> str:
    """A name that leaves room for what stands around it: a file's name has 255 bytes at most."""
    if len(os.fsencode(name)) <= 120:
        return name
    return f"{name[:30]}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}"


def check_writable(folder: str | Path) -> None:
    """Make a folder where there is none, and raise a DataError where nothing can be written into it."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise DataError(f"nothing can be written here ({error.strerror})", file=folder) from error


def nearest_folder(path: str | Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    path = Path(path).absolute()
    return next(folder for folder in (path, *path.parents) if folder.exists())


def pasted(path: str | Path) -> str:
    """A path as a shell takes it; bytes that are no UTF-8 are shown as ``\\udce9``."""
    return shlex.quote(str(path)).encode("utf-8", "backslashreplace").decode()


def write_text(target: str | Path, text: str) -> None:
    """Write ``text`` (UTF-8) atomically."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(target: str | Path, value: Any) -> None:
    """Write ``value`` as indented JSON atomically.

    Raises:
        DataError: a number in it is NaN or infinite, which JSON has not; names the field.
    """
    if found := not_finite(value):
        raise DataError("JSON has neither NaN nor infinity", file=target, field=found[0], value=found[1])
    write_text(target, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def not_finite(value: Any, name: str = "") -> tuple[str, float] | None:
    """The dotted name and the value of the first number in nested plain values that is NaN or infinite."""
    if isinstance(value, float):
        return None if math.isfinite(value) else (name, value)
    if isinstance(value, dict):
        inner = ((f"{name}.{key}" if name else str(key), item) for key, item in value.items())
    elif isinstance(value, list | tuple):
        inner = ((f"{name}[{number}]", item) for number, item in enumerate(value))
    else:
        return None
    return next((found for key, item in inner if (found := not_finite(item, key))), None)


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        DataError: the file is missing, empty, not UTF-8 or not JSON, the message names the line and column; or an
            object has a name twice, of which JSON's readers silently keep the last.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError("there is no such file", file=path)
    try:
        text = path.read_text(encoding="utf-8-sig")  # with or without a mark at its start
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8 text", file=path, field=f"byte {error.start}") from error
    return parse_json(text, path)


def parse_json(text: str, path: str | Path) -> Any:
    """The value of a JSON text.

    Args:
        text: of ``path``, which errors name.

    Raises:
        DataError: as :func:`read_json`.
    """
    if not text.strip():
        raise DataError("the file is empty", file=path)
    try:
        value = json.loads(text, object_pairs_hook=_unique)
        if _HALF.search(text) and (at := _surrogate_at(value)):
            raise DataError("half a character (a surrogate) or a zero, which no text has", file=path, field=at)
        return value
    except DataError:
        raise
    except _Twice as error:
        raise DataError("the name occurs twice in one object", file=path, field=str(error)) from error
    except json.JSONDecodeError as error:
        raise DataError(
            f"not readable as JSON ({error.msg})",
            file=path,
            field=f"line {error.lineno} column {error.colno}",
            hint="The file may be truncated: fetch it again",
        ) from error
    except ValueError as error:  # an integer of thousands of digits
        raise DataError(f"not readable as JSON ({error})"[:300], file=path) from error
    except RecursionError as error:
        raise DataError("nested too deeply to be read", file=path) from error


def _surrogate_at(value: Any, name: str = "") -> str:
    """The dotted name of the first text in nested plain values that is none: half a character, a zero; or nothing."""
    if isinstance(value, str):
        return (name or "(top)") if _SURROGATE.search(value) else ""
    if isinstance(value, dict):
        if odd := next((key for key in value if _SURROGATE.search(key)), None):
            return f"{name}.{odd!a}"
        inner = ((f"{name}.{key}" if name else key, item) for key, item in value.items())
    elif isinstance(value, list):
        inner = ((f"{name}[{number}]", item) for number, item in enumerate(value))
    else:
        return ""
    return next((found for key, item in inner if (found := _surrogate_at(item, key))), "")


class _Twice(Exception):
    """A name that occurs twice in an object."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return found


def read_csv_text(path: str | Path) -> str:
    """The text of a csv, UTF-8 with or without a mark at its start.

    Raises:
        DataError: the file is missing, not UTF-8, or has a zero byte (UTF-16 has many).
    """
    path = Path(path)
    if not path.is_file():
        raise DataError("there is no such file", file=path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        hint = "Save it as UTF-8"
        raise DataError("not UTF-8 text", file=path, field=f"byte {error.start}", hint=hint) from error
    if (line := text[: text.find("\0")].count("\n") + 1) and "\0" in text:
        raise DataError("a zero byte, which no text has", file=path, field=f"line {line}", hint="Save it as UTF-8")
    return text


def read_csv_table(path: str | Path, *, delimiter: str | None = None) -> tuple[list[str], list[CsvRow]]:
    """A csv with a header: its columns, and each row that is not empty with the line on which it begins.

    Args:
        path: the file.
        delimiter: None: a tab where the header has one, else a comma, else a semicolon (as spreadsheets write where
            the comma is the decimal sign).

    Raises:
        DataError: as :func:`read_csv_text` and :func:`csv_rows`; the file is empty, a column occurs twice, or a row
            has more or fewer cells than the header. Names the line.
    """
    text = read_csv_text(path)
    header = text.partition("\n")[0]
    delimiter = delimiter or next((sign for sign in "\t,;" if sign in header), ",")
    rows = csv_rows(text, delimiter, path)
    if not rows:
        raise DataError("the file is empty", file=path)
    (_, columns), *cells = rows
    twice = [name for name in dict.fromkeys(columns) if columns.count(name) > 1]
    if twice:
        raise DataError("the column occurs twice", file=path, field="header", value=", ".join(twice))
    for line, row in cells:
        check_width(row, columns, line=line, delimiter=delimiter, path=path)
    return columns, [(line, dict(zip(columns, row))) for line, row in cells]


def check_width(row: list[str], columns: list[str], *, line: int, delimiter: str, path: str | Path) -> None:
    """DataError where a row has more or fewer cells than there are columns."""
    if len(row) != len(columns):
        problem = f"{len(row)} cells where the header has {len(columns)}"
        hint = "A text that holds the delimiter stands in quotes"
        raise DataError(problem, file=path, field=f"line {line}", value=delimiter.join(row)[:80], hint=hint)


def csv_rows(text: str, delimiter: str, path: str | Path) -> list[tuple[int, list[str]]]:
    """Each row of a csv that is not empty, with the line on which it begins.

    Raises:
        DataError: a quote that never closes, which would swallow the rows after it, or that closes within a cell; a
            cell beyond the limit of :mod:`csv`. Names the line on which the row begins.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows, line = [], 1
    try:
        for cells in reader:
            if cells:
                rows.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        quoted = "unexpected end" in str(error) or "expected after" in str(error)
        problem = "a quote opens here that does not close at a cell's end" if quoted else f"not readable ({error})"
        raise DataError(problem, file=path, field=f"line {line}") from error
    return rows


def visible(folder: str | Path, pattern: str) -> list[Path]:
    """The files and folders that match, sorted, without hidden ones: a Mac leaves a ``._NAME`` beside each NAME."""
    return sorted(path for path in Path(folder).glob(pattern) if not path.name.startswith("."))


def sha256_of(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file, read in blocks of 1 MiB."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def file_slug(name: str) -> str:
    """Part of a file name for a method's or strategy's name: ``linear probe`` -> ``linear_probe``.

    A checkpoint in brackets keeps its letters, and what no file name may have is encoded as in :func:`safe_name`.
    """
    plain, bracket, checkpoint = name.partition(" (")
    slug = plain.lower().replace(" ", "_").replace("-", "_")
    return safe_name(f"{slug}_({checkpoint}" if bracket else slug)


def safe_name(text: str) -> str:
    """A file name for any text: no separators, not hidden, not too long.

    Letters, digits, ``-``, ``_`` and ``.`` stay, so that a video's uid is usually its own file name; everything else
    is encoded as ``=`` and two hexadecimal digits a byte (no ``%``, which browsers decode in an address), and a name
    of more than 120 characters is cut and gets a hash. Texts that differ have names that differ.
    """
    name = urllib.parse.quote(text, safe="", errors="surrogatepass").replace("~", "%7E").replace("%", "=")
    name = "=2E" + name[1:] if name.startswith(".") else name or "="
    if len(name) > 120:
        digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        name = f"{name[:100].rstrip('=')}=-{digest[:16]}"
    return name
