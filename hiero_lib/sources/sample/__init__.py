"""A sample to run everything on, made locally: ``data/README.md`` tells how, and what it is not."""

from hiero_lib.sources.sample.build import SampleReport
from hiero_lib.sources.sample.generate import make_sample, make_sample_from_timelines

__all__ = ["SampleReport", "make_sample", "make_sample_from_timelines"]
