"""Colours and themes that every figure shares: the same thread has the same colour everywhere.

The first seven colours are those of M. Okabe and K. Ito, "Color Universal Design" (2008), without black, ordered so
that the first few are the furthest apart. Thirteen more come from P. Tol, "Colour Schemes" (SRON/EPS/TN/09-002,
issue 3.2, 2021; his bright, vibrant, muted, light, medium-contrast, pale and dark schemes), each chosen in turn as
the one furthest from those before it, the distance being the smallest of four: as seen with normal vision and with
protanopia, deuteranopia and tritanopia (Machado, Oliveira and Fernandes 2009, severity 1), in OKLab. The first
seven are at least 0.076 apart, all twenty at least 0.05 (about 0.02 is just noticeable); a test recomputes both
figures. The three that a dark page nearly hides come last. From number 20 on the colours come again, half grey.
Colour is never the only sign: figures also print a thread's number or name, or show it on hover.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

THREAD_COLORS: tuple[str, ...] = (
    *("#0072B2", "#E69F00", "#56B4E9", "#D55E00", "#009E73", "#CC79A7", "#F0E442"),  # Okabe and Ito
    *("#99DDFF", "#994455", "#CCDDAA", "#CC3311", "#EE7733", "#FFAABB", "#66CCEE"),  # Tol
    *("#DDCC77", "#AA4499", "#BBCC33", "#663333", "#004488", "#882255"),
)
NO_THREAD_COLOR = "#8C8C8C"
"""For a negative label: background, or a segment that belongs to no thread."""

_METHODS = ("untrained features", "linear probe", "HiERO")  # as `hiero_lib.methods.method` names them

ThemeName = Literal["light", "dark"]


@dataclass(frozen=True)
class Theme:
    """What is not a thread: the page, its text and the neutral shades of rows whose labels are not threads."""

    background: str
    text: str
    muted_text: str
    grid: str
    track: str  # the strip behind a row's bars, so that a gap is seen as one
    neutral: tuple[str, str]  # taken in turn, so that two neighbours differ


THEMES: dict[ThemeName, Theme] = {
    "light": Theme("#FFFFFF", "#1B1D22", "#5A606B", "#DDE0E5", "#F1F2F4", ("#B9BEC8", "#D8DBE1")),
    "dark": Theme("#16181D", "#ECEEF2", "#A3A9B5", "#333843", "#20232A", ("#5B6270", "#434955")),
}


def thread_color(label: int) -> str:
    """The colour (``#RRGGBB``) of a thread: a function of its number alone, so that no figure can disagree.

    Numbers from ``len(THREAD_COLORS)`` on take the colours again from the first, mixed with as much grey, and from
    twice as many on once more; a negative number is grey.
    """
    if label < 0:
        return NO_THREAD_COLOR
    color = THREAD_COLORS[label % len(THREAD_COLORS)]
    return _greyed(color) if label // len(THREAD_COLORS) % 2 else color


def method_color(name: str) -> str | None:
    """The colour of a method or of its training, by the name that tables give it; None for any other name."""
    return thread_color(_METHODS.index(name)) if name in _METHODS else None


def see_through(color: str, opacity: float) -> str:
    """A colour (``#RRGGBB``) as plotly's ``rgba``."""
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def _greyed(color: str) -> str:
    channels = (int(color[i : i + 2], 16) + int(NO_THREAD_COLOR[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{(channel + 1) // 2:02X}" for channel in channels)


def text_color_on(color: str) -> str:
    """Black or white, whichever contrasts more with ``color`` (``#RRGGBB``; WCAG 2.1 relative luminance)."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#FFFFFF"
