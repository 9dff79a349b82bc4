"""The paper's ablation as one sweep: rows of settings, several seeds each, several benchmarks.

A cell trains one row with one seed and measures what came of it. Its training goes on where it was cut off, and
measuring something else does not train again. The rows stand in the table as they come out. A seed changes the
training: clustering at evaluation has a fixed seed, as in every benchmark here.
"""

from __future__ import annotations

import dataclasses
import functools
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hiero_lib
from hiero_lib.base.device import best_device
from hiero_lib.base.errors import ConfigError
from hiero_lib.base.fingerprint import Fingerprint
from hiero_lib.benchmarks.egomcq.task import open_egomcq
from hiero_lib.benchmarks.egoprocel.score import AVERAGE
from hiero_lib.benchmarks.egoprocel.task import open_egoprocel
from hiero_lib.benchmarks.goalstep.score import ZERO_SHOT, strategies_of
from hiero_lib.benchmarks.goalstep.task import open_goalstep
from hiero_lib.benchmarks.thread_recovery.task import open_thread_recovery
from hiero_lib.config import Profile, SegmentTimes
from hiero_lib.methods.levels import times_of
from hiero_lib.methods.method import HIERO, UNTRAINED, Method
from hiero_lib.methods.opening import open_methods
from hiero_lib.pipelines.sweep import Cell, SweepResult
from hiero_lib.results.metric import Metric
from hiero_lib.results.published import FEATURES, published_figures, published_rows
from hiero_lib.results.row import Row
from hiero_lib.training.checkpointing import training_digest
from hiero_lib.training.loop import run_training

BENCHMARK = "Ablation"


@dataclass(frozen=True)
class AblationRow:
    """A row of the ablation.

    Args:
        name: as the table has it.
        settings: sections of the profile -> their changed fields; None: nothing is trained.
    """

    name: str
    settings: Mapping[str, Mapping[str, Any]] | None = field(default_factory=dict)

    def apply(self, profile: Profile, seed: int) -> Profile:
        """The profile of one cell."""
        training = dataclasses.replace(profile.training, seed=seed)
        changed = {
            name: dataclasses.replace(getattr(profile, name), **s) for name, s in (self.settings or {}).items()
        }
        return dataclasses.replace(profile, training=training, **changed)


_WITHIN = {"thread_graph": "within_threads"}
ROWS = (
    AblationRow("no training", None),
    AblationRow("L_vna", {"model": _WITHIN | {"threads": False}, "loss": {"ft_weight": 0.0}}),
    AblationRow("L_vna, threads", {"model": _WITHIN, "loss": {"ft_weight": 0.0}}),
    AblationRow("L_vna, threads, L_ft", {"model": _WITHIN}),
    AblationRow("L_vna, threads, L_ft without the self pair", {"model": _WITHIN, "loss": {"ft_self_pair": False}}),
    AblationRow("L_vna, threads, L_ft; released graph", {"model": {"thread_graph": "released"}}),
)

Measure = Callable[[Profile, Method], list[Row]]

MCQ_INTRA, MCQ_INTER = "EgoMCQ intra-video accuracy", "EgoMCQ inter-video accuracy"
F1, IOU = "EgoProceL F1", "EgoProceL IoU"
ARI = "thread recovery (adjusted Rand index), coarsest level"
R1_LOOSE, R1_STRICT = "step grounding R1@0.3", "step grounding R1@0.5"
GROUNDING = "step grounding R1, mean of IoU 0.3 and 0.5"

PUBLISHED_FEATURES = "EgoVLP"  # that the published ablation was made on
_WHICH_R1 = "which IoU the published R1 means is not known; the mean of 0.3 and 0.5 is near the paper's other table"


def measure_egomcq(profile: Profile, method: Method) -> list[Row]:
    """Accuracies; nothing where the features have no text space."""
    if method.scorer is None:
        return []
    metrics = open_egomcq(profile, device=best_device()).answer(method.scorer).metrics()
    return [_row(MCQ_INTER, metrics["inter"]), _row(MCQ_INTRA, metrics["intra"])]


def measure_egoprocel(profile: Profile, method: Method) -> list[Row]:
    """F1 and IoU, averaged over the datasets."""
    result = open_egoprocel(profile, device=best_device()).score(method)
    config = profile.egoprocel
    metrics = result.metrics(resamples=config.bootstrap_resamples, seed=config.bootstrap_seed)
    named = ((F1, "F1"), (IOU, "IoU"))
    return [_row(name, metrics[measure, AVERAGE], times=result.segment_times) for name, measure in named]


def measure_grounding(profile: Profile, method: Method) -> list[Row]:
    """R1 of the published zero-shot strategy on the validation queries; nothing where there is no text space."""
    if not method.text_space:
        return []
    task = open_goalstep(profile, device=best_device())
    strategy = {ZERO_SHOT: strategies_of(profile, ablation=False)[ZERO_SHOT]}
    scores = task.ground(method, "val", strategy).scores[ZERO_SHOT]
    strict, loose = scores.recall[1, 0.5], scores.recall[1, 0.3]
    values = {R1_LOOSE: loose, R1_STRICT: strict, GROUNDING: (strict + loose) / 2}
    return [_row(name, Metric(value, scores.n, scores.excluded)) for name, value in values.items()]


def measure_threads(profile: Profile, method: Method) -> list[Row]:
    """Recovery of the true threads at the coarsest level, coherent and plain; nothing where no truth is known."""
    task = open_thread_recovery(profile, device=best_device())
    if not task.videos:
        return []
    recovery = task.evaluate({method.name: method})
    coarsest, times = recovery.levels[method.name][-1], times_of(method, profile)
    named = ((ARI, coarsest.coherent), (f"{ARI}, plain", coarsest.plain))
    return [_row(name, recovery.metric(values), times=times) for name, values in named]


def _row(metric: str, result: Metric, *, times: SegmentTimes | None = None) -> Row:
    return Row(BENCHMARK, "", metric, result, segment_times=times)


MEASURES: dict[str, Measure] = {
    "egomcq": measure_egomcq,
    "egoprocel": measure_egoprocel,
    "grounding": measure_grounding,
    "threads": measure_threads,
}


def measure_cell(profile: Profile, folder: Path, *, train: bool, measures: Sequence[str]) -> dict[str, Any]:
    """The work of a cell: train (or go on), then measure the last checkpoint; plain values."""
    device = best_device()
    checkpoints = {}
    if train:
        checkpoints["hiero"] = run_training(profile, folder).last_checkpoint
    method = open_methods(profile, checkpoints=checkpoints, device=device)[HIERO if train else UNTRAINED]
    rows = [row for name in measures for row in MEASURES[name](profile, method)]
    graph = method.thread_graph if profile.model.threads else None
    return {"rows": [dataclasses.asdict(dataclasses.replace(row, thread_graph=graph)) for row in rows]}


def cells_of(
    profile: Profile,
    run_folder: str | Path,
    *,
    seeds: Sequence[int],
    rows: Sequence[AblationRow] = ROWS,
    measures: Sequence[str] = tuple(MEASURES),
) -> list[Cell]:
    """A cell for each row and seed, below ``<run_folder>/ablation``; one for a row without training.

    Raises:
        ConfigError: no seed or one twice, no row, or an unknown measure.
    """
    if not seeds or len(set(seeds)) < len(seeds):
        raise ConfigError("give different seeds, at least one", field="seeds", value=list(seeds))
    for name in measures:
        if name not in MEASURES:
            raise ConfigError(f"known are {', '.join(MEASURES)}", field="measures", value=name)
    if not rows or not measures:
        raise ConfigError("at least one is needed", field="measures" if rows else "rows", value=[])
    cells = []
    for seed in seeds:  # a sweep that is cut off has all rows, with fewer seeds
        for row in rows:
            train = row.settings is not None
            if not train and seed != seeds[0]:
                continue
            own = row.apply(profile, seed if train else profile.training.seed)
            digest = training_digest(own)  # of the data too: another sample may have taken their place
            name = "".join(c if c.isalnum() else "-" for c in row.name.lower()) + f"-seed{seed}" * train
            folder = Path(run_folder) / "ablation" / f"{name}-{digest[:8]}"
            work = functools.partial(measure_cell, own, folder, train=train, measures=tuple(measures))
            decisive = [own.to_dict(), digest, list(measures), hiero_lib.__version__]
            cells.append(Cell(cell_name(row, seed), folder, Fingerprint().json(decisive).digits(), work))
    return cells


def cell_name(row: AblationRow, seed: int) -> str:
    """As it is reported; a row without training has one cell, for a seed changes nothing there."""
    return row.name if row.settings is None else f"{row.name}, seed {seed}"


def ablation_rows(
    result: SweepResult, profile: Profile, *, seeds: Sequence[int], rows: Sequence[AblationRow] = ROWS
) -> list[Row]:
    """Means and standard deviations over the seeds that are done, in the order of ``rows``, then what is published.

    On the features that the published ablation was made with its figures stand beside the run's own.
    """
    comparable = not profile.is_sample and FEATURES.get(profile.features.folder) == PUBLISHED_FEATURES
    figures = published_figures("ablation")
    table = []
    for row in rows:
        trained_with = seeds[:1] if row.settings is None else seeds
        done = [seed for seed in trained_with if cell_name(row, seed) in result.done]
        failed = [seed for seed in trained_with if cell_name(row, seed) in result.failed]
        cells = [result.done[cell_name(row, seed)] for seed in done]
        for same in zip(*(cell["rows"] for cell in cells)):
            name, first = same[0]["metric"], same[0]["result"]
            values = [one["result"]["value"] for one in same]
            published = figures.get(row.name, {}).get(name) if comparable else None
            notes = [same[0]["note"]] * bool(same[0]["note"])
            notes += ["nothing is trained, so it is measured once"] * (row.settings is None)
            notes += [f"failed with seed {', '.join(map(str, failed))}"] * bool(failed)
            notes += [_WHICH_R1] * (name == GROUNDING)
            table.append(
                Row(
                    BENCHMARK,
                    row.name,
                    name,
                    Metric(statistics.fmean(values), first["n"], first["excluded"]),
                    published=published,
                    note="; ".join(notes),
                    thread_graph=same[0]["thread_graph"],
                    segment_times=same[0].get("segment_times"),
                    seed=None if row.settings is None else tuple(done),
                    spread=statistics.stdev(values) if len(values) > 1 else None,
                )
            )
    quoted = published_rows("ablation", BENCHMARK)
    return table + [dataclasses.replace(row, method=f"{row.method} ({PUBLISHED_FEATURES})") for row in quoted]
