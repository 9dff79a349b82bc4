"""Are the activity threads of the sample found again? Only a generated sample knows the true ones."""

from hiero_lib.benchmarks.benchmark import Benchmark
from hiero_lib.benchmarks.thread_recovery.report import (
    count_table,
    recovered_rows,
    scale_table,
    thread_table,
    truth_of_video,
    truth_row,
    typical_video,
)
from hiero_lib.benchmarks.thread_recovery.task import needed_files, open_thread_recovery

BENCHMARK = Benchmark("Thread recovery", needed_files, open_thread_recovery)

__all__ = [
    "BENCHMARK",
    "count_table",
    "needed_files",
    "open_thread_recovery",
    "recovered_rows",
    "scale_table",
    "thread_table",
    "truth_of_video",
    "truth_row",
    "typical_video",
]
