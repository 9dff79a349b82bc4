"""The two losses of HiERO as pure functions (paper section 3.4; METHOD.md, "Formulas").

The softmax mass on the positives is kept as differences of log-sums of exponentials. Those add up over blocks
exactly, so a batch whose ``[segments x narrations]`` matrix would not fit is worked off block by block.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from hiero_lib.models.plan import VideoRows

_NOTHING = -1e30  # the logarithm of no mass; -inf would make gradients NaN


@dataclass(frozen=True)
class PairGeometry:
    """What decides which segments and narrations are positives, and which are negatives.

    Shapes: segment_pos (seconds), segment_video ``[N]``; narration_time (seconds), narration_video ``[M]``;
    level ``[N]``, or one int for all.
    """

    segment_pos: Tensor
    segment_video: Tensor
    narration_time: Tensor
    narration_video: Tensor
    level: Tensor | int = 0

    def masks(self, rows: slice, *, alpha: float, beta: float) -> tuple[Tensor, Tensor | None]:
        """Positive pairs, and positive or negative pairs (None: all), ``[n, M]`` each, of some segments."""
        pos, time = self.segment_pos[rows, None], self.narration_time[None]
        same_video = self.segment_video[rows, None] == self.narration_video[None]
        scale = 2.0 ** (self.level[rows, None] if isinstance(self.level, Tensor) else self.level)
        positive = (pos - scale / alpha <= time) & (time <= pos + scale / alpha) & same_video
        if beta <= 0:
            return positive, None
        reach = scale * (beta / alpha)
        return positive, positive | ((pos - reach <= time) & (time <= pos + reach)) | ~same_video


def video_narration_loss(
    segments: Float[Tensor, "N D"],
    narrations: Float[Tensor, "M D"],
    geometry: PairGeometry,
    *,
    alpha: float = 1.0,
    beta: float = -1.0,
    mode: str = "sym",
    temperature: float = 0.05,
    block: int = 8192,
) -> Float[Tensor, ""]:
    """L_vna: a segment and a narration of the same video are positives within ``2^level / alpha`` seconds.

    With ``beta > 0`` the negatives are the narrations of the same video within ``2^level * beta / alpha`` seconds
    and all of other videos; otherwise everything that is not positive. Segments and narrations without a positive
    are left out. Each direction is the mean of ``-log`` of the softmax mass on the positives; ``sym`` is their sum.

    Args:
        segments: ``[N, D]`` projected segments; normalised here.
        narrations: ``[M, D]`` projected narrations; normalised here.
        geometry: their times and videos.
        alpha: inverse half width of the positives, 1/s.
        beta: half width of the negatives, in units of the positives'.
        mode: ``v2t`` segment to narrations, ``t2v`` narration to segments, ``sym`` both.
        temperature: of the softmax.
        block: segments of a block; beyond one block, similarities are computed again in the backward pass.

    Returns:
        a scalar; where no pair is positive it is 0, with gradients of 0 (the reference returns NaN).

    Raises:
        ValueError: alpha or temperature not positive, or an unknown mode.
    """
    if alpha <= 0 or temperature <= 0:
        raise ValueError(f"alpha and temperature must be positive, not {alpha} and {temperature}")
    if mode not in ("sym", "v2t", "t2v"):
        raise ValueError(f"mode must be sym, v2t or t2v, not {mode!r}")
    segments = torch.nn.functional.normalize(segments.float(), dim=-1)
    narrations = torch.nn.functional.normalize(narrations.float(), dim=-1)
    blocks = [slice(start, start + block) for start in range(0, len(segments), block)]
    if not blocks or not len(narrations):
        return 0.0 * (segments.sum() + narrations.sum())

    of_blocks = [geometry.masks(rows, alpha=alpha, beta=beta) for rows in blocks]
    paired_segment = torch.cat([positive.any(1) for positive, _ in of_blocks])
    paired_narration = _joined([positive.any(0) for positive, _ in of_blocks], lambda every: every.any(0))

    def masses(rows: slice, positive: Tensor, allowed: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        similarity = segments[rows] @ narrations.T / temperature
        usable = paired_segment[rows, None] & paired_narration[None]
        usable = usable if allowed is None else usable & allowed
        every, own = similarity.masked_fill(~usable, _NOTHING), similarity.masked_fill(~positive, _NOTHING)
        return every.logsumexp(1) - own.logsumexp(1), every.logsumexp(0), own.logsumexp(0)

    def masses_again(rows: slice) -> tuple[Tensor, Tensor, Tensor]:
        return masses(rows, *geometry.masks(rows, alpha=alpha, beta=beta))

    if len(blocks) == 1:
        parts = [masses(blocks[0], *of_blocks[0])]
    else:
        del of_blocks
        parts = [checkpoint(masses_again, rows, use_reentrant=False, preserve_rng_state=False) for rows in blocks]
    of_segments, every, own = (list(part) for part in zip(*parts))
    losses = []
    if mode != "t2v":
        losses.append(_masked_mean(torch.cat(of_segments), paired_segment))
    if mode != "v2t":
        of_narrations = _joined(every, lambda masses: masses.logsumexp(0)) - _joined(own, lambda m: m.logsumexp(0))
        losses.append(_masked_mean(of_narrations, paired_narration))
    return losses[0] if len(losses) == 1 else losses[0] + losses[1]


def _joined(of_blocks: list[Tensor], join: Callable[[Tensor], Tensor]) -> Tensor:
    """One tensor of those of all blocks."""
    return of_blocks[0] if len(of_blocks) == 1 else join(torch.stack(of_blocks))


class ThreadsLoss(NamedTuple):
    """L_ft, and how much of it a node decides by itself.

    ``self_share``: mean over the nodes of the share of the softmax mass on the own thread that the node itself has.
    Where it is near 1, the others hardly count. Detached.
    """

    loss: Float[Tensor, ""]
    self_share: Float[Tensor, ""]


def functional_threads_loss(
    x: Float[Tensor, "n H"],
    by_video: VideoRows,
    thread: Int[Tensor, " n"],
    *,
    temperature: float = 0.05,
    self_pair: bool = True,
    num_nodes: Tensor | int | None = None,
    block: int = 4096,
) -> ThreadsLoss:
    """L_ft: every node should be closest to the nodes of its own thread.

    For each node, over the nodes of the same video and level, ``-log`` of the softmax mass (cosine / temperature) on
    its own thread; the mean over the nodes of all levels. A node is one of its own thread, as released: exp(1 / 0.05)
    then outweighs hundreds of neighbours at a cosine of 0.7.

    Args:
        x: ``[n, H]`` features of the decoder (before the head), of all levels >= 1.
        by_video: the nodes by videos, a video of another level being another one (:func:`levels_apart`).
        thread: ``[n]``; nodes whose thread is negative are left out.
        temperature: of the softmax.
        self_pair: False leaves a node out of its own softmax; one that is alone in its thread then adds 0.
        num_nodes: what the sums are divided by, where this process holds only a part of the batch; None: the
            number of nodes here.
        block: nodes of a video whose similarities are held at once.

    Returns:
        both 0 where there is no node.
    """
    nodes = by_video.table(torch.nn.functional.normalize(x.float(), dim=-1))
    threads = by_video.table(thread, padding=-1)
    absent = threads < 0
    masses, shares = [], []
    for start in range(0, by_video.width, block):
        rows = slice(start, start + block)
        if by_video.width > block:
            mass, share = checkpoint(
                _thread_mass,
                *(nodes, threads, absent, rows, temperature, self_pair),
                use_reentrant=False,
                preserve_rng_state=False,
            )
        else:
            mass, share = _thread_mass(nodes, threads, absent, rows, temperature, self_pair)
        masses.append(mass.masked_fill(absent[:, rows], 0.0).sum())
        shares.append(share.masked_fill(absent[:, rows], 0.0).sum())
    divisor = torch.as_tensor((~absent).sum() if num_nodes is None else num_nodes).clamp(min=1)
    total, total_share = (_joined(parts, torch.sum) if parts else nodes.sum() for parts in (masses, shares))
    return ThreadsLoss(total / divisor, total_share / divisor)


def _thread_mass(
    nodes: Tensor, threads: Tensor, absent: Tensor, rows: slice, temperature: float, self_pair: bool
) -> tuple[Tensor, Tensor]:
    """``[V, n]`` -log mass on the own thread and the node's own share of that, for some nodes ``[V, n, H]``."""
    similarity = nodes[:, rows] @ nodes.mT / temperature
    others = threads[:, rows, None] != threads[:, None]
    own = similarity.masked_fill(others, _NOTHING).logsumexp(-1)
    with torch.no_grad():
        itself = (nodes[:, rows] ** 2).sum(-1) / temperature
        share = (itself - own).exp()
    if self_pair:
        return similarity.masked_fill(absent[:, None], _NOTHING).logsumexp(-1) - own, share
    column = torch.arange(nodes.shape[1], device=nodes.device)
    itself = column[rows, None] == column
    others = others | itself
    every = similarity.masked_fill(absent[:, None] | itself, _NOTHING)
    mass = every.logsumexp(-1) - similarity.masked_fill(others, _NOTHING).logsumexp(-1)
    return mass.masked_fill(others.all(-1), 0.0), share


def _masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of the values where ``mask`` is true; 0 where it never is."""
    return values.masked_fill(~mask, 0.0).sum() / mask.sum().clamp(min=1)
