"""The player beside the explorer: a file, frames, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from hiero_lib.data.media import Media
from hiero_lib.explorer.player import Player


def test_the_player_goes_where_one_clicks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = tmp_path / "v.mp4"
    film.write_bytes(b"film")
    player = Player("listener")
    player.open(Media(film))
    assert type(player._box.children[0]).__name__ == "Video"
    player.seek(12.5, 14.0)
    assert "currentTime = 12.500" in player._script.outputs[0]["data"]["text/html"]
    picture = tmp_path / "13.0.jpg"
    picture.write_bytes(b"jpeg")
    player.open(Media(None, ((13.0, picture),)))
    player.seek(12.5, 14.0)
    assert 'alt="frame at 00:13.0"' in player._box.children[0].value
    monkeypatch.setattr("hiero_lib.explorer.player._MOST_BYTES", 3)  # the film is longer
    player.open(Media(film))
    assert "v.mp4 is larger" in player._box.children[0].value
    player.open(Media(film, ((13.0, picture),)))
    player.seek(12.5, 14.0)
    assert 'alt="frame at 00:13.0"' in player._box.children[0].value
    player.open(Media())
    player.seek(0.0, 1.0)
    assert player._box.children == ()


def test_a_video_that_is_opened_gets_no_seek_of_the_one_before(tmp_path: Path) -> None:
    film = tmp_path / "v.mp4"
    film.write_bytes(b"film")
    player = Player("listener")
    seen = []
    for _ in range(2):
        player.open(Media(film))
        assert player._script.outputs == ()
        player.seek(1.0, 2.0)
        seen.append(player._script.outputs[0]["data"]["text/html"])
    assert "listener-player-0" in seen[0]
    assert "listener-player-0" not in seen[1]


def test_a_files_name_is_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = tmp_path / "<img src=x onerror=alert(1)>&amp;.mp4"
    film.write_bytes(b"film")
    monkeypatch.setattr("hiero_lib.explorer.player._MOST_BYTES", 3)
    player = Player("listener")
    player.open(Media(film))
    assert "&lt;img src=x onerror=alert(1)&gt;&amp;amp;.mp4 is larger" in player._box.children[0].value
    player.open(Media(note=f"{film.name} is another file"))
    assert "<img" not in player._box.children[0].value
    assert "is another file" in player._box.children[0].value
