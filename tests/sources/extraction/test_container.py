"""Opening a video: never by a name that FFmpeg would read, never anything else, never a cover picture."""

from __future__ import annotations

import os
import shutil
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.sources.extraction.clock import read_clock
from hiero_lib.sources.extraction.container import declared_end, opened, pixel_shape, what_is_not_read

CASES = Path(__file__).parents[2] / "cases" / "videos"


def test_the_cover_picture_is_no_video() -> None:
    with opened(CASES / "cover_first.mp4") as (container, stream):
        assert (stream.index, stream.codec_context.name) == (1, "h264")
        assert declared_end(container, stream) == pytest.approx(6.0)


@pytest.mark.parametrize(
    "name", [b"a:b.mp4", b"concat:a|b.mp4", b"p%03d.gif.mp4", b"caf\xe9.mp4", b"-i.mp4", b"a#b?.mp4"]
)
def test_any_name_is_a_name(name: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(CASES / "plain.mp4", name)
    with opened(os.fsdecode(name)) as (_, stream):
        assert stream.width == 160


@pytest.mark.parametrize("text", ["ffconcat version 1.0\nfile {}\n", "#EXTM3U\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n"])
def test_a_playlist_leads_to_no_other_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "list.mp4").write_text(text.format(CASES / "concat_restart.ts"))
    with pytest.raises(DataError, match=r"list\.mp4: not readable as a video"), opened(tmp_path / "list.mp4"):
        pass


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    for path in (tmp_path / "pipe.mp4", tmp_path, tmp_path / "none"):
        with pytest.raises(DataError, match="there is no such file"), opened(path):
            pass


@pytest.mark.parametrize(
    ("said", "shape"), [(None, 1.0), (Fraction(2), 2.0), (Fraction(1, 900), 1.0), (Fraction(0), 1.0)]
)
def test_the_shape_of_pixels(said: Fraction | None, shape: float) -> None:
    assert pixel_shape(SimpleNamespace(sample_aspect_ratio=said)) == shape


@pytest.mark.parametrize(
    ("behind", "told"),
    [
        (b"", []),
        (b"\0\0\0\x08free", []),
        (b"\0" * 999, ["999 bytes behind the film are not read"]),
        (None, ["another recording begins at byte {0:,} of {1:,}, and is not read: the files were joined"]),
    ],
)
def test_what_stands_behind_a_film_is_told(behind: bytes | None, told: list[str], tmp_path: Path) -> None:
    film = (CASES / "plain.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(film + (film if behind is None else behind))
    with opened(tmp_path / "a.mp4") as (container, _):
        found = what_is_not_read(tmp_path / "a.mp4", container)
    assert found == [one.format(len(film), 2 * len(film)) for one in told]
    assert list(read_clock(tmp_path / "a.mp4").remarks()) == found


def test_a_second_picture_is_told(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        streams = [container.add_stream("mpeg4", rate=10) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height = 64, 48
        for _ in range(4):
            for stream in streams:
                container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        for stream in streams:
            container.mux(stream.encode())
    with opened(tmp_path / "a.mkv") as (container, _):
        (told,) = what_is_not_read(tmp_path / "a.mkv", container)
    assert told == "the file has 2 pictures side by side (video streams): the first is taken"
