"""A slice of a long feature file against reading the file whole."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from hiero_lib.data.features import FeatureStore
from tests.tools.speed.common import seconds

HOURS, DIM = 5, 1536
SEGMENTS = HOURS * 3600 * 30 // 16


def run(device: torch.device) -> None:
    """Print the ratios for a 5-minute slice, both file formats."""
    from safetensors.torch import load_file, save_file

    cpu = torch.device("cpu")
    print(f"a 5-minute slice of {HOURS} h of features (F {DIM}, float16):")
    with tempfile.TemporaryDirectory() as folder:
        x = torch.randn(SEGMENTS, DIM).half()
        for name in ("pt", "safetensors"):
            path = Path(folder) / name / f"v.{name}"
            path.parent.mkdir()
            if name == "pt":
                torch.save(x, path)
                whole = seconds(lambda p=path: torch.load(p, weights_only=True), cpu)
            else:
                save_file({"x": x}, path)
                whole = seconds(lambda p=path: load_file(p)["x"].clone(), cpu)
            # opening the file is part of what is measured
            part = seconds(lambda p=path: FeatureStore(p.parent, dim=DIM).read("v", 9000, 9562), cpu)
            again = FeatureStore(path.parent, dim=DIM)
            warm = seconds(lambda s=again: s.read("v", 9000, 9562), cpu)
            print(f"  .{name}: {1e3 * part:.2f} ms; {1e3 * warm:.2f} ms once opened; whole file {1e3 * whole:.0f} ms")
            print(f"    {whole / part:.0f} x faster than the whole file (aim: at least 10)")
