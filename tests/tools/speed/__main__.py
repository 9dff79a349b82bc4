"""``python -m tests.tools.speed [NAME ...]``: run some benchmarks, or all."""

from __future__ import annotations

import argparse
import platform

import torch

from hiero_lib.base.device import best_device
from tests.tools.speed import (
    checks,
    egomcq_throughput,
    egoprocel,
    feature_slice,
    figures,
    forward_length,
    header_survey,
    report,
    search,
    spectral,
    step_grounding,
    training_step,
)

BENCHMARKS = {
    "checks": checks.run,
    "training_step": training_step.run,
    "egomcq": egomcq_throughput.run,
    "egoprocel": egoprocel.run,
    "feature_slice": feature_slice.run,
    "figures": figures.run,
    "forward_length": forward_length.run,
    "search": search.run,
    "report": report.run,
    "spectral": spectral.run,
    "spectral_sample": spectral.of_sample,
    "spectral_solvers": spectral.eigensolvers,
    "step_grounding": step_grounding.run,
    "headers": header_survey.run,
}


def main() -> None:
    """Print the machine, then each benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.speed", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)} (default: all)")
    names = parser.parse_args().names or list(BENCHMARKS)
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    device = best_device()
    card = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or platform.machine()
    print(f"torch {torch.__version__}, {device.type}: {card}, {torch.get_num_threads()} threads")
    for name in names:
        BENCHMARKS[name](device)


if __name__ == "__main__":
    main()
