"""Ego4D Goal-Step, step grounding: the moment of each step of a video, zero-shot."""

from hiero_lib.benchmarks.benchmark import Benchmark
from hiero_lib.benchmarks.goalstep.files import needed_files
from hiero_lib.benchmarks.goalstep.report import ablation_table, example_panels, query_table
from hiero_lib.benchmarks.goalstep.score import RANKS, THRESHOLDS
from hiero_lib.benchmarks.goalstep.task import open_goalstep

BENCHMARK = Benchmark("Goal-Step step grounding", needed_files, open_goalstep, needs_text=True)

__all__ = [
    "BENCHMARK",
    "RANKS",
    "THRESHOLDS",
    "ablation_table",
    "example_panels",
    "needed_files",
    "open_goalstep",
    "query_table",
]
