"""Small pictures of a whole video, side by side in one JPEG: thumbnails for the timeline and the threads.

Of a video file they are made once, and kept (`pictures_file`): a JPEG whose comment says at which seconds they are.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiero_lib.base.files import atomic_path, safe_name
from hiero_lib.base.identity import identity_once
from hiero_lib.data.media import Media

_MOST, _HEIGHT, _COLUMNS = 160, 90, 16
_FORMAT = 1


@dataclass(frozen=True)
class Pictures:
    """Frames of ``width`` times ``height`` pixels at ``times`` (seconds, rising), ``columns`` in a line."""

    jpeg: bytes
    times: tuple[float, ...]
    width: int
    height: int
    columns: int = _COLUMNS

    def value(self) -> dict[str, Any]:
        """For the explorer's module."""
        url = "data:image/jpeg;base64," + base64.b64encode(self.jpeg).decode("ascii")
        shape = {"width": self.width, "height": self.height, "columns": self.columns}
        return {"url": url, "times": list(self.times), **shape}


def pictures_of(media: Media, *, start_s: float, end_s: float, kept: Path | None = None) -> Pictures | None:
    """Pictures of a video, evenly spread; None where there is nothing to show, or nothing of it can be read.

    Args:
        media: its file, or frames of it, which are preferred.
        start_s, end_s: of the video that is shown.
        kept: where those of a file are kept; None: made anew.
    """
    if media.frames:
        step = max(1, math.ceil(len(media.frames) / _MOST))
        return _joined(_opened(media.frames[::step]))
    if media.video is None:
        return None
    if kept is not None and (found := _read(kept)) is not None:
        return found
    count = max(2, min(_MOST, round(end_s - start_s)))
    times = [start_s + (number + 0.5) * (end_s - start_s) / count for number in range(count)]
    made = _joined(_decoded(media.video, times))
    if made is not None and kept is not None:
        with (
            contextlib.suppress(OSError),
            atomic_path(kept) as temporary,
        ):  # a run that can only be read is no obstacle
            temporary.write_bytes(made.jpeg)
    return made


def picture_at(media: Media, at_s: float) -> str | None:
    """One frame of a video as an address of data: the one that is nearest, of a file the key frame before it.

    None where there is nothing to show, or it cannot be read.
    """
    if media.frames:
        found = _joined(_opened([min(media.frames, key=lambda frame: abs(frame[0] - at_s))]))
    else:
        found = None if media.video is None else _joined(_decoded(media.video, [at_s]))
    return None if found is None else str(found.value()["url"])


def pictures_file(run_folder: Path, video_uid: str, media: Media) -> Path | None:
    """``<run>/previews/<video>-<digits of the file's content>.jpg``; None without a file."""
    if media.video is None:
        return None
    return run_folder / "previews" / f"{safe_name(video_uid)}-{identity_once(media.video)[:12]}.jpg"


def _opened(frames: Sequence[tuple[float, Path]]) -> Iterator[tuple[float, Any]]:
    from PIL import Image

    for at, path in frames:
        with contextlib.suppress(OSError, ValueError), Image.open(path) as image:  # a broken one leaves a gap
            image.draft("RGB", (2 * _HEIGHT * 2, 2 * _HEIGHT))
            yield at, image.convert("RGB")


def _decoded(video: Path, times: Sequence[float]) -> Iterator[tuple[float, Any]]:
    """The key frame at or before each time, each once: a seek for each, whatever the length of the file."""
    import av

    with contextlib.suppress(av.error.FFmpegError, OSError), av.open(str(video)) as container:
        if not container.streams.video:
            return
        stream = container.streams.video[0]
        stream.codec_context.skip_frame = "NONKEY"
        first = float((stream.start_time or 0) * stream.time_base) if stream.time_base else 0.0
        last = -1.0
        for time in times:
            with contextlib.suppress(av.error.FFmpegError, StopIteration):
                container.seek(int((time + first) / float(stream.time_base or 1)), stream=stream)
                frame = next(container.decode(stream))
                at = float(frame.time or 0.0) - first
                if at > last:
                    last = at
                    image = frame.to_image()
                    yield round(at, 3), image.rotate(frame.rotation, expand=True) if frame.rotation else image


def _joined(frames: Iterator[tuple[float, Any]]) -> Pictures | None:
    """One JPEG of all frames, each fitted into the shape of the first."""
    from PIL import Image, ImageOps

    times, tiles = list[float](), list[Any]()
    size = (0, 0)
    for at, image in frames:
        if not tiles:
            size = (max(24, min(320, round(_HEIGHT * image.width / max(image.height, 1)))), _HEIGHT)
        times.append(at)
        tiles.append(ImageOps.pad(image, size))
    if not tiles:
        return None
    width, height = size
    sheet = Image.new("RGB", (width * min(_COLUMNS, len(tiles)), height * math.ceil(len(tiles) / _COLUMNS)))
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % _COLUMNS * width, number // _COLUMNS * height))
    stream = io.BytesIO()
    about = {"format": _FORMAT, "times": times, "width": width, "height": height}
    sheet.save(stream, "JPEG", quality=72, comment=json.dumps(about).encode())
    return Pictures(stream.getvalue(), tuple(times), width, height)


def _read(path: Path) -> Pictures | None:
    """What `pictures_of` has kept; None where it is not there or not whole."""
    from PIL import Image

    try:
        jpeg = path.read_bytes()
        with Image.open(io.BytesIO(jpeg)) as image:
            image.load()
            about = json.loads(image.info["comment"])
        if about["format"] != _FORMAT:
            return None
        return Pictures(jpeg, tuple(map(float, about["times"])), int(about["width"]), int(about["height"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
