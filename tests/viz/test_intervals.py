"""Results as dots: every value in its place, quoted ones apart, several runs beside one another."""

from __future__ import annotations

from typing import Any

import pytest

from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED
from hiero_lib.results.entries import Entry, all_entries
from hiero_lib.viz.intervals import interval_panels, plot_intervals
from hiero_lib.viz.palette import method_color


def result(
    method: str, metric: str, value: float | None, *, interval: bool = True, published: float | None = None
) -> dict:
    measured = None
    if value is not None:
        measured = {"value": value, "n": 10, "interval": [value - 0.1, value + 0.05] if interval else None}
    row = {"benchmark": "B", "method": method, "metric": metric, "result": measured, "published": published}
    return row | {"note": "", "thread_graph": None}


ROWS = [
    result(UNTRAINED, "R1@0.3", 0.5),
    result(HIERO, "R1@0.3", 0.625),
    result(HIERO, "mIoU", 0.25, interval=False),
    result("HiERO minus untrained features", "R1@0.3", 0.125),
    result("EgoVLP", "R1@0.3", None, published=0.4),
]


def run(name: str, rows: list[dict] = ROWS, *, sample: bool = True) -> dict[str, Any]:
    section = {"rows": rows, "config": {}, "is_sample": sample, "seed": 7, "environment": {}}
    return {"run": name, "sections": {"b": section}}


def entries(*names: str) -> list[Entry]:
    return all_entries([run(name) for name in names])


def test_a_panel_a_measure_and_a_row_a_method_with_what_is_quoted_last() -> None:
    rows, panels = interval_panels(entries("r"))
    assert rows == [UNTRAINED, HIERO, "EgoVLP, published"]
    assert [panel.title for panel in panels] == ["R1@0.3", "mIoU"]
    drawn = [(dot.y, dot.value, dot.low, dot.high, dot.color, dot.quoted) for dot in panels[0].dots]
    assert drawn == [
        (0.0, 50.0, 40.0, pytest.approx(55.0), method_color(UNTRAINED), False),
        (1.0, 62.5, pytest.approx(52.5), pytest.approx(67.5), method_color(HIERO), False),
        (2.0, 40.0, None, None, None, True),
    ]
    assert [(dot.y, dot.low) for dot in panels[1].dots] == [(1.0, None)]
    assert "95 %: 40.0 to 55.0" in panels[0].dots[0].hover
    assert "n 10" in panels[0].dots[0].hover


def test_differences_are_drawn_apart_and_measures_can_be_chosen() -> None:
    rows, panels = interval_panels(entries("r"), differences=True)
    assert rows == ["HiERO minus untrained features"]
    assert [dot.value for panel in panels for dot in panel.dots] == [12.5]
    assert [panel.title for panel in interval_panels(entries("r"), metrics=["mIoU"])[1]] == ["mIoU"]


def test_several_runs_stand_beside_one_another_and_quotes_once() -> None:
    rows, (panel, _) = interval_panels(entries("a", "b", "c"))
    assert len(rows) == 3
    hiero = [dot for dot in panel.dots if round(dot.y) == 1 and not dot.quoted]
    assert [(dot.group, dot.y) for dot in hiero] == [("a", 0.75), ("b", 1.0), ("c", 1.25)]
    assert len({dot.color for dot in hiero}) == 3
    assert sum(dot.quoted for dot in panel.dots) == 1
    assert "run b" in hiero[1].hover


def test_a_row_that_no_panel_beside_it_has_a_dot_in_is_not_drawn() -> None:
    """Nothing was published of mIoU: under the other two measures its panel has the methods alone."""
    more = [*ROWS, result(HIERO, "R5@0.3", 0.75), result("EgoVLP", "R5@0.3", None, published=0.5)]
    ordered = sorted(more, key=lambda row: row["metric"] == "mIoU")
    lines = all_entries([run("r", ordered)])
    whole, alone = [UNTRAINED, HIERO, "EgoVLP, published"], [HIERO]
    plotly = plot_intervals(lines, title="t")
    axes = [plotly.layout[f"yaxis{number}"] for number in ("", 2, 3)]
    assert [list(axis.ticktext) for axis in axes] == [whole, whole, alone]
    assert [trace.y for trace in plotly.data if trace.xaxis == "x3"] == [(0.0,)]
    heights = [axis.domain[1] - axis.domain[0] for axis in axes]
    assert heights[0] == pytest.approx(3 * heights[2])
    printed = plot_intervals(lines, title="t", engine="matplotlib")
    texts = [[label.get_text() for label in one.get_yticklabels()] for one in printed.axes]
    assert texts == [whole, ["", "", ""], alone]


@pytest.mark.parametrize("names", [("r",), ("a", "b")])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_engines_draw_the_same_dots(names: tuple[str, ...], theme: Any) -> None:
    lines = entries(*names)
    _, panels = interval_panels(lines)
    expected = sorted((dot.value, dot.y) for panel in panels for dot in panel.dots)  # both stand beside one another
    plotly = plot_intervals(lines, title="a <b>", theme=theme)
    assert sorted((x, y) for trace in plotly.data for x, y in zip(trace.x, trace.y)) == expected
    assert plotly.layout.title.text == "a &lt;b&gt;"
    printed = plot_intervals(lines, title="a <b>", theme=theme, engine="matplotlib")
    marked = [line for axes in printed.axes for line in axes.get_lines() if line.get_marker() in ("o", "D")]
    assert sorted((line.get_xdata()[0], line.get_ydata()[0]) for line in marked) == expected
    listed = [trace.name for trace in plotly.data if trace.showlegend]
    assert listed == ([] if len(names) == 1 else ["a", "b", "published, on the real data"])
    assert [text.get_text() for legend in printed.legends for text in legend.get_texts()] == listed


def test_an_interval_is_as_long_as_it_is() -> None:
    trace = plot_intervals(entries("r"), title="x").data[0]
    assert (trace.error_x.arrayminus[0], trace.error_x.array[0]) == (pytest.approx(10), pytest.approx(5))


def test_differences_stand_beside_a_line_at_zero() -> None:
    figure = plot_intervals(entries("r"), title="x", differences=True)
    assert [(shape.x0, shape.x1) for shape in figure.layout.shapes] == [(0, 0)]
    assert not plot_intervals(entries("r"), title="x").layout.shapes


def test_nothing_to_draw_and_an_unknown_engine_are_refused() -> None:
    with pytest.raises(ValueError, match="no entry has a value"):
        plot_intervals(entries("r"), title="x", metrics=["R9"])
    with pytest.raises(ValueError, match="'bokeh'"):
        plot_intervals(entries("r"), title="x", engine="bokeh")  # type: ignore[call-overload]


def test_the_colours_of_methods_are_by_the_names_that_runs_give_them() -> None:
    assert None not in {method_color(name) for name in (UNTRAINED, PROBE, HIERO)}
    assert method_color("uniform pieces") is None


def test_titles_say_the_unit() -> None:
    for differences, unit in ((False, ", %"), (True, ", points")):
        plotly = plot_intervals(entries("r"), title="x", differences=differences)
        printed = plot_intervals(entries("r"), title="x", differences=differences, engine="matplotlib")
        titles = [note.text for note in plotly.layout.annotations]
        assert titles == [axes.get_title(loc="left") for axes in printed.axes]
        assert all(title.endswith(unit) for title in titles)


def test_what_is_no_share_is_in_hundredths() -> None:
    index = [entry for entry in all_entries([run("r", [ROWS[0] | {"benchmark": "T (Rand index in hundredths)"}])])]
    assert [panel.unit for panel in interval_panels(index)[1]] == ["in hundredths"]
    assert [panel.unit for panel in interval_panels(entries("r"))[1]] == ["%", "%"]
