"""A sample to run everything on, made locally: ``data/README.md`` tells how, and what it is not."""

from hiero_lib.sources.sample.build import SampleReport
from hiero_lib.sources.sample.generate import make_sample, make_sample_from_timelines
from hiero_lib.sources.sample.truth import Truth, TruthSpan, read_truth

__all__ = ["SampleReport", "Truth", "TruthSpan", "make_sample", "make_sample_from_timelines", "read_truth"]
