"""The file ``egoclip.csv``, and the narrations in it as an index on disk.

Tab-separated, 3,847,723 rows, of whose columns only video_uid, narration_time and clip_text are needed. It is read
once, with polars, and kept as numpy files, sorted by video and time: ``times.npy``, the texts and their keys
(`hiero_lib.data.egoclip_texts`), and ``videos.json``. Not as Arrow: DataLoader workers that are forked may not enter
polars again (its threads do not survive a fork), while a numpy memory map costs them nothing.
"""

from __future__ import annotations

import csv
import mmap
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hiero_lib.base import checksums
from hiero_lib.base.errors import DataError
from hiero_lib.base.files import write_json
from hiero_lib.base.fingerprint import Fingerprint
from hiero_lib.base.identity import sha256_once
from hiero_lib.data.egoclip_texts import OFFSETS, TEXTS, TextTable

COLUMNS = ("video_uid", "narration_time", "clip_text")
INDEX_VERSION = 4
_SLICE = 1 << 18  # rows
MISSING = ("nan", "NaN", "None", "NULL", "null", "NA", "N/A", "<NA>")  # as table tools write that there is nothing
MOST_LINES_OF_A_RECORD = 50  # a quote that is not closed by then is a character like any other


def identity(path: Path) -> str:
    """16 hexadecimal digits that tell one csv's content from another's: a copy has the same."""
    return Fingerprint().text(f"{INDEX_VERSION} {sha256_once(path)}").digits(16)


def build_index(path: Path, folder: Path) -> None:
    """Read the csv and write the index's files, and their checksums, into ``folder``."""
    import polars as pl

    plain, header = _without_quotes(path)
    places = [header.index(column) for column in COLUMNS]
    schema = {f"c{i}": pl.String for i in range(len(header))} | {"more": pl.String}
    frame = pl.read_csv(
        plain,
        columns=[*(f"c{i}" for i in sorted(places)), "more"],
        schema=schema,
        separator="\t",
        quote_char=None,
        truncate_ragged_lines=True,
        encoding="utf8-lossy",
    ).select(
        pl.col(f"c{places[0]}").alias("video_uid"),
        pl.col(f"c{places[1]}").str.strip_chars().cast(pl.Float64, strict=False).alias("time"),
        pl.col(f"c{places[2]}").alias("text"),
        pl.col("more").is_null().alias("regular"),
    )
    del plain
    words = [pl.col(name).str.strip_chars() for name in ("video_uid", "text")]
    filled = [(text.str.len_bytes() > 0) & ~text.is_in(MISSING) for text in words]
    readable = frame.filter(pl.col("regular"), *filled, pl.col("time").is_finite()).drop("regular")
    if readable.is_empty():
        raise DataError("no row is readable", file=path, field="rows", value=len(frame))
    readable = readable.sort("video_uid", "time", maintain_order=True)
    counts = readable.group_by("video_uid", maintain_order=True).len()
    folder.mkdir()
    np.save(folder / "times.npy", readable["time"].to_numpy())
    lengths = readable["text"].str.len_bytes().cast(pl.Int64).to_numpy()
    np.save(folder / OFFSETS, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
    with open(folder / TEXTS, "wb") as stream:
        for part in readable["text"].to_frame().iter_slices(_SLICE):
            stream.write(part["text"].str.join("").item().encode())
    TextTable.write_keys(folder, (part["text"].to_list() for part in readable["text"].to_frame().iter_slices(_SLICE)))
    write_json(
        folder / "videos.json",
        {
            "rows": len(frame),
            "unreadable_rows": len(frame) - len(readable),
            "odd_texts": int(readable["text"].str.contains("[\\x00\ufffd]").sum()),
            "cut_off": not _ends_with_a_line(path),
            "video_uids": counts["video_uid"].to_list(),
            "offsets": [0, *np.cumsum(counts["len"].to_numpy()).tolist()],
        },
    )
    checksums.seal(folder)


def _ends_with_a_line(path: Path) -> bool:
    with open(path, "rb") as stream:
        stream.seek(-1, 2)
        return stream.read(1) in b"\r\n"


def _without_quotes(path: Path) -> tuple[bytes, list[str]]:
    """The csv as lines of tab-separated fields without any quoting, under a header of its own; and its header.

    polars takes one stray quote for a broken file, and no two of its versions agree on ragged rows. So records with
    a quoted field are rewritten without quotes here, the rest is left alone, and the header ``c0 c1 ... more`` that
    is put in front has a column more than the file: whatever lands there belongs to a row with too many fields.
    """
    if path.stat().st_size == 0:
        raise DataError("the file is empty", file=path, field="bytes", value=0)
    with open(path, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        first_line = raw.readline()
        try:
            header = next(csv.reader([first_line.decode("utf-8-sig", "replace")], delimiter="\t"), [])
        except csv.Error as error:  # lines that end as on an old Mac, for instance
            raise DataError(f"not readable ({error})", file=path, field="the first line") from error
        if twice := [name for name in COLUMNS if header.count(name) > 1]:
            raise DataError("the column occurs twice", file=path, field="header", value=", ".join(twice))
        for column in COLUMNS:
            if column not in header:
                raise DataError(
                    "a column is missing from the header (the first line)",
                    file=path,
                    field=column,
                    value=header,
                    hint="The file is tab-separated, with one line of column names",
                )
        written = search = len(first_line)
        pieces = ["\t".join([*(f"c{i}" for i in range(len(header))), "more"]).encode() + b"\n"]
        while (at := raw.find(b'"', search)) >= 0:
            search = at + 1
            if raw[at - 1 : at] not in (b"\t", b"\n"):  # only a quote that opens a field means anything
                continue
            start = raw.rfind(b"\n", 0, at) + 1
            fields, stop = _quoted_record(raw, start)
            if fields is not None:
                clean = "\t".join(" ".join(field.replace("\t", " ").splitlines()) for field in fields)
                pieces += [raw[written:start], clean.encode(), b"\n"]
                written = search = stop
        pieces.append(raw[written:])
    return b"".join(pieces), header


def _quoted_record(raw: mmap.mmap, start: int) -> tuple[list[str] | None, int]:
    """The fields of the record that starts at ``start`` and where the next begins; None where quotes do not match."""
    stop = start

    def lines() -> Iterator[str]:
        nonlocal stop
        for _ in range(MOST_LINES_OF_A_RECORD):
            newline = raw.find(b"\n", stop)
            begin, stop = stop, newline + 1 if newline >= 0 else len(raw)
            if begin == stop:
                return
            yield raw[begin:stop].decode("utf-8", "replace")

    try:
        return next(csv.reader(lines(), delimiter="\t", strict=True)), stop
    except (csv.Error, StopIteration):
        return None, stop
