"""EgoNLQ: a head trained on frozen features finds the moment of a clip that answers a query."""

from hiero_lib.benchmarks.benchmark import Benchmark
from hiero_lib.benchmarks.egonlq.files import needed_files
from hiero_lib.benchmarks.egonlq.report import MEASURES, example_panels, level_name, level_table, query_table
from hiero_lib.benchmarks.egonlq.score import FED, compared_levels, planned_heads
from hiero_lib.benchmarks.egonlq.task import compute_features, head_processes, open_egonlq, train_heads

BENCHMARK = Benchmark("EgoNLQ", needed_files, open_egonlq, only=FED)

__all__ = [
    "BENCHMARK",
    "FED",
    "MEASURES",
    "compared_levels",
    "compute_features",
    "example_panels",
    "head_processes",
    "level_name",
    "level_table",
    "needed_files",
    "open_egonlq",
    "planned_heads",
    "query_table",
    "train_heads",
]
