"""EgoMCQ: which of five clips does a narration describe? (method.md, "Benchmarks")

Each clip's window goes through the backbone without clustering; the projection of its middle node is compared with
the query by cosine. Windows of many questions share a forward pass, a window that several questions ask for is
computed once, and each video is read once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Batch

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import write_json
from hiero_lib.benchmarks.egomcq.files import EgoMCQReport, Question, Window
from hiero_lib.config import EgoMCQConfig, FeatureConfig
from hiero_lib.data.features import FeatureStore
from hiero_lib.data.segments import VideoSegments
from hiero_lib.models.alignment import AlignedModel
from hiero_lib.results.metric import mean_metric
from hiero_lib.results.record import Metric

EmbedText = Callable[[Sequence[str]], Tensor]

TYPES = {"inter": 1, "intra": 2}


class Scorer(Protocol):
    """Puts segments and texts into one space, where a cosine compares them."""

    def segments(self, batch: Batch, rows: Tensor) -> Tensor:
        """``[n, D]`` for some of the segments of a batch of windows, by their rows ``[n]``."""

    def texts(self, queries: Sequence[str]) -> Tensor:
        """``[Q, D]``."""


@dataclass(frozen=True)
class ModelScorer:
    """A trained model; ``embed_text`` gives the frozen text encoder's output ``[Q, T]``."""

    model: AlignedModel
    embed_text: EmbedText
    device: torch.device

    def segments(self, batch: Batch, rows: Tensor) -> Tensor:
        """Projected level 0 of the backbone, without clustering."""
        (level, *_) = self.model.backbone(batch, cluster=False)
        return self.model.visual_head(level.x[rows])

    def texts(self, queries: Sequence[str]) -> Tensor:
        """The text head on the encoder's output; a text encoder trained with the model goes before ``embed_text``."""
        encoder = self.model.text_encoder
        text = encoder(list(queries)) if encoder is not None else self.embed_text(queries).to(self.device)
        return self.model.text_head(text)


@dataclass(frozen=True)
class RawScorer:
    """No training: raw features against the features' own text space, ReLU then linear (EgoVLP's ``txt_proj``).

    Shapes: weight ``[F, T]``, bias ``[F]``.
    """

    weight: Tensor
    bias: Tensor
    embed_text: EmbedText
    device: torch.device

    @classmethod
    def from_file(cls, path: str | Path, *, embed_text: EmbedText, device: torch.device) -> RawScorer:
        """Read a ``.pth`` with one matrix and one vector, whatever their names.

        Raises:
            DataError: missing, unreadable, or not one linear layer.
        """
        path = Path(path)
        if not path.is_file():
            raise DataError("there is no such file", file=path, hint="It is the untrained baseline's text projection")
        try:
            state = torch.load(path, map_location=device, weights_only=True)
        except Exception as error:
            raise DataError(f"not readable as a file of tensors ({error})"[:300], file=path) from error
        matrices = [value.float() for value in state.values() if value.dim() == 2]
        vectors = [value.float() for value in state.values() if value.dim() == 1]
        if len(matrices) != 1 or len(vectors) != 1 or len(matrices[0]) != len(vectors[0]):
            shapes = {name: tuple(value.shape) for name, value in state.items()}
            raise DataError("expected one matrix and one vector", file=path, field="state dict", value=shapes)
        return cls(matrices[0], vectors[0], embed_text, device)

    def segments(self, batch: Batch, rows: Tensor) -> Tensor:
        """The features as they are."""
        return batch.x[rows]

    def texts(self, queries: Sequence[str]) -> Tensor:
        """ReLU, then the linear projection."""
        text = self.embed_text(queries).to(self.device)
        return torch.nn.functional.linear(text.relu(), self.weight, self.bias)


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
def evaluate(
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
        questions: with their windows, of :func:`hiero_lib.benchmarks.egomcq.files.load_questions`.
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
        batch = Batch.from_data_list(_read(group, store, features)).to(device)
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


def _read(windows: Sequence[Window], store: FeatureStore, features: FeatureConfig) -> list[VideoSegments]:
    """The windows' segments, in the order given; the windows of a video come out of one read."""
    by_video: dict[str, list[Window]] = {}
    for window in windows:
        by_video.setdefault(window.video_uid, []).append(window)
    found = []
    for uid, of_video in by_video.items():  # windows come sorted by video, so this keeps their order
        first = min(window.first_index for window in of_video)
        rows = store.read(uid, first, max(window.first_index + window.num_segments for window in of_video))
        for window in of_video:
            start = window.first_index - first
            found.append(
                VideoSegments.from_features(
                    rows[start : start + window.num_segments],
                    stride_frames=features.stride_frames,
                    fps=features.fps,
                    video_uid=uid,
                    first_index=window.first_index,
                    shift_pos=False,
                )
            )
    return found
