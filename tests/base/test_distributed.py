"""Two processes that share a batch compute what one computes with the whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from hiero_lib.base.distributed import from_main_process, gather_rows, num_processes, sum_over_processes
from hiero_lib.base.errors import DataError

SHARES = (3, 1)  # rows of each process
ROWS = torch.arange(8.0).reshape(4, 2) + 1


def both(work: Callable[[int], object], folder: Path) -> list:
    """What ``work`` returns in each of two processes, by rank."""
    mp.spawn(_process, (work, folder), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def _process(rank: int, work: Callable[[int], object], folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder / 'rendezvous'}", rank=rank, world_size=2)
    torch.save(work(rank), folder / f"{rank}.pt")
    dist.destroy_process_group()


def share_of(rank: int) -> torch.Tensor:
    return ROWS.split(SHARES)[rank].clone().requires_grad_()


def coupled(rows: torch.Tensor) -> torch.Tensor:
    """A scalar in which every row depends on all others, as in a contrastive loss."""
    return (rows @ rows.T).logsumexp(1).sum()


def gathered(rank: int) -> tuple[int, torch.Tensor, torch.Tensor]:
    mine = share_of(rank)
    rows = gather_rows(mine)
    coupled(rows).backward()
    assert mine.grad is not None
    return num_processes(), rows.detach(), mine.grad


def test_gathered_rows_and_their_gradients_are_those_of_one_process(tmp_path: Path) -> None:
    whole = ROWS.clone().requires_grad_()
    coupled(whole).backward()
    results = both(gathered, tmp_path)
    for processes, rows, _ in results:
        assert processes == 2
        assert torch.equal(rows, ROWS)
    torch.testing.assert_close(torch.cat([gradient for _, _, gradient in results]), whole.grad)


def summed(rank: int) -> tuple[torch.Tensor, torch.Tensor, bool]:
    value = share_of(rank).sum()
    total = sum_over_processes(value)
    return total, value.detach(), total.requires_grad


def test_a_sum_is_the_same_everywhere_and_leaves_what_was_summed(tmp_path: Path) -> None:
    results = both(summed, tmp_path)
    for rank, (total, value, has_gradient) in enumerate(results):
        assert total == ROWS.sum()
        assert value == ROWS.split(SHARES)[rank].sum()
        assert not has_gradient


def test_one_process_keeps_its_rows() -> None:
    rows = ROWS.clone().requires_grad_()
    assert num_processes() == 1
    assert gather_rows(rows) is rows
    total = sum_over_processes(rows)
    assert torch.equal(total, ROWS)
    assert not total.requires_grad
    assert total.data_ptr() != rows.data_ptr()


def asked(rank: int) -> list[str]:
    def refuse() -> str:
        raise DataError("no", file="x", field=str(rank))

    answers = [from_main_process(lambda: f"of {rank}")]
    try:
        from_main_process(refuse)
    except DataError as error:
        answers.append(f"{error.file} {error.field}")
    return answers


def test_what_the_main_process_finds_or_raises_is_so_in_all(tmp_path: Path) -> None:
    assert both(asked, tmp_path) == [["of 0", "x 0"]] * 2
    assert asked(3) == ["of 3", "x 3"]
