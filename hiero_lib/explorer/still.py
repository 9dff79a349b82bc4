"""What a notebook shows where no kernel answers: the timeline as a picture, which goes when the widget is alive."""

from __future__ import annotations

import base64
import html
import io

from hiero_lib.explorer.session import Session
from hiero_lib.viz.rows import hierarchy_rows
from hiero_lib.viz.timeline import plot_timeline

# The live explorer hides the picture; where there is none, the front end's "model not found" is hidden instead.
_STYLE = """<style>
.jp-OutputArea-child:has(.hiero-still):has(~ .jp-OutputArea-child .hiero-explorer) { display: none; }
.jp-OutputArea-child:has(.hiero-still) ~ .jp-OutputArea-child:has(.jupyter-widgets):not(:has(.hiero-explorer)) {
  display: none; }
</style>"""


def still_html(session: Session) -> str:
    """HTML for an output beside the widget."""
    hierarchy = session.hierarchy
    narrations = session.collection.narrations(session.video_uid)
    figure = plot_timeline(
        hierarchy_rows(hierarchy),
        title=session.title,
        engine="matplotlib",
        narrations=narrations,
        end_s=hierarchy.end_s,
    )
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=80)
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    told = "A still picture: run this cell to look closer, search and correct."
    return (
        f'{_STYLE}<div class="hiero-still"><img src="data:image/png;base64,{data}"'
        f' alt="timeline of {html.escape(session.title)}" style="max-width:100%"><p>{told}</p></div>'
    )
