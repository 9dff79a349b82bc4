"""Typed settings: one dataclass for each section of a profile.

Every number of a run stands in its profile; nothing is decided by the name of a profile in code. The type of a field
says its range (:mod:`hiero_lib.config.validation`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import field
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from hiero_lib.config.validation import (
    Channels,
    Count,
    CountOr0,
    Factor,
    Hertz,
    Layers,
    Norm,
    Number,
    Processes,
    Rate,
    Resamples,
    Seconds,
    SecondsOr0,
    Seed,
    Several,
    Share,
    Temperature,
    Text,
    Weight,
    checked_dataclass,
)

ThreadGraph = Literal["within_threads", "released"]
SegmentTimes = Literal["released", "paper"]
"""Times at which a whole video's segments are put into the backbone: times 4, as released, or as they are."""
Pooling = Literal["mean", "max", "video_subsampling", "batch_subsampling"]
CoarseFeatures = Literal["level2", "level0"]
"""What a run of HiERO-StepG's coarse level is the mean of; level 2 is never aligned with text in training."""
FeatureLevel = Literal[0, 1, 2, "all"]  # "all": the channels of all levels, one after the other


def _level(value: Any) -> Any:
    """Not False for 0, which pydantic takes."""
    if isinstance(value, bool | float):
        raise PydanticCustomError("literal_error", "", {"expected": ", ".join(map(str, get_args(FeatureLevel)))})
    return value


@checked_dataclass
class FeatureConfig:
    """Segment features on disk, described by data: segment i is centred at (i + 0.5) * stride / fps s."""

    folder: Text  # name of the folder under <data root>/raw/features
    dim: Channels  # F, channels of a segment
    stride_frames: Count = 16
    window_frames: Count = 16
    fps: Hertz = 30.0
    text_projection: Text | None = None  # file of the features' own text space (untrained baseline), under data root

    @property
    def stride_s(self) -> float:
        """Seconds from one segment's centre to the next."""
        return self.stride_frames / self.fps


@checked_dataclass
class TextConfig:
    """The text encoder. ``source`` is a local folder, a hub id, or ``package:NAME`` for one shipped in a package."""

    encoder: Literal["minilm", "distilbert", "clip"]
    source: Text
    dim: Channels  # channels of the encoder's output
    weights: Text | None = None  # released weights put over the source's, a file under the data root
    frozen: bool = True
    cache: bool = True  # training encodes frozen text once, and keeps it on disk; False: again in each batch
    max_tokens: Count = 77


@checked_dataclass
class ModelConfig:
    """The backbone (paper section 3; ``input_size`` is the features' F)."""

    input_size: Channels
    hidden_size: Channels = 768
    depth: Annotated[int, Field(ge=1, le=16)] = 3  # levels 0..depth-1 come out
    n_layers: Layers = 3  # TDGC layers of a stage
    radius: Seconds = 1.0  # seconds at level 0; strict
    dropout: Share = 0.1
    pool: Pooling = "mean"
    n_clusters: Count = 4  # activity threads per video and level
    clustering_sample_points: Count = 32
    pos_hidden_channels: Channels = 256
    pos_act: Literal["tanh", "sigmoid", "relu"] = "tanh"
    use_signed_temporal_distance: bool = True
    use_pos_attr: bool = True
    threads: bool = True  # False: a video is one thread always, in training too (the paper's ablation)
    thread_graph: ThreadGraph = "within_threads"
    clustering_at_inference: bool = False


@checked_dataclass
class AlignmentConfig:
    """The heads that put segments and text in one space."""

    dim: Channels = 768
    dropout: Share = 0.0


@checked_dataclass
class LossConfig:
    """L_vna and L_ft (paper equations 3 to 6)."""

    alpha: Factor = 1.0  # positives lie within 2^level / alpha seconds
    # > 0: negatives of the same video within 2^level * beta / alpha seconds; else all
    beta: Annotated[Number, Field(ge=-1, le=1e6)] = -1.0
    mode: Literal["sym", "v2t", "t2v"] = "sym"
    temperature: Temperature = 0.05
    vna_weight: Weight = 1.0
    ft_weight: Weight = 1.0
    ft_self_pair: bool = True  # L_ft counts a node among its own positives, as released; false: ours


@checked_dataclass
class TrainingConfig:
    """The authors' optimiser and schedule; ``batch_size`` is global, whatever the number of processes."""

    epochs: Count = 15
    warmup_epochs: Weight = 5.0  # linear from warmup_start * lr
    warmup_start: Share = 0.001
    batch_size: Count = 8  # videos (chunks)
    chunk_s: Seconds = 300.0
    lr: Rate = 1e-5
    min_lr: Rate = 1e-8
    weight_decay: Weight = 1e-5
    gradient_clip: Norm = 1.0
    seed: Seed = 1234567891
    precision: Literal["auto", "no", "fp16", "bf16"] = "no"
    workers: Annotated[int, Field(ge=0, le=1024)] = 0  # DataLoader processes
    checkpoint_every_steps: Count = 500
    keep_checkpoints: Count = 2
    validate_every_epochs: Count = 1


@checked_dataclass
class EgoMCQConfig:
    """EgoMCQ scoring."""

    context_window: CountOr0 = 4  # segments added on both sides of a clip
    batch_segments: Count = 4096  # segments of a forward pass, many windows together
    bootstrap_resamples: Resamples = 2000
    bootstrap_seed: Seed = 0
    max_questions: Count | None = None  # a prefix of the questions, for quick looks; None: all


@checked_dataclass
class EgoNLQConfig:
    """EgoNLQ: the features that feed the head, the head (VSLNet) and its training (METHOD.md, "Benchmarks")."""

    level: Annotated[FeatureLevel, BeforeValidator(_level)] = 0  # what the authors fed is not known
    cluster: bool = True  # find threads when the features are computed
    seeds: Several[Seed] = (1, 2, 3)  # a training each, for every method
    compared_seeds: CountOr0 = 3  # of those, so many for the comparison of HiERO's levels; 0: no comparison
    dim: Channels = 128
    num_heads: Count = 8
    max_pos_len: Count = 128  # bins of a clip, and most tokens of a query
    dropout: Share = 0.2
    lr: Rate = 1e-4  # falls linearly to 0
    weight_decay: Weight = 0.01  # not on biases and norms
    batch_size: Count = 32
    epochs: Count = 200
    gradient_norm: Norm = 1.0
    highlight_weight: Weight = 5.0
    highlight_extend: Weight = 0.1
    answers: Count = 5
    validate_every: Count = 1  # epochs
    bootstrap_resamples: Resamples = 2000
    bootstrap_seed: Seed = 0
    workers: Processes | None = None  # heads trained at once, a process each; None: one a core on a CPU, one on a GPU


@checked_dataclass
class ProcedureConfig:
    """EgoProceL, zero-shot (METHOD.md, "Benchmarks"); the defaults are the published protocol."""

    feature_folder: Text | None = None  # under raw/features/egoprocel; None: features.folder
    labels: Text | None = None  # folder of label csv files, or keysteps.json; None: raw/annotations/egoprocel
    json_fps: Hertz = 10.0  # label frames per second of keysteps.json; the csv layout has a rate for each video
    n_clusters: Count = 7
    temperature: Temperature = 0.5  # of the affinity
    per_keystep: bool = True  # average over the matched labels; false pools their frames
    skip_background: bool = False  # true: the background is no label
    counted_videos: Count = 60  # at most, evenly spread: in which the number of key-steps is looked for
    bootstrap_resamples: Resamples = 1000  # over the videos of each task, for the 95 % intervals
    bootstrap_seed: Seed = 0


@checked_dataclass
class StepGConfig:
    """The numbers of HiERO-StepG (arXiv 2605.31227) as released, and a switch for each of its parts."""

    coarse_weight: Share = 0.3  # of the coarse similarity; the fine one has the rest
    coarse_clusters: Count = 16
    temperature: Temperature = 0.05
    coarse_longer_than: CountOr0 = 1  # nodes of level 2; shorter runs are dropped
    coarse_features: CoarseFeatures = "level2"  # whose mean a run has
    released_runs: bool = True  # the last coarse run starts one node early, as in the authors' code
    released_times: bool = False  # from the start of the clip, not of its video, as in the authors' code
    order_slack_s: SecondsOr0 = 1.0  # a step may begin this much before the one before it
    peaks: Count = 15  # at most, near the Viterbi node, and again of the whole video
    window: Count = 5  # segments on both sides of a peak in which there is no other
    margin: CountOr0 = 2  # segments beyond the Viterbi nodes of the steps before and after
    ratios: Several[Factor] = (0.5, 0.6, 0.4)  # each peak is grown with each, in turn
    ceiling: Share = 0.4  # growing never asks for more similarity than this
    patience: CountOr0 = 3  # segments below the threshold that growing steps over
    reach: Count = 150  # segments, each way
    min_length_s: SecondsOr0 = 2.0
    duplicate_iou: Share = 0.65
    answers: Count = 5
    use_coarse: bool = True
    use_order: bool = True
    use_growth: bool = True
    use_suppression: bool = True


@checked_dataclass
class StepGroundingConfig:
    """Goal-Step step grounding: the published zero-shot strategy, and HiERO-StepG."""

    n_clusters: Count = 8
    temperature: Temperature = 0.05  # of the clustering
    longer_than: CountOr0 = 4  # segments; shorter runs are no candidates
    answers: Count = 5
    released_runs: bool = False  # the last run starts one segment early, as in the authors' code
    released_groups: bool = False  # any first member of a group is read as the whole group, as in the authors' code
    bootstrap_resamples: Resamples = 2000
    bootstrap_seed: Seed = 0
    stepg: StepGConfig = field(default_factory=StepGConfig)


@checked_dataclass
class LocalizationConfig:
    """Goal-Step step localisation: how segments and labels are chosen."""

    n_clusters: Several[Count] = (8, 16)  # a coarse scale for steps, a fine one for sub-steps
    temperature: Temperature = 0.05  # of the clustering
    longer_than: CountOr0 = 4  # segments; shorter runs are no candidates
    labels: Count = 5  # of each run, the most similar ones
    label_temperature: Temperature = 0.05  # of the softmax over the taxonomy that makes the score
    duplicate_iou: Share = 0.65  # of two spans of one label
    bootstrap_resamples: Resamples = 2000  # over categories, for the intervals of differences
    bootstrap_seed: Seed = 0


@checked_dataclass
class HierarchyConfig:
    """How a video is divided into threads for people, and where the names of threads come from."""

    segment_times: SegmentTimes = "released"  # EgoProceL's and thread recovery's too, not Goal-Step's
    temperature: Temperature = 0.5  # of the affinity
    coherence_s: SecondsOr0 = 4.5  # a switch of threads must win so many seconds of one deviation nearer; 0: plain
    count_temperature: Temperature = 0.1  # of the affinity whose modularity says how many threads there are
    most_points: Count = 2048  # a longer level is divided by the means of neighbours
    coarsest_threads: Count | Literal["auto"] = "auto"
    steps_a_thread: Count = 2  # a level has so many times the threads of the one above
    actions_a_step: Count = 6  # level 0, of the one above
    vocabulary_videos: Count = 200  # whose narrations give phrases, evenly spread
    vocabulary_phrases: Count = 2000  # the most frequent ones, of which threads are named


@checked_dataclass
class ThreadRecoveryConfig:
    """How well threads of the sample are recovered."""

    bootstrap_resamples: Resamples = 2000
    bootstrap_seed: Seed = 0


@checked_dataclass
class SearchConfig:
    """The search of a collection of videos, and its recall."""

    count: Count = 5  # answers
    max_overlap: Share | None = 0.5  # of the shorter of two answers; None: overlapping ones are kept
    bootstrap_resamples: Resamples = 2000
    bootstrap_seed: Seed = 0


@checked_dataclass
class OwnVideoConfig:
    """A video of one's own."""

    fewest_narrations: Count = 8  # with fewer no model is trained on the video


@checked_dataclass
class Profile:
    """Everything that a run needs to know."""

    name: Text
    data_root: Text  # folder that holds raw/annotations and raw/features
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
    hierarchy: HierarchyConfig = field(default_factory=HierarchyConfig)
    thread_recovery: ThreadRecoveryConfig = field(default_factory=ThreadRecoveryConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    own_video: OwnVideoConfig = field(default_factory=OwnVideoConfig)

    def to_dict(self) -> dict[str, Any]:
        """Plain nested dictionaries, as written to ``results.json`` and beside checkpoints."""
        return dataclasses.asdict(self)
