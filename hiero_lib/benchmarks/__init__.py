"""The benchmarks, a folder each, with the same modules in each.

``files`` reads the annotation files as they are published, ``data`` joins them with the features of a profile,
``score`` holds the measures and the results (of EgoNLQ also the training of its head), ``task`` is the benchmark
opened on a profile's data, ``report`` makes rows, tables and figures for people.
:mod:`hiero_lib.benchmarks.benchmark` says what they have in common, and :mod:`hiero_lib.benchmarks.grounding` what
EgoNLQ and Goal-Step share.

To add one: a folder with these modules whose ``__init__`` has a ``BENCHMARK``, and its name here. The command
``python -m hiero_lib NAME`` is there then; ``hiero_lib/README.md`` lists what else there is to do.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hiero_lib.benchmarks.benchmark import Benchmark

# Folder, which is the command's name too -> what the command's help says; nothing is imported for it.
BENCHMARKS = {
    "egomcq": "which of five clips does a narration describe (EgoMCQ)",
    "thread_recovery": "are the activity threads of the sample found again",
    "egonlq": "train EgoNLQ's head on raw features, the probe's and HiERO's, and score them",
    "egoprocel": "clusters of videos against the key-steps of their procedures (EgoProceL)",
    "goalstep": "find the steps of a video described in words (Goal-Step, step grounding)",
    "step_localization": "find and name all steps of a video (Goal-Step, step localisation)",
}


def load_benchmark(name: str) -> Benchmark:
    """The benchmark of a folder, imported now; KeyError for a name that is not in ``BENCHMARKS``."""
    if name not in BENCHMARKS:
        raise KeyError(name)
    return importlib.import_module(f"hiero_lib.benchmarks.{name}").BENCHMARK
