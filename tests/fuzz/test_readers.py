"""Files by chance, built after each format's own structure and damaged: read, or refused by the kit's own error."""

from __future__ import annotations

import io
import itertools
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from safetensors.torch import save

from hiero_lib.data.features import FeatureStore
from hiero_lib.data.subtitles import read_narrations
from hiero_lib.sources.ego4d_narrations import read_ego4d_narrations
from hiero_lib.sources.sample.timelines import read_timelines
from tests.fuzz.fuzzing import CELLS, NUMBERS, ODD, VALUES, WORDS, as_json, damaged, encoded, fuzz, mostly

CLOCK = st.builds("{:02d}:{:02d}:{:02d},{:03d}".format, *[st.integers(0, 70)] * 3, st.integers(0, 999))
TIMES = st.one_of(CLOCK, CLOCK, CLOCK, NUMBERS, ODD)
NEWLINE = st.sampled_from(["\n", "\n", "\r\n", "\r"])


def lines(line: st.SearchStrategy[str], head: str = "") -> st.SearchStrategy[str]:
    def joined(rows: list[str], newline: str) -> str:
        return newline.join([head, *rows] if head else rows)

    return st.builds(joined, st.lists(line, max_size=12), NEWLINE)


ARROW = mostly(st.just(" --> "), st.sampled_from(["-->", " -> ", " - ", " --> align:start "]))
RISING = st.tuples(st.integers(0, 30), st.integers(0, 20)).map(
    lambda t: (f"00:00:{t[0]:02d},000", f"00:00:{sum(t):02d},500")
)
TIMING = st.builds(lambda t, arrow: f"{t[0]}{arrow}{t[1]}", mostly(RISING, st.tuples(TIMES, TIMES)), ARROW)
CUE_LINES = st.tuples(TIMING, mostly(WORDS, CELLS), st.sampled_from(["", "", "2", "NOTE x", "STYLE"])).map("\n".join)
CUE = mostly(CUE_LINES, st.one_of(TIMING, WORDS, NUMBERS, ODD))
SRT, VTT = lines(CUE), lines(CUE, "WEBVTT")


ELAN_COLUMNS = ("Tier", "Begin Time - ss.msec", "End Time - ss.msec", "Annotation")


def _cell(name: str, start: int, words: str) -> str:
    if name.startswith("video"):
        return f"v{start % 2}"
    late = "end" in name.lower() or "stop" in name
    return str(start + 5 * late) if late or "start" in name.lower() or "ime" in name else words


def table(delimiters: str, *headers: tuple[str, ...]) -> st.SearchStrategy[str]:
    @st.composite
    def rows(draw: st.DrawFn) -> str:
        header, delimiter = draw(st.sampled_from(headers)), draw(st.sampled_from(delimiters))
        start = st.integers(0, 50)
        tidy = st.builds(lambda t, words: [_cell(name, t, words) for name in header], start, WORDS)
        wild = st.lists(CELLS, min_size=max(0, len(header) - 1), max_size=len(header) + 1)
        told = draw(st.lists(mostly(tidy, wild), max_size=8))
        quote = header[0] not in ELAN_COLUMNS and draw(mostly(st.just(True), st.just(False)))
        cells = ([f'"{cell.replace(chr(34), chr(34) * 2)}"' if quote else cell for cell in row] for row in told)
        return draw(NEWLINE).join([delimiter.join(header), *map(delimiter.join, cells)])

    return rows()


TABLE = table(
    ",;\t", ("time", "text"), ("start", "end", "text"), ("start_ms", "end_ms", "text"), ("time", "time", "x")
)
ELAN_TABLE = table(
    "\t", ("Tier", "Begin Time - ss.msec", "End Time - ss.msec", "Annotation"), ("Begin Time - msec", "x")
)
SEGMENT = st.fixed_dictionaries(
    {"start": mostly(st.floats(0, 9), VALUES), "end": mostly(st.floats(9, 20), VALUES), "text": mostly(WORDS, VALUES)}
)
WHISPER = as_json(mostly(st.fixed_dictionaries({"segments": st.lists(mostly(SEGMENT, VALUES), max_size=4)}), VALUES))


@st.composite
def eaf(draw: st.DrawFn) -> str:
    """EAF with slots, aligned and referring annotations, whose ids meet by chance."""
    unique = itertools.count()
    ids = mostly(st.builds(lambda: f"a{next(unique)}"), st.integers(0, 6).map(lambda number: f"a{number}"))
    parents = st.integers(0, 2).map(lambda number: f"a{number}")
    times = mostly(st.none() | st.just("rising"), ODD)

    def escaped(text: str) -> str:
        plain = "".join(c for c in text if c >= " ")
        return plain.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")

    slots = [
        f'<TIME_SLOT TIME_SLOT_ID="t{i}"'
        + (
            "/>"
            if (t := draw(times)) is None
            else f' TIME_VALUE="{escaped(str(i * 1000) if t == "rising" else t)}"/>'
        )
        for i in range(7)
    ]
    tiers = []
    for number in range(draw(st.integers(0, 3))):
        annotations = []
        for _ in range(draw(st.integers(0, 4))):
            name, value = draw(ids), f"<ANNOTATION_VALUE>{escaped(draw(CELLS))}</ANNOTATION_VALUE>"
            if number == 0 or draw(st.booleans()):
                a, b = draw(st.integers(0, 3)), draw(mostly(st.integers(4, 6), st.integers(0, 6)))
                place = f'ANNOTATION_ID="{name}" TIME_SLOT_REF1="t{a}" TIME_SLOT_REF2="t{b}"'
                told = f"<ALIGNABLE_ANNOTATION {place}>{value}</ALIGNABLE_ANNOTATION>"
            else:
                before = draw(mostly(st.just(""), parents.map(lambda name: f' PREVIOUS_ANNOTATION="{name}"')))
                place = f'ANNOTATION_ID="{name}" ANNOTATION_REF="{draw(mostly(parents, ids))}"{before}'
                told = f"<REF_ANNOTATION {place}>{value}</REF_ANNOTATION>"
            annotations.append(f"<ANNOTATION>{told}</ANNOTATION>")
        tiers.append(f'<TIER TIER_ID="tier {number}">{"".join(annotations)}</TIER>')
    doctype = draw(mostly(st.just('<?xml version="1.0"?>'), st.just('<!DOCTYPE a [<!ENTITY b "c">]>')))
    order = f'<HEADER TIME_UNITS="milliseconds"/><TIME_ORDER>{"".join(slots)}</TIME_ORDER>'
    return f"{doctype}<ANNOTATION_DOCUMENT>{order}{''.join(tiers)}</ANNOTATION_DOCUMENT>"


FEW = st.integers(0, 5)
SIZES = st.one_of(FEW, FEW, st.sampled_from([-1, 1 << 20, 10**9, 1 << 40, 1 << 62, 1 << 70]))
DTYPES = st.sampled_from([torch.float16, torch.float32, torch.float64, torch.int64, torch.bfloat16])


@st.composite
def matrix(draw: st.DrawFn) -> torch.Tensor:
    shape = draw(st.sampled_from([(0, 4), (4, 0), (5,), (2, 3, 2), (5, 3), (5, 3), (5, 3)]))
    values = torch.arange(int(np.prod(shape)), dtype=torch.float32).reshape(shape) * draw(
        st.sampled_from([1, 1, 1e37])
    )
    return values.to(draw(DTYPES))


@st.composite
def pt(draw: st.DrawFn) -> bytes:
    """A torch file, old or new, of a tensor whose numbers in the pickle are often others."""
    x = draw(matrix())
    if draw(st.booleans()) and x.numel():
        x = x.flatten().as_strided((draw(st.integers(0, 3)), draw(st.integers(0, 2))), (draw(FEW) % 2, 1))
    stream = io.BytesIO()
    value = draw(st.sampled_from([x, x, x, {"x": x}, [x, x], x.to("meta"), 5, torch.nn.Parameter(torch.ones(2, 2))]))
    torch.save(value, stream, _use_new_zipfile_serialization=draw(st.booleans()))
    content, number = stream.getvalue(), draw(SIZES)
    lie = b"\x8a\x09" + number.to_bytes(9, "little", signed=True)
    honest = b"K" + bytes([draw(st.integers(0, 16))])
    if not draw(st.booleans()):
        return content
    if not content.startswith(b"PK"):
        return content.replace(honest, lie)
    with zipfile.ZipFile(stream) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(again := io.BytesIO(), "w", draw(st.sampled_from([0, 0, 8]))) as archive:
        for name, part in parts.items():
            archive.writestr(name, part.replace(honest, lie) if name.endswith(".pkl") else part)
    return again.getvalue()


@st.composite
def safetensors(draw: st.DrawFn) -> bytes:
    content = save({"x": draw(matrix()).contiguous()})
    text = b"[5,3]" if draw(st.booleans()) else b"[0,60]"
    content = content.replace(text, f"[{draw(SIZES)},{draw(SIZES)}]".encode()) if draw(st.booleans()) else content
    return struct.pack("<Q", draw(SIZES) % (1 << 64)) + content[8:] if draw(st.integers(0, 5)) == 0 else content


@st.composite
def npy(draw: st.DrawFn) -> bytes:
    stream = io.BytesIO()
    if draw(st.booleans()):
        np.save(stream, draw(matrix()).float().numpy())
        return stream.getvalue()
    descr = draw(st.sampled_from(["<f4", ">f2", "|O", "<f8", "<U5", "V9", "[('a','<f4')]", "m8[s]", "x", "<f99999"]))
    shape = tuple(draw(st.lists(SIZES, max_size=3)))
    header = f"{{'descr': {descr!r}, 'fortran_order': {draw(st.booleans())}, 'shape': {shape}, }}".encode()
    header += b" " * 20 + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + draw(st.binary(max_size=80))


@st.composite
def hdf5(draw: st.DrawFn) -> bytes:
    stream, x = io.BytesIO(), draw(matrix()).float().numpy()
    with h5py.File(stream, "w") as file:
        for number in range(draw(st.sampled_from([1, 1, 1, 0, 2]))):
            if draw(st.booleans()):
                file.create_dataset(
                    f"g/x{number}", data=x, compression=draw(st.sampled_from([None, "gzip"])) if x.size else None
                )
            else:
                file.create_dataset(
                    f"x{number}", (draw(st.sampled_from([5, 10**6, 10**9])), 256), np.float16, chunks=(4, 256)
                )
    return stream.getvalue()


def features(file: Path) -> None:
    store = FeatureStore(file.parent)
    if store.header(file.stem):
        store.read(file.stem)


START, END = mostly(st.floats(0, 9), VALUES), mostly(st.floats(9, 99), VALUES)
STEP: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"start_time": START, "end_time": END, "step_category": mostly(WORDS, VALUES)},
    optional={"step_description": mostly(WORDS, VALUES), "segments": mostly(st.just([]), VALUES)},
)
STEPPED = st.fixed_dictionaries({"video_uid": mostly(st.just("v"), CELLS), "segments": st.lists(STEP, max_size=4)})
GOALSTEP = st.fixed_dictionaries({"videos": st.lists(STEPPED, max_size=2)})
QUERY = st.fixed_dictionaries({"query": mostly(WORDS, VALUES), "clip_start_sec": START, "clip_end_sec": END})
CLIP = st.fixed_dictionaries(
    {
        "clip_uid": mostly(st.just("c"), VALUES),
        "video_start_sec": mostly(st.just(0.5), VALUES),
        "video_end_sec": mostly(st.just(60), VALUES),
        "annotations": st.lists(
            st.fixed_dictionaries({"annotation_uid": WORDS, "language_queries": st.lists(QUERY, max_size=3)}),
            max_size=2,
        ),
    }
)
ASKED = st.fixed_dictionaries({"video_uid": mostly(st.just("v"), CELLS), "clips": st.lists(CLIP, max_size=2)})
QUERIES = st.fixed_dictionaries({"videos": st.lists(mostly(ASKED, VALUES), max_size=2)})
OBJECT = st.fixed_dictionaries(
    {"video": mostly(st.just("v"), CELLS), "start": START, "end": END, "text": mostly(WORDS, VALUES)},
    optional={"step": mostly(WORDS, CELLS), "task": mostly(st.just("EGTEA/Pizza"), CELLS)},
)
OBJECTS = st.lists(mostly(OBJECT, VALUES), max_size=4)
TIMELINE_TABLE = table(
    ",\t", ("video", "start", "end", "text"), ("video", "start", "end", "step", "text"),
    ("video_id", "start_timestamp", "stop_timestamp", "narration"),
)  # fmt: skip
TOLD = st.fixed_dictionaries(
    {"timestamp_sec": mostly(st.floats(0, 99), VALUES), "narration_text": mostly(WORDS, VALUES)}
)
PASS = mostly(st.fixed_dictionaries({"narrations": st.lists(mostly(TOLD, VALUES), max_size=5)}), VALUES)
VIDEO = st.fixed_dictionaries({"narration_pass_1": PASS}, optional={"status": mostly(st.just("complete"), VALUES)})
VIDEOS = st.dictionaries(st.text(max_size=4), mostly(VIDEO, VALUES), max_size=3)
EGO4D = mostly(VIDEOS.map(lambda videos: {"videos": videos}) | VIDEOS, VALUES)


def narrations(file: Path) -> None:
    read_narrations(file, duration_s=60.0)


READERS: list[tuple[str, st.SearchStrategy[bytes], Callable[[Path], object]]] = [
    ("a.srt", encoded(SRT), narrations),
    ("a.vtt", encoded(VTT), narrations),
    ("a.csv", encoded(TABLE), narrations),
    ("a.tsv", encoded(table("\t", ("start", "end", "text"), ("time", "text"))), narrations),
    ("a.txt", encoded(ELAN_TABLE), narrations),
    ("a.eaf", eaf().map(str.encode), narrations),
    ("whisper.json", WHISPER, narrations),
    ("f.pt", pt(), features),
    ("f.safetensors", safetensors(), features),
    ("f.npy", npy(), features),
    ("f.h5", hdf5(), features),
    ("t.csv", encoded(TIMELINE_TABLE), read_timelines),
    ("t.json", as_json(mostly(OBJECTS | GOALSTEP | QUERIES, VALUES)), read_timelines),
    ("narration.json", as_json(EGO4D), read_ego4d_narrations),
]


@pytest.mark.filterwarnings("ignore")  # of the libraries, on what is damaged
@pytest.mark.parametrize(("name", "inputs", "read"), READERS, ids=[f"{name}" for name, _, _ in READERS])
def test_a_file_is_read_or_refused(
    tmp_path: Path,
    name: str,
    inputs: st.SearchStrategy[bytes],
    read: Callable[[Path], object],
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    seconds = request.config.getoption("--fuzz-seconds") / len(READERS)
    outcome = fuzz(damaged(inputs), read, tmp_path / name, seconds=seconds)
    record_property("tried", outcome.tried)
    print(f"{name}: {outcome.tried} inputs, {outcome.read} of them read")
    assert outcome.read, "no input was ever a file of the format: the strategy tests nothing"


def test_a_fault_is_found(tmp_path: Path) -> None:
    def faulty(file: Path) -> None:
        if b"-->" in file.read_bytes():
            raise KeyError("a fault")

    with pytest.raises(KeyError):
        fuzz(encoded(SRT), faulty, tmp_path / "a.srt", seconds=1)
