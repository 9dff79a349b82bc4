"""EgoProceL under a data root: which tasks are there, in which layout, and where a video's features lie.

raw/annotations/egoprocel/<task folder>/<video>.csv    labels (METHOD.md, "Files")
raw/annotations/egoprocel/videos.csv                   video,fps,num_frames: frame rates and counts, or
raw/videos/egoprocel/**/<video>.mp4                    the videos themselves, which know both
raw/annotations/egoprocel/keysteps.json                labels of all tasks, where there is no csv
raw/features/egoprocel/<folder>/<dataset>/<video>.pt   segment features
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import read_json, visible
from hiero_lib.benchmarks.egoprocel.files import (
    TASKS,
    KeystepVideo,
    Task,
    read_csv_task,
    read_frame_table,
    read_keysteps_json,
    read_step_names,
)
from hiero_lib.config import Profile
from hiero_lib.data.features import FeatureStore
from hiero_lib.data.paths import DataPaths
from hiero_lib.data.segments import VideoSegments

FRAME_TABLE, KEYSTEPS, STEP_NAMES = "videos.csv", "keysteps.json", "id2action.txt"
VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".m4v")


@dataclass(frozen=True)
class KeystepData:
    """The labelled videos, and the features that go with them.

    Attributes:
        videos: of all tasks that are there.
        source: the folder of csv files, or the JSON file.
        absent: tasks without labels here.
        features: folder of the dataset folders of feature files.
        feature_fps: rate that the features' stride counts in; None: each video's own, as EgoProceL's were made.
    """

    videos: tuple[KeystepVideo, ...]
    source: Path
    absent: tuple[Task, ...]
    features: Path
    feature_fps: float | None
    stride_frames: int
    dim: int

    def segments(self, video: KeystepVideo) -> VideoSegments | None:
        """The video's segments with their times in seconds; None where it has no feature file.

        A timeline of keysteps.json is called ``<task>.<handle>``, and its file may be called that or ``<handle>``.

        Raises:
            DataError: as :class:`FeatureStore`.
        """
        folder = self.features / video.task.feature_folder
        if not folder.is_dir():
            return None
        store = FeatureStore(folder, dim=self.dim)
        uid = video.video_uid
        for name in (uid, uid.removeprefix(f"{video.task.json_key}.")):
            if name in store:
                fps = self.feature_fps or video.fps
                x = store.read(name)
                return VideoSegments.from_features(x, stride_frames=self.stride_frames, fps=fps, video_uid=uid)
        return None

    def summary(self) -> str:
        """One line for people."""
        tasks = {video.task for video in self.videos}
        datasets = len({task.dataset for task in tasks})
        return (
            f"{len(self.videos)} labelled videos of {len(tasks)} tasks in {datasets} datasets, from {self.source}"
            f" ({len(self.absent)} of {len(TASKS)} tasks are not there)"
        )


def needed_files(profile: Profile) -> list[Path]:
    """What must be there for EgoProceL: features, labels where they are looked for by default, and frame rates."""
    paths = DataPaths.at(profile.data_root)
    needed = [_features_folder(profile)]
    if profile.egoprocel.labels is None:  # labels that are named and not there are a mistake
        labels = paths.annotations / "egoprocel"
        needed.append(labels)
        if not (labels / KEYSTEPS).is_file() and not _videos_folder(paths).is_dir():
            needed.append(labels / FRAME_TABLE)
    return needed


def open_keysteps(profile: Profile) -> KeystepData:
    """Find and read whatever EgoProceL has under the profile's data root.

    Raises:
        DataError: no labels or no folder of features, or a label file that cannot be used; of csv labels also a
            video whose frame rate and count are not known (named).
    """
    paths, config = DataPaths.at(profile.data_root), profile.egoprocel
    features = _features_folder(profile)
    if not features.is_dir():
        raise DataError("there is no such folder of features", file=features)
    labels = paths.annotations / "egoprocel" if config.labels is None else Path(config.labels).expanduser()
    tasks = [task for task in TASKS if visible(labels / task.annotation_folder, "*.csv")]
    if tasks:
        videos = _read_csv(labels, tasks, _videos_folder(paths))
        fps = None
    else:
        labels = labels / KEYSTEPS if labels.is_dir() else labels
        if not labels.is_file():
            hint = f"Expected {TASKS[0].annotation_folder}/<video>.csv and the like, or {KEYSTEPS}"
            raise DataError("there are no key-step labels", file=labels.parent, hint=hint)
        videos, fps = _read_json(labels, config.json_fps), profile.features.fps
        tasks = list(dict.fromkeys(video.task for video in videos))
    absent = tuple(task for task in TASKS if task not in tasks)
    return KeystepData(
        tuple(videos), labels, absent, features, fps, profile.features.stride_frames, profile.features.dim
    )


def _features_folder(profile: Profile) -> Path:
    folder = profile.egoprocel.feature_folder or profile.features.folder
    return DataPaths.at(profile.data_root).features("egoprocel") / folder


def _videos_folder(paths: DataPaths) -> Path:
    return paths.root / "raw" / "videos" / "egoprocel"


def _read_csv(labels: Path, tasks: Sequence[Task], videos_folder: Path) -> list[KeystepVideo]:
    """All csv labels, with frame rates from the table and, where it lacks a video, from the video itself."""
    table_file = labels / FRAME_TABLE
    table = read_frame_table(table_file) if table_file.is_file() else {}
    known = {task: {file.stem for file in visible(labels / task.annotation_folder, "*.csv")} for task in tasks}
    folders: dict[str, str] = {}
    for task, names in known.items():
        for name in sorted(names):
            if folders.setdefault(name, task.feature_folder) != task.feature_folder:
                problem = f"the video is one of {folders[name]} as well, and {FRAME_TABLE} cannot tell them apart"
                raise DataError(problem, file=labels / task.annotation_folder, field="video", value=name)
    lacking = folders.keys() - table.keys()
    if lacking and videos_folder.is_dir():
        files: dict[str, Path] = {}
        for path in visible(videos_folder, "**/*"):
            wanted = path.suffix.lower() in VIDEO_SUFFIXES and path.stem in lacking
            if wanted and files.setdefault(path.stem, path) != path:
                raise DataError("two videos of one name", file=path, field="video", value=str(files[path.stem]))
        table |= {name: read_video_rate(files[name]) for name in sorted(lacking & files.keys())}
    return [video for task in tasks for video in read_csv_task(task, labels, table)]


def _read_json(path: Path, fps: float) -> list[KeystepVideo]:
    """All tasks of a keysteps.json; texts come from the file of names beside it, where it is there."""
    document = read_json(path)
    known = {task.json_key: task for task in TASKS}
    if not isinstance(document, dict) or not document:
        raise DataError("expected an object of tasks", file=path, value=type(document).__name__)
    for key in document:
        if key not in known:
            raise DataError("unknown task", file=path, field=key, hint=f"Known: {', '.join(known)}")
    names_file = path.with_name(STEP_NAMES)
    names = read_step_names(names_file) if names_file.is_file() else None
    return read_keysteps_json(
        path, fps=fps, names=names, tasks=[task for key, task in known.items() if key in document]
    )


def read_video_rate(path: str | Path) -> tuple[float, int]:
    """Frame rate and count of a video file, from its header; where that has no count, the packets are counted.

    Raises:
        DataError: PyAV is not installed, or the file is no video.
    """
    try:
        import av
    except ImportError as error:
        hint = f"pip install av, or write {FRAME_TABLE} (video,fps,num_frames)"
        raise DataError("reading a video's frame rate needs PyAV", file=path, hint=hint) from error
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            rate = float(stream.average_rate or 0)
            count = stream.frames or sum(packet.size > 0 for packet in container.demux(stream))
    except (av.error.FFmpegError, IndexError, OSError) as error:
        raise DataError("not readable as a video", file=path, field=type(error).__name__) from error
    if rate < 1 or count < 2:
        raise DataError("expected fps of 1 or more and 2 frames or more", file=path, value=(rate, count))
    return rate, count


LEVEL = 2  # of the backbone: a node stands for 4 segments


def raw_level_features(x: Tensor) -> Tensor:
    """The baseline's features: raw segments ``[N, F]`` at the rate of level 2, ``x[2::4]``; of a shorter video its
    last segment."""
    return x[2::4] if len(x) > 2 else x[-1:]


def spread_to_frames(ids: np.ndarray, *, num_labels: int, frames_per_node: float) -> np.ndarray:
    """The id of each label's frame; labels are every second frame from index 1 on.

    With 64 frames a node (stride 16 at level 2) each id is repeated 32 times, as in the reference. Frames beyond
    the last node get 0, and nodes beyond the last frame are dropped, as there.
    """
    node = np.floor((2 * np.arange(num_labels) + 1) / frames_per_node).astype(np.int64)
    spread = np.zeros(num_labels, dtype=np.int64)
    inside = node < len(ids)
    spread[inside] = ids[node[inside]]
    return spread


def frames_per_node(video: KeystepVideo, *, stride_frames: int, fps: float | None = None) -> float:
    """Frames of the video's labels that a level-2 node covers.

    Args:
        video: its ``fps`` is the rate of its label frames.
        stride_frames: of the features.
        fps: the rate that ``stride_frames`` counts in; None: the video's own, as EgoProceL's features were made.
    """
    return stride_frames * 2**LEVEL * (1.0 if fps is None else video.fps / fps)
