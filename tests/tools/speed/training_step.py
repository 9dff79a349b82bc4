"""A training step at full size against its matrix products alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
from torch_geometric.data import Batch

from hiero_lib.config import AlignmentConfig, load_profile
from hiero_lib.models.alignment import AlignedModel, TextHead, VisualHead
from hiero_lib.models.hiero import HiERO
from hiero_lib.training.step import build_optimizer, training_loss
from tests.tools.speed.common import full_size, linear_layers, made_up_video, seconds

VIDEOS, SEGMENTS, NARRATIONS, TEXT = 8, 562, 320, 768  # 300 s a video, 40 narrations each


def products(shapes: list[tuple[int, int, int, bool]], device: torch.device) -> Callable[[], None]:
    """Forward and backward of linear layers ``[rows, inputs] -> outputs``, and nothing else."""
    layers = []
    for rows, inputs, outputs, differentiable in shapes:
        x = torch.randn(rows, inputs, device=device, requires_grad=differentiable)
        weight = torch.randn(outputs, inputs, device=device, requires_grad=True)
        layers.append((x, weight, torch.ones(rows, outputs, device=device)))

    def run() -> None:
        for x, weight, grad in layers:
            (x @ weight.T).backward(grad)
            x.grad = weight.grad = None

    return run


def run(device: torch.device) -> None:
    """Print the ratios."""
    torch.manual_seed(0)
    config = full_size(1536)
    heads = AlignmentConfig()
    backbone = HiERO(config)
    model = AlignedModel(backbone, VisualHead(config.hidden_size, heads), TextHead(TEXT, heads)).to(device).train()
    batch = Batch.from_data_list([made_up_video(SEGMENTS, 1536, seed=seed) for seed in range(VIDEOS)])
    per_video = NARRATIONS // VIDEOS
    batch.narration_embedding = torch.randn(NARRATIONS, TEXT)
    batch.narration_time = torch.rand(NARRATIONS) * 300
    batch.narration_time_batch = torch.arange(NARRATIONS) // per_video
    batch = batch.to(device)
    profile = dataclasses.replace(load_profile("omnivore"), model=config)
    optimizer = build_optimizer(model, profile.training)

    def backbone_only() -> None:
        sum(level.x.mean() for level in backbone(batch)).backward()
        backbone.zero_grad(set_to_none=True)

    def step() -> None:
        loss, _ = training_loss(model, batch, profile, videos=VIDEOS)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    n, h, gate = VIDEOS * SEGMENTS, config.hidden_size, config.pos_hidden_channels
    shapes = linear_layers(config, n)
    # as the reference computes them: a gate for every edge, of which a segment has two
    gates = [(2 * rows, gate, h, True) for rows, *_ in shapes[1::2]]
    # best of three each, taken in turn so that a busy machine slows all of them
    timed = {"floor": products(shapes + gates, device), "floor without gates": products(shapes, device)}
    floor, bare = (seconds(function, device) for function in timed.values())
    of_backbone, of_step = seconds(backbone_only, device), seconds(step, device)
    print(f"training step, {VIDEOS} videos of 300 s, F 1536, H {h}, {NARRATIONS} narrations:")
    print(f"  backbone forward + backward {of_backbone:.2f} s = {of_backbone / floor:.2f} x the matmul floor")
    print(f"    (floor {floor:.2f} s: the reference's products, edge gates included; aim: at most 1.5)")
    print(f"    ({of_backbone / bare:.2f} x the products without any gate, {bare:.2f} s)")
    print(f"  whole step with losses, clipping and Adam {of_step:.2f} s (aim on two cores: under 3.2 s)")
