"""A local HTTP server that behaves as badly as those of real data do, and shows Drive's pages as Drive does."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONFIRM = (
    "<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body>"
    '<p class="uc-warning-subcaption">egoclip.csv (1.1G) is too large for Google to scan for viruses.</p>'
    '<form id="download-form" action="{base}/download" method="get"><input type="submit" value="Download anyway"/>'
    '<input type="hidden" name="id" value="{id}"><input type="hidden" name="export" value="download">'
    '<input type="hidden" name="confirm" value="t"><input type="hidden" name="uuid" value="6a7f"></form>'
    "</body></html>"
)
QUOTA = (
    "<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head><body>\n"
    '<p class="uc-error-caption">Sorry, you can&#39;t view or download this file at this time.</p>\n'
    '<p class="uc-error-subcaption">Too many users have viewed or downloaded this file recently. Please try accessing'
    " the file again later.</p>\n</body></html>"
)
LOGIN = (
    "<!doctype html><html><head><title>Google Drive: Sign-in</title></head><body>"
    '<form action="https://accounts.google.com/ServiceLogin"><input type="password"></form></body></html>'
)


@dataclass
class Answer:
    """How one request for a file is answered.

    Args:
        cut: bytes after which the connection is closed; None: never.
        ranges: whether a Range header is honoured.
        announce: added to the announced length.
        status, page: a page (or an empty error) instead of the file.
        shift: added to the start of a range, in what is sent and what is said.
        version: the ETag.
        content: other bytes than the file's.
        chunked: no length is announced.
        pause_s: between blocks of 16 KiB.
    """

    cut: int | None = None
    ranges: bool = True
    announce: int = 0
    status: int = 200
    page: str | None = None
    shift: int = 0
    version: str = '"v1"'
    content: bytes | None = None
    chunked: bool = False
    pause_s: float = 0.0


@dataclass
class FileServer:
    """Files by path; answers are used up one by one, the last one stays."""

    files: dict[str, bytes] = field(default_factory=dict)
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    drive: dict[str, str] = field(default_factory=dict)  # id -> path of the file, or a page
    folders: dict[str, str] = field(default_factory=dict)  # id -> page
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # (path, Range)
    base: str = ""

    def answer(self, path: str) -> Answer:
        answers = self.answers.setdefault(path, [Answer()])
        return answers.pop(0) if len(answers) > 1 else answers[0]


@contextlib.contextmanager
def serve() -> Iterator[FileServer]:
    """Run a server on a free port until the block ends."""
    state = FileServer()

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:  # a client that went away
            pass

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            with contextlib.suppress(ConnectionError):
                _respond(self, state)

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _respond(request: BaseHTTPRequestHandler, state: FileServer) -> None:
    url = urllib.parse.urlsplit(request.path)
    query = dict(urllib.parse.parse_qsl(url.query))
    state.asked.append((url.path, request.headers.get("Range")))
    if url.path == "/uc":
        request.send_response(303)
        request.send_header("Location", f"/download?{urllib.parse.urlencode(query)}")
        request.send_header("Content-Length", "0")
        request.end_headers()
    elif url.path == "/download":
        where = state.drive[query["id"]]
        if where.startswith("<"):
            _page(request, 200, where)
        elif query.get("confirm") != "t":
            _page(request, 200, CONFIRM.format(base=state.base, id=query["id"]))
        else:
            _file(request, state, where)
    elif url.path == "/embeddedfolderview":  # as gdown 6 asks
        page = state.folders.get(query["id"])
        _page(request, 200 if page else 404, page or "<html></html>")
    elif url.path.startswith("/drive/folders/"):  # as gdown 5 does
        page = state.folders.get(url.path.rpartition("/")[2])
        _page(request, 200 if page else 404, (page or "").replace("</title>", " - Google Drive</title>"))
    else:
        _file(request, state, url.path)


def _page(request: BaseHTTPRequestHandler, status: int, text: str) -> None:
    body = text.encode()
    request.send_response(status)
    request.send_header("Content-Type", "text/html; charset=utf-8")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def _file(request: BaseHTTPRequestHandler, state: FileServer, path: str) -> None:
    answer = state.answer(path)
    if answer.page is not None or answer.status != 200 or path not in state.files:
        _page(request, answer.status if path in state.files else 404, answer.page or "<html></html>")
        return
    content = answer.content if answer.content is not None else state.files[path]
    begin, wanted = 0, request.headers.get("Range")
    fresh = request.headers.get("If-Range") in (None, answer.version)
    if wanted and answer.ranges and fresh:
        begin = int(wanted.removeprefix("bytes=").removesuffix("-")) + answer.shift
        if begin >= len(content):
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(content)}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
    body = content[begin:]
    request.send_response(206 if begin else 200)
    request.send_header("Content-Type", "application/octet-stream")
    request.send_header("Content-Disposition", f'attachment; filename="{path.rpartition("/")[2]}"')
    request.send_header("ETag", answer.version)
    if begin:
        request.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
    if answer.chunked:
        request.send_header("Transfer-Encoding", "chunked")
    else:
        request.send_header("Content-Length", str(len(body) + answer.announce))
    request.end_headers()
    send: Callable[[bytes], object] = request.wfile.write
    sent = body if answer.cut is None else body[: answer.cut]
    for start in range(0, len(sent), 1 << 14):
        block = sent[start : start + (1 << 14)]
        send(b"%x\r\n%b\r\n" % (len(block), block) if answer.chunked else block)
        time.sleep(answer.pause_s)
    if answer.chunked and answer.cut is None:
        send(b"0\r\n\r\n")
    if answer.cut is not None or answer.announce:
        request.close_connection = True


def folder_page(name: str, entries: dict[str, tuple[str, bool]]) -> str:
    """A folder for gdown 6 (links) and gdown 5 (the array in a script); entries: id -> (name, is a folder)."""
    links, rows = [], []
    for key, (label, is_folder) in entries.items():
        where = f"drive/folders/{key}" if is_folder else f"file/d/{key}/view"
        links.append(f'<a href="https://drive.google.com/{where}">{label}</a>')
        rows.append([key, None, label, "application/vnd.google-apps.folder" if is_folder else "text/csv"])
    encoded = json.dumps([rows]).replace('"', "\\x22")
    script = f"<script>f('_DRIVE_ivd', '{encoded}')</script>"
    return f"<html><head><title>{name}</title></head><body>{''.join(links)}{script}</body></html>"
