"""Profiles are read as they are written, and what is wrong in one is refused by name."""

from __future__ import annotations

import dataclasses
import json
import typing
from pathlib import Path
from typing import Any

import pytest
import yaml

from hiero_lib.base.errors import ConfigError
from hiero_lib.config import PROFILE_FOLDER, Profile, available_profiles, from_dict, load_profile, profile_options
from hiero_lib.training.checkpointing import training_digest

MINIMAL = """
data_root: data/tiny
is_sample: true
features: {folder: egovlp, dim: 8}
text: {encoder: minilm, source: "package:x", dim: 4}
model: {input_size: 8}
"""


@pytest.fixture
def minimal(tmp_path: Path) -> Path:
    path = tmp_path / "minimal.yaml"
    path.write_text(MINIMAL)
    return path


@pytest.mark.parametrize("name", available_profiles())
def test_every_packaged_profile_loads_and_survives_json(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert profile.is_sample == (name == "sample")
    assert from_dict(Profile, json.loads(json.dumps(profile.to_dict()))) == profile


def test_the_promised_profiles_are_there() -> None:
    assert {"sample", "egovlp", "egovlp_quickstart", "omnivore", "lavila"} <= set(available_profiles())


def missing(raw: dict[str, Any], cls: Any = Profile, prefix: str = "") -> list[str]:
    """Dotted names of the settings that a file leaves to their defaults."""
    found = []
    for name, hint in typing.get_type_hints(cls).items():
        if name not in raw:
            found.append(f"{prefix}{name}")
        elif dataclasses.is_dataclass(hint):
            found += missing(raw[name], hint, f"{prefix}{name}.")
    return found


def test_every_number_of_a_run_stands_in_its_profile() -> None:
    """A profile says all or starts from one that does; only its name is its file's."""
    for name in available_profiles():
        raw = yaml.safe_load((PROFILE_FOLDER / f"{name}.yaml").read_text())
        assert raw.get("base") in (None, "egovlp", "sample")
        if "base" not in raw:
            assert missing(raw) == ["name"], name
    raw = load_profile("sample").to_dict()
    del raw["step_grounding"]["stepg"]["window"], raw["loss"]
    assert missing(raw) == ["loss", "step_grounding.stepg.window"]


def test_published_numbers() -> None:
    """The numbers that the published runs share."""
    for name in ("egovlp", "omnivore", "lavila"):
        profile = load_profile(name)
        model, training = profile.model, profile.training
        assert (model.hidden_size, model.depth, model.n_layers, model.radius) == (768, 3, 3, 1.0)
        assert (model.dropout, model.n_clusters, model.clustering_sample_points) == (0.1, 4, 32)
        assert (model.pos_hidden_channels, model.pool, model.pos_act) == (256, "mean", "tanh")
        assert (training.epochs, training.warmup_epochs, training.warmup_start) == (15, 5.0, 0.001)
        assert (training.batch_size, training.lr, training.min_lr) == (8, 1e-5, 1e-8)
        assert (training.weight_decay, training.gradient_clip, training.chunk_s) == (1e-5, 1.0, 300.0)
        assert (profile.loss.alpha, profile.loss.beta, profile.loss.temperature) == (1.0, -1.0, 0.05)
        assert (profile.features.stride_frames, profile.features.fps) == (16, 30.0)
        assert (profile.alignment.dim, profile.text.dim) == (768, 768)
        head = profile.egonlq
        assert (head.dim, head.num_heads, head.max_pos_len, head.dropout) == (128, 8, 128, 0.2)
        assert (head.lr, head.weight_decay, head.batch_size, head.epochs) == (1e-4, 0.01, 32, 200)
        assert (head.gradient_norm, head.highlight_weight, head.highlight_extend) == (1.0, 5.0, 0.1)
        assert (head.level, head.answers, len(head.seeds)) == (0, 5, 3)
        grounding = profile.step_grounding
        assert (grounding.n_clusters, grounding.temperature, grounding.longer_than, grounding.answers) == (
            8,
            0.05,
            4,
            5,
        )
        assert (grounding.released_runs, grounding.released_groups) == (False, False)
    features = {name: load_profile(name).features for name in ("egovlp", "omnivore", "lavila")}
    assert {name: (f.folder, f.dim, f.window_frames) for name, f in features.items()} == {
        "egovlp": ("egovlp", 256, 16),
        "omnivore": ("omnivore_video_swinl", 1536, 32),
        "lavila": ("LaViLa-L", 256, 16),
    }
    assert [load_profile(name).text.frozen for name in ("egovlp", "omnivore", "lavila")] == [True, False, True]


def test_a_training_begun_before_is_still_the_same() -> None:
    """Folders of trainings are found by this hash of their settings, values and types; it may not change."""
    digests = {
        name: training_digest(load_profile(name, {"data_root": "/no/such/folder"})) for name in ("sample", "egovlp")
    }
    assert digests == {
        "sample": "7a1cbbd3c99a2278dd5bc28b092070a8e161ca06907f6128509e5fed762cd844",
        "egovlp": "c9136e72468e71a8070abc859688026aa0367d493617390a8aaefd303a7cb728",
    }
    written = {"training.warmup_epochs": "5", "training.lr": "1e-5", "model.radius": 1, "loss.beta": "-1"}
    assert training_digest(load_profile("egovlp", {"data_root": "/no/such/folder"} | written)) == digests["egovlp"]


def test_the_quick_start_is_one_epoch_of_the_published_run() -> None:
    quick, full = load_profile("egovlp_quickstart"), load_profile("egovlp")
    expected = dataclasses.replace(full.training, epochs=1, warmup_epochs=0.0)
    assert dataclasses.replace(quick, name=full.name) == dataclasses.replace(full, training=expected)


def test_dotted_settings_replace_the_files(minimal: Path) -> None:
    settings: dict[str, Any] = {"training.epochs": 2, "training.lr": "1e-4", "features.text_projection": "null"}
    settings |= {"data_root": "2024", "model.use_pos_attr": "false", "egomcq.max_questions": "7"}
    profile = load_profile(minimal, settings)
    assert (profile.training.epochs, profile.training.lr, profile.features.text_projection) == (2, 1e-4, None)
    assert (profile.data_root, profile.model.use_pos_attr, profile.egomcq.max_questions) == ("2024", False, 7)
    assert load_profile(minimal, {"training.lr": 1}).training.lr == 1.0
    lists = load_profile(minimal, {"step_localization.n_clusters": "[4]", "step_grounding.stepg.ratios": [0.5, 1]})
    assert (lists.step_localization.n_clusters, lists.step_grounding.stepg.ratios) == ((4,), (0.5, 1.0))
    assert profile.name == "minimal"
    assert load_profile(minimal, {"egonlq.seeds": "[4, 5]", "egonlq.level": "all"}).egonlq.seeds == (4, 5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"training.epoch": 2}, r"minimal\.yaml, field 'training\.epoch', value 2: unknown setting.*epochs"),
        ({"trainings.epochs": 2}, "field 'trainings'"),
        ({"data_root.epochs": 2}, "field 'data_root.epochs', value 2: not a section"),
        ({"training": 2}, "field 'training', value 2: a section"),
        ({"training.epochs": 2.5}, "field 'training.epochs', value 2.5: expected int"),
        ({"training.epochs": True}, "expected int"),
        ({"training.lr": "fast"}, "field 'training.lr', value 'fast': expected float"),
        ({"training.lr": True}, "expected float"),
        ({"is_sample": 1}, "expected bool"),
        ({"data_root": False}, "expected str"),
        ({"model.pool": "median"}, "value 'median': expected one of mean, max"),
        ({"training.lr": "["}, "field 'training.lr', value '\\[': not readable"),
        ({"model.input_size": 9}, "field 'model.input_size', value 9: the features have 8 channels"),
        ({"training.epochs": 0}, "field 'training.epochs', value 0: expected 1 or more"),
        ({"model.clustering_sample_points": 3}, "value 3: expected 4 or more"),
        ({"features.fps": 0}, "field 'features.fps', value 0: expected 0.001 or more"),
        ({"model.depth": 17}, "field 'model.depth', value 17: expected 16 or less"),
        ({"loss.alpha": ".nan"}, "value nan: expected a finite number"),
        ({"egonlq.seeds": 1}, "field 'egonlq.seeds', value 1: expected a list"),
        ({"egonlq.seeds": [1, "a"]}, r"field 'egonlq.seeds\[1\]', value 'a': expected int"),
        ({"egonlq.seeds": [2, 2]}, r"value \[2, 2\]: expected each seed once"),
        ({"egonlq.level": 3}, "field 'egonlq.level', value 3: expected one of 0, 1, 2, all"),
        ({"egonlq.level": False}, "field 'egonlq.level', value False: expected one of"),
        ({"egonlq.level": 2, "model.depth": 2}, "field 'egonlq.level', value 2: the model has 2 levels"),
        ({"step_localization.n_clusters": 8}, "field 'step_localization.n_clusters', value 8: expected a list"),
        (
            {"step_localization.n_clusters": "[8, a]"},
            r"field 'step_localization.n_clusters\[1\]', value 'a': expected int",
        ),
        ({"step_grounding.answers": 0}, "field 'step_grounding.answers', value 0: expected 1 or more"),
        ({"step_localization.n_clusters": [8, 0]}, r"n_clusters\[1\]', value 0: expected 1 or more"),
        ({"step_grounding.stepg.ratios": [0.5, 0]}, r"stepg.ratios\[1\]', value 0: expected 0.001 or more"),
        ({"egonlq.dim": 60, "egonlq.num_heads": 7}, "'egonlq.dim', value 60: expected a multiple of .*num_heads, 7"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(settings: dict[str, Any], message: str, minimal: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        load_profile(minimal, settings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a list", "a mapping of sections"),
        ("a: [1", "not readable as YAML"),
        ("a: " + "[" * 5000, "not readable as YAML"),
        (f"a: {'1' * 5000}", "not readable as YAML"),
        ("base: [egovlp]", "field 'base', value \\['egovlp'\\]: expected the name of a profile"),
        (MINIMAL + "3: red", "field '3', value 'red': unknown setting"),
        (MINIMAL + "training: {lr: 1, lr: 2}", "field 'training.lr': given twice"),
        (MINIMAL + "is_sample: false", "field 'is_sample': given twice"),
        (MINIMAL + "egonlq: {seeds: [{a: 1, a: 1}]}", "field 'egonlq.seeds.a': given twice"),
        (MINIMAL.replace("data_root: data/tiny", ""), "field 'data_root': a required setting is missing"),
        (MINIMAL + "colour: red", "field 'colour', value 'red': unknown setting"),
    ],
)
def test_a_wrong_file_is_refused_by_name(text: str, message: str, minimal: Path) -> None:
    minimal.write_text(text)
    with pytest.raises(ConfigError, match=rf"minimal\.yaml.*{message}"):
        load_profile(minimal)


def test_an_unknown_profile_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"value 'sampel': there is no such profile.*egovlp, .*sample"):
        load_profile("sampel")
    with pytest.raises(ConfigError, match="there is no such profile"):
        load_profile("9" * 5000)  # no file has such a name
    with pytest.raises(ConfigError, match=r"^mine\.yaml: there is no such file\. Profiles that have a name: ego"):
        load_profile("mine.yaml")


def test_a_command_that_is_told_opens_the_same_profile(minimal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert profile_options(load_profile("sample")) == ["--profile", "sample"]
    assert profile_options(load_profile("sample", {"data_root": str(Path("data/sample").absolute())})) == [
        "--profile",
        "sample",
    ]
    options = profile_options(load_profile("sample", {"data_root": "/else where"}))
    assert options == ["--profile", "sample", "--set", "data_root=/else where"]
    monkeypatch.chdir(minimal.parent)
    assert profile_options(load_profile(minimal)) == ["--profile", minimal.name]


def test_a_profile_starts_from_another(minimal: Path) -> None:
    (minimal.parent / "sub").mkdir()
    longer = minimal.parent / "sub" / "longer.yaml"
    longer.write_text("base: ../minimal.yaml\ntraining: {epochs: 30}\nfeatures: {fps: 25}\n")
    base, profile = load_profile(minimal), load_profile(longer)
    assert profile.name == "longer"
    assert profile.training == dataclasses.replace(base.training, epochs=30)
    assert profile.features == dataclasses.replace(base.features, fps=25.0)
    mine = minimal.parent / "mine.yaml"
    mine.write_text("base: egovlp\ndata_root: /data\n")
    assert load_profile(mine).model == load_profile("egovlp").model
    minimal.write_text("base: mine.yaml\n")
    mine.write_text("base: minimal.yaml\n")
    with pytest.raises(ConfigError, match=r"field 'base', value '.*': profiles that start from each other"):
        load_profile(mine)


def test_a_section_on_the_command_line_is_merged_as_a_file_is(minimal: Path) -> None:
    minimal.write_text(MINIMAL + "training: {lr: 0.5}\n")
    profile = load_profile(minimal, {"training": "{epochs: 2}", "step_grounding": {"stepg": {"window": 7}}})
    assert (profile.training.lr, profile.training.epochs, profile.step_grounding.stepg.window) == (0.5, 2, 7)
    with pytest.raises(ConfigError, match=r"field 'training\.lr': given twice"):
        load_profile(minimal, {"training": "{lr: 1, lr: 2}"})


def test_settings_of_one_section_do_not_reach_another_of_the_same_anchor(minimal: Path) -> None:
    minimal.write_text(MINIMAL + "egonlq: &same {lr: 0.5}\ntraining: *same\n")
    profile = load_profile(minimal, {"training.lr": 0.25})
    assert (profile.egonlq.lr, profile.training.lr) == (0.5, 0.25)


def test_a_merge_key_is_read_and_what_stands_beside_it_wins(minimal: Path) -> None:
    minimal.write_text(MINIMAL + "egonlq: &same {lr: 0.5, epochs: 3}\ntraining: {lr: 0.25, <<: *same}\n")
    training = load_profile(minimal).training
    assert (training.lr, training.epochs) == (0.25, 3)


def _bomb(item: str, group: str) -> str:
    """Ten lines of YAML that stand for 9^10 times ``item``; ``group``: how nine aliases are written."""
    lines = [f"a0: &a0 {item}"]
    for depth in range(1, 11):
        aliases = ", ".join(group.format(f"*a{depth - 1}", number) for number in range(9))
        opening, closing = "[]" if group == "{0}" else "{}"
        lines.append(f"a{depth}: &a{depth} {opening}{aliases}{closing}")
    return "\n".join(lines) + "\n"


LISTS, MAPPINGS = _bomb("[x]", "{0}"), _bomb("{x: 1}", "k{1}: {0}")
MERGES = "a0: &a0 {x: 1, y: 2}\n" + "".join(
    f"a{depth}: &a{depth} {{<<: [{', '.join([f'*a{depth - 1}'] * 9)}]}}\n" for depth in range(1, 11)
)


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        (LISTS, {}, r"field 'a0', value \['x'\]: unknown setting"),
        (LISTS.replace("a10:", "training:"), {}, r"field 'training', value \[\[.*: a section of settings"),
        (MAPPINGS.replace("a10:", "training:"), {}, r"field 'training.k0', value \{.*: unknown setting"),
        (MAPPINGS.replace("a10:", "base:"), {}, r"field 'base', value \{.*: expected the name of a profile"),
        (MERGES.replace("a10:", "training:"), {}, "field 'training.x', value 1: unknown setting"),
        (
            "",
            {"training.lr": f"{{{LISTS.strip().replace(chr(10), ', ')}}}"},
            r"'training.lr', value \{.*expected float",
        ),
    ],
    ids=["lists", "lists for a section", "mappings", "base", "merge keys", "on the command line"],
)
def test_aliases_of_aliases_are_refused_at_once(
    text: str, settings: dict[str, Any], message: str, minimal: Path
) -> None:
    """Written out, each would be billions of values: this test would not end."""
    minimal.write_text(MINIMAL + text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_profile(minimal, settings)
    assert len(str(caught.value)) < 1000


def test_a_base_and_its_profile_may_both_be_aliases_of_aliases(tmp_path: Path) -> None:
    bomb = MAPPINGS.replace("a10:", "training:")
    (tmp_path / "one.yaml").write_text(bomb)
    (tmp_path / "two.yaml").write_text("base: one.yaml\n" + bomb)
    with pytest.raises(ConfigError, match="unknown setting"):
        load_profile(tmp_path / "two.yaml")


@pytest.mark.parametrize("given", ["010", "0x10", "1:30", "1_0", "+5", "2e3"])
def test_a_number_of_yaml_1_1_is_a_folders_name_and_no_setting(given: str, minimal: Path) -> None:
    assert load_profile("sample", {"features.folder": given}).features.folder == given
    with pytest.raises(ConfigError, match=r"training\.epochs.*expected int"):
        load_profile("sample", {"training.epochs": given})
    minimal.write_text(f"base: sample\nfeatures:\n  folder: {given}\n")
    assert load_profile(minimal).features.folder == given


@pytest.mark.parametrize("given", ["1:30", "1_0.5", "1,5"])
def test_what_is_no_decimal_number_is_no_rate(given: str) -> None:
    with pytest.raises(ConfigError, match=r"training\.lr.*expected float"):
        load_profile("sample", {"training.lr": given})


@pytest.mark.parametrize(("given", "value"), [("take #2", "take #2"), ("'take #2'", "take #2"), (" a b ", "a b")])
def test_a_plain_text_is_taken_as_it_is(given: str, value: str) -> None:
    assert load_profile("sample", {"features.folder": given}).features.folder == value
