"""A video file opened: its video stream, and what its header says.

FFmpeg is handed an open file, never a name: in a name it would take ``a:b.mp4`` for a protocol and ``%03d.gif`` for a
series of pictures. Nothing else is opened for it either: a playlist that calls itself a video leads nowhere.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import DataError

_PIXELS = (0.125, 8.0)  # shapes of a pixel that are believed
_NO_OTHER_FILES = {"protocol_whitelist": "none"}


@contextlib.contextmanager
def opened(path: str | Path) -> Iterator[tuple[Any, Any]]:
    """The container and its first video stream that is no cover picture.

    Raises:
        DataError: there is no such file, it cannot be read, or it has no such stream.
    """
    import av

    if not Path(path).is_file():
        raise DataError("there is no such file", file=path)
    try:
        file = os.fdopen(os.open(path, os.O_RDONLY), "rb")  # its name is a number, which FFmpeg cannot misread
    except OSError as error:
        raise DataError(f"cannot be opened ({error.strerror})", file=path) from error
    with file:
        try:
            container = av.open(file, buffer_size=1 << 16, options=_NO_OTHER_FILES)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise DataError(f"not readable as a video ({_reason(error)})", file=path) from error
        with container:
            streams = [stream for stream in container.streams.video if not _is_cover(stream)]
            if not streams:
                covers = " but a cover picture" if container.streams.video else ""
                raise DataError(f"the file has no video stream{covers}", file=path)
            yield container, streams[0]


def what_is_not_read(path: str | Path, container: Any) -> list[str]:
    """What a file holds beside the picture that is taken, a sentence each: other pictures, a recording behind it."""
    said = []
    others = [stream for stream in container.streams.video if not _is_cover(stream)][1:]
    if others:
        said.append(f"the file has {len(others) + 1} pictures side by side (video streams): the first is taken")
    if "mp4" in container.format.name:
        said += _after_the_film(Path(path))
    return said


def _after_the_film(path: Path) -> list[str]:
    """What follows the first film of an MP4 or QuickTime file (boxes of ISO/IEC 14496-12), where two were joined."""
    seen: set[bytes] = set()
    size, at = path.stat().st_size, 0
    with path.open("rb") as stream:
        while at + 8 <= size:
            stream.seek(at)
            head = stream.read(16)
            length, kind = int.from_bytes(head[:4], "big"), head[4:8]
            length = int.from_bytes(head[8:16], "big") if length == 1 else length or size - at
            if kind in seen:
                place = f"at byte {at:,} of {size:,}"
                return [f"another recording begins {place}, and is not read: the files were joined"]
            if length < 8 or min(kind) < 0x20:
                return [f"{size - at:,} bytes behind the film are not read"]
            seen |= {kind} & {b"ftyp", b"moov"}
            at += length
    return []


def origin_of(container: Any) -> float:
    """Seconds of the file's own clock at what a player shows as 0:00."""
    return container.start_time / 1e6 if container.start_time is not None else 0.0


def declared_end(container: Any, stream: Any) -> float | None:
    """Where the header lets the picture end, in seconds from :func:`origin_of`; None where it does not say."""
    start = 0.0
    if stream.duration and stream.start_time is not None:
        start = float(stream.start_time * stream.time_base) - origin_of(container)
    if stream.duration:
        return start + float(stream.duration * stream.time_base)
    return _tagged(stream.metadata.get("DURATION", "")) or duration_of(container)


def pixel_shape(stream: Any) -> float:
    """Width of a pixel over its height; 1 where the file does not say, or says what cannot be."""
    shape = float(stream.sample_aspect_ratio or 1)
    return shape if _PIXELS[0] <= shape <= _PIXELS[1] else 1.0


def clock_may_jump(container: Any) -> bool:
    """Whether it is a format of streams that were joined or broadcast, whose clock may start anew anywhere."""
    from av.format import Flags

    return bool(container.format.flags & Flags.ts_discont.value)


def duration_of(container: Any) -> float | None:
    """Seconds, as the container's header has them; None where it does not say."""
    return container.duration / 1e6 if container.duration is not None else None


def _is_cover(stream: Any) -> bool:
    from av.stream import Disposition

    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def _tagged(text: str) -> float | None:
    """Matroska's ``DURATION`` of a stream, ``00:00:06.000000000``."""
    try:
        hours, minutes, seconds = text.split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    except ValueError:
        return None


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)[:200]
