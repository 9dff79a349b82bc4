"""Features of one video file, written in the authors' format; resumable inside a long video.

``<uid>.pt`` is a float16 ``[N, F]`` tensor and ``<uid>.json`` beside it says what it was made by, and of which file's
content: a copied or moved file keeps its features, and another one of its name is refused. While a video is
worked on, whole parts of it lie in ``.<uid>.parts``; after a kill the same call goes on behind the last one, with the
same result as an uninterrupted run (to rounding, where a GPU's batches fall differently).
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hiero_lib import __version__
from hiero_lib.base.errors import DataError
from hiero_lib.base.files import atomic_path, read_json, write_json
from hiero_lib.base.fingerprint import Fingerprint
from hiero_lib.base.identity import file_identity
from hiero_lib.base.progress import quiet
from hiero_lib.config import FeatureConfig
from hiero_lib.data.features import FeatureStore
from hiero_lib.sources.extraction.decode import Decoder, GridFrame, best_decoder, video_info
from hiero_lib.sources.extraction.extractors.base import Extractor
from hiero_lib.sources.extraction.names import check_uid, printable
from hiero_lib.sources.extraction.parts import Parts
from hiero_lib.sources.extraction.windows import Windows, clips

FORMAT = 2
FRAMES_AT_ONCE = 32  # of a forward pass, all windows together

_AFRESH = "Write to another folder, or delete the video's .pt and .json"

Progress = Callable[[int, int | None], None]  # segments done, and about how many in all


@dataclass(frozen=True)
class Extraction:
    """How features are made, whatever the video.

    Args:
        extractor: on the device already; features: stride, window and fps.
        device: of the extractor; decoder: None takes the best that is installed.
        batch: windows of a forward pass; None: as many as make 32 frames.
        part: segments after which what is done is put on disk (1,024 are 9 minutes at stride 16).
    """

    extractor: Extractor
    features: FeatureConfig
    device: torch.device
    decoder: Decoder | None = None
    batch: int | None = None
    part: int = 1024

    @property
    def windows(self) -> Windows:
        """Which frames a segment is made of."""
        return Windows.of(self.features, self.extractor.sampled)

    @property
    def fingerprint(self) -> str:
        """Hash of all that decides the features of a video."""
        windows, extractor = self.windows, self.extractor
        decisive = (FORMAT, extractor.name, extractor.fingerprint, self.features.fps, windows)
        return Fingerprint().text(repr(decisive)).digits()


def check_fits(extractor: Extractor, features: FeatureConfig) -> None:
    """Raise a DataError where an extractor's features are not those that a profile describes."""
    if extractor.dim != features.dim:
        raise DataError(
            f"the profile's features have {features.dim} channels, {extractor.name} gives {extractor.dim}",
            field="features.dim",
            value=features.dim,
            hint="Choose a profile for this extractor, or set features.dim and model.input_size",
        )


def segment_features(
    video: str | Path, extraction: Extraction, *, start: int = 0, say: Callable[[str], None] = quiet
) -> Iterator[Tensor]:
    """Features ``[b, F]`` (float16, on the CPU) of segments ``start, start + 1, ...``, a batch at a time.

    The next batch is decoded while the device computes. Each frame is cropped by itself, so that the size of frames
    may change within a file. ``say`` receives what the decoder says.

    Raises:
        DataError: the file cannot be decoded, or a feature is not finite in float16.
    """
    extractor, windows = extraction.extractor, extraction.windows
    decoder = extraction.decoder or best_decoder()
    frames = decoder(
        video,
        fps=extraction.features.fps,
        short_side=extractor.preprocessing.short_side,
        start=windows.first_frame(start),
        say=say,
    )
    size = extraction.batch or max(1, FRAMES_AT_ONCE // len(windows.offsets))
    for batch in _ahead(_batches(clips(_cropped(frames, extractor), windows, start=start), size)):
        features = extractor(torch.from_numpy(batch).to(extraction.device)).half().cpu()
        if not bool(torch.isfinite(features).all()):
            raise DataError("a feature is not finite in float16", file=video, field=extractor.name)
        yield features


def extract_video(
    video: str | Path,
    folder: str | Path,
    extraction: Extraction,
    *,
    video_uid: str | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = quiet,
) -> Path:
    """Write the features of one video, or go on writing them; the path of ``<uid>.pt``.

    Args:
        video: the file; folder: receives the features.
        video_uid: the file's stem when None.
        progress: called after each batch.
        say: receives a sentence for each thing that is odd in the file; they stand in the record, too.

    Raises:
        DataError: as :func:`segment_features` and :func:`is_done`; a name that cannot be a uid; or the file changes
            while it is read.
    """
    video, folder = Path(video), Path(folder)
    uid = video_uid or video.stem
    check_uid(uid, video)
    if is_done(uid, folder, extraction, video):
        return FeatureStore(folder).path(uid)
    identity = identity_of(video)
    duration_s = video_info(video).duration_s
    expected = None if duration_s is None else extraction.windows.count(round(duration_s * extraction.features.fps))
    parts = Parts(folder / f".{uid}.parts", f"{extraction.fingerprint} {identity}", extraction.part)
    done = parts.restore()
    held: list[Tensor] = []
    remarks: list[str] = []
    for features in segment_features(video, extraction, start=done, say=remarks.append):
        held.append(features)
        done += len(features)
        if progress is not None:
            progress(done, expected)
        held = parts.put_full(held)
    if identity_of(video) != identity:
        parts.remove()
        raise DataError("the file changed while it was read", file=video, hint="Start again when it is complete")
    x = torch.cat([*parts.read(), *held])
    write_json(folder / f"{uid}.json", _record(video, identity, x, extraction, remarks))
    with atomic_path(folder / f"{uid}.pt") as temporary:
        torch.save(x, temporary)
    parts.remove()
    for remark in remarks:
        say(remark)
    return folder / f"{uid}.pt"


def is_done(video_uid: str, folder: Path, extraction: Extraction, video: Path) -> bool:
    """Whether the features of a video's file are there; those without a record (downloaded ones) are taken as theirs.

    Raises:
        DataError: features of that name cannot be read or are of another F; they are of another file, or were made by
            another extractor, with other weights or windows.
    """
    if not folder.is_dir() or video_uid not in FeatureStore(folder):
        return False
    header = FeatureStore(folder, dim=extraction.extractor.dim).header(video_uid)
    record = folder / f"{video_uid}.json"
    if not record.is_file():
        return True
    made_by = read_json(record)
    if not isinstance(made_by, dict):
        raise DataError("not a record of features", file=record, value=type(made_by).__name__, hint=_AFRESH)
    if made_by.get("fingerprint") != extraction.fingerprint:
        how = f"{made_by.get('extractor')}, {made_by.get('weights')}"
        if made_by.get("format") != FORMAT and "format" in made_by:
            how += f", by a version of the kit that wrote format {made_by['format']}, not {FORMAT}"
        problem = f"these features were made in another way ({how})"
        raise DataError(problem, file=record, field="fingerprint", hint=_AFRESH)
    if made_by.get("video_identity") != identity_of(video):
        problem = f"these features are of another file of this name, not of {printable(str(video))}"
        raise DataError(problem, file=record, field="video_identity", hint=_AFRESH)
    if made_by.get("segments") != header.num_segments:
        problem = f"the features beside it have {header.num_segments} segments"
        raise DataError(problem, file=record, field="segments", value=made_by.get("segments"), hint=_AFRESH)
    return True


def identity_of(video: Path) -> str:
    """`hiero_lib.base.identity.file_identity` of a video; DataError where it cannot be read."""
    try:
        return file_identity(video)
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=video) from error


def _record(video: Path, identity: str, x: Tensor, extraction: Extraction, remarks: Sequence[str]) -> dict[str, Any]:
    """What ``<uid>.json`` says."""
    extractor, windows = extraction.extractor, extraction.windows
    return {
        "format": FORMAT,
        "video": printable(video.name),
        "video_identity": identity,
        "remarks": list(remarks),
        "segments": len(x),
        "dim": x.shape[1],
        "extractor": extractor.name,
        "weights": extractor.source,
        "weights_sha256": extractor.fingerprint,
        "fps": extraction.features.fps,
        "stride_frames": windows.stride,
        "window_frames": windows.window,
        "sampled_frames": windows.offsets,
        "fingerprint": extraction.fingerprint,
        "versions": {"hiero_lib": __version__, "torch": torch.__version__, "av": metadata.version("av")},
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _cropped(frames: Iterable[GridFrame], extractor: Extractor) -> Iterator[GridFrame]:
    """The same frames, whose images are the square in the middle."""
    for frame in frames:
        yield dataclasses.replace(frame, image=functools.partial(_square, frame, extractor))


def _square(frame: GridFrame, extractor: Extractor) -> np.ndarray:
    return extractor.preprocessing.cropped(frame.image())


def _batches(clips_of: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """``[size, T, H, W, C]``, the last one smaller."""
    while batch := list(itertools.islice(clips_of, size)):
        yield np.stack(batch)


def _ahead(batches: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """The same, each made by a thread while the one before is used."""
    with ThreadPoolExecutor(1, thread_name_prefix="decode") as pool:
        following = pool.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = pool.submit(next, batches, None)
            yield batch
