"""The threads of one level, a lane each: a thread that stops and comes back is seen at a glance."""

from __future__ import annotations

from hiero_lib.data.narrations import NO_NARRATIONS, Narrations
from hiero_lib.hierarchy.video import VideoHierarchy
from hiero_lib.viz.bars import TimelineRow
from hiero_lib.viz.page import Engine, Figure, clock, shortened
from hiero_lib.viz.palette import ThemeName
from hiero_lib.viz.rows import level_of, thread_name
from hiero_lib.viz.timeline import plot_timeline

_MOST_CHARACTERS = 44  # of a thread's name beside its lane


def thread_lanes(hierarchy: VideoHierarchy, level: int) -> list[TimelineRow]:
    """A row for each thread of a level, by number, named with its total time; hover says how often it comes back."""
    level_threads = level_of(hierarchy, level)
    lanes = []
    for thread, seconds in level_threads.seconds().items():
        spans = [span for span in level_threads.spans if span.label == thread]
        name = f"{shortened(thread_name(level_threads, thread), _MOST_CHARACTERS)}  {clock(seconds)}"
        times = "1 span" if len(spans) == 1 else f"{len(spans)} spans"
        lanes.append(TimelineRow(name, spans, {thread: times}))
    return lanes


def plot_threads(
    hierarchy: VideoHierarchy,
    *,
    level: int,
    title: str,
    engine: Engine = "plotly",
    narrations: Narrations = NO_NARRATIONS,
    theme: ThemeName = "light",
) -> Figure:
    """Draw one lane for each activity thread of a level, in its colour, with its name and total time beside it.

    Args:
        hierarchy: the video; see `hiero_lib.hierarchy.names` for names.
        level: whose threads.
        title: stands above the figure; say there when the data is the sample.
        engine: plotly for looking, matplotlib for print.
        narrations: where there are some, a last row of ticks, and the nearest text on hover.
        theme: light or dark page.

    Raises:
        ValueError: the video has no such level, or the engine is neither of the two.
    """
    return plot_timeline(
        thread_lanes(hierarchy, level),
        title=title,
        engine=engine,
        narrations=narrations,
        theme=theme,
        end_s=hierarchy.end_s,
        labels=False,
    )
