"""Against a server that lies: after a resume the bytes are the same, or what happened is said."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests

from hiero_lib.base.errors import DownloadError
from hiero_lib.sources.download import transfer
from hiero_lib.sources.download.transfer import Policy, Stopped, fetch, starts_like_a_page
from tests.helpers.file_server import LOGIN, Answer, FileServer, serve

CONTENT = bytes(range(256)) * 4000  # 1 MB
QUICK = Policy(attempts=3, wait_s=0.001, timeout_s=5)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serve() as state:
        state.files["/a.bin"] = CONTENT
        yield state


def get(server: FileServer, part: Path, **options) -> int | None:
    with requests.Session() as session:
        return fetch(f"{server.base}/a.bin", part, session=session, **({"policy": QUICK} | options))


CUT = Answer(cut=300_000)
RIGHT_IN_THE_END = {
    "plainly": [Answer()],
    "cut off twice": [CUT, CUT, Answer()],
    "ranges ignored": [CUT, Answer(ranges=False)],
    "cut off, then ranges ignored and cut off": [CUT, Answer(ranges=False, cut=700_000), Answer()],
    "chunks, cut off": [Answer(chunked=True, cut=500_000), Answer()],
    "more announced than there is": [Answer(announce=100), Answer()],
    "another place than asked for": [CUT, Answer(shift=7), Answer()],
    "replaced on the server": [Answer(content=CONTENT[::-1], version='"v0"', cut=300_000), Answer()],
    "replaced, by a server without If-Range": [Answer(content=b"x" * 900_000, cut=300_000), Answer()],
    "a proxy fails": [Answer(status=503), Answer(status=502), Answer()],
    "too many requests": [CUT, Answer(status=429), Answer()],
    "cut off at once": [Answer(cut=0), Answer(cut=0), Answer()],
}


@pytest.mark.parametrize("case", RIGHT_IN_THE_END)
def test_the_same_bytes_in_the_end(case: str, server: FileServer, tmp_path: Path) -> None:
    server.answers["/a.bin"] = list(RIGHT_IN_THE_END[case])
    part = tmp_path / "a.bin.part"
    get(server, part)
    assert part.read_bytes() == CONTENT


FAILS = {
    "always cut off": (Answer(cut=0), "ended after 0 of 1024000 bytes.*3 attempts in a row"),
    "always cut off, no ranges": (Answer(cut=300_000, ranges=False), "3 attempts in a row brought nothing new"),
    "not there": (Answer(status=404), "nothing at this address any more .HTTP 404"),
    "forbidden": (Answer(status=403), "no permission, or a licence that has ended"),
    "proxy wants a login": (Answer(status=407), "proxy asks for a login: set HTTPS_PROXY"),
    "proxy fails": (Answer(status=504), "a proxy before it, fails .HTTP 504.*3 attempts"),
    "login page": (Answer(page=LOGIN), "a login page came instead of the file .Google Drive: Sign-in"),
    "captive portal": (Answer(page="<html><title>Welcome to\n WiFi</title>"), "a web page came.*Welcome to WiFi"),
}


@pytest.mark.parametrize("case", FAILS)
def test_what_happened_is_said(case: str, server: FileServer, tmp_path: Path) -> None:
    answer, message = FAILS[case]
    server.answers["/a.bin"] = [answer]
    with pytest.raises(DownloadError, match=message):
        get(server, tmp_path / "a.bin.part")


def test_only_the_rest_is_asked_for(server: FileServer, tmp_path: Path) -> None:
    server.answers["/a.bin"] = [CUT, Answer()]
    get(server, tmp_path / "a.part")
    first, second = server.asked
    assert first == ("/a.bin", None)
    assert second[1] is not None
    assert 0 < int(second[1].removeprefix("bytes=").removesuffix("-")) <= 300_000
    get(server, tmp_path / "a.part")  # complete: nothing is asked
    assert len(server.asked) == 2


def test_a_part_of_another_address_is_not_joined_to(server: FileServer, tmp_path: Path) -> None:
    part = tmp_path / "a.bin.part"
    part.write_bytes(b"y" * 1000)
    get(server, part)
    assert part.read_bytes() == CONTENT
    server.files["/b.bin"] = b"other" * 1000
    with requests.Session() as session:
        fetch(f"{server.base}/b.bin", part, session=session, policy=QUICK)
    assert part.read_bytes() == b"other" * 1000


def test_a_known_size_tells_a_lie(server: FileServer, tmp_path: Path) -> None:
    server.answers["/a.bin"] = [Answer(announce=-24_000), Answer()]
    part = tmp_path / "a.bin.part"
    get(server, part, size=len(CONTENT))
    assert part.read_bytes() == CONTENT
    with pytest.raises(DownloadError, match="the server has a file of 1024000 bytes; 5 are expected"):
        get(server, tmp_path / "b.part", size=5)


def test_a_dead_proxy_is_named(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")
    with pytest.raises(DownloadError, match="the proxy does not let it through: see HTTPS_PROXY"):
        get(server, tmp_path / "a.part")


def test_no_connection_is_tried_again(tmp_path: Path) -> None:
    session = requests.Session()
    session.trust_env = False
    said: list[str] = []
    with session, pytest.raises(DownloadError, match=r"no connection .*refused\); 3 attempts in a row"):
        fetch("http://127.0.0.1:1/a", tmp_path / "a.part", session=session, policy=QUICK, say=said.append)
    (line,) = said  # at the first failure, for the others take a while
    assert line.startswith("http://127.0.0.1:1/a: no connection ")
    assert line.endswith("; it is tried again")


def test_a_full_disk_is_seen_before_it_is_full(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=500_000))
    with pytest.raises(DownloadError, match=r"too full: 0\.00 GB are needed.*take another data_root"):
        get(server, tmp_path / "a.part")
    assert not (tmp_path / "a.part").exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_500_000 + QUICK.spare_bytes))
    with pytest.raises(DownloadError, match="too full"):  # an archive needs its size again
        get(server, tmp_path / "a.part", room=2.0)
    get(server, tmp_path / "a.part")


def test_what_never_ends_does_not_fill_the_disk(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/a.bin"] = [Answer(chunked=True)]
    monkeypatch.setattr(transfer, "_LOOK_EVERY", 300_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=QUICK.spare_bytes - 1))
    with pytest.raises(DownloadError, match="too full"):
        get(server, tmp_path / "a.part")
    assert (tmp_path / "a.part").stat().st_size < len(CONTENT)


def test_a_disk_that_becomes_full_is_named(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = Path.open

    def full(self: Path, mode: str = "r", *rest, **named):
        if self.suffix == ".part" and mode != "rb":
            raise OSError(28, "No space left on device")
        return really(self, mode, *rest, **named)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(DownloadError, match=r"a\.part.*No space left on device.*GB are free"):
        get(server, tmp_path / "a.part")


def test_it_stops_when_asked_and_goes_on_later(server: FileServer, tmp_path: Path) -> None:
    stop, part = threading.Event(), tmp_path / "a.part"
    with pytest.raises(Stopped):
        get(server, part, stop=stop, on_bytes=lambda done, total: stop.set() if done else None)
    assert 0 < part.stat().st_size < len(CONTENT)
    get(server, part, stop=threading.Event())
    assert part.read_bytes() == CONTENT
    assert server.asked[-1][1] is not None


@pytest.mark.parametrize(
    ("content", "is_page"),
    [(b"\n <!DOCTYPE html>", True), (b"<HTML>", True), (b'{"a": "<html>"}', False), (b"", False)],
)
def test_a_page_is_told_from_a_file(content: bytes, is_page: bool, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    assert starts_like_a_page(tmp_path / "a") == is_page
