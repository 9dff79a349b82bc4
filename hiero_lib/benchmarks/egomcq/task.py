"""EgoMCQ opened on a profile's data: its questions, with all that answering them needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import file_slug
from hiero_lib.benchmarks.benchmark import Section
from hiero_lib.benchmarks.egomcq.data import EgoMCQReport, Question, load_questions
from hiero_lib.benchmarks.egomcq.report import egomcq_rows
from hiero_lib.benchmarks.egomcq.score import EgoMCQResult, answer_questions
from hiero_lib.config import Profile
from hiero_lib.data.features import FeatureStore
from hiero_lib.data.paths import DataPaths
from hiero_lib.methods.method import Method
from hiero_lib.methods.scorers import ModelScorer, Scorer
from hiero_lib.methods.text import TextSide
from hiero_lib.models.alignment import AlignedModel


@dataclass(frozen=True)
class EgoMCQTask:
    """The questions of a profile; made by :func:`open_egomcq`."""

    profile: Profile
    device: torch.device
    store: FeatureStore
    questions: list[Question]
    report: EgoMCQReport
    text: TextSide

    def summary(self) -> str:
        """How many questions can be asked, and why others cannot."""
        return self.report.summary()

    def answer(self, scorer: Scorer) -> EgoMCQResult:
        """All questions, answered by one method's scorer."""
        return answer_questions(
            scorer,
            self.questions,
            store=self.store,
            features=self.profile.features,
            report=self.report,
            config=self.profile.egomcq,
            device=self.device,
        )

    def evaluate(self, methods: Mapping[str, Method], *, run_folder: Path | None = None) -> dict[str, EgoMCQResult]:
        """Each method's answers; methods without a text space are left out."""
        return {name: self.answer(method.scorer) for name, method in methods.items() if method.scorer is not None}

    def validate(self, model: AlignedModel) -> dict[str, float]:
        """Accuracies as fractions, under the names that the metrics log has (see ``run_training``)."""
        metrics = self.answer(ModelScorer(model, self.text.embed, self.device)).metrics()
        return {f"egomcq_{name}": metric.value for name, metric in metrics.items() if metric.n}

    def notes(self, results: Mapping[str, EgoMCQResult]) -> list[str]:
        """Nothing: what is left out stands in the summary."""
        return []

    def sections(self, results: Mapping[str, EgoMCQResult], methods: Mapping[str, Method]) -> list[Section]:
        """One section, ``egomcq``."""
        return [Section("egomcq", egomcq_rows(results, methods))]

    def save_predictions(
        self, results: Mapping[str, EgoMCQResult], methods: Mapping[str, Method], run_folder: Path
    ) -> list[Path]:
        """Write each method's answers to ``<run>/predictions/egomcq_<method>.json``."""
        written = []
        for method, result in results.items():
            path = run_folder / "predictions" / f"egomcq_{file_slug(method)}.json"
            result.save(path)
            written.append(path)
        return written


def needed_files(profile: Profile) -> list[Path]:
    """The questions."""
    return [DataPaths.at(profile.data_root).egomcq]


def open_egomcq(profile: Profile, *, device: torch.device) -> EgoMCQTask:
    """Read the questions and open the features; the text encoder is loaded when a text comes.

    Raises:
        DataError: a file is missing or cannot be used, or not one question has features for its clips.
    """
    paths = DataPaths.at(profile.data_root)
    store = FeatureStore(paths.features(profile.features.folder), dim=profile.features.dim)
    window = profile.egomcq.context_window
    questions, report = load_questions(paths.egomcq, store, profile.features, context_window=window)
    if not questions:
        raise DataError(f"not one of {report.total} questions has features for its clips", file=paths.egomcq)
    return EgoMCQTask(profile, device, store, questions, report, TextSide(profile, device=device))
