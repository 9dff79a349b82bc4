"""The record that flows through the kit: a video (or a chunk of one) as a line of segments."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data


class VideoSegments(Data):
    """A video as segment features, with its narrations where it has any.

    Batched by ``torch_geometric.loader.DataLoader(..., follow_batch=FOLLOW_BATCH)``; rows are sorted by video
    and, within a video, by time.

    Shapes:
        x: ``[N, F]`` segment features; pos: ``[N]`` segment centres in seconds, float32, increasing;
        indices: ``[N]`` 0..N-1, int64; narration_time: ``[M]`` seconds; narration_texts: list of M strings;
        narration_embedding: ``[M, T]`` the frozen encoder's output of them (absent where the encoder is trained).

    ``video_uid`` and ``first_index`` (row of the feature file that ``x[0]`` is) say where it comes from.
    """

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        """What a batch adds to a video's numbers: nothing to its place in its file."""
        # PyG shifts every attribute that has "index" in its name
        return 0 if key == "first_index" else super().__inc__(key, value, *args, **kwargs)

    @classmethod
    def from_features(
        cls,
        x: Tensor,
        *,
        stride_frames: int,
        fps: float,
        video_uid: str = "",
        first_index: int = 0,
        shift_pos: bool = True,
    ) -> VideoSegments:
        """Segments from rows ``first_index, first_index + 1, ...`` of a feature file.

        Args:
            x: ``[N, F]``; float16 becomes float32.
            stride_frames: frames from one segment to the next.
            fps: frames per second that the stride counts in.
            video_uid: the video's name.
            first_index: row of the file that ``x[0]`` is.
            shift_pos: count time from the start of the video; False counts it from the first row, as the
                authors do for EgoMCQ windows.
        """
        start = first_index if shift_pos else 0
        indices = torch.arange(len(x))
        pos = (0.5 + indices + start) * stride_frames / fps
        return cls(x=x.float(), pos=pos, indices=indices, video_uid=video_uid, first_index=first_index)


FOLLOW_BATCH = ("x", "narration_time")
