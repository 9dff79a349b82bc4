"""Frames of a video file at regular times, streamed: what is held is a few frames, whatever the file's length.

The grid that segments count on has a frame every 1 / fps seconds from the start of the file's timeline (what a player
shows as 0:00). The frame of a grid time is the one whose timestamp is nearest, so a file of another or of a variable
rate is resampled by its timestamps, never by counting frames; a picture that stands still for long is not left more
than an eighth of a second early. PyAV decodes, or torchcodec where it is installed.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hiero_lib.base.errors import DataError
from hiero_lib.base.progress import quiet
from hiero_lib.sources.extraction.clock import Clock, packets, read_clock
from hiero_lib.sources.extraction.container import duration_of, opened, pixel_shape

_SEEK_MARGIN_S = 2.0  # decoding begins so much before the first frame that is wanted
_EARLIEST_S = 0.125  # a frame stands for grid times at most so long before its own
_LATE_FRAME_S = 0.02  # a first frame later than asked for by more than this: the seek went past it
_LOST_S = 0.5  # a stretch without frames where the file has some is said
_FEW_DAMAGED, _FEW_DAMAGED_PART = 2, 0.01  # so many frames may be damaged without a word


@dataclass(frozen=True)
class VideoInfo:
    """What the container says, without decoding: a hint, which damaged or live files get wrong."""

    width: int  # as stored, before rotation
    height: int
    fps: float | None  # average
    duration_s: float | None


@dataclass(frozen=True)
class GridFrame:
    """The frame of one grid time.

    Attributes:
        index: k of the grid time k / fps; time_s: the frame's own timestamp on the file's timeline.
        image: decodes to ``[H, W, 3]`` uint8 RGB, upright, the short side scaled to what was asked for.
    """

    index: int
    time_s: float
    image: Callable[[], np.ndarray]


class Decoder(Protocol):
    """Yields every frame of the grid in order, from index ``start`` to the end of the video."""

    def __call__(
        self,
        path: str | Path,
        *,
        fps: float,
        short_side: int | None = None,
        start: int = 0,
        say: Callable[[str], None] = quiet,
    ) -> Iterator[GridFrame]:
        """See :func:`pyav_frames`."""


def best_decoder() -> Decoder:
    """torchcodec's where it is installed and finds an FFmpeg that it can use, else PyAV's."""
    try:
        import torchcodec.decoders  # noqa: F401
    except (ImportError, OSError, RuntimeError):  # it is tied to one version of torch, and to a system's FFmpeg
        return pyav_frames
    return torchcodec_frames


def video_info(path: str | Path) -> VideoInfo:
    """Size, rate and duration from the container's header.

    Raises:
        DataError: there is no such file, or it is no video.
    """
    with opened(path) as (container, stream):
        rate = stream.average_rate
        return VideoInfo(stream.width, stream.height, float(rate) if rate else None, duration_of(container))


def pyav_frames(
    path: str | Path, *, fps: float, short_side: int | None = None, start: int = 0, say: Callable[[str], None] = quiet
) -> Iterator[GridFrame]:
    """Frames at ``start / fps, (start + 1) / fps, ...`` seconds, to the end of the last frame.

    A grid time before the first frame (sound may begin earlier) takes the first one. The rotation and the shape of
    pixels that the file asks for are applied; frames are scaled by swscale (bicubic) while their colours are
    converted, which is not bit by bit what torchvision's resize of a stored RGB frame gives. A clock that jumps or
    starts anew is put right (`hiero_lib.sources.extraction.clock`).

    Args:
        path: any file that FFmpeg reads: mp4, mkv, mov, avi, GIF.
        fps: of the grid.
        short_side: pixels of the shorter side of the images; None leaves their size, but for the shape of pixels.
        start: first index, for resuming: the decoder seeks to the key frame before it.
        say: receives a sentence for each thing that is odd: a clock that jumps, an end before the header's, and,
            when all is read, how much could not be decoded.

    Raises:
        DataError: there is no such file, it is no video, it cannot be read, or not one frame can be decoded.
    """
    clock = read_clock(path)
    for remark in clock.remarks():
        say(remark)
    if start and clock.ticks is None:
        with opened(path) as (container, stream):
            decoded = _from(container, stream, clock, start / fps, path)
            if decoded is not None:
                watched = _watched(decoded, clock, max(0.0, start / fps), say)
                yield from _nearest(watched, clock, fps, start, short_side, path)
                return
    with opened(path) as (container, stream):  # from the beginning, also where the file cannot be sought in
        watched = _watched(_decoded(container, stream, clock, path), clock, 0.0, say)
        yield from _nearest(watched, clock, fps, start, short_side, path)


def torchcodec_frames(
    path: str | Path, *, fps: float, short_side: int | None = None, start: int = 0, say: Callable[[str], None] = quiet
) -> Iterator[GridFrame]:
    """As :func:`pyav_frames`, decoded by torchcodec, which first scans the file's timestamps and then seeks exactly.

    Files whose clock is wrong or whose pixels are not square are left to :func:`pyav_frames`.

    Raises:
        DataError: as :func:`pyav_frames`.
    """
    from torchcodec.decoders import VideoDecoder

    clock = read_clock(path)
    with opened(path) as (_, stream):
        number, plain = stream.index, clock.ticks is None and pixel_shape(stream) == 1
    if not plain:
        yield from pyav_frames(path, fps=fps, short_side=short_side, start=start, say=say)
        return
    for remark in clock.remarks():
        say(remark)
    origin = clock.origin_s
    try:
        decoder = VideoDecoder(
            str(Path(path).absolute()), dimension_order="NHWC", seek_mode="exact", stream_index=number
        )
        first = _index_before(decoder, start / fps + origin - _SEEK_MARGIN_S) if start else 0
    except Exception as error:  # torchcodec raises whatever FFmpeg said
        raise DataError(f"not readable as a video ({error})"[:300], file=path) from error

    def decoded() -> Iterator[Decoded]:
        for number in range(first, len(decoder)):
            try:
                frame = decoder.get_frame_at(number)
            except RuntimeError:
                continue
            image = functools.partial(_scaled, frame.data.numpy())
            yield Decoded(frame.pts_seconds - origin, frame.duration_seconds, image)

    yield from _nearest(_watched(decoded(), clock, start / fps, say), clock, fps, start, short_side, path)


def _index_before(decoder: Any, time_s: float) -> int:
    """The last frame of a torchcodec decoder at or before a time; the first where there is none."""
    low, high = 0, len(decoder)
    while high - low > 1:
        middle = (low + high) // 2
        early = decoder.get_frame_at(middle).pts_seconds <= time_s
        low, high = (middle, high) if early else (low, middle)
    return low


@dataclass(frozen=True)
class Decoded:
    """A frame as it comes from a decoder: its time and length in seconds (0: unknown), and how to get its image."""

    time_s: float
    length_s: float
    image: Callable[[int | None], np.ndarray]
    damaged: bool = False


def _decoded(container: Any, stream: Any, clock: Clock, path: str | Path) -> Iterator[Decoded]:
    """Every frame that can be decoded, in order of time.

    A damaged packet costs its frames and no more; a frame that goes back is left out; one without a timestamp follows
    the one before.
    """
    import av

    stream.thread_type = "AUTO"
    pixel, last = pixel_shape(stream), -math.inf
    for number, packet in enumerate(packets(container, stream, path)):
        if clock.ticks is not None and number < len(clock.ticks):
            packet.pts, packet.dts = clock.ticks[number], None
        try:
            frames = packet.decode()
        except av.error.MemoryError as error:
            raise DataError("too little memory to decode it", file=path) from error
        except av.FFmpegError:
            continue
        for frame in frames:
            ticks = frame.dts if frame.pts is None else frame.pts
            time = max(last, -clock.step_s) + clock.step_s  # where it has none of its own
            if ticks is not None:
                time = float(ticks * stream.time_base) - clock.origin_s
            if time <= last:
                continue
            last = time
            length_s = float(frame.duration * stream.time_base) if frame.duration else 0.0
            image = functools.partial(_upright, frame, pixel, path, time)
            yield Decoded(last, length_s, image, damaged=frame.is_corrupt)


def _from(container: Any, stream: Any, clock: Clock, time_s: float, path: str | Path) -> Iterator[Decoded] | None:
    """As :func:`_decoded`, from a frame at or before ``time_s`` on; None where the file cannot be sought in."""
    import av

    target = max(0.0, time_s - _SEEK_MARGIN_S)
    try:
        container.seek(round((target + clock.origin_s) / stream.time_base), stream=stream, backward=True)
    except av.FFmpegError:
        return None
    decoded = _decoded(container, stream, clock, path)
    first = next(decoded, None)
    if first is None or first.time_s > target + _LATE_FRAME_S:
        return None
    return itertools.chain([first], decoded)


def _watched(
    decoded: Iterator[Decoded], clock: Clock, start_s: float, say: Callable[[str], None]
) -> Iterator[Decoded]:
    """The same frames; when they end, how much of what the file holds from ``start_s`` on did not come out."""
    lost: list[tuple[float, float]] = []
    damaged: list[float] = []

    def look(end: float, following: float) -> None:
        inside = np.searchsorted(clock.shown_s, [end - 1e-6, following - 0.5 * clock.step_s])
        if following - end > _LOST_S and inside[1] - inside[0] > 1:
            lost.append((end, following))

    end = start_s
    for frame in decoded:
        look(end, frame.time_s)
        if frame.damaged and frame.time_s >= start_s:
            damaged.append(frame.time_s)
        end = max(end, frame.time_s + clock.step_s)
        yield frame
    look(end, clock.end_s)
    if lost:
        seconds = sum(stop - start for start, stop in lost)
        say(f"{seconds:.3g} of {clock.end_s:.4g} s could not be decoded, first at {lost[0][0]:.4g} s")
    if len(damaged) > max(_FEW_DAMAGED, _FEW_DAMAGED_PART * len(clock.shown_s)):
        say(f"{len(damaged)} frames are damaged, first at {damaged[0]:.4g} s")


def _nearest(
    decoded: Iterator[Decoded], clock: Clock, fps: float, start: int, short_side: int | None, path: str | Path
) -> Iterator[GridFrame]:
    """The frame nearest to each grid time; of two at the same distance the earlier one.

    The video ends with its last frame's length (where that is not known, with the distance to the frame before;
    never later than the file's clock lets it), and the grid with the last time that is nearer to a frame's span than
    to the end.
    """
    index, before = start, next(decoded, None)
    if before is None:
        raise DataError("not one frame can be decoded", file=path)
    gap = 1 / fps
    while True:
        after = next(decoded, None)
        if after is None:
            break
        gap = after.time_s - before.time_s
        while index / fps <= after.time_s - min(gap / 2, _EARLIEST_S) + 1e-9:
            yield _grid_frame(index, before, short_side)
            index += 1
        before = after
    end = min(before.time_s + (before.length_s or gap), max(clock.end_s, before.time_s + clock.step_s))
    while index == 0 or index / fps < end - 0.5 / fps - 1e-6:
        yield _grid_frame(index, before, short_side)
        index += 1


def _grid_frame(index: int, decoded: Decoded, short_side: int | None) -> GridFrame:
    return GridFrame(index, decoded.time_s, functools.partial(decoded.image, short_side))


def _upright(frame: Any, pixel: float, path: str | Path, time_s: float, short_side: int | None) -> np.ndarray:
    """``[H, W, 3]`` uint8 RGB of a PyAV frame, scaled to the shape in which it is shown, turned as its file asks.

    Args:
        pixel: width of a pixel over its height.
        path, time_s: for the message.
    """
    import av

    width, height = _fitted(frame.width, frame.height, short_side, pixel)
    try:
        image = frame.reformat(width=width, height=height, format="rgb24", interpolation="BICUBIC").to_ndarray()
    except (av.FFmpegError, ValueError, MemoryError) as error:
        field = f"frame at {time_s:.4g} s"
        raise DataError(f"cannot be converted ({error})"[:300], file=path, field=field) from error
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _fitted(width: int, height: int, short_side: int | None, pixel: float = 1.0) -> tuple[int, int]:
    """Width and height of the picture as it is shown, with the shorter one at ``short_side``."""
    shown = width * pixel
    if short_side is None:
        return max(1, round(shown)), height
    scale = short_side / min(shown, height)
    return max(short_side, round(shown * scale)), max(short_side, round(height * scale))


def _scaled(image: np.ndarray, short_side: int | None) -> np.ndarray:
    """An RGB image scaled by swscale, as :func:`_upright` does."""
    import av

    width, height = _fitted(image.shape[1], image.shape[0], short_side)
    if (width, height) == (image.shape[1], image.shape[0]):
        return image
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    return frame.reformat(width=width, height=height, format="rgb24", interpolation="BICUBIC").to_ndarray()
