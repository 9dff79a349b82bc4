"""The head's data: clips in bins, from the features or from disk as they were; queries as tokens; answers in bins."""

import dataclasses

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.egonlq.data import clip_bins, clip_bins_of, features_at, pad_batch, prepare
from hiero_lib.benchmarks.grounding.files import GroundingClip, GroundingQuery

STRIDE_S = 0.5
FEATURES = {"v": torch.arange(70.0)[:, None].repeat(1, 3), "w": torch.ones(24, 3)}


def features_of(uid, first, stop):
    return FEATURES[uid][first:stop] if uid in FEATURES else None


def embed_tokens(texts):
    """As many tokens as words, each filled with the word's length; padded to four."""
    words = [[len(word) for word in text.split()] for text in texts]
    values = torch.tensor([w + [0] * (4 - len(w)) for w in words])[:, :, None].repeat(1, 1, 2)
    return values, values[:, :, 0] > 0


def query(index, start, end, *, clip="c", text="where is it"):
    return GroundingQuery(clip, "a", index, text, start, end)


CLIP = GroundingClip("v", "c", 10.0, 30.0, (query(0, 3.0, 5.0), query(1, 0.0, 20.0, text="what")))
SHORT = GroundingClip("w", "s", 0.0, 2.0, (query(0, 0.0, 1.0, clip="s"),))
LOST = GroundingClip("lost", "x", 0.0, 9.0, (query(0, 0.0, 1.0, clip="x"),))


def bins(clips, **changes):
    return clip_bins(clips, **({"features_of": features_of, "stride_s": STRIDE_S, "max_pos_len": 16} | changes))


def test_bins_cover_the_clip_from_the_segment_in_which_it_starts():
    entry = bins([GroundingClip("v", "e", 10.2, 12.9, ())])["e"]
    assert entry.bins[:, 0].tolist() == [20, 21, 22, 23, 24, 25]
    assert (entry.duration_s, entry.lead_s) == (3.0, pytest.approx(0.2))


def test_a_video_shorter_than_its_clip_gives_what_it_has():
    entry = bins([GroundingClip("w", "e", 10.0, 30.0, ())])["e"]
    assert (len(entry.bins), entry.duration_s) == (4, 2.0)
    assert bins([GroundingClip("w", "e", 20.0, 30.0, ())]) == {}


def test_features_with_nan_name_the_video():
    with pytest.raises(DataError) as error:
        bins([CLIP], features_of=lambda *a: torch.full((4, 3), float("nan")))
    assert (error.value.file, error.value.field) == ("v", "rows 20 to 60")


def test_what_cannot_be_trained_on_is_counted_and_what_is_scored_is_kept():
    odd = dataclasses.replace(CLIP, queries=(query(0, 3.0, 3.0), query(1, 3.0, 25.0), query(2, 21.0, 25.0)))
    setting = {"embed_tokens": embed_tokens}
    learned = prepare([odd, LOST], bins([odd, LOST]), training=True, **setting)
    scored = prepare([odd, LOST], bins([odd, LOST]), training=False, **setting)
    assert [q.query_idx for q in learned.queries] == [1]
    assert (learned.zero_length, learned.outside, learned.without_features) == (1, 1, 1)
    assert [q.query_idx for q in scored.queries] == [0, 1, 2]
    assert (scored.without_features, scored.spans) == (1, ())


def test_training_needs_times_and_prediction_does_not():
    untimed = dataclasses.replace(CLIP, queries=(query(0, None, None),))
    with pytest.raises(DataError, match="times"):
        prepare([untimed], bins([untimed]), embed_tokens=embed_tokens, training=True)
    assert len(prepare([untimed], bins([untimed]), embed_tokens=embed_tokens, training=False).queries) == 1


def test_each_text_is_encoded_once():
    asked = []

    def counted(texts):
        asked.extend(texts)
        return embed_tokens(texts)

    again = dataclasses.replace(CLIP, queries=(*CLIP.queries, query(2, 1.0, 2.0)))
    data = prepare([again, SHORT], bins([again, SHORT]), embed_tokens=counted, training=True, batch_size=1)
    assert sorted(asked) == ["what", "where is it"]
    assert data.longest == 3
    assert data.tokens["where is it"][:, 0].tolist() == [5, 2, 2]


def test_batches_are_padded_to_fixed_lengths():
    data = prepare([CLIP, SHORT], bins([CLIP, SHORT]), embed_tokens=embed_tokens, training=True)
    assert data.spans == ((2, 3), (0, 15), (0, 1))
    video, video_mask, tokens, token_mask = pad_batch(data, [1, 2], max_pos_len=16, max_tokens=5)
    assert video.shape == (2, 16, 3)
    assert video_mask.sum(1).tolist() == [16, 4]
    assert tokens.shape == (2, 5, 2)
    assert token_mask.sum(1).tolist() == [1, 3]


def test_levels_are_spread_over_their_segments():
    levels = [torch.arange(n, dtype=torch.float32)[:, None] for n in (7, 4, 2)]
    assert features_at(levels, 0).flatten().tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert features_at(levels, 1).flatten().tolist() == [0, 0, 1, 1, 2, 2, 3]
    assert features_at(levels, 2).flatten().tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert features_at(levels, "all").shape == (7, 3)


# Each video goes through the backbone once, and its clips' bins come back from disk as they were.
STORED = [
    GroundingClip("v", "v/first", 1.2, 20.0, ()),  # a uid may hold any character
    GroundingClip("w", "second", 0.0, 9.0, ()),
    GroundingClip("v", "third", 25.0, 31.0, ()),
    GroundingClip("lost", "fourth", 0.0, 9.0, ()),
]
LEVELS_OF = {
    uid: [
        torch.randn(length // 2**level + 1, 3 + level, generator=torch.Generator().manual_seed(level))
        for level in range(3)
    ]
    for uid, length in (("v", 62), ("w", 30))
}


class Stored:
    """Calls with what differs between tests; ``computed`` has the videos that went through the backbone."""

    def __init__(self, folder):
        self.folder, self.computed = folder, []

    def levels_of(self, uid):
        if uid in LEVELS_OF:
            self.computed.append(uid)
        return LEVELS_OF.get(uid)

    def __call__(self, level, *, clips=STORED, **changes):
        setting = {
            "levels_of": self.levels_of,
            "stamp_of": lambda uid: uid,
            "folder": self.folder,
            "stride_s": 0.5,
            "max_pos_len": 16,
        } | changes
        return clip_bins_of(clips, level=level, **setting)


@pytest.fixture
def stored(tmp_path):
    return Stored(tmp_path)


@pytest.mark.parametrize("level", [0, 1, 2, "all"])
def test_the_bins_are_those_of_the_level_and_computed_once(stored, level):
    stored(0)
    found = stored(level)
    assert stored.computed == ["v", "w"]
    assert set(found) == {"v/first", "second", "third"}
    expected = clip_bins(
        STORED[:3],
        features_of=lambda uid, first, stop: features_at(LEVELS_OF[uid], level)[first:stop],
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
        {"clips": [dataclasses.replace(clip, end_s=clip.end_s + 1) for clip in STORED]},
    ],
    ids=["features", "stride", "bins", "clips"],
)
def test_what_was_made_of_something_else_is_made_again(stored, changes):
    stored(0)
    stored(0, **changes)
    assert stored.computed == ["v", "w", "v", "w"]
    stored(0, **changes)
    assert len(stored.computed) == 4


def test_a_truncated_file_is_made_again_and_an_interrupted_run_goes_on(stored):
    expected = stored(1)
    (stored.folder / "v.safetensors").write_bytes((stored.folder / "v.safetensors").read_bytes()[:100])
    stored.computed.clear()
    found = stored(1)
    assert stored.computed == ["v"]
    assert all(torch.equal(found[uid].bins, expected[uid].bins) for uid in expected)


def test_progress_counts_videos(stored):
    said = []
    stored(0, on_video=lambda done, total: said.append((done, total)))
    assert said == [(1, 3), (2, 3), (3, 3)]


def test_features_with_nan_are_not_stored_and_name_the_video(stored):
    with pytest.raises(DataError, match=r"^w, .*NaN"):
        stored(0, levels_of=lambda uid: [torch.full((30, 3), float("nan") if uid == "w" else 0.0)])
    assert [path.name for path in stored.folder.iterdir()] == ["v.safetensors"]
