"""When a training is lost: its loss or its weights are no numbers, or absurdly large ones."""

from __future__ import annotations

import math

import torch
from torch import nn

# L_vna and L_ft compare cosines over a temperature of 0.002 at least, so that neither can pass about a thousand.
LARGEST_LOSS = 1e6
# Weights of trained networks are below 100. After a divergence layer norms still make a tame loss of those of 1e27.
LARGEST_WEIGHT = 1e6


class TrainingDiverged(RuntimeError):
    """Training cannot go on; says at which step, with which loss, and what can be gone back to."""


def loss_is_good(*parts: float) -> bool:
    """Whether no part of a loss is NaN, infinite or absurdly large."""
    return all(math.isfinite(part) and abs(part) <= LARGEST_LOSS for part in parts)


def bad_weight(model: nn.Module, optimizer: torch.optim.Optimizer) -> str | None:
    """Names a weight that is no number or too large, or has such a moment in the optimiser; None: all are good.

    Costs one pass over the weights, and waits for the device.
    """
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.numel()]
    largest = [parameter.detach().abs().amax() for _, parameter in named]
    for (name, _), value in zip(named, largest):
        if not value.item() <= LARGEST_WEIGHT:  # NaN is not either
            return f"weight {name} has a value of {value.item():.3g}"
    for name, parameter in named:
        for slot, moment in optimizer.state.get(parameter, {}).items():
            if torch.is_tensor(moment) and not torch.isfinite(moment).all():
                return f"the optimiser's {slot} of {name} is not finite"
    return None
