"""Files are written whole or not at all, and unreadable ones are named."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
import resource
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import (
    atomic_path,
    check_writable,
    file_slug,
    finish_interrupted,
    pasted,
    read_csv_table,
    read_json,
    remove_left_overs,
    safe_name,
    sha256_of,
    visible,
    write_json,
    write_text,
)
from hiero_lib.base.processes import Process, this_process

ELSEWHERE = Process("0" * 12, 1, 5)


def holder_of(folder: Path, name: str, process: Process, *, age_s: float = 0) -> Path:
    holder = folder / f".{name}.{process.machine}-{process.pid}-{process.started}.abcd_123.tmp"
    holder.mkdir()
    (holder / name).write_text("half")
    for path in (holder / name, holder):
        os.utime(path, (time.time() - age_s, time.time() - age_s))
    return holder


def test_what_a_killed_process_left_goes_and_what_another_writes_stays(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    dead = dataclasses.replace(this_process(), pid=child.pid)
    gone = [holder_of(tmp_path, name, dead) for name in ("a.txt", "other.json", "x.[y].*")]
    gone.append(holder_of(tmp_path, "old", ELSEWHERE, age_s=90_000))
    stays = [holder_of(tmp_path, "a", this_process(), age_s=90_000), holder_of(tmp_path, "b", ELSEWHERE)]
    users = tmp_path / ".mine.abcd_123.tmp"
    users.mkdir()
    with atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("whole")
    assert set(tmp_path.iterdir()) == {*stays, users, tmp_path / "a.txt"}
    (stays[1] / "b").write_text("it goes on")
    os.utime(stays[1], (0, 0))
    remove_left_overs(tmp_path)
    assert stays[1].exists()


KILLED = (
    "import os, sys\nfrom hiero_lib.base.files import atomic_path\n"
    "with atomic_path(sys.argv[1]) as path:\n path.write_text('half')\n os.kill(os.getpid(), 9)"
)


@pytest.mark.skipif(os.name == "nt", reason="there are no signals")
def test_a_process_killed_in_a_write_leaves_nothing_for_ever(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    for name in ("a.txt", "b.txt"):
        command = [sys.executable, "-c", KILLED, str(tmp_path / name)]
        assert subprocess.run(command, env=environment, check=False).returncode == -9
    assert len(list(tmp_path.glob(".*.tmp"))) == 1  # the first one's went with the second's beginning
    write_text(tmp_path / "a.txt", "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_what_was_about_to_replace_a_folder_is_no_left_over(tmp_path: Path) -> None:
    holder = holder_of(tmp_path, "best", ELSEWHERE, age_s=90_000)
    (holder / "replaced").touch()
    os.utime(holder, (0, 0))
    os.utime(holder / "replaced", (0, 0))
    remove_left_overs(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["best"]
    assert (tmp_path / "best").read_text() == "half"


def test_finishing_one_target_leaves_anothers_alone(tmp_path: Path) -> None:
    other = holder_of(tmp_path, "best.json", this_process())
    holder_of(tmp_path, "best", this_process())
    finish_interrupted(tmp_path / "best")
    assert list(tmp_path.iterdir()) == [other]


def test_a_name_may_have_all_that_a_file_system_takes(tmp_path: Path) -> None:
    for name in ("x" * 255, "ä" * 127, "a[1]*?.txt"):
        write_text(tmp_path / name, "whole")
        assert (tmp_path / name).read_text() == "whole"
    assert len(list(tmp_path.iterdir())) == 3


def test_a_file_appears_whole_and_nothing_else_stays(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.txt"
    with atomic_path(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def write_half() -> None:
        with atomic_path(target) as temporary:
            temporary.write_text("ha")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_replaces_a_folder(tmp_path: Path) -> None:
    target = tmp_path / "checkpoint"
    for content in ("first", "second"):
        with atomic_path(target) as temporary:
            temporary.mkdir()
            (temporary / content).touch()
    assert [path.name for path in target.iterdir()] == ["second"]
    assert list(tmp_path.iterdir()) == [target]


def test_json_round_trip_and_its_limits(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"name": "Frühstück", "values": [1, 0.1]})
    assert read_json(path) == {"name": "Frühstück", "values": [1, 0.1]}
    assert "Frühstück" in path.read_text("utf-8")
    with pytest.raises(ValueError, match="neither NaN nor infinity"):
        write_json(path, float("nan"))
    assert read_json(path)["name"] == "Frühstück"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file"),
        (b"  \n", "the file is empty"),
        (b'{"a": 1,\n "b', "field 'line 2 column 2': not readable as JSON"),
        (b'{"a": "\xff"}', "not UTF-8"),
    ],
)
def test_an_unreadable_json_file_is_named(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.json.*{message}"):
        read_json(path)


def test_sha256_reads_all_blocks(tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096 * 2 + b"tail"  # more than two blocks of 1 MiB
    (tmp_path / "a").write_bytes(content)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_text_is_utf8(tmp_path: Path) -> None:
    write_text(tmp_path / "a.md", "é")
    assert (tmp_path / "a.md").read_bytes() == "é".encode()


def test_a_replacement_cut_off_between_its_renames_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "best"
    target.mkdir()
    (target / "weights").write_text("old")
    replace = os.replace

    class Killed(BaseException):
        """Stands for SIGKILL: nothing of the program runs after it."""

    def killed_at_the_second(source: Path, destination: Path) -> None:
        if Path(destination) == target:
            raise Killed
        replace(source, destination)

    monkeypatch.setattr(os, "replace", killed_at_the_second)
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)

    def write_new() -> None:
        with atomic_path(target) as temporary:
            temporary.mkdir()
            (temporary / "weights").write_text("new")

    with pytest.raises(Killed):
        write_new()
    monkeypatch.undo()
    assert not target.exists()
    finish_interrupted(target)
    assert (target / "weights").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["best"]


def test_a_safe_name_stays_in_its_folder_and_tells_texts_apart(tmp_path: Path) -> None:
    texts = [
        "a-B_0.x",
        "..",
        ".",
        "",
        "../up",
        "a/b",
        "a\\b",
        "a%2Fb",
        ".hidden",
        "ä",
        "~",
        "x" * 300,
        "x" * 301,
        "\0",
    ]
    names = [safe_name(text) for text in texts]
    assert names[0] == "a-B_0.x"
    assert len(set(names)) == len(texts)
    for name in names:
        (tmp_path / name).write_text("x")
        assert (tmp_path / name).resolve().parent == tmp_path.resolve()
        assert not name.startswith(".")
    assert len(list(tmp_path.iterdir())) == len(texts)


def test_a_file_slug_is_short_for_a_method_and_tells_checkpoints_apart() -> None:
    assert [file_slug(name) for name in ("linear probe", "HiERO", "HiERO-StepG")] == [
        "linear_probe",
        "hiero",
        "hiero_stepg",
    ]
    names = [
        file_slug(f"HiERO ({path})") for path in ("outputs/x/best", "outputs/X/best", "outputs/x-y/z", "a b", "a_b")
    ]
    assert len(set(names)) == 5
    assert not any("/" in name for name in names)


def test_a_name_given_twice_in_an_object_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"x": [{"n": 1, "m": 2, "n": 3}]}')
    with pytest.raises(DataError, match=r"a\.json, field 'n': the name occurs twice"):
        read_json(tmp_path / "a.json")


def test_a_csv_that_is_no_table_is_named(tmp_path: Path) -> None:
    def given(text: str) -> Path:
        (tmp_path / "a.csv").write_text(text, encoding="utf-8")
        return tmp_path / "a.csv"

    assert read_csv_table(given("\ufeffa,b\n\n1,2\n")) == (["a", "b"], [(3, {"a": "1", "b": "2"})])
    assert read_csv_table(given('a\tb\n1\t"x\ny"\n3\t4\n'))[1][1] == (4, {"a": "3", "b": "4"})
    for text, message in (
        ("a," + "b" * 200_000, r"a\.csv, field 'line 1': not readable"),
        ("", "the file is empty"),
        ("a,a\n1,2\n", "field 'header', value 'a': the column occurs twice"),
        ("a,b\n1,2,3\n", "field 'line 2', value '1,2,3': 3 cells"),
        ('a,b\n1,"2\n3,4\n', "field 'line 2': a quote opens here"),
    ):
        with pytest.raises(DataError, match=message):
            read_csv_table(given(text))
    with pytest.raises(DataError, match="there is no such file"):
        read_csv_table(tmp_path / "b.csv")


def _torch(path: Path) -> None:
    torch.save(torch.zeros(100, 100), path)


def _safetensors(path: Path) -> None:
    save_file({"x": torch.zeros(100, 100)}, path)


def _numpy(path: Path) -> None:
    with path.open("wb") as stream:
        np.save(stream, np.zeros((100, 100)))


@pytest.mark.parametrize("write", [_torch, _safetensors, _numpy])
def test_a_full_disk_is_an_error_of_the_system_whoever_writes(write: Callable[[Path], None], tmp_path: Path) -> None:
    """In a child, whose files may not grow beyond 3,000 bytes."""
    (tmp_path / "file").write_text("as it was")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
            with atomic_path(tmp_path / "file") as temporary:
                write(temporary)
        except OSError:
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "as it was"


def test_a_path_that_is_printed_can_be_pasted() -> None:
    for path in ("a/b.html", "my video/a#1.html", "it's", "a;rm -rf x"):
        assert shlex.split(pasted(path)) == [path]
    pasted("caf\udce9").encode()


def test_a_safe_name_is_the_same_in_an_address() -> None:
    for text in ("my video", "a%41", "é", "caf\udce9", "x y" * 100, "a=b", "a?b#c"):
        name = safe_name(text)
        assert unquote(name) == name
        assert shlex.quote(name) == name
    assert safe_name("é") != safe_name("\udcc3\udca9")


def test_a_folder_that_nothing_can_be_written_to(tmp_path: Path) -> None:
    check_writable(tmp_path / "new/folder")
    assert list((tmp_path / "new/folder").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file/x: nothing can be written here"):
        check_writable(tmp_path / "file/x")


def test_a_folder_that_cannot_be_replaced_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old one is moved out of the way first: the second rename may fail."""
    target = tmp_path / "best"
    target.mkdir()
    (target / "model").write_text("old")
    replace, calls = os.replace, []

    def fails_the_second_time(source: Path, destination: Path) -> None:
        calls.append(source)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, destination)

    monkeypatch.setattr(os, "replace", fails_the_second_time)

    def write() -> None:
        with atomic_path(target) as temporary:
            temporary.mkdir()
            (temporary / "model").write_text("new")

    with pytest.raises(OSError, match="No space left"):
        write()
    assert [path.name for path in tmp_path.iterdir()] == ["best"]
    assert (target / "model").read_text() == "old"


def test_what_a_mac_leaves_beside_files_is_not_seen(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "._a.csv", ".hidden.csv", "c.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in visible(tmp_path, "*.csv")] == ["a.csv", "b.csv"]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"a": [1, {"b": "x\\ud800"}]}', "a[1].b"),
        ('{"a": "x\\u0000"}', "a"),
        ('{"\\uDC00": 1}', "udc00"),
        ('"\\udfff"', "(top)"),
    ],
)
def test_half_a_character_in_json_is_named(tmp_path: Path, text: str, field: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError, match="half a character") as told:
        read_json(tmp_path / "a.json")
    assert field in str(told.value.field)
    (tmp_path / "b.json").write_text('"\\ud83d\\ude00"')
    assert read_json(tmp_path / "b.json") == "\N{GRINNING FACE}"
