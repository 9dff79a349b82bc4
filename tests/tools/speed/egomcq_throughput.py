"""EgoMCQ questions per second: many windows a forward pass against one question at a time, and one clip at a time."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import torch

from hiero_lib.benchmarks.egomcq.data import EgoMCQReport, Question, Window
from hiero_lib.benchmarks.egomcq.score import EgoMCQResult, answer_questions
from hiero_lib.config import AlignmentConfig, EgoMCQConfig, FeatureConfig
from hiero_lib.data.features import FeatureStore
from hiero_lib.methods.scorers import ModelScorer
from hiero_lib.models.alignment import AlignedModel, TextHead, VisualHead
from hiero_lib.models.hiero import HiERO
from tests.tools.speed.common import full_size, linear_layers, made_up_video, seconds

QUESTIONS, VIDEOS, SEGMENTS, DIM = 160, 12, 3375, 256


def distilbert() -> torch.nn.Module:
    """A text encoder of DistilBERT's size, untrained."""
    from transformers import DistilBertConfig, DistilBertModel

    return DistilBertModel(DistilBertConfig())


def questions() -> list[Question]:
    """Five windows of 9 to 16 segments each, as real clips with their context have."""
    generator = np.random.default_rng(0)
    made = []
    for number in range(QUESTIONS):
        windows = tuple(
            Window(f"video{generator.integers(VIDEOS)}", int(generator.integers(SEGMENTS - 16)), int(length))
            for length in generator.integers(9, 17, 5)
        )
        made.append(Question(str(number), f"query {number}", windows, int(generator.integers(5)), 1 + number % 2))
    return made


def run(device: torch.device) -> None:
    """Print the ratios, and whether the answers are the same."""
    torch.manual_seed(0)
    config, heads = full_size(DIM), AlignmentConfig()
    model = AlignedModel(HiERO(config), VisualHead(config.hidden_size, heads), TextHead(768, heads)).to(device).eval()
    texts = torch.randn(QUESTIONS, 768)
    scorer = ModelScorer(model, lambda queries: texts[[int(query.split()[1]) for query in queries]], device)
    features = FeatureConfig(folder="", dim=DIM)
    chosen = questions()
    report = EgoMCQReport(total=QUESTIONS, without_features=0, clip_beyond_video=0, kept=QUESTIONS)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(VIDEOS):
            video = made_up_video(SEGMENTS, DIM, seed=number)
            torch.save(video.x.half(), Path(folder) / f"video{number}.pt")

        def answer(some: list[Question], settings: EgoMCQConfig) -> EgoMCQResult:
            # a store of its own, so that no run profits from what another one opened
            store = FeatureStore(folder, dim=DIM)
            return answer_questions(
                scorer, some, store=store, features=features, report=report, config=settings, device=device
            )

        settings = EgoMCQConfig()
        one_clip = dataclasses.replace(settings, batch_segments=1)
        few = chosen[:24]
        # what the released code does for a question: its text through DistilBERT, five whole feature files, one pass
        encoder = distilbert().to(device).eval()
        ids = torch.randint(1, 1000, (1, 12), device=device)

        def as_released(question: Question) -> None:
            with torch.no_grad():
                encoder(input_ids=ids)
            for window in question.windows:
                torch.load(Path(folder) / f"{window.video_uid}.pt", weights_only=True)
            answer([question], settings)

        together = answer(chosen, settings)
        alone = np.concatenate([answer([question], settings).similarity for question in few])
        largest = float(np.abs(alone - together.similarity[: len(few)]).max())
        same = (alone.argmax(1) == together.similarity[: len(few)].argmax(1)).all()
        batched = QUESTIONS / seconds(lambda: answer(chosen, settings), device)
        released = len(few) / seconds(lambda: [as_released(q) for q in few], device, repeats=2)
        by_question = len(few) / seconds(lambda: [answer([q], settings) for q in few], device, repeats=2)
        segments = sum(window.num_segments for question in chosen for window in question.windows)
        matrices = [
            (torch.randn(rows, inputs, device=device), torch.randn(inputs, outputs, device=device))
            for rows, inputs, outputs, _ in linear_layers(config, segments)
        ]
        products = QUESTIONS / seconds(lambda: [x @ weight for x, weight in matrices], device)
        by_clip = len(few) / seconds(lambda: [answer([q], one_clip) for q in few], device, repeats=2)
    print(f"EgoMCQ, H {config.hidden_size}, F {DIM}, {QUESTIONS} questions:")
    print(f"  batched, frozen text cached: {batched:.1f} questions/s (aim on two cores: above 35)")
    print(f"  {batched / released:.1f} x one question at a time as released ({released:.1f}/s: encode the query,")
    print("    read five files whole, one forward pass; aim: at least 5)")
    print(f"    (with the products of the linear layers alone {products:.1f}/s, {products / released:.1f} x)")
    print(f"  {batched / by_question:.1f} x one question a forward pass alone ({by_question:.1f}/s)")
    print(f"  {batched / by_clip:.1f} x one clip a forward pass alone ({by_clip:.1f}/s)")
    print(f"  answers {'equal' if same else 'DIFFER'}, cosines within {largest:.1e}")
