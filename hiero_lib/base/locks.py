"""Who works on what: claims that several processes, also on several machines, respect, and that die with their owner.

A claim is a file with the owner's name that is made only if it is not there, and touched every few seconds as long as
the owner lives. It is void when its process is gone from this machine, or when it is not known to run and nobody has
touched it for minutes, by the clock of the file system that it lies on (for seconds, where nobody has signed it). A
claim that is touched in the future (a clock was wrong) counts from the moment at which somebody first asks.

:func:`claimed` shares work out: what is claimed is left to its owner. :func:`exclusive` is for a command that must be
alone: it fails, and says who is there.

Not of ``filelock``: its locks of the system do not reach other machines, its marker files stay when another machine
dies, and its leases (from 3.30 on, which not every torch brings) make whoever comes watch a dead claim for minutes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import now_of
from hiero_lib.base.processes import Process, this_process

TOUCH_EVERY_S = 15.0
VOID_AFTER_S = 300.0
_TURN_S = 10.0  # removing a void claim takes milliseconds
_UNSIGNED_S = 10.0  # and so does writing into a new one: one that stays empty is of a process that was killed between


class TakenError(DataError):
    """Another process is at work on it."""


@dataclass(frozen=True)
class Owner:
    """What a claim says of its owner.

    Args:
        process: who; host: the name of its machine, for people.
        since: when it was made (UTC); what: the command or the work.
        token: of this claim alone.
    """

    process: Process
    host: str
    since: str
    what: str
    token: str

    def __str__(self) -> str:
        return f"{self.what or 'a command'}, process {self.process.pid} on {self.host}, since {self.since}"


@contextlib.contextmanager
def exclusive(target: str | Path, what: str, *, wait_s: float = 0.0) -> Iterator[None]:
    """Be the only one at work on ``target`` until the end of the block.

    The claim lies beside it, ``.NAME.lock``, so that ``target`` may be missing, empty, or replaced in the block. It
    is no lock of the system: it holds on network file systems too. It is not re-entrant: a second one for the same
    target fails in the same process as it does in another one.

    Args:
        target: a file or a folder.
        what: the command, as others will be told, for example ``train``.
        wait_s: how long to wait for another one to end, seconds; for what is held for moments, as a file that is
            read, changed and written.

    Raises:
        TakenError: another process holds it; names the command, the process, the host and since when.
        DataError: the claim cannot be written.
    """
    path, deadline = lock_file(target), time.monotonic() + wait_s
    while True:
        try:
            claim = _claim(path, what, VOID_AFTER_S)
        except OSError as error:
            raise DataError(f"cannot be claimed ({error.strerror or error})", file=path) from error
        if claim is not None:
            break
        if time.monotonic() >= deadline:
            raise _taken(Path(target), path)
        time.sleep(0.05)
    with _kept(path, claim, TOUCH_EVERY_S):
        yield


def lock_file(target: str | Path) -> Path:
    """Where the claim of :func:`exclusive` lies."""
    target = Path(target).resolve()
    name = target.name
    if len(os.fsencode(name)) > 200:
        name = f"{name[:40]}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}"
    return target.with_name(f".{name}.lock") if target.name else target / ".lock"


@contextlib.contextmanager
def claimed(
    path: Path, *, what: str = "", touch_every_s: float = TOUCH_EVERY_S, void_after_s: float = VOID_AFTER_S
) -> Iterator[bool]:
    """Yield whether the claim ``path`` was free and is ours until the end of the block.

    Raises:
        OSError: the claim cannot be written.
    """
    claim = _claim(path, what, void_after_s)
    if claim is None:
        yield False
        return
    with _kept(path, claim, touch_every_s):
        yield True


def _taken(target: Path, path: Path) -> TakenError:
    """The error that names whoever is at work."""
    owner = _parsed(_read(path))
    who = "another process" if owner is None or owner.process != this_process() else "this very process"
    hint = f"Wait for it or end it; of a machine that died it is free after {VOID_AFTER_S / 60:.0f} minutes ({path})"
    return TakenError(f"{who} is at work on it{f': {owner}' if owner is not None else ''}", file=target, hint=hint)


def _claim(path: Path, what: str, void_after_s: float) -> str | None:
    """Make the claim, after putting a void one out of the way; its text, or None where it is taken."""
    path.parent.mkdir(parents=True, exist_ok=True)
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    owner = Owner(this_process(), socket.gethostname(), since, " ".join(what.split())[:200], uuid.uuid4().hex)
    text = json.dumps(asdict(owner)) + "\n"
    for _ in range(2):
        if _make(path, text):
            return text
        if not _remove_void(path, text, void_after_s):
            return None
    return None


def _make(path: Path, text: str) -> bool:
    """Write ``path`` if it is not there; whether it was not."""
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return False
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
    except BaseException:  # a full disk
        path.unlink(missing_ok=True)
        raise
    return True


@contextlib.contextmanager
def _kept(path: Path, claim: str, touch_every_s: float) -> Iterator[None]:
    """Keep our claim alive, and remove it at the end."""
    ended, pid = threading.Event(), os.getpid()

    def keep_alive() -> None:
        while not ended.wait(touch_every_s):
            with contextlib.suppress(OSError):
                if _read(path) != claim:  # it was void for others, as when this machine slept
                    return
                os.utime(path)

    thread = threading.Thread(target=keep_alive, name=f"claim {path.name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        if os.getpid() == pid:  # not in a fork of the owner
            thread.join()
            with contextlib.suppress(OSError):  # the folder may be read-only by now, or gone
                if _read(path) == claim:
                    path.unlink(missing_ok=True)


def _remove_void(path: Path, text: str, void_after_s: float) -> bool:
    """Whether the claim was void; it is then gone.

    One process at a time removes: between reading a void claim and removing it another one may have taken its place.
    """
    seen = _read(path)
    if seen is None:
        return True
    if not _is_void(path, seen, void_after_s):
        return False
    turn = path.with_name(f"{path.name}.turn")
    if not _make(turn, text):  # another process is removing it, or died while it did
        other = _read(turn)
        if other is not None and not _is_void(turn, other, _TURN_S):
            return False
        turn.unlink(missing_ok=True)
        if not _make(turn, text):
            return False
    try:
        if _read(path) != seen:
            return False
        path.unlink(missing_ok=True)
        return True
    finally:
        if _read(turn) == text:
            turn.unlink(missing_ok=True)


def _is_void(path: Path, text: str, void_after_s: float) -> bool:
    owner = _parsed(text)
    runs = None if owner is None else owner.process.runs()
    if runs is not None:
        return not runs
    now = now_of(path.parent)
    try:
        status = path.stat()
    except FileNotFoundError:
        return False
    age = now - status.st_mtime
    if not status.st_size:
        void_after_s = min(void_after_s, _UNSIGNED_S)
    if age < -min(void_after_s, TOUCH_EVERY_S):
        with contextlib.suppress(OSError):
            os.utime(path, (now, now))  # an owner that lives touches it again
    return age > void_after_s


def _parsed(text: str | None) -> Owner | None:
    """The owner that a claim names; None where it is not what is written here."""
    try:
        found = json.loads(text or "")
        process = found.pop("process")
        owner = Owner(Process(**process), **found)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    texts = (owner.process.machine, owner.host, owner.since, owner.what, owner.token)
    numbers = (owner.process.pid, owner.process.started)
    plain = all(type(value) is str and value.isprintable() for value in texts)
    return owner if plain and all(type(value) is int for value in numbers) else None


def _read(path: Path) -> str | None:
    """The text of a claim; None where there is none, and empty where it may not be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(1 << 16).decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except PermissionError:
        return ""
