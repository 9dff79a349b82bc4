"""EgoMCQ scoring: the same answers however windows are batched, honest intervals, a baseline read from a file."""

import json

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch

from hiero_lib.benchmarks.egomcq.data import EgoMCQReport, Question, Window, load_questions
from hiero_lib.benchmarks.egomcq.score import EgoMCQResult, answer_questions
from hiero_lib.config import EgoMCQConfig, load_profile
from hiero_lib.data.features import FeatureStore
from hiero_lib.data.paths import DataPaths
from hiero_lib.data.segments import VideoSegments
from hiero_lib.methods.scorers import ModelScorer, RawScorer
from hiero_lib.models.checkpoints import build_model, card_of
from tests.helpers.tiny import make_tiny

CPU = torch.device("cpu")


def embed(texts):
    """A made-up frozen text encoder: numbers from the text's letters."""
    return torch.stack([torch.tensor([float(hash_of(text, k)) for k in range(8)]) for text in texts])


def hash_of(text, k):
    return (sum(ord(letter) * (k + 3) ** (place % 5) for place, letter in enumerate(text)) % 997) / 997 - 0.5


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    profile = load_profile(make_tiny(tmp_path_factory.mktemp("tiny")))
    paths = DataPaths.at(profile.data_root)
    store = FeatureStore(paths.features("tiny"), dim=12)
    questions, report = load_questions(paths.egomcq, store, profile.features, context_window=4)
    torch.manual_seed(0)
    model = build_model(card_of(profile, "hiero"), text_dim=8).eval()
    return profile, store, questions, report, model


def score(task, scorer, questions=None, **config):
    profile, store, all_questions, report, _ = task
    return answer_questions(
        scorer,
        questions or all_questions,
        store=store,
        features=profile.features,
        report=report,
        config=EgoMCQConfig(**config),
        device=CPU,
    )


def literal(task):
    """One question at a time, as the definition says."""
    _, store, questions, _, model = task
    rows = []
    for question in questions:
        middles = []
        for window in question.windows:
            x = store.read(window.video_uid, window.first_index, window.first_index + window.num_segments).float()
            video = VideoSegments.from_features(x, stride_frames=16, fps=30.0)
            level = model.backbone(Batch.from_data_list([video]), cluster=False)[0]
            middles.append(model.visual_head(level.x)[len(x) // 2])
        query = model.text_head(embed([question.query]))
        rows.append(torch.cosine_similarity(torch.stack(middles), query).detach().numpy())
    return np.stack(rows)


@pytest.mark.parametrize("batch_segments", [1, 40, 4096])
def test_batched_answers_equal_the_literal_ones(task, batch_segments):
    result = score(task, ModelScorer(task[4], embed, CPU), batch_segments=batch_segments)
    np.testing.assert_allclose(result.similarity, literal(task), rtol=1e-5, atol=1e-5)


def test_each_video_is_read_once(task, monkeypatch):
    reads = []
    read = FeatureStore.read
    monkeypatch.setattr(FeatureStore, "read", lambda self, uid, *a: (reads.append(uid), read(self, uid, *a))[1])
    score(task, ModelScorer(task[4], embed, CPU))
    assert len(reads) == len(set(reads)) == 9


def test_raw_features_meet_their_own_text_space(task, tmp_path):
    torch.save({"1.weight": torch.randn(12, 8), "1.bias": torch.randn(12)}, tmp_path / "proj.pth")
    scorer = RawScorer.from_file(tmp_path / "proj.pth", embed_text=embed, device=CPU)
    result = score(task, scorer)
    question = task[2][0]
    window = question.windows[3]
    x = task[1].read(window.video_uid).float()[window.first_index + window.num_segments // 2]
    text = scorer.weight @ embed([question.query])[0].relu() + scorer.bias
    assert result.similarity[0, 3] == pytest.approx(float(torch.cosine_similarity(x, text, dim=0)), abs=1e-5)


def made_up(answers, truths, types):
    windows = tuple(Window("v", k, 1) for k in range(5))
    questions = [Question(str(i), "q", windows, truth, kind) for i, (truth, kind) in enumerate(zip(truths, types))]
    report = EgoMCQReport(total=len(truths) + 2, without_features=2, clip_beyond_video=0, kept=len(truths))
    return EgoMCQResult(questions, np.eye(5, dtype=np.float32)[answers], report, EgoMCQConfig())


def test_accuracy_counts_per_type_and_what_was_excluded():
    result = made_up([0, 1, 2, 3], [0, 1, 0, 3], [1, 1, 1, 2])
    metrics = result.metrics()
    assert metrics["inter"].value == pytest.approx(2 / 3)
    assert (metrics["inter"].n, metrics["inter"].excluded) == (3, 2)
    assert metrics["intra"].value == 1
    assert metrics["intra"].interval == (1, 1)


def test_the_interval_is_that_of_resampled_questions():
    generator = np.random.default_rng(0)
    truths = generator.integers(0, 5, 400)
    answers = np.where(generator.random(400) < 0.6, truths, (truths + 1) % 5)
    metric = made_up(answers, truths, [1] * 400).metrics()["inter"]
    draws = generator.integers(0, 400, (4000, 400))
    low, high = np.quantile((answers == truths)[draws].mean(1), [0.025, 0.975])
    assert metric.interval == pytest.approx((low, high), abs=0.01)


def test_the_difference_is_paired():
    truths, types = [0] * 100, [1] * 100
    better, worse = made_up([0] * 60 + [1] * 40, truths, types), made_up([0] * 50 + [1] * 50, truths, types)
    difference = better.difference(worse)["inter"]
    assert difference.value == pytest.approx(0.1)
    # ten questions of a hundred change, all one way: far tighter than two independent intervals
    assert 0.03 < difference.interval[0] < difference.interval[1] < 0.18
    with pytest.raises(ValueError, match="same questions"):
        better.difference(made_up([0], [1], [1]))


def test_predictions_are_saved_per_question(tmp_path):
    result = made_up([0, 4], [0, 1], [1, 2])
    result.save(tmp_path / "answers.json")
    saved = json.loads((tmp_path / "answers.json").read_text())
    assert [(row["predicted"], row["answer"], row["type"]) for row in saved] == [(0, 0, 1), (4, 1, 2)]
    assert saved[1]["similarity"] == [0, 0, 0, 0, 1]


def test_a_prefix_of_the_questions_can_be_asked_for(task):
    assert len(score(task, ModelScorer(task[4], embed, CPU), max_questions=3).questions) == 3
