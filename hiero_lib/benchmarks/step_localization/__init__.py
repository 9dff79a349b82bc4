"""Ego4D Goal-Step, step localisation: all steps of a video with their labels, zero-shot."""

from hiero_lib.benchmarks.benchmark import Benchmark
from hiero_lib.benchmarks.grounding.files import short_uid
from hiero_lib.benchmarks.step_localization.report import example_videos, localized_rows
from hiero_lib.benchmarks.step_localization.task import needed_files, open_step_localization

BENCHMARK = Benchmark("Goal-Step step localisation", needed_files, open_step_localization, needs_text=True)

__all__ = ["BENCHMARK", "example_videos", "localized_rows", "needed_files", "open_step_localization", "short_uid"]
