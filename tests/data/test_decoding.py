"""Text in the encodings that people's tools write: read, or refused with what it may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.data.decoding import likely_encoding, read_text

FRENCH = "coupe l'été en dés, prépare la pâte à crêpes et remue la crème fraîche"
RUSSIAN = "режет лук на доске, потом моет сковороду и открывает холодильник"
JAPANESE = "玉ねぎを切ってから、フライパンを洗い、冷蔵庫を開けて牛乳を取り出します。"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("text", [FRENCH, RUSSIAN, JAPANESE, "", "plain"])
def test_a_mark_says_which(tmp_path: Path, encoding: str, text: str) -> None:
    (tmp_path / "a.srt").write_bytes(text.encode(encoding))
    assert read_text(tmp_path / "a.srt") == text


def test_utf16_of_the_other_byte_order(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_bytes(b"\xfe\xff" + JAPANESE.encode("utf-16-be"))
    assert read_text(tmp_path / "a.srt") == JAPANESE


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(FRENCH, "cp1252"), (RUSSIAN, "cp1251"), ("plain", "utf-16-le"), (FRENCH, "utf-16-be")],
)
def test_others_are_an_error_that_says_what_it_may_be(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "a.srt").write_bytes(text.encode(encoding))
    with pytest.raises(DataError, match=f"--encoding.*may be {encoding}"):
        read_text(tmp_path / "a.srt")
    assert read_text(tmp_path / "a.srt", encoding=encoding) == text


def test_where_most_letters_are_not_ascii_it_is_no_western_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_bytes(JAPANESE.encode("cp932"))
    with pytest.raises(DataError, match=r"--encoding.*it may be (?!cp1252|latin)"):
        read_text(tmp_path / "a.srt")
    assert read_text(tmp_path / "a.srt", encoding="cp932") == JAPANESE


def test_what_is_named_and_is_not_it(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_bytes(FRENCH.encode("cp1252"))
    with pytest.raises(ConfigError, match="'no-such': there is no such encoding"):
        read_text(tmp_path / "a.srt", encoding="no-such")
    with pytest.raises(ConfigError, match="no such encoding of text"):
        read_text(tmp_path / "a.srt", encoding="hex")
    with pytest.raises(DataError, match=r"'byte \d+': not ASCII text"):
        read_text(tmp_path / "a.srt", encoding="ascii")
    (tmp_path / "half.srt").write_bytes(b"a \\ud800 b")
    with pytest.raises(DataError, match="half a character"):
        read_text(tmp_path / "half.srt", encoding="unicode_escape")
    with pytest.raises(DataError, match="there is no such file"):
        read_text(tmp_path / "none.srt")


def test_a_guess_of_bytes_that_are_no_text_is_none_or_a_name() -> None:
    for raw in (b"", b"\xff", bytes(range(256)), b"\x81\x8d\x8f" * 5 + b"plain text" * 20):
        assert likely_encoding(raw) is None or isinstance(likely_encoding(raw), str)
