"""The index on disk, and recall, on a tiny run with random weights: what is searched is what is there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hiero_lib.__main__ import main
from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.benchmarks.egomcq.data import Question, Window
from hiero_lib.config import Profile, load_profile
from hiero_lib.data.egoclip import open_egoclip
from hiero_lib.data.paths import DataPaths
from hiero_lib.hierarchy.collection import Collection, as_narration, named_hierarchy, open_collection, phrases_of
from hiero_lib.methods.method import HIERO, UNTRAINED, Method
from hiero_lib.methods.opening import open_methods
from hiero_lib.pipelines import finished_run
from hiero_lib.results.record import record
from hiero_lib.search.build import index_folder, open_index, runs_to_search, update_index
from hiero_lib.search.recall import moments_of, recall, recall_rows
from tests.helpers.tiny import make_checkpoint, make_tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def profile_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("search") / "data", videos=4, features__text_projection=None)


@pytest.fixture(scope="module")
def profile(profile_file: Path) -> Profile:
    return load_profile(profile_file)


@pytest.fixture(scope="module")
def collection(profile: Profile) -> Collection:
    return open_collection(profile, device=CPU)


@pytest.fixture(scope="module")
def checkpoint(profile: Profile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("models") / "hiero", profile, "hiero")


@pytest.fixture(scope="module")
def methods(profile: Profile, checkpoint: Path) -> dict[str, Method]:
    return open_methods(profile, checkpoints={"hiero": checkpoint}, device=CPU)


def test_narrations_are_indexed_where_training_looks_for_them(collection: Collection, profile: Profile) -> None:
    assert collection.told is not None
    assert collection.told.folder.parent == DataPaths.at(profile.data_root).processed / "egoclip"


def test_the_index_holds_the_runs_of_every_level_and_is_made_once(
    collection: Collection, methods: dict[str, Method], tmp_path: Path
) -> None:
    said: list[str] = []
    index = open_index(tmp_path, collection, methods[HIERO], say=said.append)
    assert len(said) == 4
    hierarchy = runs_to_search(collection, methods[HIERO], "v2", vocabulary=None)
    expected = [
        (found.level, run.start_s, run.end_s, run.label, found.names.get(run.label, ""))
        for found in hierarchy.levels
        for run in found.runs
    ]
    runs = index.runs
    rows = np.flatnonzero(runs.video == runs.video_uids.index("v2"))
    columns = (runs.level, runs.start_s, runs.end_s, runs.thread, np.array(runs.labels))
    assert list(zip(*(column[rows].tolist() for column in columns))) == expected
    first = torch.nn.functional.normalize(hierarchy.levels[0].run_x, dim=1).numpy()
    np.testing.assert_allclose(runs.vectors[rows[: len(first)]], first, atol=1e-3)

    said.clear()
    again = open_index(tmp_path, collection, methods[HIERO], say=said.append)
    assert said == []
    np.testing.assert_array_equal(again.runs.vectors, runs.vectors)


def test_an_interrupted_build_goes_on_and_changed_features_are_indexed_again(
    collection: Collection, methods: dict[str, Method], tmp_path: Path
) -> None:
    folder = index_folder(tmp_path, methods[HIERO], collection)
    asked: list[str] = []

    def hierarchy_of(uid: str):
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(uid)
        return runs_to_search(collection, methods[HIERO], uid)

    with pytest.raises(KeyboardInterrupt):
        update_index(folder, collection.video_uids, store=collection.store, hierarchy_of=hierarchy_of)
    assert sorted(path.name for path in folder.iterdir()) == ["v0.safetensors", "v1.safetensors"]
    (folder / "v0.safetensors").write_bytes(b"half")
    asked.clear()
    report = update_index(
        folder,
        ["v0", "v1", "v2"],
        store=collection.store,
        hierarchy_of=lambda uid: asked.append(uid) or runs_to_search(collection, methods[HIERO], uid),
    )
    assert (report.made, report.found, asked) == (2, 1, ["v0", "v2"])

    path = collection.store.path("v1")
    torch.save(torch.load(path, weights_only=True)[:-9], path)  # shorter features
    said: list[str] = []
    open_index(tmp_path, collection, methods[HIERO], video_uids=["v0", "v1"], say=said.append)
    assert len(said) == 1
    assert "v1" in said[0]


def test_other_weights_have_an_index_of_their_own(
    collection: Collection, methods: dict[str, Method], tmp_path: Path
) -> None:
    import dataclasses

    other = dataclasses.replace(methods[HIERO], fingerprint="other")
    assert index_folder(tmp_path, other, collection) != index_folder(tmp_path, methods[HIERO], collection)
    assert index_folder(tmp_path, methods[HIERO], collection).name.startswith("hiero-")


def test_other_narrations_have_an_index_of_their_own(
    collection: Collection, methods: dict[str, Method], tmp_path: Path
) -> None:
    import dataclasses
    import shutil

    paths = DataPaths.at(tmp_path / "data")
    paths.annotations.mkdir(parents=True)
    shutil.copy(DataPaths.at(collection.profile.data_root).egoclip, paths.egoclip)
    with paths.egoclip.open("a") as stream:
        stream.write("\n")
    others = dataclasses.replace(collection, told=open_egoclip(paths))
    mute = dataclasses.replace(collection, told=None)
    folders = {index_folder(tmp_path, methods[HIERO], videos) for videos in (collection, others, mute)}
    assert len(folders) == 3


def test_what_cannot_be_searched_is_refused(
    collection: Collection, methods: dict[str, Method], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="without a text space"):
        open_index(tmp_path, collection, methods[UNTRAINED])
    with pytest.raises(DataError, match="no videos to search"):
        open_index(tmp_path, collection, methods[HIERO], video_uids=[])
    with pytest.raises(DataError, match=r"value '\.\./v0'.*There are v0, v1, v2 and 1 more"):
        named_hierarchy(collection, methods[HIERO], "../v0")


def test_names_come_from_narrations_or_else_a_vocabulary(collection: Collection, methods: dict[str, Method]) -> None:
    import dataclasses

    own = named_hierarchy(collection, methods[HIERO], "v0")
    told = {text.removeprefix("#C C ") for text in collection.narrations("v0")[1]}
    assert set(own.levels[0].names.values()) <= told
    mute = dataclasses.replace(collection, told=None)
    assert mute.narrations("v0") == ([], [])
    assert mute.vocabulary() == []
    assert named_hierarchy(mute, methods[HIERO], "v0").levels[0].names == {}
    vocabulary = phrases_of(methods[HIERO], ["#C C dances", "#C C sings", "#C C reads"])
    names = named_hierarchy(mute, methods[HIERO], "v0", vocabulary=vocabulary, num_threads=2).levels[0].names
    assert len(names) == 2
    assert set(names.values()) <= {"dances", "sings", "reads"}


def test_a_vocabulary_has_the_most_frequent_narrations_first(collection: Collection) -> None:
    vocabulary = collection.vocabulary()
    counts = [sum(collection.narrations(uid)[1].count(text) for uid in collection.video_uids) for text in vocabulary]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == 28


@pytest.mark.parametrize(
    ("text", "expected"), [("cut  the onion\n", "#C C cut the onion"), ("#O a man sits", "#O a man sits")]
)
def test_a_text_takes_the_form_of_a_narration(text: str, expected: str) -> None:
    assert as_narration(text) == expected


def test_moments_are_the_middles_of_the_right_clips(profile: Profile) -> None:
    windows = tuple(Window(f"v{k}", 10 * k, 5) for k in range(5))
    asked = [Question("0", "a", windows, 2, 1), Question("1", "a", windows, 3, 2), Question("2", "a", windows, 2, 1)]  # type: ignore[arg-type]
    assert moments_of(asked, profile.features) == {
        "a": [("v2", pytest.approx(22.5 * 16 / 30)), ("v3", pytest.approx(32.5 * 16 / 30))]
    }


def test_recall_counts_the_texts_whose_moment_lies_in_an_answer(
    collection: Collection, methods: dict[str, Method], tmp_path: Path
) -> None:
    index = open_index(tmp_path, collection, methods[HIERO])
    level0 = np.flatnonzero(index.runs.level == 0)
    row = int(level0[len(level0) // 2])
    inside = (index.runs.video_uids[index.runs.video[row]], float(index.runs.start_s[row]))
    vectors = {"here": index.runs.vectors[row], "nowhere": index.runs.vectors[row]}
    found = recall(
        index,
        {"here": [("elsewhere", 0.0), inside], "nowhere": [(inside[0], 1e6)]},
        embed_text=lambda texts: torch.from_numpy(np.stack([vectors[text] for text in texts])),
        count=1,
    )
    assert [level.level for level in found] == index.levels
    assert found[0].hits.tolist() == [True, False]
    assert found[0].by_chance == pytest.approx(0.5 / len(level0))  # one right run for one of the two texts
    twice = {"here": [inside, (inside[0], inside[1] + 1e-3), (index.runs.video_uids[0], -5.0)]}
    same = recall(index, twice, embed_text=lambda _: torch.from_numpy(index.runs.vectors[row : row + 1]), count=1)
    assert same[0].by_chance == pytest.approx(1 / len(level0))
    assert found[0].answer_s == pytest.approx(index.runs.end_s[row] - index.runs.start_s[row])
    rows = recall_rows({"HiERO": found}, count=1)
    assert (rows[0].metric, rows[0].result.value, rows[0].result.n) == ("recall at 1, level 0", 0.5, 2)  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="no text"):
        recall(index, {}, embed_text=methods[HIERO].embed_text)


def test_chance_is_that_of_drawing_runs() -> None:
    from hiero_lib.search.recall import _by_chance

    draws = np.random.default_rng(0)
    simulated = np.mean([np.isin(draws.permutation(20)[:5], [3, 7]).any() for _ in range(20_000)])
    assert _by_chance(2, 20, 5) == pytest.approx(simulated, abs=0.015)
    assert _by_chance(0, 20, 5) == 0
    assert _by_chance(1, 3, 5) == 1


def test_the_command_prints_a_table(
    profile_file: Path,
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    call = ["search", "--profile", str(profile_file), "--run", "r", "--checkpoint", str(checkpoint)]
    assert main([*call, "cut the onion", "--count", "3", "--level", "1"]) == 0
    said = capsys.readouterr()
    header, *answers, timing = said.out.splitlines()
    assert header.split() == ["score", "video", "from", "to", "level", "thread"]
    assert len(answers) == 3
    assert [line.split()[4] for line in answers] == ["1"] * 3
    scores = [float(line.split()[0]) for line in answers]
    assert scores == sorted(scores, reverse=True)
    assert timing.startswith("HiERO: ")
    assert "indexed 4 of 4" in said.err
    assert main([*call, "cut the onion", "--video", "v9"]) == 2
    assert "'v9' is not in the index" in capsys.readouterr().err
    assert main([*call]) == 2
    assert "give a text to search for" in capsys.readouterr().err


def test_without_a_trained_model_the_error_says_what_to_do(profile: Profile, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no trained models.*reproduce"):
        finished_run.search(profile, tmp_path, "x")
    with pytest.raises(DataError, match="without a text space"):
        finished_run.search(profile, tmp_path, "x", method="untrained")


def test_recall_of_a_run_is_recorded(
    profile: Profile,
    collection: Collection,
    methods: dict[str, Method],
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained = {"hiero": {"last_checkpoint": str(checkpoint)}}
    record(tmp_path, "training", [], profile=profile, seconds=0.0, extra=trained)
    table = finished_run.search_recall(profile, tmp_path)
    opened = {"collection": collection, "methods": methods}  # as the notebook has them: nothing is opened again
    monkeypatch.setattr(finished_run, "open_methods", None)
    monkeypatch.setattr(finished_run, "open_collection", None)
    again = finished_run.search_recall(profile, tmp_path, **opened)
    assert [line for line in again.splitlines() if "recall at" in line] == [
        line for line in table.splitlines() if "recall at" in line
    ]
    monkeypatch.undo()
    assert "recall at 5, level 2" in table
    assert "chance" in table
    with pytest.raises(ConfigError, match="levels"):
        finished_run.search(profile, tmp_path, "x", level=9)
