import dataclasses
import itertools
import json

import pytest
import torch
from matplotlib.text import Text

from hiero_lib.data.narrations import Narrations
from hiero_lib.viz.grounding import GroundingPanel, plot_grounding
from hiero_lib.viz.page import broken, drawn, legend_below, markup, page_layout, tick_times, time_axis
from hiero_lib.viz.palette import THEMES
from tests.helpers.every_figure import every_figure
from tests.helpers.made_up import THREE, record


def test_the_engine_decides() -> None:
    assert drawn("plotly", lambda: 1, lambda: 2) == 1
    assert drawn("matplotlib", lambda: 1, lambda: 2) == 2
    with pytest.raises(ValueError, match="'bokeh'"):
        drawn("bokeh", lambda: 1, lambda: 2)


@pytest.mark.parametrize("text", ["puts $\\x$ in", "$$", "costs $5 or $6", "$\\frac$"])
def test_a_dollar_sign_is_printed_as_it_is(text: str, tmp_path) -> None:
    named = [
        dataclasses.replace(level, names={thread: f"{text} {thread}" for thread in level.seconds()})
        for level in record(THREE, channels=6, network=[[-1] * 40, [0] * 20, [0] * 10]).levels
    ]
    video = dataclasses.replace(record(THREE, channels=6), levels=tuple(named))
    narrations, embedded = Narrations([1.0], [text]), torch.randn(6)
    figures = every_figure(
        video, title=text, query=text, text=embedded, narrations=narrations, level=0, engine="matplotlib"
    )
    panel = GroundingPanel(text, 20.0, (1.0, 3.0), {"HiERO": [(1.0, 2.0)]})
    figures["grounding"] = plot_grounding([panel], title=text, engine="matplotlib")
    for figure in figures.values():
        for suffix in ("png", "svg"):
            figure.savefig(tmp_path / f"f.{suffix}")
        seen = [found.get_text() for found in figure.findobj(Text)]
        assert any(text in found for found in seen)


def test_ticks_of_a_part_are_at_round_times() -> None:
    assert tick_times(70, most=8, start_s=61.5) == [62, 64, 66, 68, 70]
    axis = time_axis(7200, THEMES["dark"], start_s=3500)
    assert axis["ticktext"][:3] == ["1:00:00", "", "1:20:00"]
    assert axis["tickvals"][:3] == [3600, 4200, 4800]
    assert axis["range"] == [3500, 7200]
    assert time_axis(0.5, THEMES["dark"])["ticktext"] == ["00:00"]


def test_times_have_room_side_by_side_on_a_narrow_page() -> None:
    for end_s in (40, 199, 216, 300, 490, 1748, 3599, 3600, 7000, 50_000):
        axis = time_axis(end_s, THEMES["light"])
        labels = [(tick / end_s * 229, len(text)) for tick, text in zip(axis["tickvals"], axis["ticktext"]) if text]
        digits = 6.6 if end_s < 3600 else 6.0  # pixels of one, of 13 points
        assert all(b[0] - a[0] >= digits * a[1] - 1 for a, b in itertools.pairwise(labels)), (end_s, labels)
        assert len(labels) >= 3


def test_texts_are_escaped_and_broken_between_words() -> None:
    assert markup("a <b>\n& c") == "a &lt;b&gt;<br>&amp; c"
    assert broken("pick up the lever", 8) == ["pick up", "the", "lever"]
    assert broken("screwdriver", 4) == ["screwdriver"]
    assert broken("", 4) == [""]
    title = page_layout("A <b>", THEMES["light"], height=100, note="x < y")["title"]["text"]
    assert title.startswith("A &lt;b&gt;<br>")
    assert "x &lt; y" in title
    long = page_layout("one & two " * 9, THEMES["light"], height=100)["title"]["text"].split("<br>")
    assert [line.replace("&amp;", "&") for line in long] == ["one & two " * 7 + "one", "& two one & two"]


EVIL = '<img src=x onerror=alert(1)> &amp; "%{x}" $\\href{javascript:1}{x}$'


def _strings(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in _strings(one)]
    if isinstance(value, list):
        return [text for one in value for text in _strings(one)]
    return [value] if isinstance(value, str) else []


def test_texts_from_data_are_text_in_every_figure() -> None:
    """Names, narrations, queries and titles: no element, formula or template begins in one."""
    named = [
        dataclasses.replace(level, names={thread: f"{EVIL} {thread}" for thread in level.seconds()})
        for level in record(THREE, channels=6, network=[[-1] * 40, [0] * 20, [0] * 10]).levels
    ]
    video = dataclasses.replace(record(THREE, channels=6), levels=tuple(named))
    figures = every_figure(
        video,
        title=EVIL,
        query=EVIL,
        text=torch.randn(6),
        narrations=Narrations([1.0], [EVIL]),
        level=0,
        engine="plotly",
    )
    panel = GroundingPanel(EVIL, 20.0, (1.0, 3.0), {EVIL: [(1.0, 2.0)]})
    figures["grounding"] = plot_grounding([panel], title=EVIL, engine="plotly")
    for name, figure in figures.items():
        texts = _strings(json.loads(figure.to_json(validate=False)))
        assert any("&lt;img" in text for text in texts), name
        assert not [text for text in texts if "<img" in text or '"%{x}"' in text or "$" in text], name


def test_a_legend_below_takes_no_width() -> None:
    import plotly.graph_objects as go

    legend = go.Figure(layout={"legend": legend_below()}).layout.legend
    assert (legend.orientation, legend.yref, legend.y) == ("h", "container", 0)


def test_a_title_of_two_lines_begins_no_higher_than_one_of_one_line() -> None:
    """Plotly lifts a title by half a line for each line more."""
    one, two = (page_layout("word " * words, THEMES["light"], height=300)["title"] for words in (3, 20))
    assert (one["text"].count("\n") + one["text"].count("<br>"), two["text"].count("<br>")) == (0, 1)
    assert (one["pad"]["t"], two["pad"]["t"]) == (16, 25)
