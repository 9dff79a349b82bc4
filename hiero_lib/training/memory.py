"""What a training step needs of a GPU's memory, measured on one chunk, so that a batch that is too large is known."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import Batch

from hiero_lib.config import Profile
from hiero_lib.data.features import row_at
from hiero_lib.data.segments import VideoSegments
from hiero_lib.models.alignment import AlignedModel, TextHead, VisualHead
from hiero_lib.models.hiero import HiERO
from hiero_lib.training.step import training_loss

NARRATIONS_PER_MINUTE = 13  # in Ego4D
TOKENS = 30  # of the longest narration of a batch, to which the others are padded
BYTES_PER_PARAMETER = 16  # weight, gradient and Adam's two moments in float32
DISTILBERT_PARAMETERS = 66_400_000
DISTILBERT_BYTES_PER_TOKEN = 279_000  # kept for backward in float32; measured, 65 texts of 24 tokens


def training_memory_gb(profile: Profile) -> float:
    """Memory of a training step in float32 (float16 and bfloat16 need less), of the batch that the profile asks for.

    Weights, gradients and moments, and all that is kept for backward: counted on a chunk of random features on the
    CPU and multiplied by the batch. A text encoder that is trained is estimated as DistilBERT.
    """
    features, training = profile.features, profile.training
    segments = max(1, row_at(training.chunk_s, features))
    narrations = max(1, round(training.chunk_s / 60 * NARRATIONS_PER_MINUTE))
    video = VideoSegments.from_features(
        torch.randn(segments, features.dim),
        stride_frames=features.stride_frames,
        fps=features.fps,
        video_uid="v",
    )
    batch = Batch.from_data_list([video])
    batch.narration_embedding = torch.randn(narrations, profile.text.dim)
    batch.narration_time = torch.rand(narrations) * training.chunk_s
    batch.narration_time_batch = torch.zeros(narrations, dtype=torch.long)
    heads = VisualHead(profile.model.hidden_size, profile.alignment), TextHead(profile.text.dim, profile.alignment)
    model = AlignedModel(HiERO(profile.model), *heads).train()
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss, _ = training_loss(model, batch, profile, videos=1)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    of_a_chunk = sum(kept.values()) + _gates_bytes(profile, segments)
    del loss
    if not profile.text.frozen:
        parameters += DISTILBERT_PARAMETERS
        of_a_chunk += narrations * TOKENS * DISTILBERT_BYTES_PER_TOKEN
    return (parameters * BYTES_PER_PARAMETER + of_a_chunk * training.batch_size) / 1e9


def _gates_bytes(profile: Profile, segments: int) -> int:
    """Of the gates of a chunk's edges, two a node and layer, which a GPU keeps for the backward pass."""
    model = profile.model
    levels = [*range(1, model.depth + 1), *range(model.depth)]  # of the encoder's stages, and of the decoder's
    nodes = sum(-(-segments // 2**level) for level in levels)
    return nodes * model.n_layers * 2 * model.hidden_size * 4


def memory_advice(profile: Profile, needed_gb: float, device_gb: float) -> str:
    """Whether the batch fits, and what to do where it does not; a quarter is left for what comes and goes."""
    batch = f"a batch of {profile.training.batch_size} takes about {needed_gb:.1f} GB in float32"
    if needed_gb <= 0.75 * device_gb:
        return f"{batch}; the device has {device_gb:.1f} GB, so it is not divided"
    return (
        f"{batch}; the device has {device_gb:.1f} GB, which may be too little. Gradients of smaller batches are not"
        " accumulated: the loss compares each narration with the segments of the whole batch, so that the sum would"
        " be another loss. Use more processes (torchrun shares the batch and gathers the negatives), precision fp16,"
        " or a smaller training.batch_size, which has fewer negatives"
    )
