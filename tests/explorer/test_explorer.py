"""The explorer's public face in a notebook."""

from __future__ import annotations

from hiero_lib.explorer.explorer import Explorer
from tests.helpers.explored import Opened


def test_what_is_done_from_code_is_seen_in_the_widget(opened: Opened) -> None:

    explorer = Explorer(opened.collection, opened.method, video_uid="v2", level=2, theme="dark")
    assert (explorer.video_uid, explorer.level, explorer.query) == ("v2", 2, "")
    widget = explorer.show()
    assert widget is explorer.widget
    assert widget.theme == "dark"
    assert widget.scene["uid"] == "v2"
    explorer.do("search", text="cuts the onion")
    assert widget.query == explorer.query == "cuts the onion"
    assert widget.answers["items"]
    explorer.do("open", uid="v4")
    assert widget.scene["uid"] == explorer.video_uid == explorer.hierarchy.video_uid == "v4"
