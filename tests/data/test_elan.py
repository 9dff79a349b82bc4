"""ELAN's files and its export: the times that ELAN shows, and nothing that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.data.elan import Annotation, read_eaf, read_elan_table
from hiero_lib.data.subtitles import read_narrations
from hiero_lib.export.elan import write_eaf
from hiero_lib.export.record import milliseconds, nested_spans, one_line, thread_title
from tests.helpers.made_record import made_record

SLOTS = {"ts1": 1000, "ts2": None, "ts3": None, "ts4": 4000, "ts5": 5000, "ts6": None, "ts7": 9000}


def aligned(name: str, first: str, second: str, text: str) -> str:
    return (
        f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="{name}" TIME_SLOT_REF1="{first}"'
        f' TIME_SLOT_REF2="{second}">'
        f"<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
    )


def refers(name: str, parent: str, text: str, before: str | None = None) -> str:
    previous = f' PREVIOUS_ANNOTATION="{before}"' if before else ""
    return (
        f'<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="{name}" ANNOTATION_REF="{parent}"{previous}>'
        f"<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>"
    )


def document(tiers: dict[str, str], *, head: str = "", units: str = "milliseconds") -> str:
    slots = "".join(
        f'<TIME_SLOT TIME_SLOT_ID="{name}"' + ("" if ms is None else f' TIME_VALUE="{ms}"') + "/>"
        for name, ms in SLOTS.items()
    )
    written = "".join(f'<TIER TIER_ID="{name}" LINGUISTIC_TYPE_REF="x">{body}</TIER>' for name, body in tiers.items())
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="{units}"/>'
        f"<TIME_ORDER>{slots}</TIME_ORDER>{written}</ANNOTATION_DOCUMENT>"
    )


def save(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def test_slots_without_a_time_lie_evenly_between_others(tmp_path: Path) -> None:
    body = aligned("a1", "ts1", "ts2", "one") + aligned("a2", "ts2", "ts3", "two") + aligned("a3", "ts3", "ts4", "3")
    [tier] = read_eaf(save(tmp_path / "a.eaf", document({"t": body})))
    assert [(a.start_ms, a.end_ms) for a in tier.annotations] == [(1000, 2000), (2000, 3000), (3000, 4000)]
    [tier] = read_eaf(save(tmp_path / "b.eaf", document({"t": aligned("a1", "ts2", "ts3", "nowhere")})))
    assert (tier.annotations, tier.untimed) == ((), 1)


def test_annotations_that_refer_have_their_parents_time_or_a_share(tmp_path: Path) -> None:
    tiers = {
        "words": refers("w2", "a1", "second", "w1") + refers("w1", "a1", "first"),  # its order is that of the chain
        "gloss": refers("g1", "w2", "of the second"),
        "t": aligned("a1", "ts1", "ts4", "cuts the onion"),
    }
    found = {tier.name: tier.annotations for tier in read_eaf(save(tmp_path / "a.eaf", document(tiers)))}
    assert found["words"] == (Annotation(2500, 4000, "second"), Annotation(1000, 2500, "first"))
    assert found["gloss"] == (Annotation(2500, 4000, "of the second"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not readable as XML"),
        ("<a>", "not readable as XML"),
        ("<a/>", "not a file of ELAN"),
        ('<?xml version="1.0" encoding="no-such"?><a/>', "not readable as XML"),
        (document({}, head='<!DOCTYPE a [<!ENTITY b "c">]>'), "a document type"),
        (document({}, head='<!DOCTYPE a SYSTEM "file:///etc/passwd">'), "a document type"),
        (document({"t": "<a>" * 500 + "</a>" * 500}), "nested too deeply"),
        (document({}, units="PAL-frames"), "PAL-frames.*milliseconds are expected"),
        (document({"t": aligned("a1", "ts1", "ts99", "x")}), "tier t, a1.*'ts99'.*no such time slot"),
        (document({"t": aligned("a1", "ts4", "ts1", "x")}), "tier t, a1.*ends before it starts"),
        (document({"t": aligned("a1", "ts1", "ts4", "x") * 2}), "a1.*there twice"),
        (document({"t": refers("r1", "a9", "x")}), "r1.*'a9'.*not there, or to itself"),
        (document({"t": refers("r1", "r2", "x") + refers("r2", "r1", "x")}), "not there, or to itself"),
        (document({"t": refers("r1", "r1", "x")}), "not there, or to itself"),
        (document({"t": refers("r1", "a1", "x", "r9")}), "the annotation before it is not there"),
        (document({}).replace('"1000"', '"-1000"'), "ts1.*'-1000'.*not a time"),
        (document({}).replace('"1000"', f'"{"9" * 5000}"'), "ts1.*not a time"),
        (document({}).replace('"ts2"', '"ts1"'), "ts1.*there twice"),
    ],
)
def test_what_is_no_eaf_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_eaf(save(tmp_path / "a.eaf", text))


def test_an_entity_bomb_is_not_opened(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE b [<!ENTITY a0 "x">' + "".join(
        f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12)
    ) + "]>"  # fmt: skip
    with pytest.raises(DataError, match="refused: a document type"):
        read_eaf(save(tmp_path / "a.eaf", document({"t": aligned("a1", "ts1", "ts4", "&a11;")}, head=bomb)))


def test_what_the_kit_writes_comes_back(tmp_path: Path) -> None:
    record = made_record()
    write_eaf(record, tmp_path / "v.eaf")
    text = (tmp_path / "v.eaf").read_text("utf-8")
    assert "/>" in text
    assert " />" not in text
    found = {tier.name: tier for tier in read_eaf(tmp_path / "v.eaf")}
    coarse_first = record.hierarchy.levels[::-1]
    for level, pieces in zip(coarse_first, nested_spans(coarse_first)):
        expected = [(start, end, f"{thread} {thread_title(level, thread)}") for start, end, thread in pieces]
        assert [(a.start_ms, a.end_ms, a.text) for a in found[f"level {level.level}"].annotations] == expected
    assert found["level 0"].parent == "level 1"
    said: list[str] = []
    told = read_narrations(tmp_path / "v.eaf", say=said.append)
    assert {a.start_ms for a in found["narrations"].annotations} == {
        milliseconds(time) for time in record.narrations.times
    }
    assert all(one_line(text) in " ".join(told.texts) for text in record.narrations.without_tags().texts)
    assert said == [f"v.eaf: read from 1 of 4 tiers: 'narrations' ({len(told)})"]


def test_a_tier_is_chosen_and_said(tmp_path: Path) -> None:
    tiers = {"A": aligned("a1", "ts1", "ts4", "cuts"), "B": aligned("b1", "ts5", "ts7", "washes")}
    path, said = save(tmp_path / "a.eaf", document(tiers)), []
    assert list(read_narrations(path, say=said.append)) == [(2.5, "cuts"), (7.0, "washes")]
    assert said == ["a.eaf: read from 2 of 2 tiers: 'A' (1), 'B' (1)"]
    assert list(read_narrations(path, tier="B").texts) == ["washes"]
    with pytest.raises(DataError, match=r"'C': there is no such tier. There are \['A', 'B'\]"):
        read_narrations(path, tier="C")
    said.clear()
    save(path, document({"t": aligned("a1", "ts1", "ts4", "x") + aligned("a2", "ts2", "ts3", "y")}))
    read_narrations(path, say=said.append)
    assert said == ["a.eaf: 1 have no time and are left out"]


BARE = (
    "steps\tAnna\t00:00:01.000\t1.0\t00:00:03.000\t3.0\t00:00:02.000\t2.0\tcuts the onion\n"
    "notes\t\t00:01:00.500\t60.5\t00:01:01.500\t61.5\t00:00:01.000\t1.0\twashes \"it\n"
)  # fmt: skip
NAMED = (
    "Tier\tParticipant\tBegin Time - ss.msec\tEnd Time - ss.msec\tDuration - ss.msec\tAnnotation\n"
    "steps\tAnna\t1.0\t3.0\t2.0\tcuts the onion\nnotes\t\t60.5\t61.5\t1.0\twashes \"it\n"
)  # fmt: skip
COLUMNS = (
    "Begin Time - msec\tEnd Time - msec\tDuration - msec\tsteps\tnotes\n"
    "1000\t3000\t2000\tcuts the onion\t\n60500\t61500\t1000\t\twashes \"it\n"
)  # fmt: skip


@pytest.mark.parametrize("text", [BARE, NAMED, COLUMNS, BARE.replace("\n", "\r\n")])
def test_the_export_in_its_layouts(text: str) -> None:
    first, second = read_elan_table(text, Path("a.txt"))
    assert (first.name, second.name) == ("steps", "notes")
    assert first.annotations == (Annotation(1000, 3000, "cuts the onion"),)
    assert second.annotations == (Annotation(60500, 61500, 'washes "it'),)


def test_the_export_as_narrations_in_utf16(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(BARE.encode("utf-16"))
    assert list(read_narrations(tmp_path / "a.txt")) == [(2.0, "cuts the onion"), (61.0, 'washes "it')]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("cuts the onion\n", "not ELAN's tab-delimited export"),
        ("steps\t\t1.0\t3.0\tcuts\n", "hh:mm:ss.ms"),
        (BARE + "steps\t\t00:00:01.000\tx\n", "'line 3'.*4 cells where there are 9 columns"),
        (BARE.replace("00:00:03.000", "00:00:00.000"), "'line 1'.*not a time"),
        (BARE.replace("00:01:01.500", "-00:01:01.500"), "'line 2'.*not a time"),
        (NAMED.replace("61.5", "1e308"), "'line 3'.*not a time"),
    ],
)
def test_what_is_no_export_is_named(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_elan_table(text, Path("a.txt"))


def media(*origins: str | None) -> str:
    given = ("" if origin is None else f' TIME_ORIGIN="{origin}"' for origin in origins)
    described = "".join(f'<MEDIA_DESCRIPTOR MEDIA_URL="a.mp4" MIME_TYPE="video/mp4"{one}/>' for one in given)
    return f'<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">{described}</HEADER>'


def with_media(tmp_path: Path, *origins: str | None) -> Path:
    path, text = tmp_path / "a.eaf", document({"narrations": aligned("a1", "ts1", "ts4", "cuts")})
    header = text[text.index("<HEADER") : text.index("<TIME_ORDER")]
    path.write_text(text.replace(header, media(*origins)))
    return path


@pytest.mark.parametrize(("origins", "start_ms"), [([None], 1000.0), (["2500"], 3500.0), (["2500", "2500"], 3500.0)])
def test_times_are_those_of_the_video(tmp_path: Path, origins: list[str | None], start_ms: float) -> None:
    assert read_eaf(with_media(tmp_path, *origins))[0].annotations[0].start_ms == start_ms


@pytest.mark.parametrize(("origins", "message"), [(["2500", None], "several offsets"), (["-5"], "not an offset")])
def test_an_offset_that_is_not_known_is_an_error(tmp_path: Path, origins: list[str | None], message: str) -> None:
    with pytest.raises(DataError, match=f"TIME_ORIGIN.*{message}"):
        read_eaf(with_media(tmp_path, *origins))


def test_a_tier_that_is_there_twice_is_an_error(tmp_path: Path) -> None:
    text = document({"one": aligned("a1", "ts1", "ts4", "cuts"), "two": aligned("a2", "ts1", "ts4", "stirs")})
    (tmp_path / "a.eaf").write_text(text.replace('TIER_ID="two"', 'TIER_ID="one"'))
    with pytest.raises(DataError, match="TIER_ID', value 'one': the tier is there twice"):
        read_eaf(tmp_path / "a.eaf")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "n\t\t00:00:01.000\t00:00:03.000\t00:00:02.000\tcuts\t/a/x.eaf\n",
            "several columns of text",
        ),
        ("Begin Time - msec\tEnd Time - msec\ta\ta\n1\t3\tcuts\tstirs\n", "value 'a': the column occurs twice"),
        ("Begin Time - msec\tBegin Time - msec\tEnd Time - msec\ta\n1\t2\t3\tcuts\n", "the column occurs twice"),
    ],
)
def test_a_column_that_is_not_known_for_sure_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=f"line 1', value.*{message}|{message}"):
        read_elan_table(text, tmp_path / "a.txt")
