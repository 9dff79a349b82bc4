"""A run lies in a folder below outputs, whatever its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from hiero_lib.__main__ import main
from hiero_lib.base.errors import ConfigError
from hiero_lib.results.names import run_folder

BAD = ["", " ", ".", "..", "../x", "../../x", "/tmp/x", "a/b", "a\\b", "C:x", "a\0b", "a\nb", "\udcff", "x" * 201]


@pytest.mark.parametrize("name", BAD)
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"field 'run', value .*the name of a run is the name of a folder"):
        run_folder("outputs", name)


@pytest.mark.parametrize("name", ["sample", "run 2", "a.b", "..x", "übung", "x" * 200])
def test_other_names_are_folders_below(name: str) -> None:
    assert run_folder("outputs", name) == Path("outputs", name)


COMMANDS = [
    ["export", "v", "--profile", "sample"],
    ["search", "x", "--profile", "sample"],
    ["search", "--recall", "--profile", "sample"],
    ["egomcq", "--profile", "sample"],
    ["goalstep", "--profile", "sample"],
    ["ablation", "--profile", "sample"],
    ["reproduce", "--profile", "sample"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=[" ".join(command[:2]) for command in COMMANDS])
@pytest.mark.parametrize("name", ["../../x", "/tmp/x"])
def test_every_command_with_a_run_refuses_it(
    command: list[str],
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*command, "--run", name]) == 2
    assert "the name of a run is the name of a folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["train", "egomcq", "ablation"])
def test_a_profiles_name_leads_nowhere_else_either(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([command, "--profile", "sample", "--set", "name=../../x"]) == 2
    assert "../../x" in capsys.readouterr().err
