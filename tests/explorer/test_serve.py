"""The local server: who is let in, what is answered, and parts of a video."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hiero_lib.explorer.serve import ExplorerServer
from tests.helpers.explored import Opened, served


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    made = Opened(tmp_path_factory.mktemp("serve"))
    videos = made.root / "data" / "raw" / "videos"
    videos.mkdir(parents=True)
    (videos / "v1.mp4").write_bytes(bytes(range(256)) * 4)
    return made


@pytest.fixture
def server(opened: Opened, tmp_path: Path) -> Iterator[ExplorerServer]:
    with served(opened.session(tmp_path, index=False), token="secret") as running:
        yield running


def ask(server: ExplorerServer, path: str, *, method: str = "GET", body: Any = None, **headers: str) -> Any:
    """The answer to one request; with the cookie where ``token`` is given."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    token = headers.pop("token", None)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        sent["Cookie"] = f"hiero-{server.port}={token}"
    connection.request(method, path, body=body, headers=sent)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content, dict(answer.getheaders())


def test_nobody_is_let_in_without_the_token(server) -> None:
    assert "token=secret" in server.address
    for path in ("/", "/state", "/explorer.js", "/video?uid=v1", "/?token=other", "/?token=", "/?token=%C3%A9"):
        status, content, _ = ask(server, path)
        assert status == 403, path
        assert b"secret" not in content
    for token in ("", "other", "secretx", "é"):
        assert ask(server, "/state", token=token.encode().decode("latin-1"))[0] == 403
    assert ask(server, "/do", method="POST", body="{}")[0] == 403
    status, content, headers = ask(server, "/?token=secret")
    assert status == 200
    assert b"served.js" in content
    assert b"secret" not in content
    assert "HttpOnly; SameSite=Strict" in headers["Set-Cookie"]
    assert ask(server, "/", token="secret")[0] == 200


def test_other_hosts_and_pages_are_refused(server) -> None:
    assert ask(server, "/state", token="secret", Host="evil.example")[0] == 403
    assert ask(server, "/state", token="secret", Host=f"localhost:{server.port}")[0] == 200
    post = {"method": "POST", "body": '{"do": "videos", "filter": ""}', "token": "secret"}
    assert ask(server, "/do", **post, Origin="http://evil.example")[0] == 403
    assert ask(server, "/do", **post, Origin="null")[0] == 403
    assert ask(server, "/do", **post, Origin=f"http://127.0.0.1:{server.port}")[0] == 200


def test_the_page_and_its_parts_come_with_their_rules(server) -> None:
    for path, kind in (("/", "text/html"), ("/explorer.js", "text/javascript"), ("/explorer.css", "text/css")):
        status, content, headers = ask(server, path, token="secret")
        assert status == 200
        assert headers["Content-Type"].startswith(kind)
        assert len(content) == int(headers["Content-Length"])
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert b"Plotly" in ask(server, "/plotly.js", token="secret")[1]
    assert ask(server, "/../../etc/passwd", token="secret")[0] == 404
    assert ask(server, "/nothing", token="secret")[0] == 404


def test_what_is_done_brings_what_has_changed(server) -> None:
    state = json.loads(ask(server, "/state", token="secret")[1])
    assert state["options"]["plotly"] == "plotly.js"
    body = json.dumps({"do": "edit", "operation": "rename", "thread": 0, "name": "ä </script>", "id": 3})
    status, content, _ = ask(server, "/do", method="POST", body=body.encode(), token="secret")
    changed = json.loads(content)
    assert (status, changed["heard"]) == (200, 3)
    assert changed["scene"]["threads"]["0"]["name"] == "ä </script>"
    assert "options" not in changed
    for body, expected in (("[]", 400), ("{", 400), ("[" * 100_000, 400)):
        assert ask(server, "/do", method="POST", body=body, token="secret")[0] == expected
    for length in ("2000000", "-1", "x"):  # what is too long is refused before it is read
        assert ask(server, "/do", method="POST", body="x", token="secret", Content_Length=length)[0] == 400
    assert ask(server, "/other", method="POST", body="{}", token="secret")[0] == 400


def test_the_page_that_was_written_last_and_no_other_file(server, tmp_path: Path) -> None:
    assert ask(server, "/page?name=v0.html", token="secret")[0] == 404  # none was written
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "other.html").write_text("other")
    message = json.dumps({"do": "export", "id": 1}).encode()
    changed = json.loads(ask(server, "/do", method="POST", body=message, token="secret")[1])
    written = changed["written"]
    assert written["note"] == changed["note"]["text"]
    (page,) = set((tmp_path / "exports").glob("*.html")) - {tmp_path / "exports" / "other.html"}
    assert (written["path"], written["name"]) == (page.as_posix(), page.name)
    status, content, headers = ask(server, f"/{written['url']}", token="secret")
    assert (status, content) == (200, page.read_bytes())
    policy = headers["Content-Security-Policy"]
    assert "sandbox allow-scripts;" in policy
    assert "default-src 'none'; script-src 'unsafe-inline';" in policy
    assert ask(server, f"/{written['url']}")[0] == 403
    for name in ("other.html", "", "../run.json", "%2e%2e/exports/other.html", str(page)):
        assert ask(server, f"/page?name={name}", token="secret")[0] == 404
    page.unlink()
    assert ask(server, f"/{written['url']}", token="secret")[0] == 404


def test_a_player_gets_the_part_of_a_video_that_it_asks_for(server) -> None:
    whole = bytes(range(256)) * 4
    status, content, headers = ask(server, "/video?uid=v1", token="secret")
    assert (status, content, headers["Accept-Ranges"]) == (200, whole, "bytes")
    for asked, expected in (
        ("0-9", whole[:10]),
        ("1000-", whole[1000:]),
        ("-5", whole[-5:]),
        ("1020-9999", whole[1020:]),
    ):
        status, content, headers = ask(server, "/video?uid=v1", token="secret", Range=f"bytes={asked}")
        assert (status, content) == (206, expected)
        assert headers["Content-Range"].endswith("/1024")
    for asked in ("2000-", "5-2", "a-b", "", "-"):
        assert ask(server, "/video?uid=v1", token="secret", Range=f"bytes={asked}")[0] == 416, asked
    for uid in ("v2", "nobody", "../../../etc/passwd", ""):
        assert ask(server, f"/video?uid={uid}", token="secret")[0] == 404
    opened = json.loads(ask(server, "/do", method="POST", body='{"do": "open", "uid": "v1"}', token="secret")[1])
    assert opened["media"]["url"] == "video?uid=v1"
