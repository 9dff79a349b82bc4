"""The README's data set of one's own: its YAML and its folders, word for word, through its commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from hiero_lib.__main__ import main
from hiero_lib.config import load_profile
from tests.helpers.tiny import NOUNS, VERBS

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def example() -> tuple[str, list[list[str]]]:
    """The YAML and the commands of the section."""
    section = README.partition("<!-- example: own data -->")[2].partition("\n## ")[0]
    yaml = re.search(r"```yaml\n(.*?)```", section, re.DOTALL)
    commands = re.findall(r"python -m hiero_lib ([^#\n]*)", section)
    assert yaml is not None
    return yaml[1], [re.findall(r'"[^"]+"|\S+', command) for command in commands]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six videos as the README lays them out; ``mine.yaml`` in the working directory."""
    root = tmp_path / "mine"
    yaml, _ = example()
    assert "/datasets/mine" in yaml
    (tmp_path / "mine.yaml").write_text(yaml.replace("/datasets/mine", str(root)))
    features = load_profile(tmp_path / "mine.yaml").features
    folder = root / "raw/features" / features.folder
    folder.mkdir(parents=True)
    (root / "raw/annotations").mkdir()
    generator = torch.Generator().manual_seed(0)
    rows = ["video_uid\tvideo_dur\tnarration_time\tclip_text"]
    for number in range(6):
        x = torch.randn(50, features.dim, generator=generator)
        duration_s = 50 * features.stride_s
        if number % 2:
            torch.save(x.half(), folder / f"kitchen_{number}.pt")
        else:
            save_file({"features": x.half()}, str(folder / f"kitchen_{number}.safetensors"))
        for step in range(8):
            text = f"{VERBS[(number + step) % 6]} the {NOUNS[step % 4]}"
            rows.append(f"kitchen_{number}\t{duration_s:.2f}\t{duration_s * (step + 0.5) / 8:.2f}\t{text}")
    (root / "raw/annotations/egoclip.csv").write_text("\n".join(rows) + "\n")
    monkeypatch.chdir(tmp_path)
    return root


def test_the_readmes_commands_run_on_the_readmes_example(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, commands = example()
    small = {"model.hidden_size": 16, "model.pos_hidden_channels": 4, "alignment.dim": 16, "training.batch_size": 2}
    small |= {"training.epochs": 1, "training.warmup_epochs": 0, "training.workers": 0}
    settings = [word for name, value in small.items() for word in ("--set", f"{name}={value}")]
    assert [command[0] for command in commands] == ["doctor", "train", "search"]
    said = []
    for command in commands:
        last = re.search(r"^last: (.*)", said[-1], re.MULTILINE) if said else None
        words = [last[1] if word == "LAST" and last else word.strip('"') for word in command]
        assert main([*words, *settings]) == 0, words
        said.append(capsys.readouterr().out)
    doctor, train, search = said
    assert "6 videos of 1.1 to 1.1 min" in doctor
    assert "lengths agree" in doctor
    assert "nothing was validated (there is no" in train
    assert "kitchen_" in search


def test_a_wrong_stride_is_suspected(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "train", "--profile", "mine.yaml", "--set", "features.stride_frames=16"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "6 lengths differ" in said
    assert "typically 0.50 times as long: is the stride or fps of the profile right?" in said
