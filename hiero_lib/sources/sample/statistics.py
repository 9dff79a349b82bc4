"""What raw features of a sample are like, beside what is known of real ones.

Real figures: cosines of neighbouring segments are of EfficientNet-Lite0 on two short egocentric clips; EgoMCQ and
EgoProceL those published for raw EgoVLP features. On EgoProceL's real key-step timelines random clusters get an F1 of
22.7 and uniform pieces 51.3, so that the published 40.0 lies 0.60 of the way from the ones to the others.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hiero_lib.benchmarks.controls import RANDOM, UNIFORM
from hiero_lib.benchmarks.egomcq.task import open_egomcq
from hiero_lib.benchmarks.egoprocel.task import open_egoprocel
from hiero_lib.config import load_profile
from hiero_lib.data.paths import DataPaths
from hiero_lib.methods.method import UNTRAINED
from hiero_lib.methods.opening import open_methods
from hiero_lib.sources.sample.build import feature_folder
from hiero_lib.sources.sample.features import STRIDE_S, Strengths
from hiero_lib.sources.sample.generate import make_sample

_CPU = torch.device("cpu")
_FAR_S = 10.0


@dataclass(frozen=True)
class RawStatistics:
    """Of raw features; cosines are means over pairs of segments of a video, then over the videos.

    Attributes:
        neighbours: cosine of neighbouring segments.
        ten_seconds: cosine of segments 10 s apart.
        within: cosine of any two segments of a video.
        inter, intra: EgoMCQ accuracy against the features' own text space.
        place: where the EgoProceL F1 lies, from random clusters (0) to uniform pieces (1).
    """

    neighbours: float
    ten_seconds: float
    within: float
    inter: float
    intra: float
    place: float


TARGETS: dict[str, tuple[float, float]] = {
    "neighbours": (0.85, 0.95),
    "ten_seconds": (0.55, 0.75),
    "within": (0.45, 1.0),
    "inter": (0.85, 0.93),
    "intra": (0.52, 0.65),
    "place": (0.45, 0.75),
}
"""What means over samples of several seeds have to lie within."""

_KNOWN = {
    "neighbours": ("cosine of neighbouring segments", "0.88 to 0.93"),
    "ten_seconds": (f"cosine of segments {_FAR_S:.0f} s apart", "not known"),
    "within": ("cosine within a video, mean", "not known"),
    "inter": ("EgoMCQ inter-video accuracy, untrained", "0.906"),
    "intra": ("EgoMCQ intra-video accuracy, untrained", "0.572"),
    "place": ("EgoProceL F1, untrained: from random clusters (0) to uniform pieces (1)", "0.60"),
}


def raw_statistics(root: str | Path) -> RawStatistics:
    """The statistics of the sample at ``root``, of 256 channels.

    Raises:
        DataError: there is no such sample.
    """
    profile = load_profile("sample", {"data_root": str(root)})
    methods = open_methods(profile, checkpoints={}, device=_CPU)
    accuracy = open_egomcq(profile, device=_CPU).evaluate(methods)[UNTRAINED].metrics()
    task = open_egoprocel(profile, device=_CPU)
    f1 = task.score(methods[UNTRAINED]).value("F1")
    low, high = (task.score_control(name).value("F1") for name in (RANDOM, UNIFORM))
    folder = DataPaths.at(profile.data_root).features(feature_folder(profile.features.dim))
    cosines = np.mean([_cosines(torch.load(path, weights_only=True)) for path in sorted(folder.glob("*.pt"))], axis=0)
    place = (f1 - low) / (high - low)
    near, far, within = cosines.tolist()
    return RawStatistics(near, far, within, accuracy["inter"].value, accuracy["intra"].value, place)


def _cosines(x: Tensor) -> tuple[float, float, float]:
    """Of neighbours, of segments 10 s apart, and of any two, in one video ``[N, F]``."""
    rows = F.normalize(x.float(), dim=1)
    n, far = len(rows), round(_FAR_S / STRIDE_S)
    every = (rows.sum(0).square().sum() - n) / (n * (n - 1))
    return float((rows[1:] * rows[:-1]).sum(1).mean()), float((rows[far:] * rows[:-far]).sum(1).mean()), float(every)


def statistics_of_seeds(seeds: Sequence[int], *, strengths: Strengths | None = None) -> list[RawStatistics]:
    """Make a sample of each seed in a folder that is then removed, and take its statistics."""
    found = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            make_sample(Path(folder) / "sample", seed=seed, strengths=strengths)
            found.append(raw_statistics(Path(folder) / "sample"))
    return found


def missed(statistics: Sequence[RawStatistics]) -> list[str]:
    """The statistics whose mean lies outside its target."""
    means = {name: float(np.mean([getattr(one, name) for one in statistics])) for name in TARGETS}
    return [name for name, (low, high) in TARGETS.items() if not low <= means[name] <= high]


def statistics_table(seeds: Sequence[int], statistics: Sequence[RawStatistics]) -> str:
    """For people, in markdown: a line a statistic, with its target and what is known of real features."""
    lines = ["| raw features | real | target | mean | " + " | ".join(f"seed {seed}" for seed in seeds) + " |"]
    lines.append("|" + "---|" * (4 + len(seeds)))
    for name, (low, high) in TARGETS.items():
        values = [asdict(one)[name] for one in statistics]
        what, real = _KNOWN[name]
        target = f"{low:.2f} to {high:.2f}" if high < 1 else f"{low:.2f} or more"
        cells = [what, real, target, *(f"{value:.2f}" for value in (float(np.mean(values)), *values))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
