"""Previews: when one is offered, made in the background once, stopped, and believed again."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.base.locks import exclusive
from hiero_lib.data.media import Media
from hiero_lib.explorer import previews
from hiero_lib.explorer.previews import Previews, why_offered
from tests.helpers.videos import write_video

CASES = Path(__file__).parents[1] / "cases" / "videos"
OLD = {"codec": "mpeg4", "options": {"qscale": "2"}, "ticks": 1000}


@pytest.fixture
def media(tmp_path: Path) -> Media:
    return Media(write_video(tmp_path / "v.mp4", [0.0, 0.5], **OLD))


def make(video, target, *, show):
    """Two steps, and a file that is no film."""
    show(0.5)
    target.write_bytes(b"small")
    show(1.0)
    return ["3 of 9 s could not be decoded"]


def ended(made: Previews, media: Media) -> dict:
    for _ in range(400):
        value = made.value("v", media)
        if value is None or value["state"] != "making":
            return value
        time.sleep(0.01)
    raise AssertionError(value)


def test_one_is_offered_for_what_browsers_play_badly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = write_video(tmp_path / "plain.mp4", [0.0, 0.5])
    assert why_offered(plain) == ""
    assert "mpeg4" in why_offered(write_video(tmp_path / "h.mp4", [0.0, 0.5], **OLD))
    assert ".mkv" in why_offered(write_video(tmp_path / "b.mkv", [number / 30 for number in range(20)]))
    assert why_offered(CASES / "cover_first.mp4") == ""  # of the film, not of its cover
    assert "mpeg2video" in why_offered(CASES / "flip4_mpeg2.mpg")
    (tmp_path / "none.mp4").write_bytes(b"no video")
    assert why_offered(tmp_path / "none.mp4") == ""
    assert why_offered(tmp_path / "missing.mp4") == ""
    for limit, value, told in (
        ("_MOST_S", 0.3, "it lasts"),
        ("_MOST_LINES", 40, "48 lines"),
        ("MOST_BYTES", 100, "MB large"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(previews, limit, value)
            assert told in previews._looked_at(plain)
    made = Previews(tmp_path / "run", make)
    assert made.value("v", Media(plain)) is None
    assert made.value("v", Media()) is None


def test_it_is_made_once_and_kept(tmp_path: Path, media: Media) -> None:
    made = Previews(tmp_path / "run", make)
    assert made.value("v", media)["state"] == "offered"
    made.begin("v", media)
    value = ended(made, media)
    assert value["state"] == "ready"
    assert value["note"] == "3 of 9 s could not be decoded"
    file = made.ready("v", media)
    assert file is not None
    assert file.read_bytes() == b"small"
    made.begin("v", media)  # it is there
    assert made.value("v", media)["state"] == "ready"
    again = Previews(tmp_path / "run", make)
    assert again.ready("v", media) == file
    other = Media(write_video(tmp_path / "w.mp4", [0.0, 0.5, 0.8], **OLD))
    assert again.ready("v", other) is None  # another file of the same name has none
    assert sorted(path.suffix for path in file.parent.iterdir()) == [".json", ".mp4"]


@pytest.mark.parametrize("damage", ["flip", "cut", "record", "alone", "format"])
def test_what_is_not_what_was_written_is_not_played(damage: str, tmp_path: Path, media: Media) -> None:
    made = Previews(tmp_path / "run", make)
    made.begin("v", media)
    ended(made, media)
    file = made.ready("v", media)
    assert file is not None
    record = file.with_suffix(".json")
    match damage:
        case "flip":
            file.write_bytes(b"smalm")
        case "cut":
            file.write_bytes(b"sma")
        case "record":
            record.write_text("{")
        case "alone":
            record.unlink()
        case "format":
            record.write_text(json.dumps(json.loads(record.read_text()) | {"format": 2}))
    again = Previews(tmp_path / "run", make)
    assert again.ready("v", media) is None
    assert again.value("v", media)["state"] == "offered"
    again.begin("v", media)
    assert ended(again, media)["state"] == "ready"


def test_it_is_followed_and_stopped_and_nothing_is_left(tmp_path: Path, media: Media) -> None:
    at_work, go_on = threading.Event(), threading.Event()

    def slowly(video, target, *, show):
        target.write_bytes(b"half")
        show(0.25)
        at_work.set()
        go_on.wait(20)
        show(0.5)
        return []

    made = Previews(tmp_path / "run", slowly)
    made.begin("v", media)
    assert at_work.wait(20)
    made.begin("v", media)  # is at work already
    assert made.value("v", media) == {
        "state": "making",
        "share": 0.25,
        "note": "",
        "why": made.value("v", media)["why"],
    }
    threading.Timer(0.1, go_on.set).start()
    made.stop("v", media)
    assert made.value("v", media)["state"] == "offered"
    assert list((tmp_path / "run" / "previews").iterdir()) == []
    made.begin("v", media)
    made.close()
    assert made.value("v", media)["state"] in ("offered", "ready")


@pytest.mark.parametrize(
    "problem", [DataError("not one frame can be decoded"), OSError(28, "No space left"), MemoryError()]
)
def test_what_goes_wrong_is_told_and_can_be_tried_again(problem: Exception, tmp_path: Path, media: Media) -> None:
    problems = [problem]

    def fails(video, target, *, show):
        target.write_bytes(b"half")
        if problems:
            raise problems.pop()
        return []

    made = Previews(tmp_path / "run", fails)
    made.begin("v", media)
    value = ended(made, media)
    assert value["state"] == "failed"
    assert (str(problem) or "MemoryError") in value["note"]
    assert list((tmp_path / "run" / "previews").iterdir()) == []
    made.begin("v", media)
    assert ended(made, media)["state"] == "ready"


def test_two_explorers_do_not_make_the_same_one(tmp_path: Path, media: Media) -> None:
    made = Previews(tmp_path / "run", make)
    target = made._file("v", media)
    assert target is not None
    target.parent.mkdir(parents=True)
    with exclusive(target, "the other explorer"):
        made.begin("v", media)
        assert "the other explorer" in ended(made, media)["note"]


def test_without_a_run_or_a_maker_none_is_offered(tmp_path: Path, media: Media) -> None:
    for one in (Previews(None, make), Previews(tmp_path, None)):
        assert one.value("v", media) is None
        assert one.ready("v", media) is None
        with pytest.raises(DataError, match="no run that keeps it"):
            one.begin("v", media)
        one.stop("v", media)
