"""From a video file to its activity threads: features, a model where there is one or can be one, a hierarchy.

Where the features are those that a checkpoint was trained on, its threads are shown. Else, with narrations, a small
model is trained on the video itself, which says what belongs together in this video and nothing about others. Else
the features are clustered as they are. What was done is said, and written down.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from hiero_lib.base.files import pasted, sha256_of, write_json, write_text
from hiero_lib.base.fingerprint import Fingerprint
from hiero_lib.base.progress import quiet, say
from hiero_lib.config import FeatureConfig, Profile
from hiero_lib.data.egoclip import open_egoclip
from hiero_lib.data.features import FeatureStore
from hiero_lib.data.media import find_media
from hiero_lib.data.narrations import Narrations, add_tag
from hiero_lib.data.paths import DataPaths
from hiero_lib.data.subtitles import read_narrations
from hiero_lib.hierarchy.collection import Collection, named_hierarchy, open_collection
from hiero_lib.hierarchy.division import ThreadCount
from hiero_lib.hierarchy.spans import Span
from hiero_lib.methods.method import UNTRAINED, Method
from hiero_lib.methods.opening import open_methods
from hiero_lib.models.checkpoints import read_card
from hiero_lib.models.model_files import model_at
from hiero_lib.pipelines.video_folder import claim_folder, held_by, link_to, typed_name, uid_of
from hiero_lib.sources.extraction.clock import read_clock
from hiero_lib.sources.extraction.extract import Extraction, Progress, check_fits, extract_video
from hiero_lib.sources.extraction.extractors.base import Extractor
from hiero_lib.sources.extraction.names import printable, problem_of

if TYPE_CHECKING:
    from hiero_lib.sources.extraction.demo import Demo
    from hiero_lib.viz.timeline import TimelineRow


@dataclass(frozen=True)
class Exploration:
    """A video ready to be looked at.

    Attributes:
        collection: the one video, and its narrations where it has some; its profile is the one that was used.
        method: whose features show the threads; how: in words, why this one.
        untrained: the features as they are, for comparison.
        video_uid: the file's stem, or a safe name for it; folder: holds everything that was made.
    """

    collection: Collection
    method: Method
    untrained: Method
    how: str
    video_uid: str
    folder: Path


def explore(
    video: str | Path,
    folder: str | Path,
    *,
    profile: Profile,
    extractor: Extractor,
    device: torch.device,
    narrations: str | Path | None = None,
    encoding: str | None = None,
    tier: str | None = None,
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = say,
) -> Exploration:
    """Make the features of a video and choose, or train, the model that shows its threads.

    Args:
        video: the file. folder: receives ``data/`` (in the kit's layout) and ``train/``; started again, goes on. It
            belongs to this file (`hiero_lib.pipelines.video_folder`).
        profile: describes the features, and the model that is trained; its text encoder is looked for under its
            data root.
        extractor: makes the features that the profile describes; on the device.
        narrations: a file with times (`hiero_lib.data.subtitles`); those after its end are left out, and said. None:
            those that were given for this folder before, if any were.
        encoding: of their text; None: UTF-8, or by the mark at its start. tier: of ELAN's; None: as they say.
        checkpoint: a model folder or an authors' ``.pth``; used only where it was trained on such features.
        progress: of the extraction.
        say: receives a line on which way was taken, and what is odd in the files.

    Raises:
        DataError: a file that cannot be used, a folder that holds another video or cannot be written to, or an
            extractor that does not fit the profile.
    """
    video, folder = Path(video), Path(folder)
    check_fits(extractor, profile.features)
    refused = "" if checkpoint is None else why_not(checkpoint, profile.features, extractor)
    narrated = None
    if narrations is not None:
        duration_s = read_clock(video).end_s
        narrated = read_narrations(narrations, duration_s=duration_s, encoding=encoding, tier=tier, say=say)
    claim_folder(folder, video)
    profile = _moved(profile, folder / "data")
    paths, uid = DataPaths.at(profile.data_root), uid_of(video)
    link_to(video, paths.videos / f"{uid}{video.suffix}")
    if uid != video.stem:
        say(f"{printable(video.stem)[:80]}: {problem_of(video.stem)}; its uid is {uid}")
    extraction = Extraction(extractor, profile.features, device)
    features = extract_video(
        video,
        paths.features(profile.features.folder),
        extraction,
        video_uid=uid,
        progress=progress,
        say=lambda remark: say(f"{printable(video.name)}: {remark}"),
    )
    if narrated is not None:
        narrated = _covered(narrated, paths, uid, profile.features, say)
    if narrated is not None:
        write_text(paths.egoclip, _egoclip(uid, narrated))
    elif paths.egoclip.is_file():  # what was trained on them is not to be lost
        narrated = open_egoclip(paths).narrations(uid)
        without = f"remove {pasted(paths.egoclip)} to go without"
        say(f"with the {len(narrated.times)} narrations that were given before ({without})")

    fewest = profile.own_video.fewest_narrations
    if checkpoint is not None and not refused:
        how = f"threads of the checkpoint {checkpoint}, which was trained on such features"
        chosen: Path | None = Path(checkpoint)
    elif narrated is not None and len(narrated.times) >= fewest:
        how = f"threads of a small model trained on this video alone, on its {len(narrated.times)} narrations"
        say(f"{refused}training a small model on this video's {len(narrated.times)} narrations")
        chosen = _trained(profile, folder, features)
    else:
        few = "without narrations"
        if narrated is not None:
            few = f"{len(narrated.times)} narrations are too few to train on, {fewest} are needed"
        how, chosen = f"threads of the raw features ({extractor.name}), nothing was trained ({few})", None
    say(f"{refused}{how}")
    checkpoints = {} if chosen is None else {"chosen": chosen}
    methods = open_methods(profile, checkpoints=checkpoints, device=device)
    method = list(methods.values())[-1]
    collection = open_collection(profile, device=device)
    return Exploration(collection, method, methods[UNTRAINED], f"{refused}{how}", uid, folder)


def why_not(checkpoint: str | Path, features: FeatureConfig, extractor: Extractor) -> str:
    """Why a checkpoint is of no use for features, as the beginning of a sentence; empty where it is.

    An authors' ``.pth`` does not say what it was trained on: EgoVLP's and Omnivore's features are believed of the
    right F (LaViLa's have the F of EgoVLP's: give no LaViLa checkpoint for them).

    Raises:
        DataError: the checkpoint cannot be read.
    """
    path = model_at(checkpoint, say=quiet)  # told when it is opened
    if path.is_file():
        from hiero_lib.models.authors_checkpoint import read_authors_checkpoint

        dim = read_authors_checkpoint(path).model.input_size
        if dim != features.dim:
            return f"{path} takes features of {dim} channels, not {features.dim}: "
        if extractor.name not in ("egovlp", "omnivore_video_swinl"):
            return f"{path} was not trained on features of {extractor.name}: "
        return ""
    card = read_card(path)
    trained = card.features
    if card.model.input_size != features.dim or trained is None or trained.folder != features.folder:
        of = "other features" if trained is None else f"{trained.folder} ({card.model.input_size} channels)"
        return f"{path} was trained on {of}, not on {features.folder} ({features.dim}): "
    ours = (features.stride_frames, features.window_frames, features.fps)
    theirs = (trained.stride_frames, trained.window_frames, trained.fps)
    if ours != theirs:
        return f"{path} was trained with stride, window and fps {theirs}, not {ours}: "
    return ""


def _moved(profile: Profile, root: Path) -> Profile:
    """The profile over another data root; its own files are still those under the old one."""
    old = DataPaths.at(profile.data_root).root.resolve()

    def under_old(name: str | None) -> Path | None:
        return None if name is None else old / name

    projection, weights = under_old(profile.features.text_projection), under_old(profile.text.weights)
    source = old / profile.text.source
    return dataclasses.replace(
        profile,
        data_root=str(root.resolve()),
        features=dataclasses.replace(
            profile.features, text_projection=str(projection) if projection and projection.exists() else None
        ),
        text=dataclasses.replace(
            profile.text,
            source=str(source) if source.exists() else profile.text.source,
            weights=None if weights is None else str(weights),
        ),
    )


def _covered(
    narrated: Narrations, paths: DataPaths, uid: str, features: FeatureConfig, say: Callable[[str], None]
) -> Narrations:
    """Narrations that the features reach: of a damaged video the last part may not come out of the decoder."""
    stride_s = features.stride_frames / features.fps
    end = (FeatureStore(paths.features(features.folder)).num_segments(uid) + 1) * stride_s
    kept = [(time, text) for time, text in narrated if time <= end]
    if len(kept) < len(narrated):
        say(f"{len(narrated) - len(kept)} of {len(narrated)} narrations lie after what was decoded, and are left out")
    return Narrations([time for time, _ in kept], [text for _, text in kept])


def _egoclip(video_uid: str, narrations: Narrations) -> str:
    """Narrations in EgoClip's form."""
    stream = io.StringIO()
    rows = csv.writer(stream, delimiter="\t", lineterminator="\n")
    rows.writerow(["video_uid", "narration_time", "clip_text"])
    rows.writerows([video_uid, f"{time:.3f}", add_tag(text)] for time, text in narrations)
    return stream.getvalue()


def _trained(profile: Profile, folder: Path, features: Path) -> Path:
    """The model trained on the video; other features, narrations or settings give another one beside it."""
    from hiero_lib.training.loop import run_training

    decisive = {
        "features": sha256_of(features),
        "narrations": sha256_of(DataPaths.at(profile.data_root).egoclip),
        "settings": {name: profile.to_dict()[name] for name in ("text", "model", "alignment", "loss", "training")},
    }
    digest = Fingerprint().json(decisive).digits(8)
    return run_training(profile, folder / "train" / f"hiero-{digest}").last_checkpoint


def write_report(
    exploration: Exploration,
    *,
    num_threads: ThreadCount | Sequence[ThreadCount] | None = None,
    formats: Sequence[str] = ("html",),
) -> list[Path]:
    """Write the report of a video, and ``about.json``, into the folder of its exploration; their paths.

    What was corrected of it in the explorer is in it; the page has small pictures of the video.

    Args:
        exploration: from :func:`explore`.
        num_threads: as `hiero_lib.hierarchy.video.video_hierarchy`.
        formats: of :data:`hiero_lib.export.writers.WRITERS`.

    Raises:
        ConfigError: a format that there is not.
        DataError: there are corrections, of a division into other numbers of threads.
    """
    from hiero_lib.explorer.pictures import pictures_file, pictures_of
    from hiero_lib.export.reports import video_record
    from hiero_lib.export.writers import check_formats, export

    check_formats(formats)
    profile = exploration.collection.profile
    uid, folder = exploration.video_uid, exploration.folder
    record = video_record(exploration.collection, exploration.method, uid, num_threads=num_threads, run_folder=folder)
    record = dataclasses.replace(record, data_name=f"a video of one's own ({exploration.how})")
    if "html" in formats:
        media = find_media(DataPaths.at(profile.data_root), uid, features=profile.features.folder)
        span = {"start_s": record.hierarchy.start_s, "end_s": record.hierarchy.end_s}
        pictures = pictures_of(media, **span, kept=pictures_file(folder, uid, media))
        record = dataclasses.replace(record, pictures=None if pictures is None else pictures.value())
    about = exploration.folder / "about.json"
    said = {"how": exploration.how, "method": exploration.method.name, "profile": profile.to_dict()}
    write_json(about, {"video": held_by(exploration.folder), **said})
    name = typed_name(uid)  # the folder has one video
    return [*export(record, exploration.folder, formats=formats, name=name), about]


def level_rows(
    exploration: Exploration,
    method: Method,
    *,
    name: str,
    num_threads: ThreadCount | Sequence[ThreadCount] | None = None,
    truth: TimelineRow | None = None,
) -> list[TimelineRow]:
    """Rows of a timeline: the threads of every level as a method sees them, the coarsest first.

    Args:
        exploration: the video.
        method: ``exploration.method`` or ``exploration.untrained``; name: what the rows call it.
        num_threads: as `hiero_lib.hierarchy.video.video_hierarchy`.
        truth: threads to take numbers and names from, where they are known: each thread those of the one it covers.
    """
    from hiero_lib.viz.rows import hierarchy_rows, in_colors_of

    hierarchy = named_hierarchy(exploration.collection, method, exploration.video_uid, num_threads=num_threads)
    rows = [dataclasses.replace(row, name=f"{name}, {row.name}") for row in hierarchy_rows(hierarchy)]
    return rows if truth is None else in_colors_of(truth, rows)


def turns_row(demo: Demo) -> TimelineRow:
    """The truth of the demo as a row of a timeline."""
    from hiero_lib.viz.timeline import TimelineRow

    activities = list(dict.fromkeys(activity for _, _, activity in demo.turns))
    spans = [Span(start, end, activities.index(activity)) for start, end, activity in demo.turns]
    return TimelineRow("what was drawn", spans, dict(enumerate(activities)))
