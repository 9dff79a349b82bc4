"""What a timeline shows, prepared once for both engines: rows of spans, their bars, ticks and legend."""

from __future__ import annotations

import bisect
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hiero_lib.data.narrations import NO_NARRATIONS, Narrations
from hiero_lib.hierarchy.spans import Span
from hiero_lib.viz.page import clock
from hiero_lib.viz.palette import THEMES, ThemeName, thread_color

BAR_HEIGHT = 0.72  # of a row
_CLEAR_TICKS = 300  # narrations that can be told apart on a page of usual width


@dataclass(frozen=True)
class TimelineRow:
    """A row of bars.

    Args:
        name: stands at the left of the row.
        spans: the bars.
        names: what a label is called, where it has a name; else a thread goes by its number.
        threads: the labels are activity threads, and a thread of the same number has the same colour in every row.
            False for other spans, such as key-steps: neutral shades, which no thread can be taken for.
        kind: what one of the labels is, where it is no thread but has its colours: "key-step", "step".
    """

    name: str
    spans: Sequence[Span]
    names: Mapping[int, str] = field(default_factory=dict)
    threads: bool = True
    kind: str = "thread"

    def label_name(self, label: int) -> str:
        """What hover, legend and bars call a label."""
        if label in self.names:
            return self.names[label]
        return "none" if label < 0 else f"{self.kind if self.threads else 'span'} {label}"


@dataclass(frozen=True)
class Bar:
    """One span, ready to be drawn by either engine."""

    row: int  # 0 is the uppermost
    span: Span
    color: str  # #RRGGBB
    text: str  # printed in the bar where it fits: the label's name, or the thread's number
    hover: str  # lines joined by newlines
    number: str = ""  # of a thread: printed where its name does not fit


def timeline_bars(
    rows: Sequence[TimelineRow], narrations: Narrations = NO_NARRATIONS, *, theme: ThemeName = "light"
) -> list[Bar]:
    """The bars of a timeline, row by row and in time order; what both engines draw.

    The hover text gives the row, the label, its times with its length, and the narration nearest to the middle of the
    span with its own time.
    """
    quotes = [
        f"{clock(time)} “{textwrap.shorten(text, 90, placeholder='…')}”" for time, text in narrations.without_tags()
    ]
    bars = []
    for index, row in enumerate(rows):
        for turn, span in enumerate(sorted(row.spans, key=lambda span: span.start_s)):
            color = thread_color(span.label) if row.threads or span.label < 0 else THEMES[theme].neutral[turn % 2]
            times_text = f"{clock(span.start_s, decimals=1)} – {clock(span.end_s, decimals=1)}"
            lines = [f"{row.name}: {row.label_name(span.label)}", f"{times_text} ({span.length_s:.1f} s)"]
            if quotes:
                lines.append(quotes[_nearest(narrations.times, (span.start_s + span.end_s) / 2)])
            short = str(span.label) if span.label not in row.names and row.threads else row.label_name(span.label)
            number = str(span.label) if row.threads and span.label >= 0 else ""
            bars.append(Bar(index, span, color, "" if span.label < 0 else short, "\n".join(lines), number))
    return bars


def tick_opacity(count: int) -> float:
    """Of narrations' ticks: where there are more than have room, they lie over one another and show how dense."""
    return max(0.25, min(1.0, _CLEAR_TICKS / max(count, 1)))


def _nearest(times: Sequence[float], moment: float) -> int:
    after = bisect.bisect_left(times, moment)
    return min((i for i in (after - 1, after) if 0 <= i < len(times)), key=lambda i: abs(times[i] - moment))


def legend_names(rows: Sequence[TimelineRow]) -> dict[int, str]:
    """Label -> legend entry of every thread drawn, by number; the uppermost row that has a name for it decides.

    A name is preceded by the thread's number, which is what the bars of rows without names print.
    """
    names: dict[int, str] = {}
    for row in (row for row in rows if row.threads):
        for label in {span.label for span in row.spans}:
            if label in row.names and label not in names:
                names[label] = f"{label} {row.names[label]}" if label >= 0 else row.names[label]
    drawn = {span.label: row.label_name(span.label) for row in rows if row.threads for span in row.spans}
    return {label: names.get(label, drawn[label]) for label in sorted(drawn)}


def legend_title(rows: Sequence[TimelineRow]) -> str:
    """What the coloured labels are: "threads", "key-steps"."""
    return ", ".join(dict.fromkeys(f"{row.kind}s" for row in rows if row.threads)) or "threads"
