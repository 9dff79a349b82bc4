"""EgoNLQ's head: it learns, a training goes on to the same result, and which heads a profile asks for."""

import dataclasses
import json

import pytest
import torch

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.base.locks import TakenError, exclusive
from hiero_lib.benchmarks.egonlq.data import clip_bins, prepare
from hiero_lib.benchmarks.egonlq.score import (
    FED,
    Head,
    compared_levels,
    load_head,
    mean_and_spread,
    measures,
    planned_heads,
    predict,
    train,
    training_settings,
)
from hiero_lib.benchmarks.grounding.files import (
    NLQ_CHALLENGE,
    GroundingClip,
    GroundingQuery,
    parse_predictions,
    truth_of,
    write_predictions,
)
from hiero_lib.config import EgoNLQConfig
from hiero_lib.methods.method import HIERO

STRIDE_S = 0.5
SMALL = EgoNLQConfig(dim=16, num_heads=2, max_pos_len=16, dropout=0.05, lr=5e-3, batch_size=16, epochs=12)
WORDS = 4 * torch.eye(8)


def clip(index, *, seed):
    """A clip of 20 s in eight pieces, each shows one of eight things; a query asks where a thing is."""
    order = torch.randperm(8, generator=torch.Generator().manual_seed(seed)).tolist()
    uid = f"c{index}"
    queries = tuple(
        GroundingQuery(uid, "a", k, f"where is {thing}", 2.5 * k, 2.5 * k + 2.5) for k, thing in enumerate(order)
    )
    return GroundingClip(f"v{index}", uid, 10.0, 30.0, queries), order


CLIPS = [clip(i, seed=i) for i in range(24)]
FEATURES = {
    c.video_uid: torch.cat([torch.zeros(20, 8), WORDS[order].repeat_interleave(5, dim=0), torch.zeros(10, 8)])
    for c, order in CLIPS
}


def features_of(uid, first, stop):
    return FEATURES[uid][first:stop] if uid in FEATURES else None


def embed_tokens(texts):
    """Two tokens that say nothing, and one that names the thing; one more place of padding."""
    things = torch.tensor([int(t.split()[-1]) for t in texts])
    values = torch.zeros(len(texts), 4, 8)
    values[:, 2] = WORDS[things]
    mask = torch.tensor([1, 1, 1, 0]).repeat(len(texts), 1)
    return values, mask


def data(clips, *, training):
    bins = clip_bins(clips, features_of=features_of, stride_s=STRIDE_S, max_pos_len=SMALL.max_pos_len)
    return prepare(clips, bins, embed_tokens=embed_tokens, training=training)


TRAINING = [c for c, _ in CLIPS[:16]]
VALIDATION = [c for c, _ in CLIPS[16:]]


def run(folder, **changes):
    setting = {"seed": 1, "config": SMALL, "device": "cpu", "truth": truth_of(VALIDATION)} | changes
    return train(data(TRAINING, training=True), data(VALIDATION, training=False), folder, **setting)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(tmp_path_factory.mktemp("whole"))


def test_the_head_learns_to_find_things(whole):
    assert whole.scores.recall[1, 0.5] > 0.7  # by chance about 0.05
    assert whole.best_epoch > 1
    assert whole.scores.recall[5, 0.3] >= whole.scores.recall[1, 0.3]
    assert (whole.scores.n, whole.scores.excluded) == (64, 0)
    assert whole.history[-1]["loss"] < whole.history[0]["loss"]
    assert whole.history[whole.best_epoch - 1]["R1@0.3"] == max(h["R1@0.3"] for h in whole.history)
    assert measures(whole.scores)["R1@0.3"] == whole.history[whole.best_epoch - 1]["R1@0.3"]


def test_an_interrupted_run_ends_as_an_uninterrupted_one(whole, tmp_path):
    torch.manual_seed(99)
    run(tmp_path, stop_after=7)
    torch.manual_seed(5)
    resumed = run(tmp_path)
    assert resumed.history == whole.history
    assert resumed.predictions == whole.predictions
    assert resumed.best_epoch == whole.best_epoch


def test_a_finished_run_is_only_read(whole):
    before = {p: p.stat().st_mtime_ns for p in whole.folder.rglob("*")}
    again = run(whole.folder)
    assert {p: p.stat().st_mtime_ns for p in whole.folder.rglob("*")} == before
    assert again.predictions == whole.predictions


def test_two_do_not_train_in_one_folder_and_a_finished_one_may_be_read_by_many(whole, tmp_path):
    with exclusive(tmp_path / "head", "training a head of EgoNLQ"):
        with pytest.raises(TakenError, match=r"training a head of EgoNLQ, process \d+"):
            run(tmp_path / "head")
        assert not (tmp_path / "head" / "last").exists()
    with exclusive(whole.folder, "looking"):
        assert run(whole.folder).predictions == whole.predictions


def test_training_leaves_the_global_random_state_alone(tmp_path):
    state = torch.random.get_rng_state()
    run(tmp_path, stop_after=1)
    assert torch.equal(state, torch.random.get_rng_state())


def test_another_seed_and_mean_and_spread(whole, tmp_path):
    other = run(tmp_path, seed=2)
    assert other.history != whole.history
    got = mean_and_spread([whole, other])
    values = [measures(r.scores)["mIoU"] for r in (whole, other)]
    assert got["mIoU"][0] == pytest.approx(sum(values) / 2)
    assert got["mIoU"][1] == pytest.approx(abs(values[0] - values[1]) / 2**0.5)
    assert mean_and_spread([whole])["mIoU"][1] == 0.0


def test_a_folder_of_other_settings_is_refused(whole):
    with pytest.raises(ConfigError, match="dropout"):
        run(whole.folder, config=dataclasses.replace(SMALL, dropout=0.3))


def test_a_prediction_does_not_depend_on_its_batch(whole):
    head, settings = load_head(whole.folder / "best")
    one = predict(
        head,
        data(VALIDATION[2:3], training=False),
        config=dataclasses.replace(SMALL, batch_size=1),
        max_tokens=settings["max_tokens"],
        device="cpu",
    )
    for key, spans in one.items():
        assert spans == whole.predictions[key]


def test_official_predictions(whole, tmp_path):
    write_predictions(tmp_path / "p.json", whole.predictions, challenge=NLQ_CHALLENGE)
    read = parse_predictions(json.loads((tmp_path / "p.json").read_text()), clips=VALIDATION)
    assert len(read) == 64
    assert all(len(spans) == 5 and all(0 <= a < b <= 20.0 for a, b in spans) for spans in read.values())


def test_bad_input(tmp_path):
    empty = dataclasses.replace(data(VALIDATION, training=False), queries=())
    with pytest.raises(DataError, match="no query"):
        train(empty, empty, tmp_path, truth={}, seed=0, device="cpu", config=SMALL)
    with pytest.raises(DataError, match="tokens"):
        run(tmp_path, config=dataclasses.replace(SMALL, max_pos_len=2))


def test_all_methods_have_the_same_seeds_and_the_levels_fewer():
    config = EgoNLQConfig(seeds=(3, 5), compared_seeds=1)
    heads = planned_heads(config, depth=3)
    assert heads[:6] == [Head(method, 0, seed) for method in FED for seed in (3, 5)]
    assert heads[6:] == [Head(HIERO, level, 3) for level in (1, 2, "all")]
    assert [head.level for head in planned_heads(config, depth=2)[6:]] == [1, "all"]
    alone = planned_heads(dataclasses.replace(config, compared_seeds=0), depth=3)
    assert alone == heads[:6]
    assert compared_levels(config, depth=3) == [0, 1, 2, "all"]


def test_what_does_not_decide_one_training_is_not_among_its_settings():
    settings = training_settings(SMALL)
    same = dataclasses.replace(SMALL, level=2, cluster=False, seeds=(9,), compared_seeds=3, bootstrap_seed=7)
    assert training_settings(same) == settings
    for name in ("dim", "dropout", "lr", "epochs", "max_pos_len", "batch_size"):
        assert training_settings(dataclasses.replace(SMALL, **{name: 2 * getattr(SMALL, name)})) != settings
