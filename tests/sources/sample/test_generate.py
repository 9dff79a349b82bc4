"""The sample as a whole: its files, its bytes, its difficulty."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch

from hiero_lib.base.errors import ConfigError
from hiero_lib.base.files import sha256_of
from hiero_lib.benchmarks.thread_recovery.files import read_truth
from hiero_lib.sources.sample import SampleReport, make_sample


def hashes(root: Path) -> dict[str, str]:
    return {str(f.relative_to(root)): sha256_of(f) for f in root.rglob("*") if f.is_file()}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(small, tmp_path, embed):
    root, _ = small
    make_sample(tmp_path / "again", num_videos=8, minutes=(2, 5), embed=embed)
    assert hashes(tmp_path / "again") == hashes(root)
    make_sample(tmp_path / "other", num_videos=8, minutes=(2, 5), embed=embed, seed=1)
    same = hashes(tmp_path / "other").items() & hashes(root).items()
    assert not same


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"num_videos": 5}, "num_videos"),
        ({"minutes": (3, 1)}, "minutes"),
        ({"dim": 0}, "dim"),
        ({"seed": -1}, "seed"),
    ],
)
def test_arguments_out_of_range_are_named(tmp_path, embed, arguments, name):
    with pytest.raises(ConfigError, match=name):
        make_sample(tmp_path / "sample", embed=embed, **arguments)


def test_another_dimension_has_the_same_story(small, tmp_path, embed):
    root, _ = small
    make_sample(tmp_path / "wide", num_videos=8, minutes=(2, 5), embed=embed, dim=1536)
    narrow, wide = hashes(root), hashes(tmp_path / "wide")
    for name in ("raw/annotations/egoclip.csv", "raw/annotations/egomcq.json"):
        assert narrow[name] == wide[name]
    x = torch.load(next((tmp_path / "wide/raw/features/sample_1536").glob("*.pt")), weights_only=True)
    assert x.shape[1] == 1536
    assert 0.1 < x.float().std() < 1


def test_the_full_sample_is_small_and_quick(tmp_path):
    root = tmp_path / "sample"
    start = time.perf_counter()
    report: SampleReport = make_sample(root)
    assert report.created
    assert time.perf_counter() - start < 60
    assert report.megabytes < 60
    assert report.counts["videos"] == 40
    assert report.counts["egomcq_inter"] == report.counts["egomcq_intra"] == 300
    truths = [read_truth(f) for f in (root / "truth").glob("*.json")]
    minutes = [t.duration_s / 60 for t in truths]
    assert min(minutes) > 2.5
    assert 20 < max(minutes) < 32
    assert 7 < np.mean(minutes) < 10
    assert len({t.scenario for t in truths}) == 5
