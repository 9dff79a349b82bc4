"""The csv as it may be written, and the index that is made of it."""

import os
import pickle

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.data import egoclip_index
from hiero_lib.data.egoclip import EgoClipIndex
from hiero_lib.data.egoclip_index import TextTable, identity
from tests.helpers.egoclip import HEADER, index_of, table


@pytest.mark.parametrize(
    "content",
    [
        table(("v", " 1.5 ", "x")),
        table(("v", 1.5, "x")).replace("\n", "\r\n"),
        "\ufeff" + table(("v", 1.5, "x")),
        table(("v", 1.5, "x")).rstrip("\n"),
        "clip_text\tother\tnarration_time\tother\tvideo_uid\nx\t[1]\t1.5\t[2]\tv\n",
        "clip_text\tnarration_time\tvideo_uid\tlast\nx\t1.5\tv\n",  # short, but nothing needed is missing
        '"video_uid"\t"narration_time"\t"clip_text"\n"v"\t"1.5"\t"x"\n',
    ],
    ids=["spaces", "crlf", "byte order mark", "no last line end", "other order", "short row", "quoted"],
)
def test_ways_to_write_the_same(tmp_path, content):
    index = index_of(tmp_path, content)
    assert (index.rows, index.unreadable_rows) == (1, 0)
    assert index.video_uids == ["v"]
    assert index.times.tolist() == [1.5]
    assert index.texts("v") == ("x",)


def test_quotes(tmp_path):
    rows = [
        ("v", 1, '"#C C reads ""Dune"" aloud"'),
        ("v", 2, '#C C turns a 5" screw'),
        ("v", 3, '"two\nlines and a\ttab"'),
        ("v", 4, '"never closed'),
        ("v", 5, "plain"),
        ("v", 6, '"closed" and more'),
        ("v", 7, 'ends with "'),
        ("v", 8, '"quoted"'),
        ("v", 9, "naïve 火 café"),
    ]
    index = index_of(tmp_path, table(*rows))
    assert index.texts("v") == (
        '#C C reads "Dune" aloud',
        '#C C turns a 5" screw',
        "two lines and a tab",
        '"never closed',
        "plain",
        '"closed" and more',
        'ends with "',
        "quoted",
        "naïve 火 café",
    )
    assert (index.rows, index.unreadable_rows) == (9, 0)


def test_bytes_that_are_no_utf8(tmp_path):
    index = index_of(tmp_path, f"{HEADER}\nv\t1\t".encode() + b"caf\xe9\nv\t2\tok\n")
    assert index.texts("v") == ("caf\ufffd", "ok")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("\n", "'video_uid'.*missing from the header"),
        ("v\t1.0\ttext\n", "'video_uid'.*missing from the header"),
        ("video_uid\tclip_text\nv\tx\n", "'narration_time'.*missing"),
        (HEADER.replace("\t", ",") + "\nv,1,x\n", "'video_uid'.*tab-separated"),
        (HEADER, "no row is readable"),
        (HEADER + "\nv\tsoon\tx\n", "value 1: no row is readable"),
    ],
)
def test_unusable_files(tmp_path, content, message):
    with pytest.raises(DataError, match=rf"egoclip\.csv.*{message}"):
        index_of(tmp_path, content)
    assert not list((tmp_path / "cache").glob("*"))


def test_a_build_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def full_disk(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(egoclip_index, "write_json", full_disk)
    with pytest.raises(OSError, match="no space"):
        index_of(tmp_path, table(("v", 1, "x")))
    assert not list((tmp_path / "cache").iterdir())
    monkeypatch.undo()
    assert index_of(tmp_path, table(("v", 1, "x"))).texts("v") == ("x",)


def test_a_quote_that_is_not_closed_soon_is_a_character(tmp_path, monkeypatch):
    monkeypatch.setattr(egoclip_index, "MOST_LINES_OF_A_RECORD", 3)
    within = index_of(tmp_path, table(("v", 1, '"a'), ("v", 2, "b"), ("v", 3, 'c"')))
    assert within.texts("v") == ("a v 2 b v 3 c",)
    beyond = index_of(tmp_path, table(("v", 1, '"a'), ("v", 2, "b"), ("v", 3, "c"), ("v", 4, 'd"')))
    assert beyond.texts("v") == ('"a', "b", "c", 'd"')


def test_identity_is_of_the_content_alone(tmp_path):
    def written(content: bytes, name: str = "a.csv", at_ns: int = 10**18) -> str:
        path = tmp_path / name
        path.write_bytes(content)
        os.utime(path, ns=(at_ns, at_ns))
        return identity(path)

    content = bytes(3 << 20)
    first = written(content)
    assert len(first) == 16
    assert written(content, "copy.csv", 10**18 + 1) == first
    middle = len(content) // 2
    for changed in (b"x" + content[1:], content[:middle] + b"x" + content[middle + 1 :], content + b"\0"):
        assert written(changed) != first


def test_texts_are_pickled_as_a_path(tmp_path):
    index = index_of(tmp_path, table(("a", 1, "one"), ("a", 2, "zwei ü"), ("b", 1, "three")))
    texts = TextTable(index.folder)
    assert texts.read(0, 3) == ("one", "zwei ü", "three")
    assert texts.read(1, 1) == ()
    raw = pickle.dumps(texts)
    assert b"zwei" not in raw
    assert pickle.loads(raw).read(1, 2) == ("zwei ü",)


def test_what_stands_for_nothing_is_no_text_and_no_video(tmp_path):
    index = index_of(tmp_path, table(("v", 1, "nan"), ("v", 2, "N/A"), ("nan", 3, "x"), ("v", 4, "the nan bread")))
    assert (index.rows, index.unreadable_rows, index.texts("v")) == (4, 3, ("the nan bread",))


def test_texts_that_are_not_read_as_they_are_and_a_cut_are_counted(tmp_path):
    (tmp_path / "a.csv").write_bytes(table(("v", 1, "cuts")).encode() + b"v\t2\tp\xe2t\xe9\nv\t3\tcu\0ts\nv\t4\tpu")
    index = EgoClipIndex.open(tmp_path / "a.csv", tmp_path / "cache")
    assert (index.odd_texts, index.cut_off) == (2, True)
    whole = index_of(tmp_path, table(("v", 1, "cuts")))
    assert (whole.odd_texts, whole.cut_off) == (0, False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (table(("v", 1, "cuts")).replace("\n", "\r"), "the first line': not readable"),
        (
            "video_uid\tnarration_time\tclip_text\tclip_text\nv\t1\tx\ty\n",
            "'clip_text': the column occurs twice",
        ),
    ],
)
def test_headers_that_say_two_things_or_none(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        index_of(tmp_path, content)
