"""The anywidget: a session's values as traits of the same names, and what the page does as messages to it."""

from __future__ import annotations

from typing import Any

from hiero_lib.explorer.previews import MOST_BYTES
from hiero_lib.explorer.session import Session
from hiero_lib.front.module import explorer_css, explorer_js

_FROM_THE_PAGE = ("range", "choice", "level")  # that the page sets by itself


def make_widget(session: Session) -> Any:
    """A widget that shows a session.

    Raises:
        ImportError: anywidget is not installed.
    """
    import anywidget
    import traitlets

    values = dict.fromkeys(session.state)

    class ExplorerWidget(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
        """See `hiero_lib.explorer.explorer.Explorer`."""

        _esm = explorer_js()
        _css = explorer_css()

        def __init__(self) -> None:
            super().__init__(**session.state)
            self.on_msg(self._receive)
            self.observe(self._from_page, names=[name for name in _FROM_THE_PAGE if name in values])

        def take(self, changed: dict[str, Any]) -> None:
            """Values that the session has changed."""
            with self.hold_sync():
                for name, value in changed.items():
                    setattr(self, name, value)

        def _receive(self, _: Any, message: Any, buffers: Any) -> None:
            if not isinstance(message, dict):
                return
            if message.get("do") not in ("plotly", "video"):
                self.take(session.do(message))
                return
            if message["do"] == "plotly":
                from plotly.offline import get_plotlyjs

                self.send({"plotly": get_plotlyjs()})
            else:
                self._send_video()
            self.take({"heard": message.get("id", 0)})

        def _send_video(self) -> None:
            video = session.played(session.video_uid)
            if video is None:
                return
            if video.stat().st_size > MOST_BYTES:
                limit = MOST_BYTES // 2**20
                text = f"{video.name} is larger than {limit} MB: make a small preview, or play it in `hiero serve`."
                self.take({"note": {"text": text, "kind": "error", "number": -1}})
                return
            kind = "video/webm" if video.suffix.lower() == ".webm" else "video/mp4"
            key = session.state["media"]["key"]
            self.send({"video": True, "type": kind, "key": key}, buffers=[video.read_bytes()])

        def _from_page(self, change: Any) -> None:
            if session.state[change["name"]] != change["new"]:
                session.state[change["name"]] = change["new"]

    traits = {name: traitlets.Any(allow_none=True).tag(sync=True) for name in values}
    made = type("ExplorerWidget", (ExplorerWidget,), traits)
    return made()
