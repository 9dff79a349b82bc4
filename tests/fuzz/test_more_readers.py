"""The readers of annotations, profiles, manifests, results, truths, archives and models, on files changed by chance.

Each begins with a whole file; a value anywhere in its JSON or YAML is replaced, a name dropped or doubled, and bytes
are damaged.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import strategies as st

from hiero_lib.base.kept import read_kept, write_kept
from hiero_lib.benchmarks.egomcq.files import read_questions
from hiero_lib.benchmarks.egoprocel.files import (
    TASKS,
    read_frame_table,
    read_keysteps_json,
    read_label_csv,
    read_step_names,
)
from hiero_lib.benchmarks.grounding.files import read_grounding, read_video_groups
from hiero_lib.benchmarks.step_localization.files import read_goalstep
from hiero_lib.benchmarks.thread_recovery.files import LEVELS, VERSION, read_truth
from hiero_lib.config import load_profile
from hiero_lib.data.egoclip import EgoClipIndex
from hiero_lib.export.elan import write_eaf
from hiero_lib.export.readback import read_back
from hiero_lib.export.record import VideoRecord
from hiero_lib.export.text import write_csv
from hiero_lib.hierarchy.corrections import corrections_of, read_corrections, write_corrections
from hiero_lib.hierarchy.operations import Assign, Mark, Merge, Rename
from hiero_lib.models.authors_checkpoint import read_authors_checkpoint
from hiero_lib.models.checkpoints import read_card
from hiero_lib.results.record import load
from hiero_lib.sources.download.archives import unpack
from hiero_lib.sources.download.manifest import PACKAGED, load_manifest
from tests.fuzz.fuzzing import ODD, VALUES, damaged, fuzz
from tests.helpers.made_record import made_record
from tests.helpers.tiny import make_checkpoint, make_tiny

SECONDS_SHARE = 16  # of --fuzz-seconds that one of these readers gets


def paths_of(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where there are values in nested plain ones."""
    found = [at]
    if isinstance(value, dict):
        for key, item in value.items():
            found += paths_of(item, (*at, key))
    elif isinstance(value, list):
        for number, item in enumerate(value[:4]):
            found += paths_of(item, (*at, number))
    return found


@st.composite
def changed(draw: st.DrawFn, document: Any) -> Any:
    """The document with up to two values replaced, dropped or doubled; often as it was."""
    document = copy.deepcopy(document)
    for _ in range(draw(st.sampled_from([0, 1, 1, 2]))):
        path = draw(st.sampled_from(paths_of(document)))
        if not path:
            return draw(VALUES)
        node = document
        for key in path[:-1]:
            node = node[key]
        match draw(st.sampled_from(["value", "odd", "gone", "double"])):
            case "value":
                node[path[-1]] = draw(VALUES)
            case "odd":
                node[path[-1]] = draw(ODD)
            case "gone":
                del node[path[-1]]
            case _ if isinstance(node, list):
                node.append(copy.deepcopy(node[path[-1]]))
            case _:
                node[draw(ODD)] = node[path[-1]]
    return document


def json_of(document: Any) -> st.SearchStrategy[bytes]:
    return changed(document).map(lambda value: json.dumps(value).encode())


def yaml_of(document: Any) -> st.SearchStrategy[bytes]:
    return changed(document).map(lambda value: yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "replace"))


CHOICE = {"video_uid": "v", "clip_start": 1.0, "clip_end": 2.0, "clip_text": "#C C cuts"}
QUESTIONS = {
    "0": {"answer": 1, "types": 1, "query": {"clip_text": "#C C cuts"}, "choices": dict.fromkeys("01234", CHOICE)}
}
ASKED = {
    "version": "1",
    "videos": [
        {
            "video_uid": "v",
            "clips": [
                {
                    "clip_uid": "c",
                    "video_start_sec": 0.0,
                    "video_end_sec": 60.0,
                    "annotations": [
                        {
                            "annotation_uid": "a",
                            "language_queries": [{"query": "where?", "clip_start_sec": 1.0, "clip_end_sec": 2.0}],
                        }
                    ],
                }
            ],
        }
    ],
}
STEPS = {
    "videos": [
        {
            "video_uid": "v",
            "segments": [
                {
                    "start_time": 1.0,
                    "end_time": 5.0,
                    "step_category": "cut: cuts",
                    "step_description": "cuts",
                    "segments": [{"start_time": 1.0, "end_time": 2.0, "step_category": "cut"}],
                }
            ],
        }
    ]
}
KEYSTEPS = {
    "meccano": {
        "handles": ["a", "b"],
        "hdl_actions": [[1, 2], [2]],
        "hdl_start_times": [[0, 20], [5]],
        "hdl_end_times": [[20, 50], [9]],
    }
}
TRUTH = {
    "version": VERSION,
    "video_uid": "v",
    "split": "val",
    "scenario": "cooking",
    "duration_s": 9.0,
    "num_segments": 16,
    "stride_s": 16 / 30,
    "levels": {level: [{"start_s": 0.0, "end_s": 9.0, "id": 1, "text": "x"}] for level in LEVELS},
}
RESULTS = {"version": 1, "run": "r", "sections": {"egomcq": {"rows": [], "extra": {}}}, "notebooks": {}}
GROUPS = "university\tvideo_group\nu\t['v', 'w']\n"


def egoclip(file: Path) -> None:
    EgoClipIndex.open(file, file.parent / "cache")


def of_keysteps(file: Path) -> None:
    read_keysteps_json(file, fps=10.0, tasks=TASKS[:1])


def labels(file: Path) -> None:
    read_label_csv(file, fps=30.0, n_keysteps=17)


def model_card(file: Path) -> None:
    read_card(file.parent)


def results(file: Path) -> None:
    load(file.parent)


def zipped(file: Path) -> None:
    unpack(file, file.parent / "out", kind="zip", journal=file.parent / "journal")


def tarred(file: Path) -> None:
    unpack(file, file.parent / "out", kind="tar.gz", journal=file.parent / "journal")


def kept_bytes(folder: Path) -> bytes:
    write_kept(folder / "k", {"a": np.arange(20.0)}, about={"made_of": "x"})
    return (folder / "k").read_bytes()


def zip_bytes(folder: Path) -> bytes:
    with zipfile.ZipFile(folder / "z", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/v.pt", b"x" * 500)
        archive.writestr("b.txt", b"y" * 50)
    return (folder / "z").read_bytes()


def tar_bytes(folder: Path) -> bytes:
    (folder / "v.pt").write_bytes(b"x" * 500)
    with tarfile.open(folder / "t", "w:gz") as archive:
        archive.add(folder / "v.pt", "a/v.pt")
    return (folder / "t").read_bytes()


def pth_bytes(folder: Path) -> bytes:
    return (Path(__file__).parents[1] / "cases/checkpoints/ddp_task.pth").read_bytes()


def card_bytes(folder: Path) -> bytes:
    profile = load_profile(make_tiny(folder / "data", videos=2, features__text_projection=None))
    return (make_checkpoint(folder / "model", profile, "hiero") / "model.json").read_bytes()


RECORD = made_record(30)


def corrections(folder: Path) -> Any:
    """One of most kinds."""
    made = (Rename(0, "a"), Merge(0, 1, 0), Assign(1, 1.0, 2.0, None), Mark(2, 0.0, 3.0, True))
    empty = corrections_of(RECORD.hierarchy, method="HiERO", fingerprint="f")
    write_corrections(folder / "c.json", dataclasses.replace(empty, operations=made))
    return json.loads((folder / "c.json").read_text("utf-8"))


def corrected(path: Path) -> object:
    return read_corrections(path).of(RECORD.hierarchy, path)


def exported(folder: Path, write: Callable[[VideoRecord, Path], None], name: str) -> bytes:
    write(RECORD, folder / name)
    return (folder / name).read_bytes()


def read_again(path: Path) -> object:
    return read_back(path, RECORD.hierarchy)


WHOLE: list[tuple[str, Callable[[Path], st.SearchStrategy[bytes]], Callable[[Path], object], bool]] = [
    ("egoclip.csv", lambda _: st.just(b"video_uid\tnarration_time\tclip_text\nv\t1.0\t#C C cuts\n"), egoclip, True),
    ("egomcq.json", lambda _: json_of(QUESTIONS), read_questions, True),
    ("nlq.json", lambda _: json_of(ASKED), read_grounding, True),
    ("groups.tsv", lambda _: st.just(GROUPS.encode()), read_video_groups, True),
    ("goalstep.json", lambda _: json_of(STEPS), read_goalstep, True),
    ("keysteps.json", lambda _: json_of(KEYSTEPS), of_keysteps, True),
    ("labels.csv", lambda _: st.just(b'0.0,1.5,"1. takes it"\n2.0,3.0,2 puts it\n'), labels, True),
    ("videos.csv", lambda _: st.just(b"video,fps,num_frames\nv,30,900\n"), read_frame_table, True),
    ("id2action.txt", lambda _: st.just(b"1 take_it\n2 put_it\n"), read_step_names, True),
    ("truth.json", lambda _: json_of(TRUTH), read_truth, True),
    ("profile.yaml", lambda _: yaml_of({"base": "sample", "training": {"lr": 0.1}}), load_profile, True),
    ("manifest.yaml", lambda _: yaml_of(yaml.safe_load(PACKAGED.read_text())), load_manifest, True),
    ("results.json", lambda _: json_of(RESULTS), results, False),
    ("corrections.json", lambda folder: json_of(corrections(folder)), corrected, True),
    ("changed.csv", lambda folder: st.just(exported(folder, write_csv, "v.csv")), read_again, True),
    ("changed.eaf", lambda folder: st.just(exported(folder, write_eaf, "v.eaf")), read_again, True),
    ("kept", lambda folder: st.just(kept_bytes(folder)), read_kept, True),
    ("f.zip", lambda folder: st.just(zip_bytes(folder)), zipped, True),
    ("f.tar.gz", lambda folder: st.just(tar_bytes(folder)), tarred, True),
    ("authors.pth", lambda folder: st.just(pth_bytes(folder)), read_authors_checkpoint, True),
    ("model.json", lambda folder: st.just(card_bytes(folder)), model_card, True),
]


@pytest.mark.filterwarnings("ignore")  # of the libraries, on what is damaged
@pytest.mark.parametrize(("name", "inputs", "read", "is_whole"), WHOLE, ids=[name for name, *_ in WHOLE])
def test_a_changed_file_is_read_or_refused(
    tmp_path: Path,
    name: str,
    inputs: Callable[[Path], st.SearchStrategy[bytes]],
    read: Callable[[Path], object],
    is_whole: bool,
    request: pytest.FixtureRequest,
) -> None:
    """``is_whole``: the file that is changed is one that is read, so that some inputs must be."""
    (tmp_path / "made").mkdir()
    seconds = request.config.getoption("--fuzz-seconds") / SECONDS_SHARE
    outcome = fuzz(damaged(inputs(tmp_path / "made")), read, tmp_path / name, seconds=seconds)
    print(f"{name}: {outcome.tried} inputs, {outcome.read} of them read")
    assert outcome.read or not is_whole
