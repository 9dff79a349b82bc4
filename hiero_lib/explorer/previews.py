"""A small preview of a video that a browser plays badly: offered, made once in the background, kept, believed again.

It is offered where the file is longer than 20 minutes (seeking takes seconds), higher than 1,080 lines, larger than a
notebook is sent, or of a codec or a container that not every browser plays. ``<run>/previews/<video>-<digits of the
file's content>.mp4``; the JSON beside it has its hash, so that one without it, or of another file, is made again.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import atomic_path, safe_name
from hiero_lib.base.identity import identity_once, stamp_of
from hiero_lib.base.locks import exclusive
from hiero_lib.base.progress import readable
from hiero_lib.base.sealed import read_sealed, write_sealed
from hiero_lib.data.media import Media

FORMAT = 1
MOST_BYTES = 200 * 2**20  # a longer file is not sent to a notebook through the kernel
_MOST_S, _MOST_LINES = 20 * 60, 1080
_CODECS = {"h264", "vp8", "vp9", "av1"}  # that Chrome, Firefox and Safari play
_PIXELS = {"yuv420p", "yuvj420p"}
_CONTAINERS = {".mp4", ".m4v", ".mov", ".webm"}
_NICE = 10  # the explorer comes first
_PATIENCE_S = 2.0  # for a making that was stopped


class Make(Protocol):
    """Makes a preview; `hiero_lib.sources.preview.make_preview`."""

    def __call__(self, video: Path, target: Path, *, show: ShowShare) -> list[str]:
        """Write ``target``; what is odd, a sentence each.

        ``show`` is told the share that is done, now and then; what it raises ends the making.
        """


class ShowShare(Protocol):
    """Told the share that is done."""

    def __call__(self, share: float) -> None:
        """0 to 1."""


class _Stopped(Exception):
    """Somebody has stopped the making."""


@dataclass
class _Job:
    """A making: the thread changes ``share``, ``failed`` and ``stopped`` alone."""

    stop: threading.Event = field(default_factory=threading.Event)
    share: float = 0.0
    failed: str = ""
    thread: threading.Thread | None = None

    @property
    def runs(self) -> bool:
        return self.thread is not None and self.thread.is_alive()


class Previews:
    """Previews of the videos of a run.

    Args:
        run_folder: keeps them. make: makes one. Without either none is offered.
    """

    def __init__(self, run_folder: Path | None, make: Make | None) -> None:
        self._run_folder, self._make = run_folder, make
        self._jobs: dict[Path, _Job] = {}
        self._believed: dict[Path, str] = {}  # -> its stamp when it was looked at

    def ready(self, uid: str, media: Media) -> Path | None:
        """The preview of a video; None where there is none, or it is not what was written."""
        target = self._file(uid, media)
        if target is None or not target.is_file():
            return None
        stamp = stamp_of(target)
        if not stamp or self._believed.get(target) != stamp:
            try:
                read_sealed(_record(target), format=FORMAT, what="a preview")
            except (DataError, OSError):
                return None
            self._believed[target] = stamp
        return target

    def value(self, uid: str, media: Media) -> dict[str, Any] | None:
        """For the explorer's module: state (offered, making, ready, failed), why it is offered, share, note."""
        target = self._file(uid, media)
        if target is None or media.video is None:
            return None
        job = self._jobs.get(target)
        why = why_offered(media.video)
        about = {"why": why, "share": 0.0, "note": ""}
        if job is not None and job.runs and not job.stop.is_set():
            return about | {"state": "making", "share": round(job.share, 3)}
        if self.ready(uid, media) is not None:
            return about | {"state": "ready", "note": self._remarks(target)}
        if job is not None and job.failed:
            return about | {"state": "failed", "note": job.failed}
        return about | {"state": "offered"} if why else None

    def begin(self, uid: str, media: Media) -> None:
        """Begin to make one, in the background; where it is being made, or is there, nothing happens.

        Raises:
            DataError: there is no file, no run that would keep it, or nothing can make it.
        """
        target = self._file(uid, media)
        if target is None or media.video is None or self._make is None:
            problem = "there is no video to make a preview of, or no run that keeps it"
            raise DataError(problem, field="video", value=uid)
        job = self._jobs.get(target)
        if job is not None and job.runs and job.stop.is_set():
            raise DataError("the making that was stopped is about to end: try again in a moment", file=target)
        if (job is not None and job.runs) or self.ready(uid, media) is not None:
            return
        job = self._jobs[target] = _Job()
        job.thread = threading.Thread(target=self._work, args=(job, media.video, target, self._make), daemon=True)
        job.thread.start()

    def stop(self, uid: str, media: Media) -> None:
        """Stop the making, if there is one; nothing of it is left, at once or when the file's clock has been read."""
        job = self._jobs.get(self._file(uid, media) or Path())
        if job is not None and job.thread is not None:
            job.stop.set()
            job.thread.join(_PATIENCE_S)

    def close(self) -> None:
        """Stop every making."""
        for job in self._jobs.values():
            job.stop.set()
        for job in self._jobs.values():
            if job.thread is not None:
                job.thread.join(_PATIENCE_S)

    def _file(self, uid: str, media: Media) -> Path | None:
        if self._run_folder is None or self._make is None or media.video is None:
            return None
        name = f"{safe_name(uid)}-{identity_once(media.video)[:12]}.mp4"
        return self._run_folder / "previews" / name

    @staticmethod
    def _work(job: _Job, video: Path, target: Path, make: Make) -> None:
        def show(share: float) -> None:
            job.share = share
            if job.stop.is_set():
                raise _Stopped

        with contextlib.suppress(AttributeError, OSError):  # of a thread there is one on Linux alone
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with exclusive(target, "making a preview"):
                with atomic_path(target) as temporary:
                    remarks = make(video, temporary, show=show)
                write_sealed(_record(target), {"remarks": remarks}, format=FORMAT, files=[target.name])
        except _Stopped:
            return
        except Exception as error:  # nobody else hears of what happens in a thread
            job.failed = f"The preview could not be made: {str(error) or type(error).__name__}"

    def _remarks(self, target: Path) -> str:
        with contextlib.suppress(DataError, OSError, KeyError, TypeError):
            return "; ".join(read_sealed(_record(target), format=FORMAT, what="a preview", files=False)["remarks"])
        return ""


def why_offered(video: Path) -> str:
    """Why a preview of a file is of use, in a few words; empty where a browser plays it well, or it is no video."""
    with contextlib.suppress(OSError):
        stamp = stamp_of(video)
        return _why_of(video, stamp) if stamp else _looked_at(video)
    return ""


@functools.lru_cache(maxsize=64)
def _why_of(video: Path, stamp: str) -> str:
    """``stamp`` is that of the file now: with another one it is another file."""
    return _looked_at(video)


def _looked_at(video: Path) -> str:
    import av
    from av.stream import Disposition

    try:
        with video.open("rb") as file, av.open(file, "r", options={"protocol_whitelist": "none"}) as container:
            covers = Disposition.attached_pic | Disposition.timed_thumbnails
            stream = next((one for one in container.streams.video if not one.disposition & covers), None)
            if stream is None:
                return ""
            codec, pixels = stream.codec_context.name, stream.codec_context.pix_fmt
            seconds, lines = (container.duration or 0) / 1e6, min(stream.width, stream.height)
    except (av.FFmpegError, OSError, ValueError):
        return ""
    size = video.stat().st_size
    if codec not in _CODECS:
        return f"not every browser plays its codec, {codec}"
    if codec == "h264" and pixels not in _PIXELS:
        return f"not every browser plays its pixels, {pixels}"
    if video.suffix.lower() not in _CONTAINERS:
        return f"not every browser plays {video.suffix} files"
    if seconds > _MOST_S:
        return f"it lasts {readable(seconds)}"
    if lines > _MOST_LINES:
        return f"it has {lines} lines"
    return f"it is {size / 1e6:.0f} MB large" if size > MOST_BYTES else ""


def _record(target: Path) -> Path:
    return target.with_suffix(".json")
