import re
from itertools import combinations

import numpy as np
import pytest

from hiero_lib.viz.palette import NO_THREAD_COLOR, THEMES, THREAD_COLORS, text_color_on, thread_color

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
VISIONS = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def linear_rgb(color: str) -> np.ndarray:
    channels = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


TO_CONES = [  # Ottosson (2020), from linear sRGB
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
]
TO_OKLAB = [
    [0.2104542553, 0.793617785, -0.0040720468],
    [1.9779984951, -2.428592205, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.808675766],
]


def oklab(linear: np.ndarray) -> np.ndarray:
    return np.array(TO_OKLAB) @ np.cbrt(np.array(TO_CONES) @ np.clip(linear, 0, 1))


def contrast(first: str, second: str) -> float:
    low, high = sorted(float(linear_rgb(color) @ [0.2126, 0.7152, 0.0722]) for color in (first, second))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("count", "at_least"), [(7, 0.076), (20, 0.05)])
def test_colors_are_apart_for_every_kind_of_vision(count: int, at_least: float) -> None:
    colors = THREAD_COLORS[:count]
    assert len(colors) == count
    for name, matrix in VISIONS.items():
        seen = [oklab(np.asarray(matrix) @ linear_rgb(color)) for color in colors]
        nearest = min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2))
        assert round(nearest, 3) >= at_least, name


def test_the_first_seven_are_okabe_and_itos() -> None:
    assert set(THREAD_COLORS[:7]) == {"#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"}


def test_a_color_depends_on_the_number_alone() -> None:
    assert [thread_color(n) for n in range(20)] == list(THREAD_COLORS)
    assert thread_color(20) == "#467F9F"  # of #0072B2, half grey
    assert thread_color(43) == THREAD_COLORS[3]
    assert len({thread_color(n) for n in range(40)}) == 40
    greyed = [thread_color(n) for n in range(20, 40)]
    apart = [np.linalg.norm(oklab(linear_rgb(a)) - oklab(linear_rgb(b))) for a, b in zip(greyed, THREAD_COLORS)]
    assert min(apart) > 0.045
    assert all(contrast(text_color_on(color), color) >= 4.5 for color in greyed)
    assert thread_color(-1) == thread_color(-7) == NO_THREAD_COLOR
    assert NO_THREAD_COLOR not in THREAD_COLORS


@pytest.mark.parametrize(
    "color", [*THREAD_COLORS, NO_THREAD_COLOR, *THEMES["light"].neutral, *THEMES["dark"].neutral]
)
def test_text_on_a_bar_is_legible(color: str) -> None:
    assert re.fullmatch("#[0-9A-F]{6}", color)
    assert contrast(text_color_on(color), color) >= 4.5  # WCAG 2.1 AA


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_text_of_a_theme_is_legible_and_bars_stand_out(theme) -> None:
    assert contrast(theme.text, theme.background) >= 7
    assert contrast(theme.muted_text, theme.background) >= 4.5
    assert min(contrast(color, theme.background) for color in THREAD_COLORS) >= 1.3


def test_the_threads_of_a_level_stand_out_on_a_dark_page() -> None:
    for behind in (THEMES["dark"].background, THEMES["dark"].track):
        assert min(contrast(color, behind) for color in THREAD_COLORS[:16]) >= 2.4
