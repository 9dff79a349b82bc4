"""EgoProceL for people: tables, what was left out, clusters as files, and clusters beside key-steps on a timeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hiero_lib.base.files import file_slug, write_json
from hiero_lib.benchmarks.egoprocel.data import KeystepData
from hiero_lib.benchmarks.egoprocel.score import AVERAGE, MEASURES, EgoProceLResult, VideoScores, unmatched_share
from hiero_lib.benchmarks.number_found import CLOSE, number_cells, number_header
from hiero_lib.config import Profile, ThreadGraph
from hiero_lib.hierarchy.spans import Span, stretches
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED, Method
from hiero_lib.results.metric import mean_metric
from hiero_lib.results.published import published_rows
from hiero_lib.results.row import Row

if TYPE_CHECKING:
    from hiero_lib.viz.timeline import TimelineRow

BENCHMARK = "EgoProceL"
COUNTS = "EgoProceL, number of key-steps (share of n videos in which it is found)"
COHERENT = ", coherent"  # behind a method's name
BACKGROUND = -1  # as figures number it: without a thread's colour


def dataset_table(results: Mapping[str, EgoProceLResult]) -> tuple[list[str], list[list[str]]]:
    """Header and rows: F1 / IoU of each method, averaged and by dataset, and the average over all labels.

    The last column counts the spans of equal cluster in a video; in its header, the true key-steps and background.
    """
    first = next(iter(results.values()))
    header = ["method", AVERAGE, *(f"{name} ({first.counts(name)[0]})" for name in first.datasets)]
    rows = [
        [
            name,
            *(_pair(result, dataset) for dataset in (AVERAGE, *first.datasets)),
            _pair(result, AVERAGE, all_=True),
            f"{spans_a_video(entry.predicted for entry in result.videos):.0f}",
        ]
        for name, result in results.items()
    ]
    true = spans_a_video(entry.truth for entry in first.videos)
    return [*header, "average over all labels", f"spans a video (true: {true:.0f})"], rows


def spans_a_video(labels: Iterable[np.ndarray]) -> float:
    """Mean number of stretches of equal label."""
    return float(np.mean([len(stretches(line)) for line in labels]))


def task_table(results: Mapping[str, EgoProceLResult]) -> tuple[list[str], list[list[str]]]:
    """Header and rows: F1 / IoU of each method by task; without the coherent rows, with which it leaves the page."""
    first = next(iter(results.values()))
    results = {name: result for name, result in results.items() if not name.endswith(COHERENT)}
    rows = []
    for dataset, task in first.tasks:
        videos = sum(v.video.task.dataset == dataset and v.video.task.name == task for v in first.videos)
        scores = [result.tasks[dataset, task] for result in results.values()]
        name = task if task == dataset else f"{dataset}, {task}"
        rows.append([f"{name} ({videos})", *(_both(s.f1, s.iou) for s in scores)])
    return ["task", *results], rows


def number_table(results: Mapping[str, EgoProceLResult]) -> tuple[list[str], list[list[str]]]:
    """Header and rows: how many key-steps are found where nobody says how many, of each method that was asked."""
    counted = {name: result.numbers for name, result in results.items() if result.numbers}
    rows = [
        [name, str(len(all_)), *number_cells([n.found for n in all_], [n.gap for n in all_], [n.true for n in all_])]
        for name, all_ in counted.items()
    ]
    true = [number.true for number in next(iter(counted.values()))]
    return ["method", "videos", *number_header(true, of="key-steps")], rows


def _pair(result: EgoProceLResult, dataset: str, *, all_: bool = False) -> str:
    names = ("F1 over all labels", "IoU over all labels") if all_ else ("F1", "IoU")
    return _both(*(result.value(name, dataset) for name in names))


def _both(f1: float, iou: float) -> str:
    """In hundredths; a narrow table does not break between the two."""
    return f"{100 * f1:.1f}\u00a0/\u00a0{100 * iou:.1f}"


def save_clusters(results: Mapping[str, EgoProceLResult], run_folder: str | Path) -> list[Path]:
    """Write each method's clusters to ``<run>/predictions/egoprocel_<method>.json``.

    Per video: its scores, ``runs`` of (first frame, last frame, cluster) on its own frames, and the key-step
    (0: background) that each cluster is matched to.
    """
    written = []
    for name, result in results.items():
        path = Path(run_folder) / "predictions" / f"egoprocel_{file_slug(name)}.json"
        write_json(path, {"version": 1, "method": name, "videos": [_record(entry) for entry in result.videos]})
        written.append(path)
    return written


def _record(entry: VideoScores) -> dict[str, Any]:
    video = entry.video
    return {
        "video": video.video_uid,
        "dataset": video.task.dataset,
        "task": video.task.name,
        "fps": video.fps,
        **{measure: of(entry.scores) for measure, of in MEASURES.items()},
        "matched": {str(cluster): label for cluster, label in entry.matched.items()},
        "runs": [
            [2 * first, 2 * stop - 1, int(entry.predicted[first])] for first, stop in stretches(entry.predicted)
        ],
    }


def typical_videos(result: EgoProceLResult, *, count: int) -> list[str]:
    """Videos spread evenly over the ranking by F1, the median among them when ``count`` is odd; the worst first."""
    order = sorted(result.videos, key=lambda entry: entry.scores.f1)
    places = (np.arange(count) + 0.5) / count * len(order)
    return list(dict.fromkeys(order[int(place)].video.video_uid for place in places))


def two_of_a_task(result: EgoProceLResult) -> tuple[str, str] | None:
    """The two videos with the best F1 of the task, among those with two videos, whose second is best; None: no such.

    To be laid side by side (`hiero_lib.viz.alignment`).
    """
    by_task: dict[tuple[str, str], list[VideoScores]] = {}
    for entry in sorted(result.videos, key=lambda entry: -entry.scores.f1):
        by_task.setdefault((entry.video.task.dataset, entry.video.task.name), []).append(entry)
    pairs = [entries[:2] for entries in by_task.values() if len(entries) > 1]
    best = max(pairs, key=lambda pair: pair[1].scores.f1, default=None)
    return None if best is None else (best[0].video.video_uid, best[1].video.video_uid)


def of_video(result: EgoProceLResult, video_uid: str) -> VideoScores:
    """The scores of one video."""
    return next(entry for entry in result.videos if entry.video.video_uid == video_uid)


def extra(data: KeystepData, results: Mapping[str, EgoProceLResult]) -> dict[str, Any]:
    """What ``results.json`` has beside the rows: figures by task, and what is not in them and why."""
    first = next(iter(results.values()))
    by_task = {
        f"{dataset}/{name}": {
            method: {measure: of(result.tasks[dataset, name]) for measure, of in MEASURES.items()}
            for method, result in results.items()
        }
        for dataset, name in first.tasks
    }
    excluded = {
        "videos without features": [video.video_uid for video in first.without_features],
        "tasks without labels": [f"{absent.dataset}/{absent.name}" for absent in data.absent],
    }
    unmatched = {method: unmatched_share(result.videos) for method, result in results.items()}
    return {
        "labels": str(data.source),
        "excluded": excluded,
        "frames whose label has no cluster": unmatched,
        "runs a video": {name: spans_a_video(e.predicted for e in result.videos) for name, result in results.items()}
        | {"truth": spans_a_video(entry.truth for entry in first.videos)},
        "number of key-steps": {
            name: {
                of: float(np.mean([getattr(one, of) for one in result.numbers])) for of in ("true", "found", "gap")
            }
            for name, result in results.items()
            if result.numbers
        },
        "tasks": by_task,
    }


def excluded_lines(results: Mapping[str, EgoProceLResult]) -> list[str]:
    """How many videos were scored and left out and why, and what looks wrong; for people."""
    first = next(iter(results.values()))
    scored, left_out = first.counts()
    lines = [f"{scored:,} videos scored, {left_out:,} left out (labels without features)"]
    if beyond := first.beyond_features():
        some = ", ".join(beyond[:5])
        lines.append(f"{len(beyond):,} videos have labels beyond their features (a wrong frame rate?): {some}")
    return lines


def keystep_rows(
    results: Mapping[str, EgoProceLResult], video_uid: str, *, methods: Sequence[str]
) -> list[TimelineRow]:
    """A video's true key-steps above the clusters of some methods, each in the colour of the key-step matched to it.

    Background is grey. A cluster that no label was matched to has a number, and so a colour, beyond the key-steps'.
    """
    from hiero_lib.viz.timeline import TimelineRow

    first = of_video(results[methods[0]], video_uid)
    n_keysteps = first.video.task.n_keysteps
    names = {BACKGROUND: "background"} | {span.step: span.text for span in first.video.spans if span.text}
    rows = [TimelineRow("true key-steps", _spans(first, first.truth, {0: BACKGROUND}), names, kind="key-step")]
    for method in methods:
        entry = of_video(results[method], video_uid)
        free = [int(cluster) for cluster in np.unique(entry.predicted) if cluster not in entry.matched]
        number = {cluster: label or BACKGROUND for cluster, label in entry.matched.items()}
        number |= {cluster: n_keysteps + 1 + index for index, cluster in enumerate(free)}
        called = names | {number[cluster]: "no key-step" for cluster in free}
        spans = _spans(entry, entry.predicted, number)
        rows.append(TimelineRow(f"{method} (F1 {100 * entry.scores.f1:.0f})", spans, called, kind="key-step"))
    return rows


def video_title(result: EgoProceLResult, video_uid: str) -> str:
    """What a figure of one video says of it."""
    task = of_video(result, video_uid).video.task
    alike = task.dataset.replace(" ", "_").lower() == task.name.lower()
    short = video_uid if len(video_uid) <= 24 else f"{video_uid[:8]}…"
    return f"Key-steps of {short} ({task.dataset}{'' if alike else f', {task.name}'})"


def _spans(entry: VideoScores, labels: np.ndarray, number: Mapping[int, int]) -> list[Span]:
    """Spans in seconds of labels at half the frame rate, under the figure's numbers."""
    rate = entry.video.fps / 2
    return [
        Span(first / rate, stop / rate, number.get(int(labels[first]), int(labels[first])))
        for first, stop in stretches(labels)
    ]


def egoprocel_rows(
    results: Mapping[str, EgoProceLResult], methods: Mapping[str, Method], profile: Profile
) -> list[Row]:
    """F1 and IoU of every method and dataset, the averages (over all labels, too), HiERO's distance from the others,
    and what was published."""
    config = profile.egoprocel
    datasets = [AVERAGE, *next(iter(results.values())).datasets]
    rows, counts = [], []
    for name, result in results.items():
        metrics = result.metrics(resamples=config.bootstrap_resamples, seed=config.bootstrap_seed)
        method = methods.get(name.removesuffix(COHERENT))
        graph = None if method is None else method.thread_graph
        for measure in MEASURES:
            for dataset in datasets if measure in ("F1", "IoU") else [AVERAGE]:
                metric = metric_name(measure, dataset)
                value = metrics[measure, dataset]
                rows.append(
                    Row(BENCHMARK, name, metric, value, thread_graph=graph, segment_times=result.segment_times)
                )
        if result.numbers:
            counts.append(_count_row(name, result, graph, profile))
    draws = {"resamples": config.bootstrap_resamples, "seed": config.bootstrap_seed}
    note = "points, on the same videos"
    for kind in ("", COHERENT):
        for name in (UNTRAINED, PROBE):
            if not {HIERO + kind, name + kind} <= results.keys():
                continue
            difference = results[HIERO + kind].difference(results[name + kind], **draws)
            rows += [
                Row(BENCHMARK, f"{HIERO} minus {name}{kind}", metric_name(measure), difference[measure], note=note)
                for measure in ("F1", "IoU")
            ]
    quoted = {metric_name(measure, dataset) for measure in ("F1", "IoU") for dataset in datasets}
    return rows + published_rows("egoprocel", BENCHMARK, metrics=quoted) + counts


def _count_row(name: str, result: EgoProceLResult, graph: ThreadGraph | None, profile: Profile) -> Row:
    """How often the number of key-steps is found within ``CLOSE``, and how far it is off."""
    true, found, gap = (np.array([getattr(n, way) for n in result.numbers]) for way in ("true", "found", "gap"))
    metric = mean_metric(
        (np.abs(found - true) <= CLOSE).astype(float),
        excluded=0,
        resamples=profile.egoprocel.bootstrap_resamples,
        seed=profile.egoprocel.bootstrap_seed,
    )
    off, gap_off = np.abs(found - true).mean(), np.abs(gap - true).mean()
    note = (
        f"{found.mean():.1f} found where {true.mean():.1f} occur, mean absolute error {off:.1f};"
        f" by the gap {gap.mean():.1f}, {gap_off:.1f}"
    )
    times = result.segment_times
    return Row(COUNTS, name, f"within {CLOSE}", metric, note=note, thread_graph=graph, segment_times=times)


def metric_name(measure: str, dataset: str = AVERAGE) -> str:
    """As the results table calls it."""
    return f"{measure}, {dataset}"
