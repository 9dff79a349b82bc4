"""Arguments that commands share: read as they are written, a mistake named."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest

from hiero_lib.__main__ import _parser, main
from hiero_lib.base.errors import ConfigError
from hiero_lib.cli import arguments
from hiero_lib.config import load_profile
from hiero_lib.results.kept_profile import keep_profile, kept_profile


def parsed(add: Callable[[argparse.ArgumentParser], None], *given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add(parser)
    return parser.parse_args(given)


def test_settings_are_given_by_name_the_last_of_a_name_counts() -> None:
    given = ["--profile", "sample", "--set", "training.lr=1e-4", "--set", " a =x=y", "--set", "training.lr=2e-4"]
    options = parsed(arguments.add_profile, *given, "--set", "empty=")
    assert arguments.changed_settings(options) == {"training.lr": "2e-4", "a": "x=y", "empty": ""}


@pytest.mark.parametrize("given", ["training.epochs", "=2", ""])
def test_a_setting_without_name_or_value_is_refused(given: str) -> None:
    options = parsed(arguments.add_profile, "--profile", "sample", "--set", given)
    with pytest.raises(ConfigError, match=f"field '--set', value '{given}': write a setting as NAME=VALUE"):
        arguments.changed_settings(options)


def test_a_profile_is_opened_with_its_changed_settings() -> None:
    sample = load_profile("sample").training
    given = ["--profile", "sample", "--set", "training={epochs: 2}", "--set", "training.lr=1e-4"]
    training = arguments.open_profile(parsed(arguments.add_profile, *given)).training
    assert (training.epochs, training.lr, training.seed) == (2, 1e-4, sample.seed)
    assert sample.epochs != 2
    wrong = parsed(arguments.add_profile, "--profile", "sample", "--set", "training.epochs=0")
    with pytest.raises(ConfigError, match=r"field 'training\.epochs', value 0: expected 1 or more"):
        arguments.open_profile(wrong)


def test_the_profile_must_be_given_unless_there_is_a_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(arguments.add_profile)
    assert "required: --profile" in capsys.readouterr().err
    options = parsed(lambda command: arguments.add_profile(command, default="own_video"))
    assert (options.profile, options.settings) == ("own_video", [])


def test_a_run_is_named_after_its_profile_unless_it_has_a_name() -> None:
    profile = load_profile("sample")
    assert arguments.run_folder(parsed(arguments.add_run), profile) == Path("outputs/sample")
    assert arguments.run_folder(parsed(arguments.add_run, "--run", "mine"), profile) == Path("outputs/mine")


def test_checkpoints_are_none_one_or_many() -> None:
    assert parsed(arguments.add_checkpoint).checkpoint is None
    assert parsed(arguments.add_checkpoint, "--checkpoint", "a").checkpoint == Path("a")
    assert parsed(arguments.add_checkpoints).checkpoints == []
    many = parsed(arguments.add_checkpoints, "--checkpoint", "a", "--checkpoint", "b.pth")
    assert many.checkpoints == [Path("a"), Path("b.pth")]


def test_one_method_of_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    options = parsed(arguments.add_method)
    assert (options.run, options.method, options.checkpoint) == (None, "hiero", None)
    options = parsed(arguments.add_method, "--run", "r", "--method", "probe", "--checkpoint", "c")
    assert (options.run, options.method, options.checkpoint) == ("r", "probe", Path("c"))
    with pytest.raises(SystemExit):
        parsed(arguments.add_method, "--method", "other")
    assert "untrained" in capsys.readouterr().err


def test_an_extractor_and_its_weights() -> None:
    options = parsed(arguments.add_extractor, "--extractor", "clip", "--weights", "w", "--device", "cpu")
    assert (options.extractor, options.weights, options.device) == ("clip", "w", "cpu")
    assert set(vars(parsed(arguments.add_extractor)).values()) == {None}


def test_formats() -> None:
    assert parsed(arguments.add_formats).formats is None
    assert parsed(lambda command: arguments.add_formats(command, ["html"])).formats == ["html"]
    assert parsed(arguments.add_formats, "--formats", "csv", "vtt").formats == ["csv", "vtt"]


def test_a_number_of_threads_is_positive_or_auto() -> None:
    assert arguments.thread_count("auto") == "auto"
    assert arguments.thread_count("12") == 12


@pytest.mark.parametrize("given", ["0", "-1", "2.5", "many", "", "²", "9" * 10, "1٣"])
def test_another_number_of_threads_is_refused(given: str) -> None:
    with pytest.raises(ConfigError, match=f"field '--threads', value '{given}': a number of threads, or auto"):
        arguments.thread_count(given)


@pytest.mark.parametrize("text", ["0", "-3", "1.5", "1e3", "", "x", "9" * 5000, "²", "nan", "1_000", "+2", " 2"])
def test_what_is_no_whole_number_in_its_range_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        arguments.whole(1, 100)(text)
    assert len(str(refused.value)) < 120


@pytest.mark.parametrize("text", ["-0.1", "1e300", "inf", "nan", "", "x" * 5000])
def test_what_is_no_number_in_its_range_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        arguments.decimal(0.0, 60.0)(text)
    assert len(str(refused.value)) < 120


def test_a_number_in_its_range_is_taken() -> None:
    assert [arguments.whole(-5, 100)(text) for text in ("-5", "007", "100")] == [-5, 7, 100]
    assert [arguments.decimal(0, 60)(text) for text in ("0", "1e-3", "60.0")] == [0, 0.001, 60]


def test_every_number_of_a_command_has_a_range() -> None:
    """Walks all commands; what argparse itself would convert has no range."""
    found = 0
    (commands,) = (action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction))
    for name, command in commands.choices.items():
        for action in command._actions:
            assert action.type not in (int, float), (name, action.option_strings)
            if isinstance(action.default, int | float) and not isinstance(action.default, bool):
                assert action.type is not None, (name, action.option_strings)
                assert action.type(str(action.default)) == action.default
                for senseless in ("-1", "nan", "inf", "1e300"):
                    with pytest.raises(argparse.ArgumentTypeError):
                        action.type(senseless)
                found += 1
    assert found > 6


@pytest.mark.parametrize("command", [["search", "onion"], ["export", "v1"], ["egomcq"], ["ablation"]])
def test_a_command_on_a_run_wants_a_profile_or_a_run_that_keeps_one(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(command) == 2
    assert "give a profile, or a --run that keeps its own" in capsys.readouterr().err
    assert main([*command, "--run", "r"]) == 2
    assert "there is no such run" in capsys.readouterr().err
    keep_profile(tmp_path / "outputs" / "r", load_profile("sample", {"data_root": "one"}))
    assert main([*command, "--run", "r", "--profile", "sample", "--set", "data_root=two"]) == 2
    said = capsys.readouterr().err
    assert f"{tmp_path}/one" in said
    assert f"{tmp_path}/two" in said
    assert main([*command, "--run", "r", "--profile", "egovlp"]) == 2
    assert "the run is of the profile sample, not of egovlp" in capsys.readouterr().err
    assert not list(tmp_path.glob("outputs/*/*results*"))


def test_a_command_on_a_run_uses_what_the_run_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    keep_profile(tmp_path / "outputs" / "r", load_profile("sample", {"training.epochs": 3}))
    options = argparse.Namespace(profile=None, run="r", settings=["training.lr=0.5"])
    profile, folder = arguments.open_run(options)
    assert (profile.name, profile.training.epochs, profile.training.lr) == ("sample", 3, 0.5)
    assert Path(profile.data_root) == tmp_path / "data/sample"
    assert folder == Path("outputs/r")
    kept = kept_profile(folder)
    assert kept is not None
    assert kept.training.lr != 0.5  # asked, not worked on
