"""The video beside the explorer: a player that goes where one clicks, a strip of frames, or nothing."""

from __future__ import annotations

import base64
import html
import itertools
from pathlib import Path
from typing import Any

from hiero_lib.data.media import Media
from hiero_lib.viz.page import clock

_MOST_BYTES = 200 * 2**20  # a longer file is not sent to the browser through the kernel

_SEEK = """<script>(function () {
  let waited = 0;
  function seek() {
    const player = document.querySelector(".%(name)s video, video.%(name)s");
    if (player) player.currentTime = %(start)s;
    else if (waited++ < 200) setTimeout(seek, 50);  // a video just opened comes with another message
  }
  seek();
})();</script>"""


class Player:
    """A widget for whatever there is of a video.

    Args:
        name: part of the class by which the page finds a video; unique on the page.

    Attributes:
        widget: put it anywhere; it is empty where there is nothing to show.
    """

    def __init__(self, name: str) -> None:
        import ipywidgets as widgets

        self._names = (f"{name}-player-{number}" for number in itertools.count())
        self._media, self._plays = Media(), False
        self._script = widgets.Output()
        self._box = widgets.VBox()
        self.widget = widgets.VBox([self._box, self._script])

    def open(self, media: Media) -> None:
        """Show another video."""
        import ipywidgets as widgets

        self._media, self._script.outputs = media, ()
        self._name = next(self._names)  # a new one, so that no seek meets the video before
        self._box.children = ()
        self._plays = media.video is not None and media.video.stat().st_size <= _MOST_BYTES
        if media.video is not None and self._plays:
            video = widgets.Video.from_file(str(media.video), autoplay=False, loop=False, width="100%")
            video.add_class(self._name)
            self._box.children = (video,)
        elif media.video is not None and not media.frames:
            limit = _MOST_BYTES // 2**20
            self._box.children = (_told(f"{media.video.name} is larger than {limit} MB: not shown."),)
        elif media.note and not media.frames:
            self._box.children = (_told(media.note),)

    def seek(self, start_s: float, end_s: float) -> None:
        """Go to a time: the player jumps to ``start_s``, the strip shows frames of the span."""
        import ipywidgets as widgets

        if self._plays:
            text = _SEEK % {"name": self._name, "start": f"{start_s:.3f}"}
            output: dict[str, Any] = {"output_type": "display_data", "data": {"text/html": text}, "metadata": {}}
            self._script.outputs = (output,)
        elif self._media.frames:
            shown = self._media.frames_between(start_s, end_s)
            self._box.children = (widgets.HTML("".join(_picture(at, path) for at, path in shown)),)


def _told(text: str) -> Any:
    """A paragraph of plain text."""
    import ipywidgets as widgets

    return widgets.HTML(f"<p>{html.escape(text)}</p>")


def _picture(at_s: float, path: Path) -> str:
    kind = "png" if path.suffix.lower() == ".png" else "jpeg"
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    time = clock(at_s, decimals=1)
    return (
        f'<figure style="display:inline-block;margin:2px"><img src="data:image/{kind};base64,{data}" height="80"'
        f' alt="frame at {time}"><figcaption style="font-size:11px">{time}</figcaption></figure>'
    )
