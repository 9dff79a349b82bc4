"""The two ways to a sample: from the grammar, or from real timelines."""

from __future__ import annotations

import functools
import math
import uuid
from dataclasses import asdict
from pathlib import Path
from statistics import NormalDist

import numpy as np

from hiero_lib.base.errors import ConfigError
from hiero_lib.base.files import sha256_of
from hiero_lib.sources.sample.build import Material, SampleReport, build, stream
from hiero_lib.sources.sample.features import Embed, Strengths
from hiero_lib.sources.sample.grammar import Procedure, grammar
from hiero_lib.sources.sample.narrations import narrate
from hiero_lib.sources.sample.story import Story, sample_story
from hiero_lib.sources.sample.timelines import read_timelines

_CAST, _STORY, _NARRATIONS, _SPLIT = range(20, 24)  # streams of chance; build.py has others
_HELD_OUT = 0.3  # of the videos
_QUESTIONS_PER_TYPE = 300


def make_sample(
    root: str | Path,
    *,
    seed: int = 0,
    num_videos: int = 40,
    dim: int = 256,
    minutes: tuple[float, float] = (3.0, 30.0),
    strengths: Strengths | None = None,
    embed: Embed | None = None,
    force: bool = False,
) -> SampleReport:
    """Make the sample of ``data/README.md`` at ``root``: same arguments, same bytes.

    Args:
        root: data root; an equal sample that is there already is left alone.
        seed: of everything.
        num_videos: 6 or more; three in ten, and five at least, are held out.
        dim: F, channels of a segment.
        minutes: shortest and longest video, about.
        strengths: of the parts of the features, for experiments; None: those that `statistics.py` holds to what is
            known of real features.
        embed: texts -> ``[n, T]`` text encoder outputs; None loads MiniLM from its PyPI package.
        force: replace another sample that is there.

    Raises:
        ConfigError: too few videos, minutes that are no range, a negative seed, no channels.
        DataError: ``root`` holds another sample (without ``force``), or something that is no sample.
    """
    if num_videos < 6:
        raise ConfigError("a sample needs 6 videos or more", field="num_videos", value=num_videos)
    if not 0 < minutes[0] <= minutes[1]:
        raise ConfigError("expected shortest and longest", field="minutes", value=minutes)
    settings = {
        "generator": "grammar",
        "seed": _checked_seed(seed),
        "num_videos": num_videos,
        "dim": _checked_dim(dim),
        "minutes": list(minutes),
        "questions_per_type": _QUESTIONS_PER_TYPE,
        **({} if strengths is None else {"strengths": asdict(strengths)}),
    }
    draw = functools.partial(_draw, seed, num_videos, minutes)
    return build(root, settings, draw, strengths=strengths, embed=embed, force=force)


def make_sample_from_timelines(
    root: str | Path,
    timelines_file: str | Path,
    *,
    seed: int = 0,
    dim: int = 256,
    held_out: float = _HELD_OUT,
    embed: Embed | None = None,
    force: bool = False,
) -> SampleReport:
    """Make a sample whose videos, texts and times are those of real annotations; only the features are made up.

    The features live in the same space as those of ``make_sample`` with the same seed, dim and text encoder, so a
    model that was trained on the one can be tried on the other.

    Args:
        root: data root.
        timelines_file: see ``timelines.read_timelines`` for the layouts.
        seed: of the features, the split and the questions.
        dim: F, channels of a segment.
        held_out: share of the videos that are kept from ``egoclip.csv`` and that the benchmarks are made from
            (five at least, where there are as many); 1.0 holds out all.
        embed: as in ``make_sample``.
        force: replace another sample that is there.

    Raises:
        ConfigError: ``held_out`` is not within 0 to 1, a negative seed, no channels.
        DataError: the file is not one of the layouts, or ``root`` holds something else.
    """
    if not 0 < held_out <= 1:
        raise ConfigError("expected a share of the videos", field="held_out", value=held_out)
    settings = {
        "generator": "timelines",
        "timelines": Path(timelines_file).name,
        "timelines_sha256": "" if not Path(timelines_file).is_file() else sha256_of(timelines_file),
        "seed": _checked_seed(seed),
        "dim": _checked_dim(dim),
        "held_out": held_out,
        "questions_per_type": _QUESTIONS_PER_TYPE,
    }

    def draw() -> Material:
        timelines = read_timelines(timelines_file)
        uids = [story.video_uid for story in timelines.stories]
        count = len(uids)
        if held_out < 1:
            count = max(1, min(len(uids) - 1, max(5, round(held_out * len(uids)))))
        chosen = stream(seed, _SPLIT).permutation(len(uids))[:count]
        return Material(timelines.stories, timelines.narrations, frozenset(uids[i] for i in chosen), timelines.broken)

    return build(root, settings, draw, embed=embed, force=force)


def _checked_dim(dim: int) -> int:
    if dim < 1:
        raise ConfigError("expected one channel or more", field="dim", value=dim)
    return dim


def _checked_seed(seed: int) -> int:
    if seed < 0:
        raise ConfigError("expected a whole number from 0", field="seed", value=seed)
    return seed


def _draw(seed: int, num_videos: int, minutes: tuple[float, float]) -> Material:
    """All videos' stories and narrations; the held-out ones come last."""
    num_held_out = max(5, round(_HELD_OUT * num_videos))
    num_training = num_videos - num_held_out
    rng = stream(seed, _CAST)
    lengths_s = rng.permutation(_lengths_s(num_videos, minutes))
    all_procedures = grammar().procedures
    # Every procedure is seen in training before one comes a second time.
    rounds = -(-num_training // len(all_procedures))
    leads = [all_procedures[i] for _ in range(rounds) for i in rng.permutation(len(all_procedures))][:num_training]
    casts = [_cast(rng, lead, length) for lead, length in zip(leads, lengths_s)]
    # Of four held-out videos three carry out a task of EgoProceL, and nothing but that.
    tasks = [p for p in all_procedures if p.egoprocel]
    for index, length in enumerate(lengths_s[num_training:]):
        if index % 4 == 3:
            casts.append(_cast(rng, all_procedures[rng.integers(len(all_procedures))], length))
        else:
            casts.append([tasks[(index - index // 4) % len(tasks)]])

    stories: list[Story] = []
    for index, (cast, length) in enumerate(zip(casts, lengths_s)):
        chance = stream(seed, _STORY, index)
        uid = str(uuid.UUID(bytes=chance.bytes(16), version=4))
        beside = grammar().beside_of(cast[0].scenario)
        stories.append(sample_story(chance, video_uid=uid, procedures=cast, beside=beside, duration_s=float(length)))
    narrations = {s.video_uid: narrate(stream(seed, _NARRATIONS, i), s) for i, s in enumerate(stories)}
    return Material(stories, narrations, frozenset(s.video_uid for s in stories[num_training:]))


def _lengths_s(count: int, minutes: tuple[float, float]) -> np.ndarray:
    """Evenly spaced quantiles of a log-normal between the shortest and the longest: many short videos, few long."""
    low, high = (math.log(60 * m) for m in minutes)
    spread = NormalDist(low + 0.3 * (high - low), 0.3 * (high - low) or 1e-9)
    return np.exp([min(high, max(low, spread.inv_cdf((i + 0.5) / count))) for i in range(count)])


def _cast(rng: np.random.Generator, lead: Procedure, length_s: float) -> list[Procedure]:
    """A video's procedures, all of one scenario: a second one from 9 minutes on, a third from 18."""
    others = [p for p in grammar().procedures if p.scenario == lead.scenario and p is not lead]
    more = int(length_s >= 540) + int(length_s >= 1080)
    return [lead, *(others[i] for i in rng.permutation(len(others))[:more])]
