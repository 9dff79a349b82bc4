"""What counts as a lost training."""

from __future__ import annotations

import pytest
import torch

from hiero_lib.training.divergence import bad_weight, loss_is_good


def trained() -> tuple[torch.nn.Module, torch.optim.Adam]:
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return model, optimizer


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e27, -1e27, 1e7])
def test_a_weight_or_a_loss_that_is_no_use(value: float) -> None:
    model, optimizer = trained()
    assert bad_weight(model, optimizer) is None
    with torch.no_grad():
        model.bias[1] = value
    assert (bad_weight(model, optimizer) or "").startswith("weight bias has a value of ")
    assert not loss_is_good(0.5, value)


def test_a_moment_that_is_not_finite() -> None:
    model, optimizer = trained()
    optimizer.state[model.weight]["exp_avg_sq"][0, 0] = float("inf")
    assert bad_weight(model, optimizer) == "the optimiser's exp_avg_sq of weight is not finite"


def test_losses_of_the_harshest_temperature_are_good() -> None:
    assert loss_is_good(2 / 0.002 + 20, 0.0, -3.0)
