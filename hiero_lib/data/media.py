"""What can be shown of a video beside its features: the file itself, or frames of it. Either may be missing.

``<root>/raw/videos/<video_uid>.mp4`` (or another of `VIDEO_SUFFIXES`), and
``<root>/raw/frames/<video_uid>/<seconds>.jpg`` (or .png): one picture at each time given by the file's name.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import read_json, safe_name
from hiero_lib.base.identity import identity_once
from hiero_lib.data.paths import DataPaths

VIDEO_SUFFIXES = (
    *(".mp4", ".webm", ".mov", ".mkv", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".gif"),
    *(".mts", ".m2ts", ".3gp", ".wmv", ".flv", ".vob", ".ogv"),
)  # those that browsers play come first
_PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Media:
    """The video's file, and its frames ``(seconds, file)`` in time order; ``note``: why a file is not shown."""

    video: Path | None = None
    frames: tuple[tuple[float, Path], ...] = ()
    note: str = ""

    def frames_between(self, start_s: float, end_s: float, *, most: int = 6) -> list[tuple[float, Path]]:
        """Frames of a span, evenly spread; where it has none, the one nearest to its middle."""
        inside = [frame for frame in self.frames if start_s <= frame[0] < end_s]
        if not inside:
            middle = (start_s + end_s) / 2
            return sorted(self.frames, key=lambda frame: abs(frame[0] - middle))[:1]
        step = max(1, -(-len(inside) // most))
        return inside[::step]


def find_media(paths: DataPaths, video_uid: str, *, features: str | None = None) -> Media:
    """What there is of a video, under its uid or under `hiero_lib.base.files.safe_name` of it.

    A file that the record of the video's features says they are not of is not shown. Names in the folder of frames
    that are no numbers are passed over.

    Args:
        paths: of the data; video_uid: the video.
        features: name of the folder of features that are looked at.
    """
    names = [name for name in dict.fromkeys((video_uid, safe_name(video_uid))) if name == Path(name).name]
    suffixes = [*VIDEO_SUFFIXES, *(suffix.upper() for suffix in VIDEO_SUFFIXES)]
    files = (paths.videos / f"{name}{suffix}" for name in names for suffix in suffixes)
    pictures = next((paths.frames / name for name in names if (paths.frames / name).is_dir()), None)
    frames = []
    for path in pictures.iterdir() if pictures is not None else ():
        if path.suffix.lower() in _PICTURE_SUFFIXES:
            try:
                frames.append((float(path.stem), path))
            except ValueError:
                continue
    video = next((path for path in files if path.is_file()), None)
    note = ""
    if video is not None and features is not None:
        made_of = _made_of(paths.features(features) / f"{video_uid}.json")
        if made_of is not None and made_of != identity_once(video):
            note = f"{video.name} is another file than the one whose features these are: not shown."
            video = None
    return Media(video, tuple(sorted(frames)), note)


def _made_of(record: Path) -> str | None:
    """The identity of the file that features were made of; None where nothing says so."""
    with contextlib.suppress(DataError, OSError):
        made_by = read_json(record)
        if isinstance(made_by, dict):
            return made_by.get("video_identity")
    return None
