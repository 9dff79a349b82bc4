"""What EgoNLQ's heads found, for people: rows of the results table, the comparison of levels, queries to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hiero_lib.benchmarks.egonlq.score import FED, EgoNLQResult, Head, compared_levels, mean_and_spread, measures
from hiero_lib.benchmarks.grounding.files import truth_of
from hiero_lib.benchmarks.grounding.metrics import GroundingScores, grounding_scores
from hiero_lib.config import EgoNLQConfig, FeatureLevel
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED, Method
from hiero_lib.results.metric import Metric, mean_metric
from hiero_lib.results.published import published_rows
from hiero_lib.results.row import Row

if TYPE_CHECKING:
    from hiero_lib.benchmarks.egonlq.task import EgoNLQTask
    from hiero_lib.viz.grounding import GroundingPanel

BENCHMARK = "EgoNLQ"
LEVELS_BENCHMARK = "EgoNLQ, the level that feeds the head"
RANDOM = "random spans"
_RANDOM_DRAWS = 20
MEASURES = ("R1@0.3", "R3@0.3", "R5@0.3", "R1@0.5", "R3@0.5", "R5@0.5", "mIoU")


def per_query(results: Sequence[GroundingScores], measure: str) -> np.ndarray:
    """``[n]`` each query's hits (for ``mIoU`` its IoU) as a mean over the results, in the order of the keys."""
    keys, shares = sorted(results[0].per_query), [result.shares(measure) for result in results]
    return np.array([[of[key] for key in keys] for of in shares]).mean(axis=0)


def random_scores(task: EgoNLQTask, trained: Mapping[Head, EgoNLQResult]) -> list[GroundingScores]:
    """What chance is worth: spans as long as training answers, at random places of the clip, drawn several times."""
    rng = np.random.default_rng(task.profile.egonlq.bootstrap_seed)
    spans = truth_of(task.clips["train"]).values()
    lengths = np.asarray([end - start for start, end in spans])
    durations = {query.key: clip.duration_s for clip in task.clips["val"] for query in clip.queries}
    truth, answered = truth_of(task.clips["val"]), next(iter(trained.values())).predictions
    draws = []
    for _ in range(_RANDOM_DRAWS):
        answers = {}
        for key in answered:
            length = np.minimum(rng.choice(lengths, size=task.profile.egonlq.answers), durations[key])
            start = rng.uniform(0.0, durations[key] - length)
            answers[key] = list(zip(start.tolist(), (start + length).tolist()))
        draws.append(grounding_scores(truth, answers))
    return draws


def egonlq_rows(
    task: EgoNLQTask, trained: Mapping[Head, EgoNLQResult], methods: Mapping[str, Method] | None = None
) -> list[Row]:
    """Chance, each method at the profile's level, HiERO against the others, and the published figures.

    Values are means over the seeds, with the spread over them and the 95 % bootstrap interval over videos.
    ``methods`` tell which thread graph each was made with.
    """
    config = task.profile.egonlq
    of_method = {name: _results(trained, name, config.level) for name in FED}
    chance = random_scores(task, trained)
    note = f"as long as training answers, at random places; mean of {_RANDOM_DRAWS} draws"
    draws = [(measure, _metric(task, chance[0], per_query(chance, measure))) for measure in MEASURES]
    seed = config.bootstrap_seed
    rows = [Row(BENCHMARK, RANDOM, measure, metric, note=note, seed=seed) for measure, metric in draws]
    graphs = {name: method.thread_graph for name, method in (methods or {}).items()}
    for name, results in of_method.items():
        if results:
            rows += _rows(task, BENCHMARK, name, results, graph=graphs.get(name))
    for other in (name for name in (UNTRAINED, PROBE) if of_method[HIERO] and of_method[name]):
        ours, theirs, graph = of_method[HIERO], of_method[other], graphs.get(HIERO)
        rows += [_difference(task, ours, theirs, measure, graph, other) for measure in MEASURES]
    return rows + published_rows("egonlq", BENCHMARK)


def level_rows(
    task: EgoNLQTask, trained: Mapping[Head, EgoNLQResult], methods: Mapping[str, Method] | None = None
) -> list[Row]:
    """HiERO's levels and all of them at once, on the same seeds for each."""
    graph = methods[HIERO].thread_graph if methods and HIERO in methods else None
    rows: list[Row] = []
    for level, results in _compared(task, trained).items():
        rows += _rows(task, LEVELS_BENCHMARK, level_name(level), results, graph=graph)
    return rows


def level_name(level: FeatureLevel) -> str:
    """What tables call HiERO's features of a level."""
    return f"{HIERO}, all levels" if level == "all" else f"{HIERO}, level {level}"


def level_table(task: EgoNLQTask, trained: Mapping[Head, EgoNLQResult]) -> tuple[list[str], list[list[str]]]:
    """Header and rows: a line a level, a column a measure, mean and spread over the seeds in percent.

    Recall at 3 answers is left out: with it the table leaves a narrow page.
    """
    shown, rows = [measure for measure in MEASURES if not measure.startswith("R3")], []
    for level, results in _compared(task, trained).items():
        channels = results[0].video_dim
        cells = [level_name(level), str(channels), ", ".join(str(result.seed) for result in results)]
        spreads = mean_and_spread(results)
        for mean, spread in (spreads[measure] for measure in shown):
            cells.append(f"{100 * mean:.1f}" + (f" ± {100 * spread:.1f}" if len(results) > 1 else ""))
        rows.append(cells)
    return ["features", "channels", "seeds", *shown], rows


def query_table(task: EgoNLQTask, *, count: int) -> list[list[str]]:
    """Text, length of the clip and answer of some validation queries, evenly spread over all."""
    asked = [(query, clip) for clip in task.clips["val"] for query in clip.queries]
    chosen = np.linspace(0, len(asked) - 1, min(count, len(asked))).round().astype(int)
    return [
        [query.text, f"{clip.duration_s:.0f}", f"{query.start_s:.1f} to {query.end_s:.1f}"]
        for query, clip in (asked[at] for at in chosen)
    ]


def head_records(trained: Mapping[Head, EgoNLQResult]) -> list[dict[str, Any]]:
    """What ``results.json`` keeps of each head: its best epoch, its measures, where it lies."""
    return [
        {
            **head._asdict(),
            "best_epoch": result.best_epoch,
            "epochs": len(result.history),
            "last_loss": result.history[-1]["loss"],
            **measures(result.scores),
            "folder": str(result.folder),
            "left_out_of_training": result.left_out,
        }
        for head, result in trained.items()
    ]


def example_panels(task: EgoNLQTask, trained: Mapping[Head, EgoNLQResult], *, count: int = 4) -> list[GroundingPanel]:
    """Queries of all qualities: from HiERO's best answer to its worst, evenly spread, by the IoU of the first answer.

    The answers are those of the first seed.
    """
    from hiero_lib.viz.grounding import GroundingPanel

    config = task.profile.egonlq
    shown = {
        name: trained[Head(name, config.level, config.seeds[0])]
        for name in FED
        if Head(name, config.level, config.seeds[0]) in trained
    }
    quality = per_query([shown[HIERO].scores], "mIoU")
    keys = sorted(shown[HIERO].scores.per_query)
    order = np.argsort(-quality, kind="stable")
    chosen = [keys[order[at]] for at in np.linspace(0, len(keys) - 1, min(count, len(keys))).round().astype(int)]
    truth = truth_of(task.clips["val"])
    queries = {query.key: (query, clip) for clip in task.clips["val"] for query in clip.queries}
    panels = []
    for key in chosen:
        query, clip = queries[key]
        answers = {name: result.predictions[key] for name, result in shown.items()}
        panels.append(GroundingPanel(query.text, clip.duration_s, truth[key], answers))
    return panels


def _compared(task: EgoNLQTask, trained: Mapping[Head, EgoNLQResult]) -> dict[FeatureLevel, list[EgoNLQResult]]:
    config: EgoNLQConfig = task.profile.egonlq
    seeds = config.seeds[: config.compared_seeds]
    levels = compared_levels(config, depth=task.profile.model.depth)
    if not any(head.method == HIERO for head in trained):
        return {}
    return {level: [trained[Head(HIERO, level, seed)] for seed in seeds] for level in levels}


def _results(trained: Mapping[Head, EgoNLQResult], method: str, level: FeatureLevel) -> list[EgoNLQResult]:
    return [result for head, result in trained.items() if (head.method, head.level) == (method, level)]


def _rows(
    task: EgoNLQTask,
    benchmark: str,
    name: str,
    results: Sequence[EgoNLQResult],
    *,
    graph: str | None,
) -> list[Row]:
    spreads = mean_and_spread(results)
    seeds = tuple(result.seed for result in results)
    note = "best of the epochs by R1@0.3 on these queries, as is usual for the head"
    return [
        Row(
            benchmark,
            name,
            measure,
            _metric(task, results[0].scores, per_query(_scores(results), measure)),
            note=note,
            thread_graph=graph,
            seed=seeds,
            spread=spreads[measure][1] if len(seeds) > 1 else None,
        )
        for measure in MEASURES
    ]


def _difference(
    task: EgoNLQTask,
    ours: Sequence[EgoNLQResult],
    theirs: Sequence[EgoNLQResult],
    measure: str,
    graph: str | None,
    other: str,
) -> Row:
    gain = per_query(_scores(ours), measure) - per_query(_scores(theirs), measure)
    by_seed = [mean_and_spread([a])[measure][0] - mean_and_spread([b])[measure][0] for a, b in zip(ours, theirs)]
    return Row(
        BENCHMARK,
        f"{HIERO} minus {other}",
        measure,
        _metric(task, ours[0].scores, gain),
        note="points, on the same queries with the same seeds",
        thread_graph=graph,
        seed=tuple(result.seed for result in ours),
        spread=float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 else None,
    )


def _scores(results: Sequence[EgoNLQResult]) -> list[GroundingScores]:
    return [result.scores for result in results]


def _metric(task: EgoNLQTask, scores: GroundingScores, values: np.ndarray) -> Metric:
    """Mean over queries; excluded are those without text and those whose video has no features.

    The interval is over resampled videos, for the queries of a video share its features.
    """
    config = task.profile.egonlq
    video_of = {clip.clip_uid: clip.video_uid for clip in task.clips["val"]}
    return mean_metric(
        values,
        excluded=scores.excluded + task.reports["val"].without_text,
        resamples=config.bootstrap_resamples,
        seed=config.bootstrap_seed,
        groups=[video_of[key[0]] for key in sorted(scores.per_query)],
    )
