"""A run's models scored side by side: EgoMCQ and, on the sample, recovery of its activity threads.

What the command line, the notebooks and the validation during training share: the profile's data and text encoder
opened once, scorers for the untrained features and for checkpoints, and the rows of the results table.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import file_slug
from hiero_lib.benchmarks.egomcq import score as egomcq
from hiero_lib.benchmarks.egomcq.files import EgoMCQReport, Question, load_questions
from hiero_lib.benchmarks.egomcq.score import EgoMCQResult, ModelScorer, Scorer
from hiero_lib.benchmarks.thread_recovery import score as thread_recovery
from hiero_lib.benchmarks.thread_recovery.files import Truth, read_truth
from hiero_lib.benchmarks.thread_recovery.score import ThreadRecovery
from hiero_lib.config import Profile
from hiero_lib.data.features import FeatureStore
from hiero_lib.data.paths import DataPaths
from hiero_lib.data.segments import VideoSegments
from hiero_lib.methods.method import HIERO, PROBE, Method, TextSide, read_video
from hiero_lib.models.alignment import AlignedModel
from hiero_lib.results.record import Row

# EgoMCQ accuracy inter and intra as published (ICCV 2025, table 1), on Ego4D.
PUBLISHED_EGOMCQ = {
    "EgoVLP": (0.906, 0.572),
    "LaViLa": (0.945, 0.631),
    "HiERO (Omnivore)": (0.901, 0.534),
    "HiERO (EgoVLP)": (0.916, 0.596),
    "HiERO (LaViLa)": (0.946, 0.644),
}
_METRICS = {"inter": "inter-video accuracy", "intra": "intra-video accuracy"}


@dataclass(frozen=True)
class EgoMCQTask:
    """The questions of a profile with everything that answering them needs; made by :func:`open_egomcq`."""

    profile: Profile
    device: torch.device
    store: FeatureStore
    questions: list[Question]
    report: EgoMCQReport
    text: TextSide

    def evaluate(self, scorer: Scorer) -> EgoMCQResult:
        """Answer all questions."""
        return egomcq.evaluate(
            scorer,
            self.questions,
            store=self.store,
            features=self.profile.features,
            report=self.report,
            config=self.profile.egomcq,
            device=self.device,
        )

    def validate(self, model: AlignedModel) -> dict[str, float]:
        """Accuracies as fractions, under the names that the metrics log has (see ``run_training``)."""
        scorer = ModelScorer(model, self.text.embed, self.device)
        found = self.evaluate(scorer).metrics()
        return {f"egomcq_{name}": metric.value for name, metric in found.items() if metric.n}


def open_egomcq(profile: Profile, *, device: torch.device) -> EgoMCQTask:
    """Read the questions, open the features and load the text encoder (cached where it is frozen).

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


def egomcq_rows(results: Mapping[str, EgoMCQResult], methods: Mapping[str, Method] | None = None) -> list[Row]:
    """Rows for each method, for HiERO against the probe where both are there, and the published ones.

    ``methods`` tell which thread graph each was made with.
    """
    graphs = {name: method.thread_graph for name, method in (methods or {}).items()}
    rows = [
        Row("EgoMCQ", method, _METRICS[name], metric, thread_graph=graphs.get(method))
        for method, result in results.items()
        for name, metric in result.metrics().items()
    ]
    if HIERO in results and PROBE in results:
        difference = results[HIERO].difference(results[PROBE])
        note = "points, on the same questions"
        rows += [
            Row(
                "EgoMCQ",
                f"{HIERO} minus {PROBE}",
                _METRICS[name],
                metric,
                note=note,
                thread_graph=graphs.get(HIERO),
            )
            for name, metric in difference.items()
        ]
    for method, (inter, intra) in PUBLISHED_EGOMCQ.items():
        rows.append(Row("EgoMCQ", method, _METRICS["inter"], None, published=inter, note="on Ego4D"))
        rows.append(Row("EgoMCQ", method, _METRICS["intra"], None, published=intra, note="on Ego4D"))
    return rows


def save_predictions(results: Mapping[str, EgoMCQResult], run_folder: str | Path) -> list[Path]:
    """Write each method's answers to ``<run>/predictions/egomcq_<method>.json``."""
    written = []
    for method, result in results.items():
        path = Path(run_folder) / "predictions" / f"egomcq_{file_slug(method)}.json"
        result.save(path)
        written.append(path)
    return written


def held_out_videos(profile: Profile, *, device: torch.device) -> tuple[dict[str, VideoSegments], dict[str, Truth]]:
    """Whole videos of the sample that no narration was trained on and whose threads are known, and their truth.

    Real data have none, nor has a sample made from timelines, which know no threads.
    """
    paths = DataPaths.at(profile.data_root)
    truths = [read_truth(path) for path in sorted(paths.truth.glob("*.json"))]
    truth = {found.video_uid: found for found in truths if found.split == "val" and found.levels["thread"]}
    store = FeatureStore(paths.features(profile.features.folder), dim=profile.features.dim)
    videos = {uid: read_video(store, profile, uid, device=device) for uid in truth}
    return videos, truth


def recover_threads(
    methods: Mapping[str, Method], videos: Mapping[str, VideoSegments], truth: Mapping[str, Truth]
) -> ThreadRecovery:
    """Cluster each method's features of each level and compare with the sample's threads."""
    labels = {uid: functools.partial(found.labels, "thread") for uid, found in truth.items()}
    return thread_recovery.evaluate({name: method.levels for name, method in methods.items()}, videos, labels)


def thread_rows(recovery: ThreadRecovery, methods: Mapping[str, Method] | None = None) -> list[Row]:
    """Adjusted Rand index of each method and level; ``methods`` tell the thread graph of each."""
    graphs = {name: method.thread_graph for name, method in (methods or {}).items()}
    benchmark = "Thread recovery (adjusted Rand index in hundredths, over n held-out videos)"
    return [
        Row(benchmark, method, f"level {level}", metric, thread_graph=graphs.get(method))
        for (method, level), metric in recovery.metrics().items()
    ]


def question_table(results: Mapping[str, EgoMCQResult], *, count: int) -> tuple[list[str], list[list[str]]]:
    """Header and rows of some questions, evenly spread over all, with each method's answer.

    An answer is the number of the chosen clip (0 to 4) and its cosine, with the right clip's where they differ.
    """
    first = next(iter(results.values()))
    rows = []
    for at in np.linspace(0, len(first.questions) - 1, min(count, len(first.questions))).round().astype(int):
        question = first.questions[at]
        cells = [question.query, "inter" if question.type == 1 else "intra", str(question.answer)]
        for result in results.values():
            cosines = result.similarity[at]
            chosen = int(cosines.argmax())
            right = "" if chosen == question.answer else f", right: {cosines[question.answer]:.2f}"
            mark = "✗" if right else "✓"
            cells.append(f"{mark} {chosen} ({cosines[chosen]:.2f}{right})")
        rows.append(cells)
    return ["query", "type", "right clip", *results], rows


def thread_table(recovery: ThreadRecovery) -> tuple[list[str], list[list[str]]]:
    """Header and rows: a line a method, a column a level, with the 95 % interval over videos."""
    found = recovery.metrics()
    levels = sorted({level for _, level in found})
    rows = []
    for method in recovery.scores:
        cells = [method]
        for level in levels:
            metric = found[method, level]
            low, high = metric.interval or (metric.value, metric.value)
            cells.append(f"{100 * metric.value:.1f} ({100 * low:.1f} to {100 * high:.1f})")
        rows.append(cells)
    return ["method", *(f"level {level}" for level in levels)], rows


def typical_video(recovery: ThreadRecovery, *, method: str, level: int) -> str:
    """The video whose adjusted Rand index is the median one, so that a picture is neither luck nor its opposite."""
    order = np.argsort(recovery.scores[method][level], kind="stable")
    return list(recovery.threads[method][level])[order[len(order) // 2]]
