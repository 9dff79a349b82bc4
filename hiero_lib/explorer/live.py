"""Plotly figures whose clicks reach Python, wherever ipywidgets runs and a page may run scripts.

plotly's own ``FigureWidget`` needs an extension that front ends have in different versions, or not at all. Here a
figure is HTML in an Output widget, and a click writes into a hidden text widget of the same page, which every front
end sends to the kernel. plotly.js is put into the page once and taken from the installed plotly: no network. The
classic notebook fills a widget before it is on the page, and then runs no script of it: `start_html`, in an output of
its own, runs what was left.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import Any

_numbers = itertools.count()

_DRAW = """<div id="%(node)s" class="hiero-figure" style="width:100%%;height:%(height)dpx"></div>
<script>(function () {
  (window.hieroStarted = window.hieroStarted || {})["%(node)s"] = true;
  const spec = %(spec)s, listener = %(listener)s, view = %(view)s;
  let waited = 0;
  function draw() {
    const node = document.getElementById("%(node)s");
    if (!window.Plotly || !node || !node.offsetWidth) {
      if (waited++ < 600) setTimeout(draw, 50);  // plotly.js comes with another output, in any order
      return;
    }
    Plotly.newPlot(node, spec.data, spec.layout, {responsive: true, displaylogo: false}).then(function () {
      node.on("plotly_click", function (event) {
        const point = event.points[0], input = document.querySelector("." + listener + " input");
        if (!input) return;
        const number = Number(point.x);
        input.value = JSON.stringify({
          view: view, curve: point.curveNumber, point: Number.isInteger(point.pointNumber) ? point.pointNumber : null,
          x: Number.isFinite(number) ? number : null, at: Date.now()
        });
        for (const name of ["input", "change"]) input.dispatchEvent(new Event(name, {bubbles: true}));
      });
    });
  }
  draw();
})();</script>"""

_LOAD = """<span id="%s" class="hiero-plotly"></span>
<script>(function () {
  (window.hieroStarted = window.hieroStarted || {})["%s"] = true;
  if (window.Plotly) return;
  const define = undefined, module = undefined, exports = undefined;  // require.js would keep it to itself
  %s
  if (!window.Plotly && typeof this.Plotly !== "undefined") window.Plotly = this.Plotly;
}).call(window);</script>"""

_START = """<script>(function () {
  let looked = 0;
  function look() {
    for (const place of document.querySelectorAll(".hiero-plotly, .hiero-figure")) {
      const script = place.nextElementSibling;
      if (!script || script.tagName !== "SCRIPT" || (window.hieroStarted || {})[place.id]) continue;
      place.hieroSeen = (place.hieroSeen || 0) + 1;
      if (place.hieroSeen < 4) continue;  // the page may be about to run it
      const again = document.createElement("script");
      again.textContent = script.textContent;
      script.replaceWith(again);
    }
    if (looked++ < 240) setTimeout(look, 250);
  }
  look();
})();</script>"""


@dataclass(frozen=True)
class Click:
    """A click on a figure: which one, and the trace and point of it that was met; ``x`` where that is a number."""

    view: str
    curve: int
    point: int | None
    x: float | None


def load_plotly_html() -> str:
    """plotly.js for a page that has none yet; where it is there already, nothing happens."""
    from plotly.offline import get_plotlyjs

    node = f"hiero-plotly-{next(_numbers)}"
    return _LOAD % (node, node, get_plotlyjs())


def start_html() -> str:
    """For an output beside the widgets: runs, within a minute, the scripts that a page has inserted but not run."""
    return _START


def figure_html(figure: Any, *, view: str, listener: str) -> str:
    """A figure as HTML for an output of a notebook.

    Args:
        figure: plotly's.
        view: name of the figure, which its clicks carry.
        listener: class of the text widget that receives them.
    """
    spec = json.loads(figure.to_json())
    height = int(spec["layout"].get("height") or 450)
    return _DRAW % {
        "node": f"{listener}-{next(_numbers)}",
        "height": height,
        "spec": _script(spec),
        "listener": _script(listener),
        "view": _script(view),
    }


def read_click(text: str) -> Click | None:
    """The click that the hidden text widget received; None where it is not a click."""
    try:
        message = json.loads(text)
        x, point = message["x"], message["point"]
        return Click(
            str(message["view"]),
            int(message["curve"]),
            None if point is None else int(point),
            None if x is None else float(x),
        )
    except (ValueError, TypeError, KeyError):
        return None


def _script(value: Any) -> str:
    """JSON that may stand inside a script element."""
    return json.dumps(value).replace("<", "\\u003c")
