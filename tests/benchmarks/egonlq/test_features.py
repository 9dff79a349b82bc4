"""Each video goes through the backbone once, and its clips' bins come back from disk as they were."""

import dataclasses

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.egonlq.data import clip_bins, features_at
from hiero_lib.benchmarks.egonlq.features import clip_bins_of
from hiero_lib.benchmarks.grounding.files import GroundingClip

CLIPS = [
    GroundingClip("v", "v/first", 1.2, 20.0, ()),  # a uid may hold any character
    GroundingClip("w", "second", 0.0, 9.0, ()),
    GroundingClip("v", "third", 25.0, 31.0, ()),
    GroundingClip("lost", "fourth", 0.0, 9.0, ()),
]
LEVELS = {
    uid: [
        torch.randn(length // 2**level + 1, 3 + level, generator=torch.Generator().manual_seed(level))
        for level in range(3)
    ]
    for uid, length in (("v", 62), ("w", 30))
}


class Run:
    """Calls with what differs between tests; ``computed`` has the videos that went through the backbone."""

    def __init__(self, folder):
        self.folder, self.computed = folder, []

    def levels_of(self, uid):
        if uid in LEVELS:
            self.computed.append(uid)
        return LEVELS.get(uid)

    def __call__(self, level, *, clips=CLIPS, **changes):
        setting = {
            "levels_of": self.levels_of,
            "stamp_of": lambda uid: uid,
            "folder": self.folder,
            "stride_s": 0.5,
            "max_pos_len": 16,
        } | changes
        return clip_bins_of(clips, level=level, **setting)


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


@pytest.mark.parametrize("level", [0, 1, 2, "all"])
def test_the_bins_are_those_of_the_level_and_computed_once(run, level):
    run(0)
    found = run(level)
    assert run.computed == ["v", "w"]
    assert set(found) == {"v/first", "second", "third"}
    expected = clip_bins(
        CLIPS[:3],
        features_of=lambda uid, first, stop: features_at(LEVELS[uid], level)[first:stop],
        stride_s=0.5,
        max_pos_len=16,
    )
    for uid, entry in found.items():
        torch.testing.assert_close(entry.bins, expected[uid].bins)
        assert (entry.duration_s, entry.lead_s) == (expected[uid].duration_s, expected[uid].lead_s)


@pytest.mark.parametrize(
    "changes",
    [
        {"stamp_of": lambda uid: "new features"},
        {"stride_s": 0.25},
        {"max_pos_len": 8},
        {"clips": [dataclasses.replace(clip, end_s=clip.end_s + 1) for clip in CLIPS]},
    ],
    ids=["features", "stride", "bins", "clips"],
)
def test_what_was_made_of_something_else_is_made_again(run, changes):
    run(0)
    run(0, **changes)
    assert run.computed == ["v", "w", "v", "w"]
    run(0, **changes)
    assert len(run.computed) == 4


def test_a_truncated_file_is_made_again_and_an_interrupted_run_goes_on(run):
    expected = run(1)
    (run.folder / "v.safetensors").write_bytes((run.folder / "v.safetensors").read_bytes()[:100])
    run.computed.clear()
    found = run(1)
    assert run.computed == ["v"]
    assert all(torch.equal(found[uid].bins, expected[uid].bins) for uid in expected)


def test_progress_counts_videos(run):
    said = []
    run(0, on_video=lambda done, total: said.append((done, total)))
    assert said == [(1, 3), (2, 3), (3, 3)]


def test_features_with_nan_name_the_video(run):
    with pytest.raises(DataError, match=r"^w, .*NaN"):
        run(0, levels_of=lambda uid: [torch.full((30, 3), float("nan") if uid == "w" else 0.0)])
