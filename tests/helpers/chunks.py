"""Training at full-size shapes with few channels: made-up chunks of 300 s, and a narrow model for them."""

from __future__ import annotations

from typing import Any

import torch

from hiero_lib.config import AlignmentConfig, ModelConfig, load_profile
from hiero_lib.data.segments import VideoSegments
from hiero_lib.models.alignment import AlignedModel, TextHead, VisualHead
from hiero_lib.models.hiero import HiERO
from hiero_lib.models.plan import PlanSettings
from hiero_lib.training.batches import Collate
from hiero_lib.training.step import combined_loss, narrations_of

VIDEOS, SEGMENTS, NARRATIONS, DIM, TEXT = 8, 562, 40, 16, 24  # chunks of 300 s, narrow features


def chunks(videos: int = VIDEOS, segments: int = SEGMENTS) -> list[VideoSegments]:
    """Chunks of random features at different times of their videos."""
    made = []
    for number in range(videos):
        generator = torch.Generator().manual_seed(number)
        video = VideoSegments.from_features(
            torch.randn(segments - 3 * number, DIM, generator=generator),
            stride_frames=16,
            fps=30.0,
            video_uid=f"v{number}",
            first_index=segments * number,
        )
        video.narration_time = (torch.rand(NARRATIONS, generator=generator) + number) * segments * 16 / 30
        video.narration_embedding = torch.randn(NARRATIONS, TEXT, generator=generator)
        made.append(video)
    return made


def model_of(**settings: Any) -> AlignedModel:
    """A narrow HiERO with its heads, always the same, in training."""
    torch.manual_seed(0)
    config = ModelConfig(input_size=DIM, hidden_size=32, pos_hidden_channels=8, **settings)
    heads = AlignmentConfig(dim=16)
    model = AlignedModel(HiERO(config), VisualHead(32, heads), TextHead(TEXT, heads)).train()
    for parameter in model.backbone.parameters():  # off the identity that layers start from
        torch.nn.init.normal_(parameter, std=0.2)
    return model


def batch_of(model: AlignedModel, videos: list[VideoSegments]) -> Any:
    """As the loader makes it."""
    config = model.backbone.config
    assert isinstance(config, ModelConfig)
    return Collate(PlanSettings.of(config, cluster=config.threads))(videos)


def losses_and_gradients(model: AlignedModel, batch: Any) -> list[torch.Tensor]:
    """Of one step, on the CPU."""
    model.zero_grad()
    levels, segments, narrations = model(batch, narrations_of(batch))
    loss, parts = combined_loss(levels, segments, narrations, batch, load_profile("omnivore"), videos=3)
    loss.backward()
    threads = [level.assignments.cpu() for level in levels]
    gradients = [p.grad.cpu() for p in model.parameters() if p.grad is not None]
    return [parts.cpu(), *threads, *(level.x.detach().cpu() for level in levels), *gradients]
