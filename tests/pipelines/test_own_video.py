"""From a video file to a page: which threads are shown is chosen by what there is, and said."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.config import Profile, load_profile
from hiero_lib.data.paths import DataPaths
from hiero_lib.methods.method import HIERO, UNTRAINED
from hiero_lib.pipelines.own_video import explore, level_rows, turns_row, why_not, write_report
from hiero_lib.pipelines.video_folder import folder_of
from hiero_lib.sources.extraction.demo import Demo, make_demo
from hiero_lib.sources.extraction.extractors.base import NetworkExtractor
from hiero_lib.sources.extraction.names import printable
from tests.helpers.shared import SHARED
from tests.sources.extraction.conftest import brightness_extractor

FOOTAGE = SHARED / "footage"
CPU = torch.device("cpu")
TINY = {
    "features.folder": "brightness",
    "features.dim": 12,
    "model.input_size": 12,
    "model.hidden_size": 16,
    "model.n_layers": 1,
    "model.pos_hidden_channels": 4,
    "alignment.dim": 16,
    "training.epochs": 3,
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return make_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile("own_video", TINY)


@pytest.fixture(scope="module")
def extractor() -> NetworkExtractor:
    return brightness_extractor()


@pytest.fixture(scope="module")
def trained(demo: Demo, profile: Profile, extractor: NetworkExtractor, tmp_path_factory: pytest.TempPathFactory):
    """The demo explored with its narrations, and what was said."""
    said: list[str] = []
    folder = tmp_path_factory.mktemp("trained")
    found = explore(
        demo.video,
        folder,
        profile=profile,
        extractor=extractor,
        device=CPU,
        narrations=demo.narrations,
        say=said.append,
    )
    return found, said


def test_with_narrations_a_model_is_trained_on_the_video(trained, profile: Profile) -> None:
    found, said = trained
    assert found.method.name == HIERO
    assert found.how == "threads of a small model trained on this video alone, on its 24 narrations"
    assert said == ["training a small model on this video's 24 narrations", found.how]
    narrations = found.collection.narrations("demo")
    assert (len(narrations), narrations.texts[0]) == (24, "#C C kneads the dough")
    page, chapters, about = write_report(found, num_threads=3, formats=["html", "csv"])
    assert "kneads the dough" in page.read_text("utf-8")
    assert "trained on this video alone" in page.read_text("utf-8")
    assert chapters.read_text("utf-8").count("\n") > 3
    assert json.loads(about.read_text())["how"] == found.how
    assert (found.folder / "data/raw/videos/demo.mp4").exists()


def test_started_again_it_goes_on_and_other_narrations_train_another_model(
    trained, demo: Demo, profile: Profile, extractor: NetworkExtractor, tmp_path: Path
) -> None:
    found, _ = trained
    models = sorted((found.folder / "train").iterdir())
    features = found.folder / "data/raw/features/brightness/demo.pt"
    before = features.stat().st_mtime_ns
    arguments = {"profile": profile, "extractor": extractor, "device": CPU, "say": lambda line: None}
    explore(demo.video, found.folder, narrations=demo.narrations, **arguments)
    assert sorted((found.folder / "train").iterdir()) == models
    assert features.stat().st_mtime_ns == before
    (tmp_path / "other.csv").write_text("time,text\n" + "".join(f"{k},puts away {k}\n" for k in range(1, 30, 2)))
    explore(demo.video, found.folder, narrations=tmp_path / "other.csv", **arguments)
    assert len(sorted((found.folder / "train").iterdir())) == len(models) + 1


def test_a_second_call_without_narrations_takes_those_of_before(
    trained, demo: Demo, profile: Profile, extractor: NetworkExtractor, tmp_path: Path
) -> None:
    shutil.copytree(trained[0].folder, tmp_path / "copy", symlinks=True)
    said: list[str] = []
    arguments = {"profile": profile, "extractor": extractor, "device": CPU, "say": said.append}
    explore(demo.video, tmp_path / "copy", narrations=demo.narrations, **arguments)
    models = sorted((tmp_path / "copy/train").iterdir())
    found = explore(demo.video, tmp_path / "copy", **arguments)
    assert found.method.name == HIERO
    assert sorted((tmp_path / "copy/train").iterdir()) == models
    assert any(line.startswith("with the 24 narrations that were given before (remove ") for line in said)
    DataPaths.at(tmp_path / "copy/data").egoclip.unlink()
    assert explore(demo.video, tmp_path / "copy", **arguments).method.name == UNTRAINED


def test_without_narrations_the_raw_features_are_shown(
    demo: Demo, profile: Profile, extractor: NetworkExtractor, tmp_path: Path
) -> None:
    arguments = {"profile": profile, "extractor": extractor, "device": CPU, "say": lambda line: None}
    found = explore(demo.video, tmp_path, **arguments)
    assert found.method.name == UNTRAINED
    assert found.how == "threads of the raw features (brightness), nothing was trained (without narrations)"
    page, _ = write_report(found)
    assert page.stat().st_size > 100_000
    (tmp_path / "few.csv").write_text("time,text\n1,one\n2,two\n")
    few = explore(demo.video, tmp_path, narrations=tmp_path / "few.csv", **arguments)
    assert few.how.endswith("nothing was trained (2 narrations are too few to train on, 8 are needed)")
    assert few.method.name == UNTRAINED
    write_report(few)


def test_a_checkpoint_is_used_only_on_features_it_was_trained_on(
    trained, demo: Demo, profile: Profile, extractor: NetworkExtractor, tmp_path: Path, golden: Path
) -> None:
    checkpoint = next((trained[0].folder / "train").glob("*/checkpoints/*"))
    assert why_not(checkpoint, profile.features, extractor) == ""
    arguments = {"profile": profile, "extractor": extractor, "device": CPU, "say": lambda line: None}
    found = explore(demo.video, tmp_path / "a", checkpoint=checkpoint, **arguments)
    assert found.method.name == HIERO
    assert found.how == f"threads of the checkpoint {checkpoint}, which was trained on such features"

    other = load_profile("own_video", TINY | {"features.folder": "other"})
    assert "was trained on brightness (12 channels), not on other (12)" in why_not(
        checkpoint, other.features, extractor
    )
    other = load_profile("own_video", TINY | {"features.stride_frames": 8})
    assert "was trained with stride, window and fps (16, 16, 30.0)" in why_not(checkpoint, other.features, extractor)
    authors = golden / "authors_checkpoint.pth"
    found = explore(demo.video, tmp_path / "b", checkpoint=authors, **arguments)
    assert found.method.name == UNTRAINED
    assert found.how.startswith(f"{authors} takes features of ")
    assert found.how.endswith("nothing was trained (without narrations)")


def test_rows_of_a_timeline_take_the_colours_of_the_truth(trained, demo: Demo) -> None:
    found, _ = trained
    truth = turns_row(demo)
    assert [(span.start_s, span.label) for span in truth.spans][:4] == [(0.0, 0), (6.0, 1), (11.0, 0), (16.0, 2)]
    for method, name in ((found.method, "trained"), (found.untrained, "raw")):
        rows = level_rows(found, method, name=name, num_threads=[3, 3, 3], truth=truth)
        assert [row.name for row in rows] == [f"{name}, level {level}" for level in (2, 1, 0)]
        assert all(row.names == {0: "dough", 1: "stove", 2: "sink"} for row in rows)
        # of 40 s the coarsest level has 19 nodes, two or three a turn: the shortest activity may go under
        assert all(len({span.label for span in row.spans} & {0, 1, 2}) >= 2 for row in rows)
    named = level_rows(found, found.method, name="trained", num_threads=3)
    assert set(named[0].names.values()) <= set(found.collection.narrations("demo").texts) | {
        text.removeprefix("#C C ") for text in found.collection.narrations("demo").texts
    }


def test_an_extractor_that_does_not_fit_the_profile(demo: Demo, extractor: NetworkExtractor, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="have 256 channels, brightness gives 12"):
        explore(demo.video, tmp_path, profile=load_profile("egovlp"), extractor=extractor, device=CPU)


def test_missing_text_weights_are_looked_for_where_the_profile_has_its_data(
    demo: Demo, extractor: NetworkExtractor, tmp_path: Path
) -> None:
    settings = TINY | {"data_root": str(tmp_path / "ego4d"), "text.weights": "pretrained/text.pth"}
    profile = load_profile("own_video", settings)
    with pytest.raises(DataError) as error:
        explore(
            demo.video,
            tmp_path / "mine",
            profile=profile,
            extractor=extractor,
            device=CPU,
            narrations=demo.narrations,
        )
    assert error.value.file == (tmp_path / "ego4d/pretrained/text.pth").resolve()


CASES = Path(__file__).parents[1] / "cases"


def test_two_cameras_files_of_one_name(profile: Profile, extractor: NetworkExtractor, tmp_path: Path) -> None:
    """The second is never given the first one's features, link or page."""
    arguments = {"profile": profile, "extractor": extractor, "device": CPU, "say": lambda line: None}
    found = {}
    for letter in "AB":
        (tmp_path / letter).mkdir()
        video = tmp_path / letter / "GX010001.mp4"
        shutil.copy(CASES / f"videos/cam{letter}_GX010001.mp4", video)
        found[letter] = explore(video, folder_of(tmp_path / "out", video, say=lambda line: None), **arguments)
        assert (found[letter].folder / "data/raw/videos/GX010001.mp4").resolve() == video
        write_report(found[letter])
    ends = {
        letter: torch.load(one.folder / "data/raw/features/brightness/GX010001.pt") for letter, one in found.items()
    }
    assert {letter: len(x) for letter, x in ends.items()} == {"A": 11, "B": 24}
    with pytest.raises(DataError, match="holds another video"):
        explore(tmp_path / "B/GX010001.mp4", found["A"].folder, **arguments)


def test_narrations_after_the_real_end_are_told_first(
    profile: Profile, extractor: NetworkExtractor, tmp_path: Path
) -> None:
    said: list[str] = []
    arguments = {"profile": profile, "extractor": extractor, "device": CPU, "say": said.append}
    narrations = CASES / "narrations/half_out.csv"

    def computing(done: int, expected: int | None) -> None:
        if said[-1] != "computing":
            said.append("computing")

    explore(CASES / "videos/plain.mp4", tmp_path / "a", narrations=narrations, progress=computing, **arguments)
    assert said[:2] == ["half_out.csv: 7 of 10 lie after the end (6 s) and are left out", "computing"]
    assert said[2].endswith("(3 narrations are too few to train on, 8 are needed)")
    said.clear()
    found = explore(CASES / "videos/cut_tail.mkv", tmp_path / "b", narrations=narrations, **arguments)
    assert "lie after the end (3.92 s)" in said[0]  # not the header's 6 s
    assert f"({len(found.collection.narrations('cut_tail'))} narrations" in said[-1]
    assert "cut_tail.mkv: the picture ends at 3.92 s, the file says 6 s" in said


def test_a_name_that_is_no_uid_is_explored_under_another(
    profile: Profile, extractor: NetworkExtractor, tmp_path: Path
) -> None:
    said: list[str] = []
    for name in (b"a\\b:c.mp4", b"caf\xe9.mp4", b"x" * 250 + b".mp4", b"NA.mp4", b"my video #1.mp4"):
        video = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        shutil.copy(CASES / "videos/plain.mp4", video)
        arguments = {"profile": profile, "extractor": extractor, "device": CPU, "say": said.append}
        found = explore(video, folder_of(tmp_path / "out", video), **arguments)
        page, about = write_report(found)
        assert page.is_file()
        assert json.loads(about.read_text())["video"]["name"] == printable(video.name)
    assert "a\\b:c: a name with a slash or backslash; its uid is a-5Cb-3Ac" in said


def test_a_checkpoint_that_is_not_there_is_told_before_the_work(
    demo: Demo, profile: Profile, extractor: NetworkExtractor, tmp_path: Path
) -> None:
    arguments = {"profile": profile, "extractor": extractor, "device": CPU}
    with pytest.raises(DataError):
        explore(demo.video, tmp_path / "x", checkpoint=tmp_path / "none", **arguments)
    assert not (tmp_path / "x").exists()
