"""From the manifest to files in place: Drive's pages, records, archives, mirrors, and SIGKILL in the middle."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from hiero_lib.__main__ import main
from hiero_lib.base.errors import DownloadError
from hiero_lib.base.locks import exclusive
from hiero_lib.sources.download import drive
from hiero_lib.sources.download.fetch import Outcome, download
from hiero_lib.sources.download.manifest import Manifest, load_manifest
from hiero_lib.sources.download.transfer import Policy
from tests.helpers.file_server import LOGIN, QUOTA, Answer, FileServer, folder_page
from tests.sources.download.test_archives import make, tree

REPOSITORY = Path(__file__).parents[3]
QUICK = Policy(attempts=3, wait_s=0.001, timeout_s=5)
CSV = b"video_uid\tnarration_time\tclip_text\n" + b"v0\t1.0\t#C C washes the cup\n" * 30_000
ID = "1-aaDu_Gi-Y2sQI_2rsI2D1zvQBJnHpXl"


def manifest_of(server: FileServer, tmp_path: Path, **items: dict) -> Manifest:
    for item in items.values():
        for name, value in (("what", "a test"), ("licence", "none")):
            item.setdefault(name, value)
    path = tmp_path / "manifest.yaml"
    path.write_text(yaml.safe_dump({"drive": server.base, "files": items}))
    return load_manifest(path)


def get(manifest: Manifest, root: Path, **options) -> dict[str, Outcome]:
    options = {"policy": QUICK, "say": lambda _: None} | options
    return {
        done.item.id: done for done in download(list(manifest.items.values()), root, manifest=manifest, **options)
    }


def egoclip(server: FileServer, tmp_path: Path) -> Manifest:
    server.files["/files/egoclip.csv"] = CSV
    server.drive[ID] = "/files/egoclip.csv"
    return manifest_of(
        server, tmp_path, egoclip={"target": "raw/annotations/egoclip.csv", "mirrors": [{"drive": ID}]}
    )


def test_drive_asks_for_confirmation_and_gives_the_file(server: FileServer, tmp_path: Path, root: Path) -> None:
    manifest = egoclip(server, tmp_path)
    server.answers["/files/egoclip.csv"] = [Answer(cut=200_000), Answer(ranges=False, cut=300_000), Answer()]
    outcome = get(manifest, root)["egoclip"]
    assert outcome.status == "fetched"
    target = root / "raw/annotations/egoclip.csv"
    assert target.read_bytes() == CSV
    assert [path.name for path in target.parent.iterdir()] == ["egoclip.csv"]
    record = json.loads((root / "downloads/egoclip.json").read_text())
    assert record["size"] == len(CSV)
    assert record["sha256"] == hashlib.sha256(CSV).hexdigest()
    asked = len(server.asked)
    assert get(manifest, root)["egoclip"].status == "there"
    assert "checksum verified" in get(manifest, root, verify=True)["egoclip"].details
    assert len(server.asked) == asked


UNKNOWN = "<!DOCTYPE html><html><head><title>Something new</title></head><body>Hello</body></html>"


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (QUOTA, "Google Drive's quota for this file is used up for today.*Wait up to 24 hours"),
        (LOGIN, r"a login page came instead of the file \(Google Drive: Sign-in\)"),
        (UNKNOWN, r"a web page came instead of the file \(Something new\)"),
    ],
)
def test_drives_other_pages_say_what_to_do_by_hand(
    page: str, message: str, server: FileServer, tmp_path: Path, root: Path
) -> None:
    manifest = egoclip(server, tmp_path)
    server.drive[ID] = page
    outcome = get(manifest, root)["egoclip"]
    assert outcome.status == "failed"
    assert re.search(message, outcome.details), outcome.details
    assert f"By hand: open {server.base}/file/d/{ID}/view in a browser" in outcome.details
    assert f"put the file at {root}/raw/annotations/egoclip.csv" in outcome.details
    (root / "raw/annotations").mkdir(parents=True)
    (root / "raw/annotations/egoclip.csv").write_bytes(CSV)  # as a person does
    assert get(manifest, root)["egoclip"].status == "there"
    assert json.loads((root / "downloads/egoclip.json").read_text())["source"] == "by hand"


def test_a_page_saved_by_hand_is_found_out(server: FileServer, tmp_path: Path, root: Path) -> None:
    manifest = egoclip(server, tmp_path)
    (root / "raw/annotations").mkdir(parents=True)
    (root / "raw/annotations/egoclip.csv").write_text(LOGIN)
    assert "a web page was saved instead of the file" in get(manifest, root)["egoclip"].details
    assert get(manifest, root)["egoclip"].status == "fetched"


def test_the_wrong_bytes_are_refused_once_the_right_ones_are_recorded(
    server: FileServer, tmp_path: Path, root: Path
) -> None:
    manifest = egoclip(server, tmp_path)
    get(manifest, root)
    target = root / "raw/annotations/egoclip.csv"
    target.write_bytes(CSV.replace(b"cup", b"cat"))
    details = get(manifest, root, verify=True)["egoclip"].details
    assert "wrong checksum" in details
    assert f"delete {root}/downloads/egoclip.json" in details
    target.unlink()
    server.answers["/files/egoclip.csv"] = [Answer(content=CSV.replace(b"cup", b"cat")), Answer()]
    details = get(manifest, root)["egoclip"].details
    assert "wrong checksum" in details
    assert "the first download had" in details
    assert not target.exists()
    assert get(manifest, root)["egoclip"].status == "fetched"
    assert target.read_bytes() == CSV


def test_truncated_json_is_not_taken_for_whole(server: FileServer, tmp_path: Path, root: Path) -> None:
    content = json.dumps({str(number): number for number in range(50_000)}).encode()
    server.files["/q.json"] = content
    server.answers["/q.json"] = [Answer(announce=-1000)]
    item = {"target": "raw/annotations/egomcq.json", "mirrors": [{"http": f"{server.base}/q.json"}]}
    manifest = manifest_of(server, tmp_path, egomcq=item)
    assert "truncated, or no json file" in get(manifest, root)["egomcq"].details
    assert not (root / item["target"]).exists()


def features(
    server: FileServer, tmp_path: Path, kind: str, *, videos: int = 30, size: int = 30_000
) -> dict[str, bytes]:
    files = {f"egovlp/v{number}.pt": os.urandom(size) for number in range(videos)}
    server.files[f"/f.{kind}"] = make(tmp_path / "made", kind, files).read_bytes()
    return {name.removeprefix("egovlp/"): content for name, content in files.items()}


def features_item(server: FileServer, kind: str) -> dict:
    return {
        "target": "raw/features/egovlp",
        "archive": {"format": kind, "flat": True},
        "mirrors": [{"http": f"{server.base}/f.{kind}"}],
    }


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_an_archive_is_fetched_unpacked_recorded_and_removed(
    kind: str, server: FileServer, tmp_path: Path, root: Path
) -> None:
    files = features(server, tmp_path, kind)
    server.answers[f"/f.{kind}"] = [Answer(cut=100_000), Answer()]
    manifest = manifest_of(server, tmp_path, features=features_item(server, kind))
    outcome = get(manifest, root, delete_archives=True)["features"]
    assert "30 files in" in outcome.details
    assert tree(root / "raw/features/egovlp") == files
    assert not (root / f"downloads/f.{kind}").exists()
    asked = len(server.asked)
    assert get(manifest, root)["features"].status == "there"
    assert len(server.asked) == asked
    (root / "raw/features/egovlp/v3.pt").unlink()
    assert get(manifest, root)["features"].status == "fetched"
    assert tree(root / "raw/features/egovlp") == files


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_truncated_archive_is_not_recorded(kind: str, server: FileServer, tmp_path: Path, root: Path) -> None:
    files = features(server, tmp_path, kind)
    whole = server.files[f"/f.{kind}"]
    server.answers[f"/f.{kind}"] = [Answer(content=whole[:-20_000])]
    manifest = manifest_of(server, tmp_path, features=features_item(server, kind))
    details = get(manifest, root)["features"].details
    assert "truncated" in details
    assert "Delete it and run" in details
    assert not (root / "downloads/features.json").exists()
    for path in (root / "downloads").glob(f"f.{kind}*"):
        path.unlink()
    server.answers[f"/f.{kind}"] = [Answer()]
    assert get(manifest, root)["features"].status == "fetched"
    assert tree(root / "raw/features/egovlp") == files


def test_mirrors_are_tried_in_turn_and_several_items_at_once(server: FileServer, tmp_path: Path, root: Path) -> None:
    weights = io.BytesIO()
    with zipfile.ZipFile(weights, "w") as opened:
        opened.writestr("data.pkl", b"x" * 100_000)
    server.files |= {"/text.pth": weights.getvalue(), "/a.csv": CSV}
    server.drive["D"] = "/text.pth"
    both = [{"http": f"{server.base}/gone.pth"}, {"drive": "D"}]
    items = {
        f"i{number}": {"target": f"i{number}.csv", "mirrors": [{"http": f"{server.base}/a.csv"}]}
        for number in range(5)
    }
    manifest = manifest_of(server, tmp_path, text={"target": "pretrained/t.pth", "mirrors": both}, **items)
    outcomes = get(manifest, root, jobs=4)
    assert {outcome.status for outcome in outcomes.values()} == {"fetched"}
    assert (root / "pretrained/t.pth").read_bytes() == weights.getvalue()
    assert json.loads((root / "downloads/text.json").read_text())["source"].startswith(f"{server.base}/uc")
    server.drive["D"] = QUOTA
    (root / "pretrained/t.pth").unlink()
    details = get(manifest, root)["text"].details
    assert "nothing at this address" in details  # what happened at each
    assert "quota" in details


@pytest.mark.usefixtures("drive_is_here")
def test_a_drive_folder_comes_with_its_folders(server: FileServer, tmp_path: Path, root: Path) -> None:
    top, inner, a, b, c = (letter * 30 for letter in "tiabc")
    server.folders[top] = folder_page("annotations", {inner: ("MECCANO", True), c: ("README.txt", False)})
    server.folders[inner] = folder_page("MECCANO", {a: ("v1.csv", False), b: ("v2.csv", False)})
    assert drive.list_folder(top) == [(a, "MECCANO/v1.csv"), (b, "MECCANO/v2.csv"), (c, "README.txt")]
    server.files |= {"/v1.csv": b"0,1,1 a\n", "/v2.csv": b"2,3,2 b\n"}
    server.drive |= {a: "/v1.csv", b: "/v2.csv"}
    item = {"target": "raw/annotations/egoprocel", "mirrors": [{"drive_folder": top}], "under": ["MECCANO"]}
    manifest = manifest_of(server, tmp_path, egoprocel=item)
    assert get(manifest, root)["egoprocel"].details.startswith("2 files")
    assert tree(root / item["target"]) == {"MECCANO/v1.csv": b"0,1,1 a\n", "MECCANO/v2.csv": b"2,3,2 b\n"}
    assert get(manifest, root)["egoprocel"].status == "there"
    assert "checksum verified" in get(manifest, root, verify=True)["egoprocel"].details
    with pytest.raises(DownloadError, match="the folder cannot be listed"):
        drive.list_folder("x" * 30)


def test_a_folder_does_not_lead_out(server: FileServer, tmp_path: Path, root: Path) -> None:
    manifest = manifest_of(server, tmp_path, folder={"target": "a", "mirrors": [{"drive_folder": "F"}]})
    outcome = get(manifest, root, list_folder=lambda _: [("i", "../../evil.csv")])["folder"]
    assert "leads out of the folder" in outcome.details
    assert f"open {server.base}/drive/folders/F in a browser, put its files into {root}/a" in outcome.details


def test_files_put_into_a_folder_by_hand_are_taken(server: FileServer, tmp_path: Path, root: Path) -> None:
    def refused(_: str) -> list[tuple[str, str]]:
        raise DownloadError("the folder cannot be listed")

    items = {"folder": {"target": "a", "mirrors": [{"drive_folder": "F"}]}}
    items["nlq"] = {
        "target": "b",
        "take": "*/annotations/nlq_*.json",
        "mirrors": [{"ego4d": "--datasets annotations"}],
    }
    manifest = manifest_of(server, tmp_path, **items)
    outcomes = get(manifest, root, list_folder=refused)
    assert "cannot be listed\n    By hand: open" in outcomes["folder"].details
    for name, content in {"a/MECCANO/v1.csv": "0,1,1 a\n", "b/nlq_val.json": "{}", "b/other.json": "{}"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    for _ in range(2):
        outcomes = get(manifest, root, list_folder=refused)
        assert {outcome.status for outcome in outcomes.values()} == {"there"}
    record = json.loads((root / "downloads/nlq.json").read_text())
    assert list(record["files"]) == ["nlq_val.json"]


EGO4D = """#!{python}
import pathlib, sys
out = pathlib.Path(sys.argv[sys.argv.index("--output_directory") + 1]) / "v2" / "annotations"
assert sys.argv[-1] == "-y" and "annotations" in sys.argv
out.mkdir(parents=True)
for part in ("train", "val"):
    (out / f"nlq_{{part}}.json").write_text('{{"videos": []}}')
(out / "other.json").write_text("{{}}")
"""


def test_licensed_files_come_through_the_ego4d_command(
    server: FileServer, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = {
        "target": "raw/annotations",
        "take": "*/annotations/nlq_*.json",
        "mirrors": [{"ego4d": "--datasets annotations"}],
    }
    manifest = manifest_of(server, tmp_path, nlq=item)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    details = get(manifest, root)["nlq"].details
    assert "the ego4d command is not installed" in details
    assert (
        f"pip install ego4d, then ego4d --output_directory {root}/downloads/ego4d --datasets annotations -y"
        in details
    )
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/ego4d").write_text(EGO4D.format(python=sys.executable))
    (tmp_path / "bin/ego4d").chmod(0o755)
    assert get(manifest, root)["nlq"].status == "fetched"
    assert sorted(tree(root / "raw/annotations")) == ["nlq_train.json", "nlq_val.json"]
    assert get(manifest, root)["nlq"].status == "there"


def command(root: Path, manifest: Path, *more: str) -> list[str]:
    settings = ["--profile", "egovlp", "--set", f"data_root={root}", "--manifest", str(manifest)]
    return ["download", "all", *settings, *more]


def killed_when(arguments: list[str], ready: Callable[[], bool]) -> None:
    """Run the command line and SIGKILL it as soon as ``ready()``."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(
        [sys.executable, "-m", "hiero_lib", *arguments], env=environment, stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_killed_in_mid_download_then_the_same_bytes(
    server: FileServer, tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = egoclip(server, tmp_path)
    server.answers["/files/egoclip.csv"] = [Answer(pause_s=0.02), Answer()]
    part = root / "raw/annotations/egoclip.csv.part"
    killed_when(command(root, manifest.file), lambda: part.exists() and part.stat().st_size > 100_000)
    assert 0 < part.stat().st_size < len(CSV)
    assert main(command(root, manifest.file)) == 0
    assert (root / "raw/annotations/egoclip.csv").read_bytes() == CSV
    assert server.asked[-1][1] is not None  # only the rest was asked for
    assert f"1 of 1 are in {root}" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_killed_in_mid_unpack_then_the_same_bytes(
    kind: str, server: FileServer, tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = features(server, tmp_path, kind, videos=2000, size=10_000)
    manifest = manifest_of(server, tmp_path, features=features_item(server, kind))
    journal = root / "downloads/features.files"
    killed_when(command(root, manifest.file), lambda: journal.exists() and journal.stat().st_size > 1000)
    assert not (root / "downloads/features.json").exists()
    before = {path: path.stat().st_mtime_ns for path in (root / "raw/features/egovlp").glob("*.pt")}
    assert 0 < len(before) < 2000
    assert main(command(root, manifest.file)) == 0
    assert tree(root / "raw/features/egovlp") == files
    kept = sum(path.stat().st_mtime_ns == time for path, time in before.items())
    assert kept >= len(before) - 1  # what was whole was not written again


def test_one_process_at_a_time(server: FileServer, tmp_path: Path, root: Path) -> None:
    manifest = egoclip(server, tmp_path)
    with exclusive(root / "downloads/egoclip", "download of egoclip"):
        assert "at work on it: download of egoclip, process" in get(manifest, root)["egoclip"].details
    assert get(manifest, root)["egoclip"].status == "fetched"


CASES = Path(__file__).parents[2] / "cases/files"


def plain(server: FileServer, name: str = "plain") -> dict:
    server.files[f"/{name}.csv"] = CSV
    return {"target": f"raw/{name}.csv", "mirrors": [{"http": f"{server.base}/{name}.csv"}]}


def test_a_damaged_lzma_member_is_a_failed_item_and_the_others_are_done(
    server: FileServer, tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.files["/f.zip"] = (CASES / "lzma_damaged.zip").read_bytes()
    item = features_item(server, "zip") | {"archive": {"format": "zip"}}
    manifest = manifest_of(server, tmp_path, features=item, after=plain(server))
    assert main(command(root, manifest.file, "--jobs", "1")) == 1
    said = capsys.readouterr().out
    assert re.search(r"features: failed, .*f\.zip: the archive is truncated or broken", said)
    assert "after: fetched" in said
    assert f"1 of 2 are in {root}" in said


@pytest.mark.parametrize(
    "error",
    [ValueError("\x1b[2J"), MemoryError(), RecursionError(), OSError(28, "No space left"), ValueError("\udc80")],
    ids=repr,
)
def test_whatever_one_item_does_is_its_line(
    error: Exception, server: FileServer, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = manifest_of(server, tmp_path, broken=plain(server, "broken"), after=plain(server))

    def fails(path: Path, **_: object) -> None:
        if "broken" in path.name:
            raise error

    monkeypatch.setattr("hiero_lib.sources.download.fetch.inspect", fails)
    said: list[str] = []
    outcomes = get(manifest, root, jobs=1, say=said.append)
    assert outcomes["broken"].status == "failed"
    assert outcomes["after"].status == "fetched"
    assert "".join(said).encode().replace(b"\n", b"").decode().isprintable()


def test_a_folder_that_may_not_be_written_is_the_line_of_its_item(
    server: FileServer, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = manifest_of(server, tmp_path, egoclip=plain(server))

    def read_only(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr("hiero_lib.base.locks.os.open", read_only)
        assert "cannot be claimed (Read-only file system)" in get(manifest, root)["egoclip"].details
    assert get(manifest, root)["egoclip"].status == "fetched"
    for name in ("hiero_lib.base.locks.os.open", "os.mkdir", "os.replace", "tempfile.mkdtemp"):
        monkeypatch.setattr(name, read_only)
    assert get(manifest, root)["egoclip"].status == "there"  # of a shared data root


def test_files_in_the_way_are_the_lines_of_their_items(server: FileServer, tmp_path: Path, root: Path) -> None:
    features(server, tmp_path, "zip", videos=2, size=100)
    items = {"under-a-file": plain(server, "a/b"), "a-folder": plain(server, "c"), "after": plain(server)}
    manifest = manifest_of(server, tmp_path, features=features_item(server, "zip"), **items)
    (root / "raw/c.csv").mkdir(parents=True)
    (root / "raw/a").touch()
    (root / "raw/features").touch()
    outcomes = get(manifest, root)
    assert {name: done.status for name, done in outcomes.items()} == {
        "features": "failed",
        "under-a-file": "failed",
        "a-folder": "failed",
        "after": "fetched",
    }
    (root / "downloads").rename(root / "elsewhere")
    (root / "downloads").touch()
    assert {done.status for done in get(manifest, root).values()} == {"failed"}


def test_an_odd_record_counts_as_none_and_is_said(server: FileServer, tmp_path: Path, root: Path) -> None:
    files, said = features(server, tmp_path, "tar.gz"), list[str]()
    manifest = manifest_of(server, tmp_path, features=features_item(server, "tar.gz"))
    assert get(manifest, root)["features"].status == "fetched"
    record, journal = root / "downloads/features.json", root / "downloads/features.files"
    for text in ("{", '{"files": {"../../x": {"size": 1, "sha256": 3}}}', '{"unpacked": "x"}', "\0"):
        record.write_text(text)
        assert get(manifest, root, say=said.append)["features"].status == "fetched"
        assert f"{record}: " in said[0]
        assert "counts as none" in said[0]
        said.clear()
    (tmp_path / "precious").write_bytes(b"mine")
    journal.write_text(f"4\t{'../' * 9}{tmp_path}/precious\n4\tv0.pt\n")
    assert get(manifest, root, say=said.append)["features"].status == "fetched"
    assert f"{journal}: 2 of 2 lines are not of a journal, and count for nothing" in said
    assert tree(root / "raw/features/egovlp") == files
    assert (tmp_path / "precious").read_bytes() == b"mine"
    (root / "downloads/features.archive").write_bytes(b"\xff\xfe")
    record.unlink()
    assert get(manifest, root)["features"].status == "fetched"


def test_an_odd_card_of_a_part_begins_anew(server: FileServer, tmp_path: Path, root: Path) -> None:
    manifest = egoclip(server, tmp_path)
    part, said = root / "raw/annotations/egoclip.csv.part", list[str]()
    part.parent.mkdir(parents=True)
    for text in (
        "[]",
        '{"address": 3, "total": 1, "version": null}',
        '{"address": "x", "total": -1, "version": "a\\nb"}',
    ):
        part.write_bytes(b"other")
        part.with_name(part.name + ".json").write_text(text)
        assert get(manifest, root, say=said.append)["egoclip"].status == "fetched"
        assert (root / "raw/annotations/egoclip.csv").read_bytes() == CSV
        assert "not what is written there; the file is begun anew" in said[0]
        (root / "raw/annotations/egoclip.csv").unlink()
        said.clear()


def evil_tar(path: Path, names: list[str], content: bytes) -> bytes:
    """A tar.gz whose checksum does not hold."""
    raw = bytearray(make(path, "tar.gz", dict.fromkeys(names, content)).read_bytes())
    raw[-8] ^= 0xFF
    return bytes(raw)


@pytest.mark.parametrize("flat", [False, True])
def test_a_broken_archive_touches_no_file_that_was_there(
    flat: bool, server: FileServer, tmp_path: Path, root: Path
) -> None:
    names = ["v.pt", "a\n4\t../../precious.pt", "x/\n4\tmine.pt", "mine.pt"]
    for chosen in (names, names[:1] + names[3:]):
        server.files["/f.tar.gz"] = evil_tar(tmp_path / "made", chosen, b"evil")
        item = features_item(server, "tar.gz") | {"archive": {"format": "tar.gz", "flat": flat}}
        manifest = manifest_of(server, tmp_path, features=item)
        target = root / item["target"]
        target.mkdir(parents=True, exist_ok=True)
        for path in (root / "precious.pt", root / "raw/precious.pt", target / "mine.pt", target / "own.pt"):
            path.write_bytes(b"mine")
        assert get(manifest, root)["features"].status == "failed"
        assert tree(target) == {"mine.pt": b"mine", "own.pt": b"mine"}
        assert (root / "precious.pt").read_bytes() == (root / "raw/precious.pt").read_bytes() == b"mine"
        (root / "downloads/f.tar.gz").unlink()


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ([("i", "a\nb.csv")], "refused: a name with a control character"),
        ([("i", "a.csv"), ("j", "A.csv")], "refused: two files of one name"),
        ([("../i", "a.csv")], "refused: an id that is none of Google Drive's"),
        ([("i", "x" * 256)], "refused: a name that is too long"),
        ([("i", "/etc/a.csv")], "leads out"),
    ],
)
def test_names_of_a_folder_are_held_to_the_same_rule(
    listed: list, message: str, server: FileServer, tmp_path: Path, root: Path
) -> None:
    manifest = manifest_of(server, tmp_path, folder={"target": "a", "mirrors": [{"drive_folder": "F"}]})
    assert message in get(manifest, root, list_folder=lambda _: listed)["folder"].details
    assert not (root / "a").exists()


def test_a_folder_is_not_followed_through_a_link(server: FileServer, tmp_path: Path, root: Path) -> None:
    manifest = manifest_of(server, tmp_path, folder={"target": "a", "mirrors": [{"drive_folder": "F"}]})
    (root / "a").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (root / "a/x").symlink_to(tmp_path / "other")
    details = get(manifest, root, list_folder=lambda _: [("i", "x/v.csv")])["folder"].details
    assert "a link on the way" in details
    assert list((tmp_path / "other").iterdir()) == []


def test_what_is_left_of_a_transfer_is_not_taken_for_a_persons_file(
    server: FileServer, tmp_path: Path, root: Path
) -> None:
    def refused(_: str) -> list[tuple[str, str]]:
        raise DownloadError("the folder cannot be listed")

    manifest = manifest_of(server, tmp_path, folder={"target": "a", "mirrors": [{"drive_folder": "F"}]})
    (root / "a").mkdir(parents=True)
    for name in ("v.csv.part", "v.csv.part.json", ".DS_Store"):
        (root / "a" / name).write_text("{}")
    assert "cannot be listed" in get(manifest, root, list_folder=refused)["folder"].details
    (root / "a" / os.fsdecode(b"\xff.csv")).write_text("0,1,1 a\n")
    assert "not UTF-8" in get(manifest, root, list_folder=refused)["folder"].details


def test_a_file_that_changed_after_it_was_unpacked_is_found_without_its_archive(
    server: FileServer, tmp_path: Path, root: Path
) -> None:
    features(server, tmp_path, "zip")
    manifest = manifest_of(server, tmp_path, features=features_item(server, "zip"))
    get(manifest, root, delete_archives=True)
    assert "checksum verified" in get(manifest, root, verify=True)["features"].details
    path = root / "raw/features/egovlp/v3.pt"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    assert get(manifest, root)["features"].status == "there"  # by its size
    assert "v3.pt: wrong checksum: CRC-32" in get(manifest, root, verify=True)["features"].details
    path.unlink()
    assert get(manifest, root)["features"].status == "fetched"
    assert "checksum verified" in get(manifest, root, verify=True)["features"].details


def test_a_move_that_was_cut_off_is_recorded_whole(server: FileServer, tmp_path: Path, root: Path) -> None:
    item = {"target": "raw", "take": "*/x/nlq_*.json", "mirrors": [{"ego4d": "--datasets annotations"}]}
    manifest = manifest_of(server, tmp_path, nlq=item)
    for name in ("raw/nlq_train.json", "downloads/ego4d/v2/x/nlq_val.json"):  # one was moved
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("{}")
    assert get(manifest, root)["nlq"].details.startswith("2 files")
    assert sorted(json.loads((root / "downloads/nlq.json").read_text())["files"]) == [
        "nlq_train.json",
        "nlq_val.json",
    ]
    assert sorted(tree(root / "raw")) == ["nlq_train.json", "nlq_val.json"]
    (root / "raw/nlq_val.json").unlink()
    for version in ("v1", "v2"):
        (root / f"downloads/ego4d/{version}/x").mkdir(parents=True, exist_ok=True)
        (root / f"downloads/ego4d/{version}/x/nlq_val.json").write_text("{}")
    assert "several files of one name" in get(manifest, root)["nlq"].details
    assert not (root / "raw/nlq_val.json").exists()


@pytest.mark.parametrize("length", ["9" * 5000, "²", "-1", "", "1e9"])
def test_a_length_that_is_no_number_is_not_believed(
    length: str, server: FileServer, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import requests

    manifest = manifest_of(server, tmp_path, egoclip=plain(server))
    send = requests.adapters.HTTPAdapter.send

    def answered(self: object, *rest: object, **named: object) -> object:
        response = send(self, *rest, **named)
        response.headers["Content-Length"] = length
        return response

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", answered)
    assert get(manifest, root)["egoclip"].status == "fetched"
    assert (root / "raw/plain.csv").read_bytes() == CSV


def test_two_archives_fill_one_folder_at_once(server: FileServer, tmp_path: Path, root: Path) -> None:
    files = {f"v{number}.pt": os.urandom(200_000) for number in range(30)}
    items = {}
    for name in ("first", "second"):
        server.files[f"/{name}.zip"] = make(tmp_path / name, "zip", files).read_bytes()
        mirrors = [{"http": f"{server.base}/{name}.zip"}]
        items[name] = {"target": "raw/f", "archive": {"format": "zip"}, "mirrors": mirrors}
    manifest = manifest_of(server, tmp_path, **items)
    assert {done.status for done in get(manifest, root, jobs=2).values()} == {"fetched"}
    assert tree(root / "raw/f") == files
