"""The explorer as a local web page: the notebook's module, fed by a small server of the standard library.

It listens on the loopback alone. Whoever asks needs the token: the address that is printed has it, and is exchanged
for a cookie that scripts cannot read. The name of the host and the origin of what is sent are checked, so that no
other page in the browser can ask. One thing is done at a time.
"""

from __future__ import annotations

import contextlib
import hmac
import html
import json
import mimetypes
import secrets
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from hiero_lib.explorer.session import Session
from hiero_lib.front.module import explorer_css, explorer_js, part

LOOPBACK = "127.0.0.1"
_MOST_BYTES = 1 << 20  # of a message
_BLOCK = 1 << 18
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_WRITTEN_POLICY = (  # of an exported page, which has all in itself: it can ask nothing of this server
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "sandbox allow-scripts; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class ExplorerServer(ThreadingHTTPServer):
    """Serves one session.

    Args:
        session: what is shown.
        port: 0: any that is free.
        token: what the address has to bring; None: a new one.

    Raises:
        OSError: the port is taken.
    """

    daemon_threads = True
    allow_reuse_address = False  # two explorers on one port would answer for each other

    def __init__(self, session: Session, *, port: int = 0, token: str | None = None) -> None:
        self.session, self.lock = session, threading.Lock()
        self.token = token or secrets.token_urlsafe(24)
        super().__init__((LOOPBACK, port), _Handler)
        session.state["options"] = session.state["options"] | {"plotly": "plotly.js"}

    @property
    def port(self) -> int:
        """On which it listens."""
        return int(self.server_address[1])

    @property
    def address(self) -> str:
        """To be opened in a browser; with the token."""
        return f"http://{LOOPBACK}:{self.port}/?token={self.token}"

    def values(self, changed: Mapping[str, Any]) -> dict[str, Any]:
        """Values as the page takes them: a video has an address here."""
        values = dict(changed)
        media = values.get("media")
        if media and media["ask"]:
            file = "" if media["key"] == media["uid"] else f"&file={quote(media['key'], safe='')}"  # for caches alone
            values["media"] = media | {"url": f"video?uid={quote(media['uid'], safe='')}{file}"}
        written = values.get("written")
        if written:
            values["written"] = written | {"url": f"page?name={quote(written['name'], safe='')}"}
        return values


class _Handler(BaseHTTPRequestHandler):
    server: ExplorerServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """The page, its parts, the state and the video."""
        address = urlsplit(self.path)
        if not self._is_own_host():
            self._refuse(HTTPStatus.FORBIDDEN, "another host's name")
        elif address.path == "/" and "token" in (query := parse_qs(address.query)):
            self._let_in(query["token"][0])
        elif not self._is_let_in():
            self._refuse(HTTPStatus.FORBIDDEN, "Open the address that hiero printed: it has a token.")
        elif address.path == "/state":
            with self.server.lock:
                self._json(self.server.values(self.server.session.state))
        elif address.path == "/video":
            self._video(parse_qs(address.query).get("uid", [""])[0])
        elif address.path == "/page":
            self._written(parse_qs(address.query).get("name", [""])[0])
        elif (found := self._part(address.path)) is not None:
            self._send(found[0], found[1])
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such page")

    def do_POST(self) -> None:
        """What was done on the page; the values that have changed."""
        origin = self.headers.get("Origin")
        own = {f"http://{host}:{self.server.port}" for host in (LOOPBACK, "localhost")}
        if not self._is_own_host() or not self._is_let_in() or (origin is not None and origin not in own):
            self.close_connection = True  # what is sent is not read
            self._refuse(HTTPStatus.FORBIDDEN, "not from this page")
            return
        length = self.headers.get("Content-Length", "")
        if self.path != "/do" or not length.isascii() or not length.isdigit() or int(length) > _MOST_BYTES:
            self.close_connection = True
            self._refuse(HTTPStatus.BAD_REQUEST, "a message of at most 1 MiB is expected")
            return
        try:
            message = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            self._refuse(HTTPStatus.BAD_REQUEST, "an object is expected")
            return
        with self.server.lock:
            changed = self.server.values(self.server.session.do(message))
        self._json(changed)

    def _part(self, path: str) -> tuple[bytes, str] | None:
        match path:
            case "/":
                return self._page()
            case "/explorer.js":
                return explorer_js().encode(), "text/javascript; charset=utf-8"
            case "/served.js":
                return part("served.js").encode(), "text/javascript; charset=utf-8"
            case "/explorer.css":
                return explorer_css().encode(), "text/css; charset=utf-8"
            case "/plotly.js":
                from plotly.offline import get_plotlyjs

                return get_plotlyjs().encode(), "text/javascript; charset=utf-8"
        return None

    def _page(self) -> tuple[bytes, str]:
        title = html.escape(self.server.session.title)
        return part("served.html").replace("$title", title).encode(), "text/html; charset=utf-8"

    def _is_own_host(self) -> bool:
        """Not by another name, which a page elsewhere may have made to lead here."""
        return self.headers.get("Host") in {f"{host}:{self.server.port}" for host in (LOOPBACK, "localhost")}

    def _is_let_in(self) -> bool:
        cookies: SimpleCookie = SimpleCookie()
        with contextlib.suppress(CookieError):
            cookies.load(self.headers.get("Cookie", ""))
        found = cookies.get(self._cookie)
        return found is not None and hmac.compare_digest(found.value.encode(), self.server.token.encode())

    @property
    def _cookie(self) -> str:
        return f"hiero-{self.server.port}"  # cookies do not know ports: two explorers would take each other's

    def _let_in(self, token: str) -> None:
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            self._refuse(HTTPStatus.FORBIDDEN, "not the token that hiero printed")
            return
        # The page itself, no redirect: one that another site began would not bring a strict cookie.
        page, kind = self._page()
        cookie = f"{self._cookie}={self.server.token}; HttpOnly; SameSite=Strict; Path=/"
        self._send(page, kind, cookie=cookie)

    def _written(self, name: str) -> None:
        """The page that this session wrote last; its scripts are kept apart from the explorer's."""
        with self.server.lock:
            written = self.server.session.state["written"]
            path = None if written is None or written["name"] != name else Path(written["path"])
            content = path.read_bytes() if path is not None and path.is_file() else None
        if content is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such page; write it again")
            return
        self._send(content, "text/html; charset=utf-8", policy=_WRITTEN_POLICY)

    def _video(self, uid: str) -> None:
        """The file, or the part of it that a player asks for."""
        known = uid in self.server.session.collection.store
        path = self.server.session.played(uid) if known else None
        if path is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such video")
            return
        size = path.stat().st_size
        first, last = 0, size - 1
        asked = self.headers.get("Range", "")
        if asked.startswith("bytes="):
            start, _, end = asked.removeprefix("bytes=").partition("-")
            if not (start + end).isascii() or not (start + end).isdigit():
                self._refuse(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "one range of bytes is expected")
                return
            first = int(start) if start else max(0, size - int(end))
            last = min(int(end), last) if start and end else last
        if first > last:
            self._refuse(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "beyond the end of the file")
            return
        self.send_response(HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK)
        self.send_header("Content-Type", mimetypes.guess_type(path.name)[0] or "video/mp4")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first + 1))
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # a player that has enough hangs up
            self._stream(path, first, last)

    def _stream(self, path: Path, first: int, last: int) -> None:
        with path.open("rb") as stream:
            stream.seek(first)
            left = last - first + 1
            while left > 0 and (block := stream.read(min(_BLOCK, left))):
                self.wfile.write(block)
                left -= len(block)

    def _json(self, value: Mapping[str, Any]) -> None:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        self._send(text.encode("utf-8", "replace"), "application/json")

    def _send(
        self,
        content: bytes,
        kind: str,
        status: HTTPStatus = HTTPStatus.OK,
        *,
        cookie: str = "",
        policy: str = _POLICY,
    ) -> None:
        self.send_response(status)
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(content)

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._send(why.encode(), "text/plain; charset=utf-8", status)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the address has a token in it."""
