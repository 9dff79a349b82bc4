import pytest

from hiero_lib.viz.page import broken, drawn, markup, page_layout, tick_times, time_axis
from hiero_lib.viz.palette import THEMES


def test_the_engine_decides() -> None:
    assert drawn("plotly", lambda: 1, lambda: 2) == 1
    assert drawn("matplotlib", lambda: 1, lambda: 2) == 2
    with pytest.raises(ValueError, match="'bokeh'"):
        drawn("bokeh", lambda: 1, lambda: 2)


def test_ticks_of_a_part_are_at_round_times() -> None:
    assert tick_times(70, most=8, start_s=61.5) == [62, 64, 66, 68, 70]
    axis = time_axis(7200, THEMES["dark"], start_s=3500)
    assert axis["ticktext"][:2] == ["1:00:00", "1:10:00"]
    assert axis["range"] == [3500, 7200]


def test_texts_are_escaped_and_broken_between_words() -> None:
    assert markup("a <b>\n& c") == "a &lt;b&gt;<br>&amp; c"
    assert broken("pick up the lever", 8) == ["pick up", "the", "lever"]
    assert broken("screwdriver", 4) == ["screwdriver"]
    assert broken("", 4) == [""]
    title = page_layout("A <b>", THEMES["light"], height=100, note="x < y")["title"]["text"]
    assert title.startswith("A &lt;b&gt;<br>")
    assert "x &lt; y" in title
