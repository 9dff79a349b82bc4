"""Who works on what: claims that several processes, also on several machines, respect, and that die with their owner.

A claim is a file with the owner's host and process that is made only if it is not there, and touched every few
seconds as long as the owner lives. It is void when its process is gone from this host, or when nobody has touched it
for minutes. Nothing but effort hangs on it: what is written is the same whoever writes it, and is renamed into place.

Not of ``filelock``: its locks of the system do not reach other machines, its marker files stay when another machine
dies, and its leases (from 3.30 on, which not every torch brings) make whoever comes watch a dead claim for minutes.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

TOUCH_EVERY_S = 15.0
VOID_AFTER_S = 300.0


@contextlib.contextmanager
def claimed(
    path: Path, *, touch_every_s: float = TOUCH_EVERY_S, void_after_s: float = VOID_AFTER_S
) -> Iterator[bool]:
    """Yield whether the claim ``path`` was free and is ours until the end of the block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    token = f"{socket.gethostname()} {os.getpid()} {uuid.uuid4().hex}\n"
    if not _take(path, token, void_after_s):
        yield False
        return
    ended = threading.Event()

    def keep_alive() -> None:
        while not ended.wait(touch_every_s):
            with contextlib.suppress(OSError):
                os.utime(path)

    thread = threading.Thread(target=keep_alive, name=f"claim {path.name}", daemon=True)
    thread.start()
    try:
        yield True
    finally:
        ended.set()
        thread.join()
        if _read(path) == token:
            path.unlink(missing_ok=True)


def _take(path: Path, token: str, void_after_s: float) -> bool:
    """Make the claim, after putting a void one out of the way."""
    for _ in range(2):
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            if not _remove_void(path, void_after_s):
                return False
            continue
        with os.fdopen(handle, "w") as stream:
            stream.write(token)
        return True
    return False


def _remove_void(path: Path, void_after_s: float) -> bool:
    """Whether the claim was void; it is then gone.

    One process at a time removes: between reading a void claim and removing it another one may have taken its place.
    """
    seen = _read(path)
    if seen is None:
        return True
    if not _is_void(path, seen, void_after_s):
        return False
    turn = path.with_name(f"{path.name}.turn")
    try:
        os.close(os.open(turn, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:  # another process is removing it, or died while it did
        with contextlib.suppress(FileNotFoundError):
            if _now_of(path.parent) - turn.stat().st_mtime > void_after_s:
                turn.unlink()
        return False
    try:
        if _read(path) != seen:
            return False
        path.unlink(missing_ok=True)
        return True
    finally:
        turn.unlink(missing_ok=True)


def _is_void(path: Path, text: str, void_after_s: float) -> bool:
    host, _, rest = text.partition(" ")
    pid = rest.partition(" ")[0]
    if host == socket.gethostname() and pid.isdigit() and not _lives(int(pid)):
        return True
    try:
        return _now_of(path.parent) - path.stat().st_mtime > void_after_s
    except FileNotFoundError:
        return False


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _now_of(folder: Path) -> float:
    """The time as the folder's file system tells it, which another machine's clock need not agree with."""
    probe = folder / f".now-{uuid.uuid4().hex}"
    probe.touch()
    try:
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return None
