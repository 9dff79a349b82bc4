"""The doctor on a sample, on an empty folder, and on a folder with each kind of breakage."""

from __future__ import annotations

import json
import re
import shlex
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from hiero_lib.__main__ import _parser
from hiero_lib.base.errors import ConfigError
from hiero_lib.benchmarks import BENCHMARKS
from hiero_lib.config import Profile, load_profile
from hiero_lib.doctor.examine import NEEDS, Ability, Diagnosis, examine, report
from hiero_lib.sources.download.manifest import load_manifest
from hiero_lib.sources.sample import make_sample
from tests.helpers.tiny import add_egoprocel, add_goalstep, make_tiny, make_tiny_nlq

DIM = 12


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    root = tmp_path_factory.mktemp("sample")
    make_sample(root, num_videos=10, minutes=(3.0, 4.0))
    return load_profile("sample", {"data_root": str(root)})


def can(diagnosis: Diagnosis) -> dict[str, bool]:
    return {ability.name: ability.can_run for ability in diagnosis.abilities}


def test_the_doctor_knows_the_commands_by_their_names() -> None:
    assert NEEDS.keys() - {"train", "explorer"} == BENCHMARKS.keys() - {"thread_recovery"}


def test_on_the_sample_everything_can_run(sample: Profile) -> None:
    diagnosis = examine(sample)
    assert can(diagnosis) == dict.fromkeys(NEEDS, True)
    assert diagnosis.healthy
    assert {row.status for row in diagnosis.rows} == {"found"}
    said = report(diagnosis)
    for expected in ("10 of float16", "all finite (10 of 10 files read)", "lengths agree to 2 s or 1 %", "groups"):
        assert expected in said
    assert "CANNOT" not in said
    assert set(diagnosis.segments) == {"all", "egomcq", "egoprocel"}
    assert max(len(line) for line in said.splitlines()) < 140
    assert max(len(line) for line in report(diagnosis, width=76).splitlines()) < 100


def test_in_an_empty_folder_nothing_can(tmp_path: Path) -> None:
    root = tmp_path / "none"
    diagnosis = examine(load_profile("egovlp", {"data_root": str(root)}))
    assert can(diagnosis) == dict.fromkeys(NEEDS, False)
    said = report(diagnosis)
    assert "CANNOT RUN: lacks segment features" in said
    for item in ("features-egovlp", "egoclip", "text-egovlp", "nlq", "goalstep-val", "egoprocel"):
        assert f"\n      python -m hiero_lib download {item} --profile egovlp --set data_root={root}\n" in said
    assert not (tmp_path / "none").exists()


def test_one_command_fetches_all_that_is_absent(tmp_path: Path) -> None:
    settings = {"data_root": str(tmp_path)}
    profile = load_profile("egovlp", settings)
    said = report(examine(profile)).splitlines()
    (line,) = [line for line in said if line.startswith("fetch all of it: ")]
    words = shlex.split(line.partition("python ")[2])
    options = _parser().parse_args(words[2:])
    known = load_manifest()
    assert len(options.what) == len(set(options.what)) > 5
    for name in options.what:
        assert any(item.startswith(name) for item in known.items), name
        assert any(f" download {name} " in of_one for of_one in said if of_one != line)
    assert (options.profile, options.settings) == ("egovlp", [f"data_root={tmp_path}"])
    assert not [line for line in report(examine(profile, ["egoprocel"])).splitlines() if "all of it" in line][1:]


def test_a_sample_that_is_not_there_is_made_by_a_command(tmp_path: Path) -> None:
    said = report(examine(load_profile("sample", {"data_root": str(tmp_path / "no sample")}), ["train"]))
    assert said.count(f"Make it:\n      python -m hiero_lib sample --root '{tmp_path / 'no sample'}'\n") == 1


class Evil:
    """A pickle that would run something."""

    def __reduce__(self):
        return (print, ("executed",))


def features(root: Path) -> Path:
    return root / "raw/features/tiny"


def rewrite(name: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    def apply(root: Path) -> None:
        path = root / "raw/annotations" / name
        path.write_text(change(path.read_text()))

    return apply


def with_durations(seconds: float) -> Callable[[str], str]:
    def change(text: str) -> str:
        lines = text.splitlines()
        return "\n".join([f"{lines[0]}\tvideo_dur", *(f"{line}\t{seconds}" for line in lines[1:])])

    return change


def with_times(factor: float) -> Callable[[str], str]:
    def change(text: str) -> str:
        header, *lines = text.splitlines()
        at = header.split("\t").index("narration_time")
        rows = [line.split("\t") for line in lines]
        changed = ["\t".join([*row[:at], str(factor * float(row[at])), *row[at + 1 :]]) for row in rows]
        return "\n".join([header, *changed]) + "\n"

    return change


def accented(root: Path) -> None:
    """The narrations' names composed, the files' decomposed, as an old macOS writes them."""
    rewrite("egoclip.csv", lambda text: text.replace("\nv", "\né"))(root)
    for path in list(features(root).iterdir()):
        path.rename(path.with_name(unicodedata.normalize("NFD", path.name.replace("v", "é"))))


def put_nan(root: Path) -> None:
    x = torch.load(features(root) / "v4.pt")
    x[7, 3] = float("nan")
    torch.save(x, features(root) / "v4.pt")


def truncate(root: Path) -> None:
    path = features(root) / "v3.pt"
    path.write_bytes(path.read_bytes()[:-300])


def both_formats(root: Path) -> None:
    save_file({"x": torch.zeros(60, DIM)}, str(features(root) / "v2.safetensors"))


def broken_safetensors(root: Path) -> None:
    (features(root) / "v2.pt").unlink()
    (features(root) / "v2.safetensors").write_bytes(b"\x08\x00\x00")


def many_truncated(root: Path) -> None:
    for number in range(25):
        (features(root) / f"x{number:02}.pt").write_bytes(b"PK\x03\x04")


def as_(x: object) -> Callable[[Path], None]:
    return lambda root: torch.save(x, features(root) / "v1.pt")


BOTH = {"train", "egomcq"}
# breakage: (what is done, row it shows in, its status, what it says, who cannot run)
BREAKAGES: dict[str, tuple[Callable[[Path], object], str, str, str, set[str]]] = {
    "truncated file": (truncate, "segment features", "missing or unusable", "1 of 9 files.*v3.pt", BOTH),
    "many broken files": (
        many_truncated, "segment features", "missing or unusable", "25 of 34.*; and 15 more", BOTH
    ),
    "empty file": (
        lambda root: (features(root) / "v0.pt").write_bytes(b""),
        "segment features", "missing or unusable", "v0.pt.*the file is empty", BOTH,
    ),
    "another dimension": (
        as_(torch.zeros(60, 13)), "segment features", "missing or unusable", "v1.pt.*'dim', value 13", BOTH
    ),
    "another dtype": (
        as_(torch.zeros(60, DIM, dtype=torch.float64)),
        "segment features", "missing or unusable", "must be float16 or float32", BOTH,
    ),
    "mixed dtypes": (as_(torch.zeros(60, DIM)), "segment features", "doubtful", "8 of float16, 1 of float32", set()),
    "not a matrix": (
        as_(torch.zeros(60, DIM, 2)), "segment features", "missing or unusable", "matrix", BOTH
    ),
    "code in a pickle": (
        as_(Evil()),
        "segment features", "missing or unusable", "v1.pt.*refused", BOTH,
    ),
    "two formats of one video": (
        both_formats, "segment features", "missing or unusable", "two feature files for one video", BOTH
    ),
    "broken safetensors": (
        broken_safetensors, "segment features", "missing or unusable", "v2.safetensors", BOTH
    ),
    "NaN": (
        put_nan, "values of the features", "missing or unusable",
        r"1 files have values .*\(9 of 9 files read\).*v4.pt.*row 7, channel 3", {"train", "egomcq", "explorer"},
    ),
    "no feature file": (
        lambda root: [path.unlink() for path in features(root).iterdir()],
        "segment features", "missing or unusable", "holds no feature file", {"train", "egomcq", "explorer"},
    ),
    "lengths that do not fit": (
        rewrite("egoclip.csv", with_durations(64.0)),
        "features against video_dur", "doubtful", r"9 lengths differ: v0 \(32 s for 64 s\).*0.50 times", set(),
    ),
    "lengths that fit": (
        rewrite("egoclip.csv", with_durations(33.5)),
        "features against video_dur", "found", "9 of 9 videos, 0.1 of 0.1 h have features; lengths agree", set(),
    ),
    "a column gone": (
        rewrite("egoclip.csv", lambda text: text.replace("narration_time", "time")),
        "EgoClip narrations", "missing or unusable", "narration_time.*a column is missing", {"train"},
    ),
    "a csv without rows": (
        rewrite("egoclip.csv", lambda text: text.splitlines()[0] + "\n"),
        "EgoClip narrations", "missing or unusable", "no row is readable", {"train"},
    ),
    "narrations of other videos": (
        rewrite("egoclip.csv", lambda text: text.replace("\nv", "\nw")),
        "EgoClip narrations", "missing or unusable",
        "not one of the 9 narrated videos has features: narrated is for example 'w0', with features 'v0'", {"train"},
    ),
    "narrations in milliseconds": (
        rewrite("egoclip.csv", with_times(1000.0)),
        "EgoClip narrations", "missing or unusable", "lie beyond their video's.*times in milliseconds", {"train"},
    ),
    "names with accents written otherwise": (
        accented, "EgoClip narrations", "missing or unusable", "9 videos differ .*NFC against NFD, for example 'é0'",
        BOTH,
    ),
    "features of another stride": (
        rewrite("egoclip.csv", with_times(2.0)),
        "EgoClip narrations", "doubtful", "narrations lie beyond.*the last one at 1.[0-9] times its length", set(),
    ),
    "truncated JSON": (
        rewrite("egomcq.json", lambda text: text[:-50]),
        "EgoMCQ questions", "missing or unusable", "not readable as JSON.*fetch it again", {"egomcq"},
    ),
    "questions of other videos": (
        rewrite("egomcq.json", lambda text: text.replace('": "v', '": "w')),
        "EgoMCQ questions", "missing or unusable", "not one question has features", {"egomcq"},
    ),
    "questions of other lengths": (
        rewrite("egomcq.json", lambda text: text.replace('7.0, "clip_end": 9', '97.0, "clip_end": 99', 1)),
        "EgoMCQ questions", "found", "ask beyond the end of a video", set(),
    ),
    "no EgoClip": (
        lambda root: (root / "raw/annotations/egoclip.csv").unlink(),
        "EgoClip narrations", "missing or unusable", "there is no such file", {"train"},
    ),
    "NLQ of no video here": (
        lambda root: (root / "raw/annotations/nlq_val.json").write_text(NLQ.replace("v1", "w1")),
        "EgoNLQ questions, validation", "missing or unusable", "not one clip has features", set(),
    ),
    "NLQ beyond the features": (
        lambda root: (root / "raw/annotations/nlq_val.json").write_text(NLQ),
        "EgoNLQ questions, validation", "found", "1 of 1 clips .* have features, 1 end more than 2 s after", set(),
    ),
    "groups without their column": (
        lambda root: write(root / "raw/annotations/goalstep/goalstep_video_groups.tsv", "university\tgroup\n"),
        "Goal-Step groups of videos", "missing or unusable", "the column is missing", set(),
    ),
    "EgoProceL without features": (
        lambda root: write(root / "raw/annotations/egoprocel/MECCANO/v0.csv", "0,1,1 a\n"),
        "EgoProceL", "missing or unusable", "no such folder of features", set(),
    ),
}  # fmt: skip

NLQ = json.dumps(
    {
        "videos": [
            {
                "video_uid": "v1",
                "clips": [
                    {
                        "clip_uid": "c", "video_start_sec": 0.0, "video_end_sec": 90.0,
                        "annotations": [
                            {
                                "annotation_uid": "a",
                                "language_queries": [{"query": "q", "clip_start_sec": 1, "clip_end_sec": 2}],
                            }
                        ],
                    }
                ],
            }
        ]
    }
)  # fmt: skip
UNTOUCHED = {"train", "egomcq", "explorer"}  # what the tiny data set can do


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_each_breakage_is_found_and_named(breakage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    harm, what, status, says, unable = BREAKAGES[breakage]
    profile = load_profile(make_tiny(tmp_path / "d", dim=DIM, is_sample=False, features__text_projection=None))
    harm(tmp_path / "d")
    diagnosis = examine(profile)
    row = next(row for row in diagnosis.rows if row.what == what)
    assert row.status == status, row
    assert re.search(says, row.details, re.DOTALL), row.details
    if what == "segment features" and status == "missing or unusable":
        unable = UNTOUCHED
    assert {name for name, able in can(diagnosis).items() if able} == UNTOUCHED - unable
    assert "executed" not in capsys.readouterr().out


def test_only_what_is_asked_for_decides(tmp_path: Path) -> None:
    profile = load_profile(make_tiny(tmp_path, dim=DIM, features__text_projection=None))
    assert examine(profile, ["train", "egomcq"]).healthy
    assert not examine(profile, ["train", "egonlq"]).healthy
    assert [row.what for row in examine(profile, ["egoprocel"]).rows if "EgoClip" in row.what] == []
    with pytest.raises(ConfigError, match="there is no such benchmark"):
        examine(profile, ["egomcp"])


def test_methods_that_a_benchmark_can_run_with(tmp_path: Path) -> None:
    profile = load_profile(make_tiny(tmp_path, dim=DIM))
    (tmp_path / "pretrained").mkdir()
    (tmp_path / "pretrained/hiero_egovlp.pth").touch()

    def methods() -> tuple[str, ...]:
        (ability,) = examine(profile, ["egomcq"]).abilities
        assert isinstance(ability, Ability)
        return ability.methods

    assert methods() == ()  # every command opens the untrained features first
    (tmp_path / str(profile.features.text_projection)).touch()
    assert methods() == ("untrained features", "models trained by notebook 01", "hiero_egovlp.pth")
    profile = load_profile(tmp_path / "tiny.yaml", {"features.text_projection": None})
    assert methods() == ("models trained by notebook 01", "hiero_egovlp.pth")


@pytest.mark.parametrize(
    ("file", "lacking", "unable"),
    [
        ("pretrained/projection.pth", "text projection (untrained baseline)", set(NEEDS) - {"train"}),
        ("pretrained/text.pth", "weights of the text encoder", set(NEEDS) - {"egoprocel"}),
        ("raw/annotations/egoclip.csv", "EgoClip narrations", {"train"}),
        ("raw/annotations/egomcq.json", "EgoMCQ questions", {"egomcq"}),
        ("raw/annotations/nlq_train.json", "EgoNLQ questions, training", {"egonlq"}),
        ("raw/annotations/nlq_val.json", "EgoNLQ questions, validation", {"egonlq"}),
        ("raw/annotations/goalstep/val.json", "Goal-Step queries", {"goalstep"}),
        ("raw/annotations/goalstep/goalstep_val.json", "Goal-Step steps, validation", {"step_localization"}),
        ("raw/annotations/egoprocel/videos.csv", "EgoProceL", {"egoprocel"}),
    ],
)
def test_a_file_that_is_needed_stops_exactly_what_needs_it(
    file: str, lacking: str, unable: set[str], tmp_path: Path
) -> None:
    weights = {"features.text_projection": "pretrained/projection.pth", "text.weights": "pretrained/text.pth"}
    profile = load_profile(make_tiny(tmp_path, dim=DIM), weights)
    make_tiny_nlq(tmp_path)
    add_egoprocel(tmp_path, dim=DIM)
    add_goalstep(tmp_path)
    (tmp_path / "pretrained").mkdir()
    for path in weights.values():
        (tmp_path / path).touch()
    assert all(can(examine(profile)).values())
    (tmp_path / file).unlink()
    lacks = {ability.name: ability.lacks for ability in examine(profile).abilities if not ability.can_run}
    assert lacks == dict.fromkeys(unable, (lacking,))
