"""Goal-Step step localisation, zero-shot: (start, end, step label, score) for all steps and sub-steps of a video.

The paper names this use of HiERO and its code has none. Here clusters of the projected features give the segments,
at a coarse and a fine scale for steps and sub-steps, and similarity with the texts of the step taxonomy gives the
labels; the measure is mean average precision over temporal IoU 0.1 to 0.5 (``detection_scores``). No official
Goal-Step file was at hand: only the sample's, in the layout of ``step_localization.files``, have been scored.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.grounding.metrics import DetectionScores, LabelledSpan, detection_scores
from hiero_lib.benchmarks.grounding.stepg import suppress
from hiero_lib.benchmarks.grounding.zero_shot import compress, cosine, run_means
from hiero_lib.benchmarks.step_localization.files import StepVideo, step_text
from hiero_lib.config import LocalizationConfig
from hiero_lib.models.clustering.spectral import Cluster, default_cluster

log = logging.getLogger(__name__)


def taxonomy(videos: Sequence[StepVideo]) -> list[str]:
    """The step labels that occur, sorted."""
    return sorted({step.category for video in videos for step in video.all_steps()})


def true_spans(videos: Sequence[StepVideo]) -> list[LabelledSpan]:
    """Steps and sub-steps as labelled spans; a span of no length cannot be hit and is left out."""
    return [
        LabelledSpan(video.video_uid, step.start_s, step.end_s, step.category)
        for video in videos
        for step in video.all_steps()
        if step.end_s > step.start_s
    ]


def localize_steps(
    video_uid: str,
    features: Tensor,
    label_features: Tensor,
    *,
    labels: Sequence[str],
    stride_s: float,
    config: LocalizationConfig | None = None,
    cluster: Cluster = default_cluster,
) -> list[LabelledSpan]:
    """The steps of one video, best score first.

    Args:
        video_uid: the video's name, put into the result.
        features: ``[N, D]`` projected level-0 features.
        label_features: ``[C, D]`` the taxonomy's texts in the same space.
        labels: the C labels.
        stride_s: seconds from one segment to the next.
        config: see ``LocalizationConfig``.
        cluster: the clustering function.

    The score of a label is its softmax share over the taxonomy. Of the spans of one label that overlap by more
    than ``duplicate_iou`` the better one is kept.
    """
    config = config or LocalizationConfig()
    candidates: dict[str, list[tuple[float, float, float]]] = {}
    for n_clusters in config.n_clusters:
        runs = compress(cluster(features, n_clusters, config.temperature).cpu().numpy())
        runs = [run for run in runs if run[1] > config.longer_than] or runs
        share = torch.softmax(cosine(run_means(features, runs), label_features) / config.label_temperature, dim=1)
        score, label = share.topk(min(config.labels, len(labels)), dim=1)
        for (start, length), scores, indices in zip(runs, score.tolist(), label.tolist()):
            for value, index in zip(scores, indices):
                span = value, start * stride_s, (start + length) * stride_s
                candidates.setdefault(labels[index], []).append(span)
    found = []
    for name, spans in candidates.items():
        best_of = {(start, end): score for score, start, end in sorted(spans)}  # the highest score comes last
        order = sorted(best_of, key=lambda span: -best_of[span])
        found += [
            LabelledSpan(video_uid, *span, name, best_of[span]) for span in suppress(order, iou=config.duplicate_iou)
        ]
    return sorted(found, key=lambda span: -span.score)


@dataclass(frozen=True)
class LocalizationResult:
    """Scores over the videos that have features; the others are counted, their steps are not in the scores."""

    scores: DetectionScores
    predictions: list[LabelledSpan]
    without_features: tuple[str, ...]


def evaluate(
    videos: Sequence[StepVideo],
    *,
    features_of: Callable[[str], Tensor | None],
    embed: Callable[[list[str]], Tensor],
    stride_s: float,
    config: LocalizationConfig | None = None,
    cluster: Cluster = default_cluster,
) -> LocalizationResult:
    """Localise the steps of all videos and score them against their annotations.

    The taxonomy is that of all ``videos``, with or without features.

    Raises:
        DataError: features with NaN or infinity, naming the video; no video with steps and features.
    """
    labels = taxonomy(videos)
    label_features = embed([step_text(label) for label in labels]) if labels else torch.zeros(0, 1)
    predictions: list[LabelledSpan] = []
    kept, missing = [], []
    for video in videos:
        features = features_of(video.video_uid)
        if features is None or not len(features):
            missing.append(video.video_uid)
            continue
        if not bool(torch.isfinite(features).all()):
            raise DataError("the features hold NaN or infinity", file=video.video_uid, field="features")
        kept.append(video)
        predictions += localize_steps(
            video.video_uid,
            features,
            label_features.to(features),
            labels=labels,
            stride_s=stride_s,
            config=config,
            cluster=cluster,
        )
    truth = true_spans(kept)
    if not truth:
        raise DataError("no video has both steps and features", field="videos", value=len(videos))
    if missing:
        log.warning("step localisation: %d of %d videos have no features and are left out", len(missing), len(videos))
    return LocalizationResult(detection_scores(truth, predictions), predictions, tuple(missing))
