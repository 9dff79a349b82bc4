import base64
import json
import math
import subprocess
import sys

import pytest
from matplotlib.colors import to_hex

from hiero_lib.base.errors import DataError
from hiero_lib.viz import training
from hiero_lib.viz.palette import method_color
from hiero_lib.viz.training import LiveLossCurve, plot_training, read_metrics, training_panels

STEPS = [
    {"step": s, "epoch": 0, "loss": 4.0 - s, "vna": 3.0 - s, "ft": 1.0, "lr": 10.0**-s, "grad_norm": 2.0 + s}
    for s in (1, 2, 3)
]
VALIDATION = {"step": 3, "epoch": 0, "egomcq_inter": 0.625, "egomcq_intra": 0.25}
EVENTS = [*STEPS, VALIDATION]


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in EVENTS) + "\n")
    return path


def plotly_lines(figure) -> list[tuple[str, list, list]]:
    return [(trace.name, list(trace.x), list(trace.y)) for trace in figure.data]


def matplotlib_lines(figure) -> list[tuple[str, list, list]]:
    lines = [line for axes in figure.axes for line in axes.get_lines()]
    return [(line.get_label(), list(line.get_xdata()), list(line.get_ydata())) for line in lines]


both_engines = pytest.mark.parametrize(
    ("engine", "lines"), [("plotly", plotly_lines), ("matplotlib", matplotlib_lines)]
)


@both_engines
def test_lines_are_the_logs_values(log, engine, lines) -> None:
    assert lines(plot_training({"HiERO": log}, engine=engine)) == [
        ("HiERO", [1, 2, 3], [2.0, 1.0, 0.0]),
        ("HiERO", [1, 2, 3], [1.0, 1.0, 1.0]),
        ("HiERO", [3], [62.5]),
        ("HiERO", [3], [25.0]),
        ("HiERO", [1, 2, 3], [3.0, 2.0, 1.0]),
        ("HiERO", [1, 2, 3], [0.1, 0.01, 0.001]),
        ("HiERO", [1, 2, 3], [3.0, 4.0, 5.0]),
    ]


@both_engines
def test_two_trainings_share_the_panels_and_the_probe_has_no_ft(log, tmp_path, engine, lines) -> None:
    probe = tmp_path / "probe.jsonl"
    probe.write_text("".join(json.dumps(event | {"ft": 0.0, "ft_self": 0.0}) + "\n" for event in STEPS))
    drawn = lines(plot_training({"linear probe": probe, "HiERO": log}, engine=engine))
    assert [name for name, *_ in drawn] == [
        *("linear probe", "HiERO"),  # L_vna
        "HiERO",  # L_ft
        *("HiERO", "HiERO"),  # the probe's log has no validation
        *("linear probe", "HiERO") * 3,  # loss, rate, norm
    ]


def test_both_engines_agree_on_titles_scales_and_colors(log) -> None:
    titles = list(training._PANELS.values())
    titles.remove("L_ft: share that a node gives itself")  # not in this log
    logs = {"HiERO": log, "a run": log}
    plotly = plot_training(logs, title="a <b>", theme="dark")
    printed = plot_training(logs, title="a <b>", theme="dark", engine="matplotlib")
    assert [note.text for note in plotly.layout.annotations] == titles
    assert [axes.get_title(loc="left") for axes in printed.axes] == titles
    assert plotly.layout.title.text == "a &lt;b&gt;"
    assert printed.get_suptitle() == "a <b>"
    numbers = ["", *range(2, 8)]
    assert [plotly.layout[f"yaxis{n}"].type for n in numbers] == ["linear"] * 5 + ["log"] * 2
    assert [axes.get_yscale() for axes in printed.axes] == ["linear"] * 5 + ["log"] * 2
    assert {axes.get_xlabel() for axes in printed.axes} == {"step"}
    assert [plotly.layout[f"xaxis{n}"].title.text for n in numbers] == [""] * 5 + ["step"] * 2  # the lowest of each
    colors = {line.get_label(): to_hex(line.get_color()) for axes in printed.axes for line in axes.get_lines()}
    assert colors == {trace.name: trace.line.color.lower() for trace in plotly.data}
    assert colors["HiERO"] == method_color("HiERO").lower() != colors["a run"]
    assert [axes.get_legend() is not None for axes in printed.axes] == [True] + [False] * 6
    assert [trace.showlegend for trace in plotly.data] == [True] * 2 + [False] * 12
    assert plotly.layout.showlegend
    assert not plot_training({"HiERO": log}).layout.showlegend  # the title names it


def test_a_log_axis_has_whole_numbers_where_it_spans_less_than_two_powers(tmp_path) -> None:
    path = tmp_path / "metrics.jsonl"
    events = [{"step": s, "loss": 1.0, "lr": 10.0**-s, "grad_norm": 3.0 * s} for s in range(1, 8)]
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    _, rate, norm = (plot_training({"x": path}).layout[f"yaxis{n}"] for n in ("", 2, 3))
    assert (rate.dtick, rate.tickvals) == (1, None)
    assert {"5", "10", "20"} <= set(norm.ticktext)
    assert dict(zip(norm.ticktext, norm.tickvals))["20"] == 20


def test_panels_have_only_what_was_logged() -> None:
    panels = training_panels({"x": [{"step": 1, "loss": 2.0}, {"step": 2, "loss": math.nan, "lr": None}]})
    assert [(panel.title, [line.name for line in panel.series]) for panel in panels] == [
        ("loss: the weighted sum", ["x"])
    ]
    assert panels[0].series[0].steps == [1]
    assert training_panels({"x": []}) == training_panels({}) == []
    assert training_panels({"x": STEPS}, keys=("ft",))[0].title == "L_ft: functional threads"


def test_a_step_that_was_run_again_counts_once_and_a_zero_rate_is_no_log_scale() -> None:
    events = [{"step": 1, "loss": 5.0, "lr": 0.0}, {"step": 2, "loss": 4.0}, {"step": 1, "loss": 3.0}]
    loss, rate = training_panels({"x": events})
    assert (loss.series[0].steps, loss.series[0].values) == ([1, 2], [3.0, 4.0])
    assert not rate.log_scale


def test_a_long_series_is_drawn_as_means_and_the_axis_says_so() -> None:
    events = [{"step": s, "loss": float(s), "egomcq_inter": 0.5} for s in range(1, 8)]
    accuracy, loss = training_panels({"x": events}, most_points=3)
    assert (loss.series[0].steps, loss.series[0].values) == ([3, 6, 7], [2.0, 5.0, 7.0])
    assert loss.step_title == "step (each point the mean of 3)"
    assert accuracy.series[0].values == [50.0, 50.0, 50.0]
    assert training_panels({"x": events}, most_points=7)[0].step_title == "step"


@pytest.mark.parametrize(
    ("bad_line", "field", "problem"),
    [
        ('{"step": 4, "lo', "line 2", "not readable as JSON"),
        ("[1, 2]", "line 2", "must be a JSON object"),
        ('{"loss": 1.0}', "line 2", "step must be a whole number"),
        ('{"step": 1.5, "loss": 1.0}', "line 2", "step must be a whole number"),
        ('{"step": 4, "loss": "low"}', "line 2", "loss must be a number"),
    ],
)
def test_a_bad_line_is_named_not_passed_over(tmp_path, bad_line, field, problem) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(f'{{"step": 1, "loss": 1.0}}\n{bad_line}\n{{"step": 5, "loss": 1.0}}\n')
    with pytest.raises(DataError, match=problem) as caught:
        plot_training({"x": path})
    assert caught.value.file == path
    assert caught.value.field == field


def test_a_log_without_anything_to_draw_is_refused(tmp_path) -> None:
    path = tmp_path / "metrics.jsonl"
    with pytest.raises(DataError, match="no such file"):
        read_metrics(path)
    path.write_text("\n")
    with pytest.raises(DataError, match="no events"):
        read_metrics(path)
    path.write_text('{"step": 1}\n')
    with pytest.raises(DataError, match="no event has"):
        plot_training({"x": path})


def test_an_unknown_engine_is_refused(log) -> None:
    with pytest.raises(ValueError, match="'bokeh'"):
        plot_training({"x": log}, engine="bokeh")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


class Display:
    """Stands for IPython's display: keeps what was shown, first and updated."""

    def __init__(self) -> None:
        self.first: list = []
        self.updates: list = []

    def __call__(self, picture, *, display_id):
        assert display_id is True
        self.first.append(picture)
        return self

    def update(self, picture) -> None:
        self.updates.append(picture)


@pytest.fixture
def shown(monkeypatch) -> tuple[Display, Clock]:
    display, clock = Display(), Clock()
    monkeypatch.setattr("IPython.display.display", display)
    monkeypatch.setattr(training, "in_notebook", lambda: True)
    monkeypatch.setattr(training, "time", clock)
    return display, clock


def test_in_a_notebook_one_display_is_updated_every_few_seconds(shown) -> None:
    display, clock = shown
    curve = LiveLossCurve(every_s=4.0)
    take = curve.of("HiERO")
    for now in (100.0, 101.0, 103.9):
        clock.now = now
        take(STEPS[0])
    assert (len(display.first), len(display.updates)) == (1, 0)
    clock.now = 104.0
    take(STEPS[1])
    assert (len(display.first), len(display.updates)) == (1, 1)
    take(VALIDATION)
    assert (len(display.first), len(display.updates)) == (1, 2)
    curve.of("linear probe")(STEPS[2])
    curve.draw()
    assert (len(display.first), len(display.updates)) == (1, 3)
    assert {name: len(events) for name, events in curve.events.items()} == {"HiERO": 5, "linear probe": 1}
    assert display.updates[-1].data.startswith(b"\x89PNG")
    assert display.updates[-1].data != display.updates[-2].data


def test_outside_a_notebook_events_are_collected_and_nothing_is_imported() -> None:
    code = (
        "import sys; from hiero_lib.viz.training import LiveLossCurve; curve = LiveLossCurve(every_s=0)\n"
        "take = curve.of('x'); take({'step': 1}); take({'step': 2, 'egomcq_inter': 50.0}); curve.draw()\n"
        "print(len(curve.events['x']), [m for m in ('IPython', 'matplotlib', 'plotly', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "2 []"


def test_a_real_kernel_shows_one_picture_that_is_replaced(tmp_path) -> None:
    import nbclient
    import nbformat

    code = (
        "from hiero_lib.viz.training import LiveLossCurve\n"
        "curve = LiveLossCurve(every_s=0)\n"
        "for step in range(1, 4):\n    curve.of('x')({'step': step, 'vna': 1 / step})\n"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    assert output.output_type == "display_data"
    assert base64.b64decode(output.data["image/png"]).startswith(b"\x89PNG")
