"""The data of a training: the same wherever they lie, others where anything that decides is another."""

import os
import shutil
from pathlib import Path

import torch

from hiero_lib.data.data_identity import SAMPLED, training_data_identity


def identity(root: Path) -> str:
    return training_data_identity(root / "egoclip.csv", root / "features")


def test_a_copy_is_the_same_and_a_change_is_another(tmp_path: Path) -> None:
    root = tmp_path / "a"
    (root / "features").mkdir(parents=True)
    (root / "egoclip.csv").write_text("video_uid\tnarration_time\tclip_text\nv\t1\t#C C cuts\n")
    for number in range(2 * SAMPLED):
        torch.save(torch.full((9, 4), float(number)), root / f"features/v{number:02}.pt")
    first = identity(root)
    copy = shutil.copytree(root, tmp_path / "b")
    os.utime(copy / "egoclip.csv", (1, 1))
    (copy / "features/notes.txt").write_text("no features")
    assert identity(copy) == first

    def other_text() -> None:
        (copy / "egoclip.csv").write_text("video_uid\tnarration_time\tclip_text\nv\t1\t#C C puts\n")

    def other_features() -> None:
        torch.save(torch.full((9, 4), 99.0), copy / "features/v00.pt")

    def one_video_less() -> None:
        (copy / "features/v07.pt").unlink()

    def another_name() -> None:
        (copy / "features/v08.pt").rename(copy / "features/w08.pt")

    found = {first}
    for change in (other_text, other_features, one_video_less, another_name):
        change()
        found.add(identity(copy))
    assert len(found) == 5


def test_what_is_missing_is_nothing(tmp_path: Path) -> None:
    assert identity(tmp_path) == identity(tmp_path / "nowhere")
