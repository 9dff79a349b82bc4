"""EgoMCQ: which of five clips does a narration describe? (METHOD.md, "Benchmarks")"""

from hiero_lib.benchmarks.benchmark import Benchmark
from hiero_lib.benchmarks.egomcq.report import METRICS, question_table
from hiero_lib.benchmarks.egomcq.task import needed_files, open_egomcq

BENCHMARK = Benchmark("EgoMCQ", needed_files, open_egomcq, needs_text=True)

__all__ = ["BENCHMARK", "METRICS", "needed_files", "open_egomcq", "question_table"]
