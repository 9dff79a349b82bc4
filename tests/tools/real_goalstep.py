"""The real Goal-Step annotations through the whole path: ``python -m tests.tools.real_goalstep``.

Reads ``val.json``, ``test.json`` and ``goalstep_video_groups.tsv`` of a folder, makes features up for every video in
them (in the space of the sample of seed 0, so that models trained on it can be asked), and runs ``python -m hiero_lib
goalstep`` on them. The features know where the validation answers are; of the test file, which has no times, they
take the steps evenly spread. So the counts and times are real, and the scores say nothing about Goal-Step.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch

from hiero_lib.__main__ import main as hiero_lib
from hiero_lib.benchmarks.grounding.files import GroundingClip, group_members, read_grounding, read_video_groups
from hiero_lib.data.paths import DataPaths
from hiero_lib.notebook import open_run
from hiero_lib.results.run import trained_models
from hiero_lib.sources.sample.build import TEXT_PROJECTION, minilm
from hiero_lib.sources.sample.features import FeatureSpace
from hiero_lib.sources.sample.grammar import grammar
from hiero_lib.sources.sample.story import Beat, Story
from tests.helpers.shared import SHARED

ANNOTATIONS = SHARED / "goalstep"
FILES = ("val.json", "test.json", "goalstep_video_groups.tsv")


def story_of(clip: GroundingClip) -> Story:
    """The clip's steps as a video: at their times, or evenly spread where it has none."""
    edges = np.linspace(clip.start_s, clip.end_s, len(clip.queries) + 1).tolist()
    beats = []
    for index, query in enumerate(clip.queries):
        start = edges[index] if query.start_s is None else query.start_s
        end = edges[index + 1] if query.end_s is None else query.end_s
        beats.append(Beat(start, end, query.text, step=query.text))
    return Story(clip.video_uid, "", clip.end_s, tuple(sorted(beats, key=lambda beat: beat.start_s)))


def features_of(
    clips: list[GroundingClip], groups: Mapping[str, tuple[str, ...]], space: FeatureSpace
) -> Iterator[tuple[str, torch.Tensor]]:
    """Every video's features, ``[N, F]`` float16; the members of a group share its length evenly."""
    for number, clip in enumerate(clips):
        whole = torch.from_numpy(space.synthesise(story_of(clip), np.random.default_rng([0, number])))
        members = group_members(clip.video_uid, groups) or ()
        yield from zip(members, whole.tensor_split(max(len(members), 1)), strict=True)


def make_data(root: Path, annotations: Path, *, dim: int = 256) -> int:
    """Write a data root with the real annotations and made-up features; the number of videos."""
    paths = DataPaths.at(root)
    target, features = paths.annotations / "goalstep", paths.features(f"sample_{dim}")
    for folder in (target, features, root / "pretrained"):
        folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(annotations / name, target / name)
    groups = read_video_groups(target / "goalstep_video_groups.tsv")
    clips = [clip for name in FILES[:2] for clip in read_grounding(target / name)[0]]
    texts = sorted({query.text for clip in clips for query in clip.queries})
    space = FeatureSpace(minilm(), texts, reference=grammar().texts, dim=dim, seed=0)
    weight, bias = space.text_projection()
    torch.save({"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)}, root / TEXT_PROJECTION)
    count = 0
    for uid, x in features_of(clips, groups, space):
        torch.save(x.clone(), features / f"{uid}.pt")
        count += 1
    return count


def main() -> int:
    """Make the data, run the command, say how long both took."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.real_goalstep", description=__doc__)
    parser.add_argument("--annotations", type=Path, default=ANNOTATIONS, help="(default: %(default)s)")
    parser.add_argument("--root", type=Path, default=Path("data/real_goalstep"), help="(default: %(default)s)")
    parser.add_argument("--models", default="sample", help="the run whose models are asked (default: %(default)s)")
    options = parser.parse_args()
    missing = [name for name in FILES if not (options.annotations / name).is_file()]
    if missing:
        print(f"not run: {options.annotations} lacks {', '.join(missing)}")
        return 1
    started = time.perf_counter()
    count = make_data(options.root, options.annotations)
    made = time.perf_counter()
    print(f"features of {count} videos made up in {made - started:.0f} s")
    models = trained_models(open_run("sample", run=options.models))
    checkpoints = [part for path in models.values() for part in ("--checkpoint", str(path))]
    settings = ["--profile", "sample", "--set", f"data_root={options.root}", "--run", "real_goalstep"]
    status = hiero_lib(["goalstep", *settings, *checkpoints])
    print(f"goalstep: {time.perf_counter() - made:.0f} s, {time.process_time():.0f} s of CPU time in all")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
