"""Typed settings and the profiles that fill them.

A profile is a YAML file (``hiero_lib/config/profiles/*.yaml`` or one of the user's) with one section per dataclass
below. Every number of a run stands in its profile; nothing is decided by the name of a profile in code.
A profile may start from another, ``base: egovlp``, and give only what differs. Settings are changed with dotted
names: ``load_profile("sample", {"training.epochs": 2})``.
"""

from __future__ import annotations

import dataclasses
import operator
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from hiero_lib.base.errors import ConfigError

PROFILE_FOLDER = Path(__file__).parent / "profiles"

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


def available_profiles() -> list[str]:
    """Names of the profiles that come with the package."""
    return sorted(path.stem for path in PROFILE_FOLDER.glob("*.yaml"))


def load_profile(name: str | Path, settings: Mapping[str, Any] | None = None) -> Profile:
    """Read a profile and apply dotted ``settings`` (``{"training.lr": 1e-4}``).

    Args:
        name: the name of a packaged profile, or the path of a YAML file.
        settings: values that replace the file's; strings are read as YAML scalars.

    Raises:
        ConfigError: unknown profile, section or setting, or a value of the wrong type; the message names it.
    """
    path = _profile_path(name)
    raw = _read_profile(path, ())
    for dotted, value in (settings or {}).items():
        _set_dotted(raw, dotted, _scalar(value, dotted), path)
    raw.setdefault("name", path.stem)
    profile: Profile = from_dict(Profile, raw, file=path)
    _check_ranges(profile, path)
    return profile


def _profile_path(name: str | Path, beside: Path = PROFILE_FOLDER) -> Path:
    """The file of a packaged profile, or a YAML file given by its path (relative ones are ``beside`` a file)."""
    if not str(name).endswith((".yaml", ".yml")):
        return PROFILE_FOLDER / f"{name}.yaml"
    path = Path(name).expanduser()
    return path if beside == PROFILE_FOLDER else beside / path


def _read_profile(path: Path, derived: tuple[Path, ...]) -> dict[str, Any]:
    """The nested settings of a file on top of those of its ``base``; ``derived``: the files that led here."""
    if not path.is_file():
        known = f"Known: {', '.join(available_profiles())}"
        raise ConfigError("there is no such profile", file=path, value=path.stem, hint=known)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"not readable as YAML: {' '.join(str(error).split())}", file=path) from error
    if not isinstance(raw, dict):
        raise ConfigError("a profile is a mapping of sections", file=path)
    base = raw.pop("base", None)
    if base is None:
        return raw
    if path.resolve() in derived:
        raise ConfigError("profiles that start from each other", file=path, field="base", value=base)
    return _merged(_read_profile(_profile_path(str(base), path.parent), (*derived, path.resolve())), raw)


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes`` put over it, section by section."""
    merged = dict(base)
    for key, value in changes.items():
        under = merged.get(key)
        merged[key] = _merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def _scalar(value: Any, name: str) -> Any:
    """A setting from the command line arrives as text: read it as YAML."""
    if not isinstance(value, str):
        return value
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError("not readable as a YAML value", field=name, value=value) from error


def _check_ranges(profile: Profile, file: Path) -> None:
    """Refuse at the boundary what would fail far from its cause."""
    if profile.model.input_size != profile.features.dim:
        raise ConfigError(
            f"the features have {profile.features.dim} channels (features.dim)",
            file=file,
            field="model.input_size",
            value=profile.model.input_size,
        )
    at_least: dict[str, float] = {
        "features.stride_frames": 1,
        "model.depth": 1,
        "model.n_layers": 1,
        "model.n_clusters": 1,
        "model.clustering_sample_points": profile.model.n_clusters,
        "training.epochs": 1,
        "training.batch_size": 1,
        "training.warmup_epochs": 0,
        "training.lr": 0,
        "training.workers": 0,
        "training.checkpoint_every_steps": 1,
        "training.keep_checkpoints": 1,
        "training.validate_every_epochs": 1,
        "egomcq.context_window": 0,
        "egomcq.batch_segments": 1,
        "egomcq.bootstrap_resamples": 1,
        "egonlq.dim": 1,
        "egonlq.num_heads": 1,
        "egonlq.max_pos_len": 1,
        "egonlq.answers": 1,
        "egonlq.bootstrap_resamples": 1,
        "egonlq.epochs": 1,
        "egonlq.batch_size": 1,
        "egonlq.validate_every": 1,
        "egonlq.compared_seeds": 0,
        "egoprocel.json_fps": 1,
        "egoprocel.n_clusters": 1,
        "egoprocel.bootstrap_resamples": 1,
        "step_grounding.n_clusters": 1,
        "step_grounding.longer_than": 0,
        "step_grounding.answers": 1,
        "step_grounding.bootstrap_resamples": 1,
        "step_grounding.stepg.coarse_clusters": 1,
        "step_grounding.stepg.window": 1,
        "step_grounding.stepg.patience": 0,
        "step_grounding.stepg.reach": 1,
        "step_grounding.stepg.min_length_s": 0,
        "step_grounding.stepg.answers": 1,
        "step_localization.n_clusters": 1,
        "step_localization.longer_than": 0,
        "step_localization.labels": 1,
    }
    above_zero = (
        *("features.fps", "model.radius", "loss.alpha", "loss.temperature", "training.chunk_s"),
        *("egoprocel.temperature", "step_grounding.temperature", "step_localization.temperature"),
        *("step_grounding.stepg.temperature", "step_grounding.stepg.ratios", "step_localization.label_temperature"),
    )
    shares = (
        *("model.dropout", "alignment.dropout", "egonlq.dropout", "step_grounding.stepg.coarse_weight"),
        *("step_grounding.stepg.duplicate_iou", "step_localization.duplicate_iou"),
    )
    for name in (*at_least, *above_zero, *shares):
        given = operator.attrgetter(name)(profile)
        for value in given if isinstance(given, tuple) else (given,):
            if name in at_least:
                fits, expected = value >= at_least[name], f"{at_least[name]:g} or more"
            elif name in above_zero:
                fits, expected = value > 0, "more than 0"
            else:
                fits, expected = 0 <= value <= 1, "0 to 1"
            if not fits:
                raise ConfigError(f"expected {expected}", file=file, field=name, value=value)
    seeds, level, heads = profile.egonlq.seeds, profile.egonlq.level, profile.egonlq.num_heads
    if profile.egonlq.dim % heads:
        problem = f"expected a multiple of egonlq.num_heads, {heads}"
        raise ConfigError(problem, file=file, field="egonlq.dim", value=profile.egonlq.dim)
    if len(set(seeds)) < len(seeds):
        raise ConfigError("expected each seed once", file=file, field="egonlq.seeds", value=list(seeds))
    if level != "all" and level >= profile.model.depth:
        problem = f"the model has {profile.model.depth} levels"
        raise ConfigError(problem, file=file, field="egonlq.level", value=level)


def from_dict(cls: type, raw: Mapping[str, Any], *, file: str | Path | None = None, prefix: str = "") -> Any:
    """Build the dataclass ``cls`` from nested dictionaries, checking names and types.

    Raises:
        ConfigError: naming the file, the dotted field and the value.
    """
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for key in raw:
        if key not in fields:
            raise ConfigError(
                "unknown setting",
                file=file,
                field=f"{prefix}{key}",
                value=raw[key],
                hint=f"Known: {', '.join(fields)}",
            )
    values: dict[str, Any] = {}
    for key, spec in fields.items():
        if key not in raw:
            if spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING:
                raise ConfigError("a required setting is missing", file=file, field=f"{prefix}{key}")
            continue
        values[key] = _convert(raw[key], hints[key], file, f"{prefix}{key}")
    return cls(**values)


def _convert(value: Any, hint: Any, file: str | Path | None, name: str) -> Any:
    """``value`` as the annotated type ``hint``, or a ConfigError."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise ConfigError("a section of settings is expected", file=file, field=name, value=value)
        return from_dict(hint, value, file=file, prefix=f"{name}.")
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        if not any(value == arg and type(value) is type(arg) for arg in args):
            raise ConfigError(f"expected one of {', '.join(map(str, args))}", file=file, field=name, value=value)
        return value
    if origin is tuple:  # of any length; YAML has lists
        if not isinstance(value, list | tuple) or not value:
            raise ConfigError("expected a list of one value or more", file=file, field=name, value=value)
        return tuple(_convert(item, args[0], file, f"{name}[{index}]") for index, item in enumerate(value))
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        return _convert(value, next(a for a in args if a is not type(None)), file, name)
    if hint is float and isinstance(value, str):  # YAML reads 1e-5 as a string
        try:
            return float(value)
        except ValueError:
            pass
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is str and isinstance(value, int) and not isinstance(value, bool):  # a folder named 2024
        return str(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise ConfigError(f"expected {hint.__name__}", file=file, field=name, value=value)
    return value


def _set_dotted(raw: dict[str, Any], dotted: str, value: Any, path: Path) -> None:
    """Set ``raw["a"]["b"] = value`` for ``"a.b"``."""
    *sections, last = dotted.split(".")
    node: Any = raw
    for section in sections:
        node = node.setdefault(section, {})
        if not isinstance(node, dict):
            raise ConfigError("not a section", file=path, field=dotted, value=value)
    node[last] = value
