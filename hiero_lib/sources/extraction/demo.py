"""A short video to try things on where there is none: three activities that take turns, drawn, with subtitles.

It is a cartoon, so that a network for photographs can tell its scenes apart. Nothing measured on it means anything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from hiero_lib.base.files import atomic_path, write_text

FPS, WIDTH, HEIGHT = 24, 160, 120
# Which activity goes on for how many seconds.
_TURNS = (
    ("dough", 6),
    ("stove", 5),
    ("dough", 5),
    ("sink", 5),
    ("stove", 6),
    ("sink", 5),
    ("dough", 4),
    ("stove", 4),
)
_ACTIONS = {
    "dough": ("kneads the dough", "folds the dough over", "sprinkles flour on the board"),
    "stove": ("stirs the sauce", "lowers the flame", "tastes the sauce"),
    "sink": ("rinses a plate", "scrubs the pan", "puts a glass on the rack"),
}


@dataclass(frozen=True)
class Demo:
    """The files, and the truth: ``(start_s, end_s, activity)`` of each turn."""

    video: Path
    narrations: Path
    turns: tuple[tuple[float, float, str], ...]


def make_demo(folder: str | Path) -> Demo:
    """Write ``demo.mp4`` (40 s, 24 fps) and ``demo.srt`` into ``folder``; what is there already is left alone."""
    folder = Path(folder)
    turns, start = [], 0
    for activity, seconds in _TURNS:
        turns.append((float(start), float(start + seconds), activity))
        start += seconds
    demo = Demo(folder / "demo.mp4", folder / "demo.srt", tuple(turns))
    if not demo.narrations.is_file():
        write_text(demo.narrations, _subtitles(demo))
    if not demo.video.is_file():
        with atomic_path(demo.video) as temporary:
            _encode(demo, temporary)
    return demo


def _subtitles(demo: Demo) -> str:
    """A sentence every second and a half, in the order of the activity's actions."""
    blocks: list[str] = []
    counts = dict.fromkeys(_ACTIONS, 0)
    for start, end, activity in demo.turns:
        time = start + 0.2
        while time + 1.1 < end:
            words = _ACTIONS[activity][counts[activity] % 3]
            counts[activity] += 1
            blocks.append(f"{len(blocks) + 1}\n{_stamp(time)} --> {_stamp(time + 1.1)}\n{words}\n")
            time += 1.5
    return "\n".join(blocks)


def _stamp(seconds: float) -> str:
    minutes, rest = divmod(round(1000 * seconds), 60_000)
    return f"00:{minutes:02d}:{rest // 1000:02d},{rest % 1000:03d}"


def _encode(demo: Demo, path: Path) -> None:
    import av

    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    with av.open(str(path), "w", format="mp4") as container:
        stream: Any = container.add_stream(codec, rate=Fraction(FPS))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(round(demo.turns[-1][1] * FPS)):
            time = number / FPS
            activity = next(activity for _, end, activity in demo.turns if time < end)
            frame = av.VideoFrame.from_ndarray(picture(activity, time), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def picture(activity: str, time_s: float) -> np.ndarray:
    """``[HEIGHT, WIDTH, 3]`` uint8: the scene of an activity, seen by a head that sways."""
    sway = 4 * math.sin(1.3 * time_s), 3 * math.cos(1.7 * time_s)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    x, y = x + sway[0], y + sway[1]
    image = np.empty((HEIGHT, WIDTH, 3))
    beat = math.sin(5 * time_s)
    if activity == "dough":  # a pale lump that is pressed, on a board with wood grain
        grain = 12 * np.sin(y / 3 + 2 * np.sin(x / 40))
        image[:] = np.array([150, 100, 55.0]) + grain[..., None]
        lump = ((x - 80) / (42 + 8 * beat)) ** 2 + ((y - 65) / (28 - 6 * beat)) ** 2
        image[lump < 1] = (238, 222, 190)
    elif activity == "stove":  # a red sauce in a dark pan on steel, and a spoon that goes round
        image[:] = np.array([120, 125, 130.0]) + 10 * np.sin(x / 2)[..., None]
        radius = np.hypot(x - 80, y - 60)
        image[radius < 50] = (30, 30, 34)
        image[radius < 43] = (180, 35, 25)
        spoon = np.hypot(x - 80 - 26 * math.cos(4 * time_s), y - 60 - 26 * math.sin(4 * time_s))
        image[spoon < 9] = (205, 170, 120)
    else:  # a white plate in blue water, in a sink of tiles
        tiles = (np.floor(x / 14) + np.floor(y / 14)) % 2
        image[:] = np.where(tiles[..., None] > 0, (215, 228, 235), (165, 190, 205))
        image[(np.abs(x - 80) < 62) & (np.abs(y - 62) < 44)] = (60, 125, 190)
        plate = np.hypot(x - 80 - 12 * beat, y - 62)
        image[plate < 32] = (245, 245, 248)
        image[plate < 20] = (222, 224, 232)
    hand = ((x - 118 - 10 * beat) / 26) ** 2 + ((y - 105 + 8 * beat) / 20) ** 2
    image[hand < 1] = (214, 160, 128)
    noise = np.random.default_rng(int(time_s * FPS)).normal(0, 3, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)
