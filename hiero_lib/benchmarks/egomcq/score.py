"""EgoMCQ: which of five clips does a narration describe? (METHOD.md, "Benchmarks")

Each clip's window goes through the backbone without clustering; the projection of its middle node is compared with
the query by cosine. Windows of many questions share a forward pass, a window that several questions ask for is
computed once, and each video is read once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch_geometric.data import Batch

from hiero_lib.base.files import write_json
from hiero_lib.benchmarks.egomcq.data import EgoMCQReport, Question, Window, read_windows
from hiero_lib.config import EgoMCQConfig, FeatureConfig
from hiero_lib.data.features import FeatureStore
from hiero_lib.methods.scorers import Scorer
from hiero_lib.results.metric import Metric, mean_metric

TYPES = {"inter": 1, "intra": 2}


@dataclass(frozen=True)
class EgoMCQResult:
    """Answers of one method.

    Shapes:
        similarity: ``[Q, 5]`` cosines; truth: ``[Q]`` right choices; types: ``[Q]`` 1 inter-video, 2 intra-video.
    """

    questions: list[Question]
    similarity: np.ndarray
    report: EgoMCQReport
    config: EgoMCQConfig

    @property
    def correct(self) -> np.ndarray:
        """``[Q]`` whether the highest cosine is the right choice's."""
        return self.similarity.argmax(1) == np.array([question.answer for question in self.questions])

    def of_type(self, name: str) -> np.ndarray:
        """``[Q]`` which questions are ``inter`` or ``intra``."""
        return np.array([question.type == TYPES[name] for question in self.questions])

    def metrics(self) -> dict[str, Metric]:
        """Accuracy ``inter`` and ``intra`` as fractions, with n, exclusions and the 95 % bootstrap interval."""
        return {
            name: _mean(self.correct[self.of_type(name)].astype(float), self.report.excluded, self.config)
            for name in TYPES
        }

    def difference(self, other: EgoMCQResult) -> dict[str, Metric]:
        """How much more often than ``other`` this method is right on the same questions (paired bootstrap)."""
        if self.questions != other.questions:
            raise ValueError("the two results are not of the same questions")
        gain = self.correct.astype(float) - other.correct
        return {name: _mean(gain[self.of_type(name)], self.report.excluded, self.config) for name in TYPES}

    def save(self, path: str | Path) -> None:
        """Write every question's cosines, answer and truth as JSON."""
        rows = [
            {
                "question": question.question_id,
                "type": question.type,
                "query": question.query,
                "answer": question.answer,
                "predicted": int(np.argmax(cosines)),
                "similarity": [round(float(cosine), 6) for cosine in cosines],
            }
            for question, cosines in zip(self.questions, self.similarity)
        ]
        write_json(path, rows)


def _mean(values: np.ndarray, excluded: int, config: EgoMCQConfig) -> Metric:
    """Mean of the values with its bootstrap interval over questions."""
    return mean_metric(values, excluded=excluded, resamples=config.bootstrap_resamples, seed=config.bootstrap_seed)


@torch.no_grad()
def answer_questions(
    scorer: Scorer,
    questions: Sequence[Question],
    *,
    store: FeatureStore,
    features: FeatureConfig,
    report: EgoMCQReport,
    config: EgoMCQConfig,
    device: torch.device,
) -> EgoMCQResult:
    """Answer questions with a scorer (a model in eval mode).

    Args:
        scorer: see :class:`Scorer`.
        questions: with their windows, of :func:`hiero_lib.benchmarks.egomcq.data.load_questions`.
        store: features of the windows' videos.
        features: stride and frame rate.
        report: what was excluded in loading.
        config: segments of a forward pass, bootstrap.
        device: where the forward passes run.

    Raises:
        DataError: a feature file cannot be used.
    """
    chosen = list(questions)[: config.max_questions]
    windows = sorted({window for q in chosen for window in q.windows}, key=lambda w: (w.video_uid, w.first_index))
    where = {window: row for row, window in enumerate(windows)}
    middles = []
    for group in _groups(windows, config.batch_segments):
        batch = Batch.from_data_list(read_windows(group, store, features)).to(device)
        lengths = torch.tensor([window.num_segments for window in group])
        middle = lengths.cumsum(0) - lengths + lengths // 2
        middles.append(scorer.segments(batch, middle.to(device)).float().cpu())
    visual = torch.nn.functional.normalize(torch.cat(middles), dim=-1) if middles else torch.zeros((0, 1))

    queries = sorted({question.query for question in chosen})
    texts = [scorer.texts(queries[start : start + 4096]).float().cpu() for start in range(0, len(queries), 4096)]
    text = torch.nn.functional.normalize(torch.cat(texts), dim=-1) if texts else torch.zeros((0, 1))
    row_of = {query: row for row, query in enumerate(queries)}
    similarity = np.zeros((len(chosen), 5), dtype=np.float32)
    for start in range(0, len(chosen), 4096):
        part = chosen[start : start + 4096]
        clips = visual[torch.tensor([[where[window] for window in question.windows] for question in part])]
        query = text[torch.tensor([row_of[question.query] for question in part])]
        similarity[start : start + len(part)] = (clips @ query[:, :, None]).squeeze(-1).numpy()
    return EgoMCQResult(chosen, similarity, report, config)


def _groups(windows: Sequence[Window], batch_segments: int) -> list[list[Window]]:
    """Consecutive windows, so many that their segments fit a forward pass."""
    groups: list[list[Window]] = []
    size = batch_segments
    for window in windows:
        if size + window.num_segments > batch_segments:
            groups.append([])
            size = 0
        groups[-1].append(window)
        size += window.num_segments
    return groups
