"""Goal-Step step localisation, zero-shot: (start, end, step label, score) for all steps and sub-steps of a video.

The paper names this use of HiERO and its code has none. Here clusters of the projected features give the segments,
at a coarse and a fine scale for steps and sub-steps, and similarity with the texts of the step taxonomy gives the
labels; the measure is mean average precision over temporal IoU 0.1 to 0.5 (``detection_scores``). No official
Goal-Step file was at hand: only the sample's, in the layout of ``step_localization.files``, have been scored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.grounding.stepg import suppress
from hiero_lib.benchmarks.grounding.zero_shot import compress, cosine, run_means
from hiero_lib.benchmarks.step_localization.data import LabelledSpan, taxonomy, true_spans
from hiero_lib.benchmarks.step_localization.files import StepVideo, step_text
from hiero_lib.config import LocalizationConfig
from hiero_lib.hierarchy.spans import Interval, temporal_iou
from hiero_lib.models.clustering.spectral import Cluster, default_cluster


@dataclass(frozen=True)
class DetectionScores:
    """Mean average precision; each mean runs over the labels of the truth."""

    mean_ap: dict[float, float]  # IoU threshold -> mAP
    average: float  # over the thresholds
    by_label: tuple[float, ...]  # mean over the thresholds, a value for each label of the truth
    n_truth: int
    n_predictions: int
    unknown_labels: int  # predictions whose label the truth does not hold; they are left out, as official

    @property
    def n_labels(self) -> int:
        """Labels that the truth holds."""
        return len(self.by_label)


def average_precision(
    truth: Sequence[LabelledSpan], predictions: Sequence[LabelledSpan], *, threshold: float
) -> float:
    """Interpolated average precision of one label (ActivityNet's definition, also used for THUMOS).

    Predictions of all videos are taken by falling score; each claims the free truth of its video with the
    highest IoU of at least ``threshold``, else it is false. The precision at a recall is the best at that recall
    or beyond, and the area under that curve is the result.
    """
    if not truth or not predictions:
        return 0.0
    by_video: dict[str, list[Interval]] = defaultdict(list)
    for t in truth:
        by_video[t.video_uid].append((t.start_s, t.end_s))
    spans = {uid: np.asarray(rows) for uid, rows in by_video.items()}
    taken = {uid: np.zeros(len(rows), dtype=bool) for uid, rows in spans.items()}
    order = np.argsort([-p.score for p in predictions], kind="stable")
    hit = np.zeros(len(predictions))
    for rank, index in enumerate(order):
        p = predictions[int(index)]
        if p.video_uid not in spans:
            continue
        iou = temporal_iou(np.asarray((p.start_s, p.end_s)), spans[p.video_uid])
        iou[taken[p.video_uid]] = -1.0
        best = int(iou.argmax())
        if iou[best] >= threshold:
            taken[p.video_uid][best] = True
            hit[rank] = 1.0
    hits = np.cumsum(hit)
    precision = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
    return float((precision * hit).sum() / len(truth))


def detection_scores(
    truth: Sequence[LabelledSpan],
    predictions: Sequence[LabelledSpan],
    *,
    thresholds: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5),
) -> DetectionScores:
    """Mean average precision over labels, for each temporal IoU threshold and averaged over them.

    Raises:
        ValueError: the truth is empty.
    """
    if not truth:
        raise ValueError("there is no truth to score against")
    truths: dict[str, list[LabelledSpan]] = defaultdict(list)
    for t in truth:
        truths[t.label].append(t)
    guesses: dict[str, list[LabelledSpan]] = {label: [] for label in truths}
    unknown = 0
    for p in predictions:
        if p.label in guesses:
            guesses[p.label].append(p)
        else:
            unknown += 1
    precisions = np.array(
        [
            [average_precision(rows, guesses[label], threshold=threshold) for label, rows in truths.items()]
            for threshold in thresholds
        ]
    )  # [thresholds, labels]
    mean_ap = {threshold: float(row.mean()) for threshold, row in zip(thresholds, precisions)}
    return DetectionScores(
        mean_ap, float(precisions.mean()), tuple(precisions.mean(0).tolist()), len(truth), len(predictions), unknown
    )


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
    predictions = []
    for name, spans in candidates.items():
        best_of = {(start, end): score for score, start, end in sorted(spans)}  # the highest score comes last
        order = sorted(best_of, key=lambda span: -best_of[span])
        predictions += [
            LabelledSpan(video_uid, *span, name, best_of[span]) for span in suppress(order, iou=config.duplicate_iou)
        ]
    return sorted(predictions, key=lambda span: -span.score)


@dataclass(frozen=True)
class LocalizationResult:
    """Scores over the videos that have features; the others are counted, their steps are not in the scores."""

    scores: DetectionScores
    predictions: list[LabelledSpan]
    without_features: tuple[str, ...]


def localize_videos(
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
    return LocalizationResult(detection_scores(truth, predictions), predictions, tuple(missing))
