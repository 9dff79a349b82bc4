"""EgoNLQ: VSLNet trained on frozen segment features, its predictions and scores.

The paper trains this head and the authors released no code for it; which level of HiERO they fed is not known. So
the level is a parameter (``egonlq.data.features_at``), and raw features go through the same run with the same seeds.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.base.files import atomic_path, read_json, write_json
from hiero_lib.base.locks import exclusive
from hiero_lib.benchmarks.egonlq.data import NLQData, pad_batch
from hiero_lib.benchmarks.grounding.files import QueryKey
from hiero_lib.benchmarks.grounding.metrics import GroundingScores, grounding_scores
from hiero_lib.config import EgoNLQConfig, FeatureLevel
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED
from hiero_lib.models.vslnet import (
    VSLNet,
    bins_to_span,
    highlight_labels,
    top_spans,
    vslnet_loss,
)

_NOT_OF_ONE_TRAINING = {
    "level",
    "cluster",
    "seeds",
    "compared_seeds",
    "bootstrap_resamples",
    "bootstrap_seed",
    "workers",
}


@torch.no_grad()
def predict(
    head: VSLNet, data: NLQData, *, config: EgoNLQConfig, max_tokens: int, device: str | torch.device
) -> dict[QueryKey, list[tuple[float, float]]]:
    """The best spans of each query in seconds of its clip, by the joint start-end distribution, best first.

    Raises:
        DataError: a query has more tokens than the head has places.
    """
    _check_tokens(max_tokens, config)
    head = head.to(device).eval()
    predictions: dict[QueryKey, list[tuple[float, float]]] = {}
    for start in range(0, len(data.queries), config.batch_size):
        indices = range(start, min(start + config.batch_size, len(data.queries)))
        batch = pad_batch(data, indices, max_pos_len=config.max_pos_len, max_tokens=max_tokens)
        first, last, probability = (
            t.cpu() for t in top_spans(head(*(t.to(device) for t in batch)), k=config.answers)
        )
        for row, index in enumerate(indices):
            query = data.queries[index]
            clip = data.clips[query.clip_uid]
            spans = []
            for a, b, p in zip(first[row].tolist(), last[row].tolist(), probability[row].tolist()):
                if p > 0 and b < len(clip.bins):  # short clips have fewer spans than answers are asked for
                    begin, end = bins_to_span(a, b, duration_s=clip.duration_s, num_bins=len(clip.bins))
                    spans.append((max(begin - clip.lead_s, 0.0), end - clip.lead_s))
            predictions[query.key] = spans
    return predictions


@dataclass(frozen=True)
class EgoNLQResult:
    """The best epoch of one training, by validation R1@0.3, then mIoU."""

    seed: int
    best_epoch: int  # from 1
    scores: GroundingScores
    predictions: dict[QueryKey, list[tuple[float, float]]]
    history: tuple[dict[str, float], ...]  # an entry per epoch: epoch, loss and, where validated, its measures
    folder: Path
    video_dim: int  # channels of the features that fed the head
    left_out: dict[str, int]  # why training queries were left out -> how many


def train(
    training: NLQData,
    validation: NLQData,
    folder: str | Path,
    *,
    truth: dict[QueryKey, tuple[float, float]],
    seed: int,
    device: str | torch.device,
    config: EgoNLQConfig | None = None,
    stop_after: int | None = None,
) -> EgoNLQResult:
    """Train the head, or go on where ``folder`` stopped: the result is that of an uninterrupted run.

    ``folder/last`` holds the state after the last whole epoch, ``folder/best`` the head of the best epoch
    (``head.safetensors``, ``config.json``). All randomness of an epoch comes from the seed and the epoch's number.

    Args:
        training, validation: from ``prepare``.
        folder: one per run: features, level and seed.
        truth: the validation answers (``truth_of``).
        seed: of the initial weights, the order and dropout.
        device: where to compute.
        config: head and training.
        stop_after: stop after this epoch, as an interruption would.

    Raises:
        DataError: no query to train or validate on, or a query longer than ``max_pos_len`` tokens.
        TakenError: another process trains in ``folder``: of two, one could take the other's best epoch.
        ConfigError: ``folder`` holds a run with other settings.
    """
    config = config or EgoNLQConfig()
    folder, last, best = Path(folder), Path(folder) / "last", Path(folder) / "best"
    for name, data in (("training", training), ("validation", validation)):
        if not data.queries:
            raise DataError("there is no query with features", field=name)
    max_tokens = max(training.longest, validation.longest)
    _check_tokens(max_tokens, config)
    settings = training_settings(config) | {
        "seed": seed,
        "video_dim": next(iter(training.clips.values())).bins.shape[1],
        "token_dim": next(iter(training.tokens.values())).shape[1],
        "max_tokens": max_tokens,
        "queries": [len(training.queries), len(validation.queries)],
    }
    with _alone(folder, config.epochs), torch.random.fork_rng():
        torch.manual_seed(seed)
        head = _new_head(settings).to(device)
        optimizer = _optimizer(head, config)
        history: list[dict[str, float]] = []
        if last.is_dir():
            history = _resume(last, settings, head, optimizer)
        steps_per_epoch = math.ceil(len(training.queries) / config.batch_size)
        for epoch in range(len(history) + 1, min(config.epochs, stop_after or config.epochs) + 1):
            torch.manual_seed((seed * 1_000_003 + epoch) % 2**63)
            loss = _train_epoch(head, optimizer, training, config, max_tokens, epoch, steps_per_epoch, device)
            entry = {"epoch": float(epoch), "loss": loss}
            if epoch % config.validate_every == 0 or epoch == config.epochs:
                answers = predict(head, validation, config=config, max_tokens=max_tokens, device=device)
                entry |= measures(grounding_scores(truth, answers))
                rivals = [h for h in history if "R1@0.3" in h]
                if not rivals or _rank(entry) > max(map(_rank, rivals)):
                    _save(best, head, settings | {"epoch": epoch})
            history.append(entry)
            _save(last, head, settings | {"history": history}, optimizer)
        return _result(folder, training, validation, truth, config, history, seed, device)


def is_trained(folder: str | Path, epochs: int) -> bool:
    """Whether a training has come to its end: :func:`train` only reads it, in a moment and without any lock."""
    last = Path(folder) / "last"
    return last.is_dir() and len(read_json(last / "config.json")["history"]) >= epochs


@contextlib.contextmanager
def _alone(folder: Path, epochs: int) -> Iterator[None]:
    """Hold the folder of a training; one that has come to its end is only read, maybe where nobody may write."""
    if is_trained(folder, epochs):
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder, "training a head of EgoNLQ"):
        yield


def _check_tokens(max_tokens: int, config: EgoNLQConfig) -> None:
    if max_tokens > config.max_pos_len:
        raise DataError("a query has more tokens than the head has places", field="tokens", value=max_tokens)


def training_settings(config: EgoNLQConfig) -> dict[str, Any]:
    """What decides the result of one training, its seed and its features aside."""
    return {k: v for k, v in dataclasses.asdict(config).items() if k not in _NOT_OF_ONE_TRAINING}


def _new_head(settings: dict) -> VSLNet:
    names = ("dim", "num_heads", "max_pos_len", "dropout")
    return VSLNet(settings["video_dim"], settings["token_dim"], **{name: settings[name] for name in names})


def load_head(folder: str | Path) -> tuple[VSLNet, dict]:
    """The head that ``train`` saved in ``folder`` (its ``best`` folder), and its settings."""
    settings = read_json(Path(folder) / "config.json")
    head = _new_head(settings)
    head.load_state_dict(load_file(Path(folder) / "head.safetensors"))
    return head.eval(), settings


def _optimizer(head: VSLNet, config: EgoNLQConfig) -> torch.optim.AdamW:
    """AdamW without decay of biases and norms, which are the parameters of one dimension."""
    decayed = [p for p in head.parameters() if p.dim() > 1]
    plain = [p for p in head.parameters() if p.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.lr)


def _train_epoch(
    head: VSLNet,
    optimizer: torch.optim.Optimizer,
    data: NLQData,
    config: EgoNLQConfig,
    max_tokens: int,
    epoch: int,
    steps_per_epoch: int,
    device: str | torch.device,
) -> float:
    """One pass over the queries; the mean loss."""
    head.train()
    losses = []
    order = torch.randperm(len(data.queries))
    for step, chunk in enumerate(order.split(config.batch_size)):
        done = ((epoch - 1) * steps_per_epoch + step) / (config.epochs * steps_per_epoch)
        for group in optimizer.param_groups:
            group["lr"] = config.lr * (1.0 - done)
        indices = chunk.tolist()
        padded = pad_batch(data, indices, max_pos_len=config.max_pos_len, max_tokens=max_tokens)
        start, end = torch.tensor([data.spans[i] for i in indices]).unbind(1)
        lit = highlight_labels(
            start, end, padded[1].sum(1).long(), size=config.max_pos_len, extend=config.highlight_extend
        )
        # All that is to be known of a batch is worked out before it goes to the device, which is not waited for.
        *batch, start, end, highlight = (t.to(device, non_blocking=True) for t in (*padded, start, end, lit))
        loss = vslnet_loss(
            head(*batch),
            start=start,
            end=end,
            highlight=highlight,
            video_mask=batch[1],
            highlight_weight=config.highlight_weight,
        ).total
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), config.gradient_norm)
        optimizer.step()
        losses.append(loss.detach())
    sizes = [len(chunk) for chunk in order.split(config.batch_size)]
    return sum(loss * size for loss, size in zip(torch.stack(losses).tolist(), sizes)) / len(data.queries)


def measures(scores: GroundingScores) -> dict[str, float]:
    """``R1@0.3`` and so on, and ``mIoU``, as shares 0..1."""
    return {f"R{k}@{t}": v for (k, t), v in scores.recall.items()} | {"mIoU": scores.mean_iou}


def _rank(entry: dict[str, float]) -> tuple[float, float]:
    return entry["R1@0.3"], entry["mIoU"]


def _save(folder: Path, head: VSLNet, config: dict, optimizer: torch.optim.Optimizer | None = None) -> None:
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        save_file(
            {k: v.detach().cpu().contiguous() for k, v in head.state_dict().items()}, temporary / "head.safetensors"
        )
        write_json(temporary / "config.json", config)
        if optimizer is not None:
            torch.save(optimizer.state_dict(), temporary / "optimizer.pt")


def _resume(last: Path, settings: dict, head: VSLNet, optimizer: torch.optim.Optimizer) -> list[dict[str, float]]:
    """Put the saved state into head and optimiser; the history so far."""
    saved = read_json(last / "config.json")
    for name, value in settings.items():
        if saved.get(name) != value:
            raise ConfigError(
                f"the run in this folder was made with {saved.get(name)!r}",
                file=last,
                field=name,
                value=value,
                hint="Take another folder, or the same settings",
            )
    head.load_state_dict(load_file(last / "head.safetensors"))
    # Moments go where their weights are; on a GPU AdamW would wait for each count of steps, so these stay.
    optimizer.load_state_dict(torch.load(last / "optimizer.pt", map_location="cpu", weights_only=True))
    return saved["history"]


def _result(
    folder: Path,
    training: NLQData,
    validation: NLQData,
    truth: dict[QueryKey, tuple[float, float]],
    config: EgoNLQConfig,
    history: Sequence[dict[str, float]],
    seed: int,
    device: str | torch.device,
) -> EgoNLQResult:
    head, saved = load_head(folder / "best")
    answers = predict(head, validation, config=config, max_tokens=saved["max_tokens"], device=device)
    # Queries whose clip has no features are in the truth and not in the answers: counted as excluded.
    scores, dim = grounding_scores(truth, answers), saved["video_dim"]
    return EgoNLQResult(seed, saved["epoch"], scores, answers, tuple(history), folder, dim, training.left_out())


def mean_and_spread(results: Sequence[EgoNLQResult]) -> dict[str, tuple[float, float]]:
    """Mean and sample standard deviation (0 for one seed) of each measure over the seeds."""
    rows = [measures(result.scores) for result in results]
    return {
        name: (float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0)
        for name in rows[0]
        for values in [[row[name] for row in rows]]
    }


FED = (UNTRAINED, PROBE, HIERO)  # the methods whose features feed a head


class Head(NamedTuple):
    """One training: whose features, which level of them, which seed."""

    method: str
    level: FeatureLevel
    seed: int


def planned_heads(config: EgoNLQConfig, *, depth: int) -> list[Head]:
    """The trainings of a profile: all methods at its level, then HiERO at the other levels, on fewer seeds."""
    heads = [Head(method, config.level, seed) for method in FED for seed in config.seeds]
    return heads + [
        Head(HIERO, level, seed)
        for level in compared_levels(config, depth=depth)
        for seed in config.seeds[: config.compared_seeds]
        if level != config.level
    ]


def compared_levels(config: EgoNLQConfig, *, depth: int) -> list[FeatureLevel]:
    """The levels that feed a head for comparison: those of the model, and all of them at once."""
    levels: tuple[FeatureLevel, ...] = (0, 1, 2, "all")
    return [level for level in levels if level == "all" or level < depth] if config.compared_seeds else []
