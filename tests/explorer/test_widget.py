"""The anywidget over a session: traits, messages, and what the page sets by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs

from hiero_lib.explorer.widget import make_widget
from hiero_lib.front.module import explorer_js
from tests.helpers.explored import Opened


def sent(widget: Any) -> list[tuple[Any, Any]]:
    """What goes to the page as messages, from now on."""
    messages: list[tuple[Any, Any]] = []
    widget.send = lambda content, buffers=None: messages.append((content, buffers))
    return messages


def test_every_value_of_the_session_is_a_trait_that_follows(opened: Opened, tmp_path: Path) -> None:
    session = opened.session(tmp_path)
    widget = make_widget(session)
    assert widget._esm == explorer_js()
    for name, value in session.state.items():
        assert getattr(widget, name) == value
        assert widget.trait_metadata(name, "sync") is True
    widget._handle_custom_msg({"do": "edit", "operation": "rename", "thread": 0, "name": "x", "id": 7}, [])
    assert widget.edits["lines"] == ["thread 0 is “x”"]
    assert widget.heard == 7


def test_the_page_keeps_its_range_in_the_session(opened: Opened) -> None:
    session = opened.session(None)
    widget = make_widget(session)
    widget.range = [1.0, 2.0]
    assert session.state["range"] == [1.0, 2.0]


def test_plotly_and_a_video_are_sent_when_they_are_asked_for(opened: Opened) -> None:
    video = opened.root / "data" / "raw" / "videos" / "v1.mp4"
    video.parent.mkdir(parents=True, exist_ok=True)
    video.write_bytes(b"not really a video")
    try:
        session = opened.session(None, video_uid="v1")
        widget = make_widget(session)
        messages = sent(widget)
        widget._handle_custom_msg({"do": "plotly", "id": 1}, [])
        widget._handle_custom_msg({"do": "video", "id": 2}, [])
        assert messages[0][0]["plotly"] == get_plotlyjs()
        assert messages[1] == ({"video": True, "type": "video/mp4", "key": "v1"}, [b"not really a video"])
        assert widget.heard == 2
        widget._handle_custom_msg("not a message", [])
        session.do({"do": "pictures"})  # nothing of it can be read, which is no error
        assert session.state["pictures"] is None
        assert session.state["note"] is None
    finally:
        video.unlink()
