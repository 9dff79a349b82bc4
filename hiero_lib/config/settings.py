"""Typed settings: one dataclass for each section of a profile.

Every number of a run stands in its profile; nothing is decided by the name of a profile in code.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

ThreadGraph = Literal["within_threads", "released"]
Positions = Literal["auto", "paper", "released"]
"""Times of EgoProceL's segments: as they are, or times 4 as released; auto: released where the thread graph is."""
Pooling = Literal["mean", "max", "video_subsampling", "batch_subsampling"]
FeatureLevel = Literal[0, 1, 2, "all"]  # "all": the channels of all levels, one after the other


@dataclass(frozen=True)
class FeatureConfig:
    """Segment features on disk, described by data: segment i is centred at (i + 0.5) * stride / fps s."""

    folder: str  # name of the folder under <data root>/raw/features
    dim: int  # F, channels of a segment
    stride_frames: int = 16
    window_frames: int = 16
    fps: float = 30.0
    text_projection: str | None = None  # file of the features' own text space (untrained baseline), under data root

    @property
    def stride_s(self) -> float:
        """Seconds from one segment's centre to the next."""
        return self.stride_frames / self.fps


@dataclass(frozen=True)
class TextConfig:
    """The text encoder. ``source`` is a local folder, a hub id, or ``package:NAME`` for one shipped in a package."""

    encoder: Literal["minilm", "distilbert", "clip"]
    source: str
    dim: int  # channels of the encoder's output
    weights: str | None = None  # released weights put over the source's, a file under the data root
    frozen: bool = True  # frozen text is encoded once and cached on disk
    max_tokens: int = 77


@dataclass(frozen=True)
class ModelConfig:
    """The backbone (paper section 3; ``input_size`` is the features' F)."""

    input_size: int
    hidden_size: int = 768
    depth: int = 3  # levels 0..depth-1 come out
    n_layers: int = 3  # TDGC layers of a stage
    radius: float = 1.0  # seconds at level 0; strict
    dropout: float = 0.1
    pool: Pooling = "mean"
    n_clusters: int = 4  # activity threads per video and level
    clustering_sample_points: int = 32
    pos_hidden_channels: int = 256
    pos_act: Literal["tanh", "sigmoid", "relu"] = "tanh"
    use_signed_temporal_distance: bool = True
    use_pos_attr: bool = True
    threads: bool = True  # False: a video is one thread always, in training too (the paper's ablation)
    thread_graph: ThreadGraph = "within_threads"
    clustering_at_inference: bool = False


@dataclass(frozen=True)
class AlignmentConfig:
    """The heads that put segments and text in one space."""

    dim: int = 768
    dropout: float = 0.0


@dataclass(frozen=True)
class LossConfig:
    """L_vna and L_ft (paper equations 3 to 6)."""

    alpha: float = 1.0  # positives lie within 2^level / alpha seconds
    beta: float = -1.0  # > 0: negatives of the same video within 2^level * beta / alpha seconds; else all
    mode: Literal["sym", "v2t", "t2v"] = "sym"
    temperature: float = 0.05
    vna_weight: float = 1.0
    ft_weight: float = 1.0


@dataclass(frozen=True)
class TrainingConfig:
    """The authors' optimiser and schedule; ``batch_size`` is global, whatever the number of processes."""

    epochs: int = 15
    warmup_epochs: float = 5.0  # linear from warmup_start * lr
    warmup_start: float = 0.001
    batch_size: int = 8  # videos (chunks)
    chunk_s: float = 300.0
    lr: float = 1e-5
    min_lr: float = 1e-8
    weight_decay: float = 1e-5
    gradient_clip: float = 1.0
    seed: int = 1234567891
    precision: Literal["auto", "no", "fp16", "bf16"] = "no"
    workers: int = 0  # DataLoader processes
    checkpoint_every_steps: int = 500
    keep_checkpoints: int = 2
    validate_every_epochs: int = 1


@dataclass(frozen=True)
class EgoMCQConfig:
    """EgoMCQ scoring."""

    context_window: int = 4  # segments added on both sides of a clip
    batch_segments: int = 4096  # segments of a forward pass, many windows together
    bootstrap_resamples: int = 2000
    bootstrap_seed: int = 0
    max_questions: int | None = None  # a prefix of the questions, for quick looks; None: all


@dataclass(frozen=True)
class EgoNLQConfig:
    """EgoNLQ: the features that feed the head, the head (VSLNet) and its training (method.md, "EgoNLQ")."""

    level: FeatureLevel = 0  # what the authors fed is not known
    cluster: bool = True  # find threads when the features are computed
    seeds: tuple[int, ...] = (1, 2, 3)  # a training each, for every method
    compared_seeds: int = 3  # of those, so many for the comparison of HiERO's levels; 0: no comparison
    dim: int = 128
    num_heads: int = 8
    max_pos_len: int = 128  # bins of a clip, and most tokens of a query
    dropout: float = 0.2
    lr: float = 1e-4  # falls linearly to 0
    weight_decay: float = 0.01  # not on biases and norms
    batch_size: int = 32
    epochs: int = 200
    gradient_norm: float = 1.0
    highlight_weight: float = 5.0
    highlight_extend: float = 0.1
    answers: int = 5
    validate_every: int = 1  # epochs
    bootstrap_resamples: int = 2000
    bootstrap_seed: int = 0


@dataclass(frozen=True)
class ProcedureConfig:
    """EgoProceL, zero-shot (method.md, "Benchmarks"); the defaults are the published protocol."""

    feature_folder: str | None = None  # under raw/features/egoprocel; None: features.folder
    labels: str | None = None  # folder of label csv files, or keysteps.json; None: raw/annotations/egoprocel
    json_fps: float = 10.0  # label frames per second of keysteps.json; the csv layout has a rate for each video
    n_clusters: int = 7
    temperature: float = 0.5  # of the affinity
    positions: Positions = "auto"
    per_keystep: bool = True  # average over the matched labels; false pools their frames
    skip_background: bool = False  # true: the background is no label
    bootstrap_resamples: int = 1000  # over the videos of each task, for the 95 % intervals
    bootstrap_seed: int = 0


@dataclass(frozen=True)
class StepGConfig:
    """The numbers of HiERO-StepG (arXiv 2605.31227), and a switch for each of its parts."""

    coarse_weight: float = 0.3  # of the coarse similarity; the fine one has the rest
    coarse_clusters: int = 16
    temperature: float = 0.05
    window: int = 5  # segments in which a peak is the highest
    ratios: tuple[float, ...] = (0.5, 0.6, 0.4)  # tried in turn
    ceiling: float = 0.4  # growing never asks for more similarity than this
    patience: int = 3  # segments below the threshold that growing steps over
    reach: int = 150  # segments, each way
    min_length_s: float = 2.0
    duplicate_iou: float = 0.65
    answers: int = 5
    use_coarse: bool = True
    use_order: bool = True
    use_growth: bool = True
    use_suppression: bool = True


@dataclass(frozen=True)
class StepGroundingConfig:
    """Goal-Step step grounding: the published zero-shot strategy, and HiERO-StepG."""

    n_clusters: int = 8
    temperature: float = 0.05  # of the clustering
    longer_than: int = 4  # segments; shorter runs are no candidates
    answers: int = 5
    released_runs: bool = False  # the last run starts one segment early, as in the authors' code
    released_groups: bool = False  # any first member of a group is read as the whole group, as in the authors' code
    bootstrap_resamples: int = 2000
    bootstrap_seed: int = 0
    stepg: StepGConfig = field(default_factory=StepGConfig)


@dataclass(frozen=True)
class LocalizationConfig:
    """Goal-Step step localisation: how segments and labels are chosen."""

    n_clusters: tuple[int, ...] = (8, 16)  # a coarse scale for steps, a fine one for sub-steps
    temperature: float = 0.05  # of the clustering
    longer_than: int = 4  # segments; shorter runs are no candidates
    labels: int = 5  # of each run, the most similar ones
    label_temperature: float = 0.05  # of the softmax over the taxonomy that makes the score
    duplicate_iou: float = 0.65  # of two spans of one label


@dataclass(frozen=True)
class Profile:
    """Everything that a run needs to know."""

    name: str
    data_root: str  # folder that holds raw/annotations and raw/features
    is_sample: bool  # True: made locally; no number is a result on the real benchmark
    features: FeatureConfig
    text: TextConfig
    model: ModelConfig
    alignment: AlignmentConfig = field(default_factory=AlignmentConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    egomcq: EgoMCQConfig = field(default_factory=EgoMCQConfig)
    egonlq: EgoNLQConfig = field(default_factory=EgoNLQConfig)
    egoprocel: ProcedureConfig = field(default_factory=ProcedureConfig)
    step_grounding: StepGroundingConfig = field(default_factory=StepGroundingConfig)
    step_localization: LocalizationConfig = field(default_factory=LocalizationConfig)

    def to_dict(self) -> dict[str, Any]:
        """Plain nested dictionaries, as written to ``results.json`` and beside checkpoints."""
        return dataclasses.asdict(self)
