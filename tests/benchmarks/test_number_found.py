"""A number of threads that is found without a truth, beside the true one."""

import torch

from hiero_lib.benchmarks.number_found import largest_gap, number_cells, number_header


def test_the_largest_gap_counts_clean_threads() -> None:
    x = torch.nn.functional.one_hot(torch.arange(90) // 10 % 3).float()
    assert largest_gap(x, temperature=0.2) == 3
    assert largest_gap(torch.ones(2, 3), temperature=0.2) == 2


def test_errors_are_of_the_videos_not_of_the_means() -> None:
    cells = number_cells([2, 8], [5, 5], [5, 5])
    assert cells == ["5.0", "3.0", "0 %", "5.0", "0.0", "100 %"]
    assert len(number_header([5, 5], of="threads")) == len(cells)
