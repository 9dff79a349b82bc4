"""One file over HTTP, resumed with range requests into a ``.part`` file, with nothing believed that can be checked.

A server may cut the connection, ignore ranges, announce a wrong length, replace the file between two attempts, or
answer with a page for people. Beside ``NAME.part`` stands ``NAME.part.json``: what the server said of the file when
it was begun. Bytes of another version are never joined to it.
"""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import DownloadError
from hiero_lib.base.files import read_json, write_json
from hiero_lib.base.progress import quiet

CHUNK = 1 << 18
_LOOK_EVERY = 1 << 26  # bytes of a file of unknown length, between two looks at the disk
_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_REFUSED = {
    401: "the server asks for a login",
    403: "the server refuses (no permission, or a licence that has ended)",
    404: "there is nothing at this address any more",
    407: "a proxy asks for a login: set HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT",
    410: "there is nothing at this address any more",
}
_PAGE = re.compile(rb"\s*(<!doctype html|<html|<head)", re.IGNORECASE)
_LENGTH = re.compile(r"[0-9]{1,18}")  # what a server says is a number

Resolve = Callable[[str, str], str]  # (text of a page, its address) -> the address of the file, or DownloadError


class Stopped(Exception):
    """The user, or the failure of the whole, stopped a transfer; its part stays for the next time."""


class _TryAgain(Exception):
    """An attempt failed in a way that another one may not."""


@dataclass
class _Part:
    """What is known of a file that is being fetched."""

    address: str
    total: int | None = None
    version: str | None = None  # a strong ETag, else the date of the last change


@dataclass(frozen=True)
class Policy:
    """How patient a transfer is.

    Args:
        attempts: in a row without a new byte, before it gives up.
        wait_s: before the second attempt; twice as long before each further one, half a minute at most.
        timeout_s: without a byte.
        spare_bytes: that must stay free on the disk.
    """

    attempts: int = 5
    wait_s: float = 1.0
    timeout_s: float = 60.0
    spare_bytes: int = 100_000_000


def fetch(
    address: str,
    part: Path,
    *,
    session: Any,
    policy: Policy,
    resolve: Resolve | None = None,
    size: int | None = None,
    room: float = 1.0,
    on_bytes: Callable[[int, int | None], None] = lambda done, total: None,
    stop: threading.Event | None = None,
    say: Callable[[str], None] = quiet,
) -> int | None:
    """Fetch ``address`` into ``part``, from where an earlier call stopped; the size that the server announced.

    Args:
        address: of the file, or of a page that ``resolve`` reads the file's address from.
        part: ``NAME.part``; complete when the call returns.
        session: a ``requests.Session``.
        policy: how patient to be.
        resolve: reads a page that comes instead of the file; without it, a page is an error.
        size: bytes that the file must have; None where it is not known.
        room: of the file's size that must be free on the disk; 2 where it will be unpacked beside itself.
        on_bytes: called with (bytes there, bytes in all or None).
        stop: ends the transfer when it is set.
        say: is told where what is there of an earlier call cannot be gone on with, and of a first failure.

    Raises:
        DownloadError: with what happened. What was fetched stays, unless the server has another file now.
        Stopped: ``stop`` was set.
    """
    failures, best, reason = 0, part.stat().st_size if part.exists() else 0, ""
    while True:
        if stop is not None and stop.is_set():
            raise Stopped
        try:
            return _attempt(
                address,
                part,
                session=session,
                policy=policy,
                resolve=resolve,
                size=size,
                room=room,
                on_bytes=on_bytes,
                stop=stop,
                say=say,
            )
        except _TryAgain as error:
            reason = str(error)
        there = part.stat().st_size if part.exists() else 0
        failures = 0 if there > best else failures + 1
        best = max(best, there)
        if failures >= policy.attempts:
            raise DownloadError(f"{reason}; {failures} attempts in a row brought nothing new", value=address)
        if failures == 1:  # all attempts take half a minute
            say(f"{address}: {reason}; it is tried again")
        pause = threading.Event() if stop is None else stop
        pause.wait(min(30.0, policy.wait_s * 2**failures))


def _attempt(
    address: str,
    part: Path,
    *,
    session: Any,
    policy: Policy,
    resolve: Resolve | None,
    size: int | None,
    room: float,
    on_bytes: Callable[[int, int | None], None],
    stop: threading.Event | None,
    say: Callable[[str], None],
) -> int | None:
    """One request (more where pages come first), written to the end of ``part`` or, if need be, over it."""
    known = _read_part(part, address, say)
    offset = part.stat().st_size if part.exists() else 0
    if known is None:
        known, offset = _Part(address), 0
    if known.total is not None and offset == known.total and offset:
        return known.total
    headers = {"Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if known.version is not None:
            headers["If-Range"] = known.version
    with _open(address, headers, session=session, policy=policy, resolve=resolve) as response:
        if response.status_code == 416:
            if not offset or _range_total(response) != offset or size not in (None, offset):
                part.unlink(missing_ok=True)
                raise _TryAgain(f"the server's file is not the one of which {offset} bytes are here")
            return offset
        begin, total = _where(response, offset, known)
        if begin is None:
            part.unlink(missing_ok=True)
            raise _TryAgain("the file has changed on the server since it was begun")
        if total is not None:
            folder = next(path for path in (part.parent, *part.parent.parents) if path.exists())
            need_room(folder, int(total * room) - begin, policy.spare_bytes)
        if size is not None and total is not None and total != size:
            raise _TryAgain(f"the server has a file of {total} bytes; {size} are expected")
        part.parent.mkdir(parents=True, exist_ok=True)
        write_json(_card(part), asdict(_Part(address, total, _version(response))))
        _copy(response, part, begin, total=total, spare=policy.spare_bytes, on_bytes=on_bytes, stop=stop)
    there = part.stat().st_size
    if total is not None and there < total:
        raise _TryAgain(f"the connection ended after {there} of {total} bytes")
    if size is not None and there != size:
        raise _TryAgain(f"{there} bytes came; {size} are expected")
    return total


def _open(address: str, headers: dict[str, str], *, session: Any, policy: Policy, resolve: Resolve | None) -> Any:
    """The response that carries the file; pages in between are resolved."""
    import requests

    for _ in range(4):
        try:
            response = session.get(address, headers=headers, stream=True, timeout=(20, policy.timeout_s))
        except requests.exceptions.ProxyError as error:
            message = "the proxy does not let it through: see HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
            raise DownloadError(f"{message} ({_short(error)})", value=address) from error
        except requests.exceptions.SSLError as error:
            message = "the connection is not trusted (a proxy that reads along? see REQUESTS_CA_BUNDLE)"
            raise DownloadError(f"{message} ({_short(error)})", value=address) from error
        except requests.exceptions.RequestException as error:
            cause = error.args[0] if error.args else error  # urllib3's, whose reason is at the end of a long text
            raise _TryAgain(f"no connection ({_short(getattr(cause, 'reason', None) or error)})") from error
        status = response.status_code
        if status in _AGAIN:
            response.close()
            who = "too many requests" if status == 429 else "the server, or a proxy before it, fails"
            raise _TryAgain(f"{who} (HTTP {status})")
        if status == 416:
            return response
        is_page = response.headers.get("Content-Type", "").lower().startswith("text/html")
        if status not in (200, 206) and not (is_page and resolve is not None):
            response.close()
            raise DownloadError(f"{_REFUSED.get(status, 'the server refuses')} (HTTP {status})", value=address)
        if not is_page:
            return response
        try:
            text = response.raw.read(1 << 20, decode_content=True).decode("utf-8", "replace")
        except Exception as error:  # urllib3's and http.client's, of a page that is cut off
            raise _TryAgain(f"a page was cut off ({_short(error)})") from error
        finally:
            response.close()
        if resolve is None:
            raise DownloadError(describe_page(text, response.url), value=address)
        address = resolve(text, response.url)
    raise DownloadError("one page leads to another, and none to the file", value=address)


def describe_page(text: str, address: str) -> str:
    """What a web page that came instead of a file is, as far as it tells."""
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    name = " ".join(title[1].split())[:80] if title else ""
    if "accounts.google.com" in address or re.search(r"ServiceLogin|type=[\"']?password", text):
        return f"a login page came instead of the file ({name or address}): it is not open to everyone"
    return f"a web page came instead of the file ({name or 'without a title'})"


def starts_like_a_page(path: Path) -> bool:
    """Whether a file that should be data begins like HTML."""
    with path.open("rb") as stream:
        return _PAGE.match(stream.read(512)) is not None


def _where(response: Any, offset: int, known: _Part) -> tuple[int | None, int | None]:
    """Where the bytes of a response begin and how many the file has; begin None: they fit nothing that is here."""
    encoded = response.headers.get("Content-Encoding", "identity").lower() not in ("", "identity")
    length = response.headers.get("Content-Length", "")
    if response.status_code == 200:
        return 0, int(length) if _LENGTH.fullmatch(length) and not encoded else None
    total = _range_total(response)
    placed = re.match(r"bytes ([0-9]{1,18})-", response.headers.get("Content-Range", ""))
    if placed is None or int(placed[1]) != offset or encoded:
        return None, None
    version = _version(response)
    changed = known.version is not None and version is not None and version != known.version
    if changed or (known.total is not None and total is not None and total != known.total):
        return None, None
    return offset, total if total is not None else known.total


def _copy(
    response: Any,
    part: Path,
    begin: int,
    *,
    total: int | None,
    spare: int,
    on_bytes: Callable[[int, int | None], None],
    stop: threading.Event | None,
) -> None:
    """Write the body from byte ``begin`` on; what came before an error stays."""
    import requests

    done = looked = begin
    on_bytes(done, total)
    try:
        with part.open("r+b" if begin else "wb") as stream:
            stream.seek(begin)
            stream.truncate()
            for chunk in response.iter_content(CHUNK):
                stream.write(chunk)
                done += len(chunk)
                on_bytes(done, total)
                if stop is not None and stop.is_set():
                    raise Stopped
                if total is None and done - looked > _LOOK_EVERY:  # it may never end
                    need_room(part.parent, 0, spare)
                    looked = done
    except requests.exceptions.RequestException as error:
        of = f" of {total}" if total is not None else ""
        raise _TryAgain(f"the connection ended after {done}{of} bytes ({_short(error)})") from error
    except OSError as error:
        free = shutil.disk_usage(part.parent).free
        raise DownloadError(
            f"cannot be written ({error.strerror or error}); {free / 1e9:.1f} GB are free on the disk", file=part
        ) from error


def need_room(folder: Path, needed: int, spare: int) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises:
        DownloadError: fewer than ``needed + spare`` bytes are free where ``folder`` lies.
    """
    free = shutil.disk_usage(folder).free
    if free < needed + spare:
        raise DownloadError(
            f"the disk is too full: {needed / 1e9:.2f} GB are needed, {free / 1e9:.2f} GB are free",
            file=folder,
            hint="Free some, or take another data_root",
        )


def _read_part(part: Path, address: str, say: Callable[[str], None]) -> _Part | None:
    """What is known of ``part``, or None where it belongs to another address or to nothing."""
    card = _card(part)
    if not part.exists() or not card.exists():
        return None
    try:
        raw = read_json(card)
    except (ValueError, RecursionError):
        raw = None
    if not isinstance(raw, dict) or not _is_part(raw):
        say(f"{card}: not what is written there; the file is begun anew")
        return None
    return _Part(**raw) if raw["address"] == address else None


def _is_part(raw: dict[str, Any]) -> bool:
    """Whether a JSON object is what :class:`_Part` was written as."""
    if raw.keys() != {"address", "total", "version"} or not isinstance(raw["address"], str):
        return False
    total, version = raw["total"], raw["version"]
    if total is not None and not (type(total) is int and 0 <= total < 1 << 63):
        return False
    return version is None or (isinstance(version, str) and version.isprintable())


def forget(part: Path) -> None:
    """Remove a part and what stands beside it."""
    part.unlink(missing_ok=True)
    _card(part).unlink(missing_ok=True)


def _card(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _version(response: Any) -> str | None:
    tag: str | None = response.headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")


def _range_total(response: Any) -> int | None:
    match = re.search(r"/([0-9]{1,18})\s*$", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _short(error: BaseException) -> str:
    return re.sub(r"\s+", " ", f"{type(error).__name__}: {error}")[:160]


def now() -> str:
    """The time, for records."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
