"""The doctor's survey of a data set's size: the headers of 8,000 feature files."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import torch

from hiero_lib.data.feature_survey import SurveyedStore

FILES, LIMIT_S = 8000, 30.0


def run(device: torch.device) -> None:
    """Print the seconds, and what reading 8,000 small files whole takes beside it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        x = torch.zeros(300, 256, dtype=torch.float16)
        for number in range(FILES):
            torch.save(x, folder / f"v{number:05}.pt")
        started = time.perf_counter()
        store = SurveyedStore(folder, dim=256)
        headers_s = time.perf_counter() - started
        started = time.perf_counter()
        for path in folder.iterdir():
            path.read_bytes()
        whole_s = time.perf_counter() - started
    assert len(store.headers) == FILES
    print(f"headers of {FILES} feature files: {headers_s:.1f} s (limit {LIMIT_S:.0f} s); all bytes: {whole_s:.1f} s")
