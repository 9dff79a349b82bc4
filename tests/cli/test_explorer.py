"""The commands ``serve`` and ``corrections``, up to where work begins."""

from __future__ import annotations

import pytest

from hiero_lib.__main__ import _parser, main


def test_their_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    options = _parser().parse_args(["serve", "--run", "r", "--port", "8000", "--no-browser", "--beside", "a"])
    assert (options.port, options.browser, options.beside, options.search) == (8000, False, ["a"], True)
    options = _parser().parse_args(["explore", "v.mp4", "--serve"])
    assert options.serve
    assert options.browser
    assert _parser().parse_args(["corrections", "v", "--run", "r", "--divide-rest", "1"]).divide_rest == 1
    with pytest.raises(SystemExit):
        _parser().parse_args(["serve", "--port", "70000"])
    assert "65,535" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["serve"], ["corrections", "v"]])
def test_a_run_that_is_not_there_is_told(command, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*command, "--run", "nobody"]) == 2
    said = capsys.readouterr().err
    assert f"value 'nobody': there is no such run. {tmp_path}/outputs has no run (was it made from another" in said
    for name in ("nobodies", "b"):
        (tmp_path / "outputs" / name).mkdir(parents=True)
        (tmp_path / "outputs" / name / "run.json").touch()
    assert main([*command, "--run", "nobody"]) == 2
    assert "outputs has b, nobodies (did you mean nobodies?). A new one needs --profile" in capsys.readouterr().err
    (tmp_path / "outputs" / "nobody").mkdir()
    assert main([*command, "--run", "nobody"]) == 2
    assert "the run keeps no profile" in capsys.readouterr().err
