"""What the parser says of what it does not know, and what it tells a shell."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from hiero_lib.__main__ import _parser, main
from hiero_lib.cli.parser import packaged_profiles
from hiero_lib.config.loading import available_profiles

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trian"], "'trian' is not one of"),
        (["trian"], "(did you mean train?)"),
        (
            ["explore", "v.mp4", "--format", "html", "--extractr", "clip"],
            "--extractr clip (did you mean --extractor?)",
        ),
        (["train", "--profile", "sample", "--epochs", "2"], "--set NAME=VALUE: is epochs one?"),
        (["train", "--profile", "sample", "--backbone", "probes"], "(did you mean probe?)"),
        (["train", "--profile", "sample", "--backbone", "x"], "'x' is not one of hiero, probe"),
        (["train", "--profile", "smaple"], "Did you mean sample? Known: "),
        (["train", "--profile", "sample", "--set", "training.epoch=2"], "Did you mean epochs? Known: "),
        (["doctor", "egomqc", "--profile", "sample"], "Did you mean egomcq? Known: "),
    ],
)
def test_what_was_meant(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = main(words)
    except SystemExit as error:
        status = error.code  # type: ignore[assignment]
    assert status == 2
    assert said in capsys.readouterr().err


def test_profiles_stand_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert packaged_profiles() == available_profiles()
    with pytest.raises(SystemExit):
        _parser().parse_args(["train", "--help"])
    assert "egovlp_quickstart" in capsys.readouterr().out


def commands_of(page: str) -> list[list[str]]:
    """The words behind ``hiero`` or ``-m hiero_lib`` in a page's blocks of bash, a list a command."""
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").replace("&&", "\n").splitlines()
    words = [shlex.split(line, comments=True) for line in lines if not line.startswith(("cp ", "export "))]
    starts = [[at for at, word in enumerate(of) if word in ("hiero", "hiero_lib")] for of in words]
    return [of[at[0] + 1 :] for of, at in zip(words, starts) if at and of[0] not in ("git", "cd")]


@pytest.mark.parametrize(("page", "least"), [("README.md", 30), ("hiero_lib/CLUSTER.md", 12)])
def test_the_commands_of_a_page_are_commands(page: str, least: int, capsys: pytest.CaptureFixture[str]) -> None:
    """With their options; what they do to files is tested where it is done."""
    found = commands_of(page)
    assert len(found) >= least
    for words in found:
        try:
            _parser().parse_args(words)
        except SystemExit:
            pytest.fail(f"{page}: {' '.join(words)}: {capsys.readouterr().err.splitlines()[-1]}")


def test_every_command_says_what_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    (commands,) = [action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction)]
    for listed in commands._choices_actions:
        with pytest.raises(SystemExit) as end:
            main(["help", listed.dest])
        assert end.value.code == 0
        said = capsys.readouterr().out.partition("\n\n")[2]
        assert re.match(r"[A-Z][^:]+", said), listed.dest
        assert not said.startswith(("positional", "options"))


def test_the_program_is_called_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    for called, name in (("/env/bin/hiero", "hiero"), ("/kit/hiero_lib/__main__.py", "python -m hiero_lib")):
        monkeypatch.setattr(sys, "argv", [called])
        assert _parser().prog == name


def test_help_imports_no_settings() -> None:
    code = "import sys\nfrom hiero_lib.__main__ import _parser\n_parser()\nprint('hiero_lib.config' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("line", "expected"),
    [("hiero tra", "train"), ("hiero train --prof", "--profile"), ("hiero train --profile egov", "egovlp")],
)
def test_the_shell_is_told_what_may_follow(line: str, expected: str, tmp_path: Path) -> None:
    """As argcomplete's shell function asks."""
    answer = tmp_path / "answer"
    asked = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
        "_ARGCOMPLETE_IFS": "\n",
    }
    code = "from hiero_lib.__main__ import main\nmain([])"
    subprocess.run([sys.executable, "-c", code], env=os.environ | asked, timeout=60)
    assert expected in [word.strip() for word in answer.read_text().split("\n")]
