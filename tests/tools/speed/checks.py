"""What the checks of kept files cost at a start: ``train`` and ``search`` with and without, in turn."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from hiero_lib.base import checksums
from hiero_lib.config import load_profile
from hiero_lib.data.text_keys import text_keys
from hiero_lib.data.text_parts import Part
from hiero_lib.models.text_encoders import load_text_encoder
from hiero_lib.sources.sample import make_sample

PAIRS = 5
BLOCKS, BLOCK_TEXTS = 328, 4096  # of 384 float16 channels: 1.03 GB

# The checks are switched off from outside: the kit has no such setting.
WITHOUT = """
import types
from hiero_lib.base import checksums, kept
from hiero_lib.data import text_parts
checksums.damage = lambda folder: None
class Equal(str):
    __eq__ = lambda self, other: True
    __ne__ = lambda self, other: False
kept._crc32_of = lambda arrays, about: Equal()
class Any(int):
    __eq__ = lambda self, other: True
text_parts.zlib = types.SimpleNamespace(crc32=lambda raw: Any())
"""
WITH = ""


def run(device: torch.device) -> None:
    """Print the ratio of a start with the checks to one without, on the sample and with 1 GB of cached texts."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "data"
        make_sample(root)
        settings = ["--profile", "sample", "--set", f"data_root={root}"]
        starts = {
            "train": ["train", *settings, "--folder", f"{folder}/train", "--max-steps", "1"],
            "search": ["search", "cuts the onion", *settings, "--run", "r", "--method", "untrained"],
        }
        for name, arguments in starts.items():
            _start(arguments, WITH, folder)  # makes what is kept
            _report(f"{name}, sample", arguments, folder)
        encoder = load_text_encoder(load_profile("sample", {"data_root": str(root)}).text, data_root=root)
        _fill(root / "processed" / "text" / f"{encoder.fingerprint}-float16", encoder.dim)
        for name, arguments in starts.items():
            _report(f"{name}, 1 GB of cached texts", arguments, folder)


def _report(name: str, arguments: list[str], folder: str) -> None:
    pairs = [(_start(arguments, WITH, folder), _start(arguments, WITHOUT, folder)) for _ in range(PAIRS)]
    ratio = statistics.median(checked / plain for checked, plain in pairs)
    seconds = [statistics.median(column) for column in zip(*pairs)]
    print(f"start of {name}: {ratio:.3f} times as long with checks ({seconds[0]:.2f} s, {seconds[1]:.2f} s without)")


def _start(arguments: list[str], before: str, folder: str) -> float:
    """Seconds of a process that runs a command."""
    code = f"{before}\nimport sys\nfrom hiero_lib.__main__ import main\nsys.exit(main({arguments!r}))"
    environment = os.environ | {"PYTHONPATH": str(Path(checksums.__file__).parents[2])}
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - started


def _fill(folder: Path, dim: int) -> None:
    """A part of made-up texts beside those of the sample."""
    random = np.random.default_rng(0)
    keys = text_keys(f"#C C does {number}" for number in range(BLOCKS * BLOCK_TEXTS))
    Part.create(folder, keys, dim=dim, block_texts=BLOCK_TEXTS).fill(
        lambda wanted: random.standard_normal((len(wanted), dim), dtype=np.float32).astype(np.float16)
    )
