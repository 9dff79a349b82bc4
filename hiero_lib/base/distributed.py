"""What several processes need so that together they compute what one would.

Each process holds a share of the batch. Gathered tensors carry a gradient only for the own share, and every
process computes the loss of the whole batch: the sum of the processes' gradients is then the gradient of one
process with the whole batch. DistributedDataParallel averages instead of summing, which the caller undoes by
multiplying the loss with the number of processes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")


def num_processes() -> int:
    """Processes of this run; 1 without torch.distributed."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def gather_rows(rows: Tensor) -> Tensor:
    """Rows of all processes, in the order of their ranks; only the own ones carry a gradient.

    Args:
        rows: ``[n, ...]``; n may differ between processes.

    Returns:
        ``[sum of n, ...]``.
    """
    if num_processes() == 1:
        return rows
    mine = torch.tensor([len(rows)], device=rows.device)
    lengths = [torch.zeros_like(mine) for _ in range(num_processes())]
    dist.all_gather(lengths, mine)
    counts = torch.cat(lengths).tolist()
    padded = rows.new_zeros((max(counts), *rows.shape[1:]))
    padded[: len(rows)] = rows.detach()
    gathered = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(gathered, padded)
    shares = [share[:count] for share, count in zip(gathered, counts)]
    shares[dist.get_rank()] = rows
    return torch.cat(shares)


def sum_over_processes(value: Tensor) -> Tensor:
    """The sum of a tensor over processes, without gradients."""
    total = value.detach().clone()
    if num_processes() > 1:
        dist.all_reduce(total)
    return total


def from_main_process(work: Callable[[], T]) -> T:
    """What ``work`` returns in the main process, in all of them; what it raises there is raised in all.

    Args:
        work: called in the main process alone; its result, or its error, must be picklable.
    """
    if num_processes() == 1:
        return work()
    outcome: list[Any] = [None]
    if dist.get_rank() == 0:
        try:
            outcome = [(work(), None)]
        except Exception as error:
            outcome = [(None, error)]
    dist.broadcast_object_list(outcome)
    result, problem = outcome[0]
    if problem is not None:
        raise problem
    return result
