"""EgoProceL: clusters of a video against the key-steps of its procedure, zero-shot."""

from hiero_lib.benchmarks.benchmark import Benchmark
from hiero_lib.benchmarks.controls import UNIFORM
from hiero_lib.benchmarks.egoprocel.data import needed_files
from hiero_lib.benchmarks.egoprocel.report import (
    dataset_table,
    keystep_rows,
    metric_name,
    number_table,
    task_table,
    two_of_a_task,
    typical_videos,
    video_title,
)
from hiero_lib.benchmarks.egoprocel.score import MEASURES
from hiero_lib.benchmarks.egoprocel.task import open_egoprocel

BENCHMARK = Benchmark("EgoProceL", needed_files, open_egoprocel)

__all__ = [
    "BENCHMARK",
    "MEASURES",
    "UNIFORM",
    "dataset_table",
    "keystep_rows",
    "metric_name",
    "needed_files",
    "number_table",
    "open_egoprocel",
    "task_table",
    "two_of_a_task",
    "typical_videos",
    "video_title",
]
