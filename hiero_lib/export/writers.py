"""All formats of a video in one folder."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import ConfigError, known
from hiero_lib.base.files import atomic_path, safe_name
from hiero_lib.data.narrations import Narrations
from hiero_lib.export.document import write_document
from hiero_lib.export.elan import write_eaf
from hiero_lib.export.page import write_report
from hiero_lib.export.record import VideoRecord, one_line
from hiero_lib.export.text import write_chapters, write_csv
from hiero_lib.viz.query import plot_query
from hiero_lib.viz.rows import hierarchy_rows
from hiero_lib.viz.timeline import plot_timeline
from hiero_lib.viz.tree import plot_tree

Writer = Callable[[VideoRecord, Path], list[Path]]
"""Writes a record to files whose names begin with that of a path without suffix; returns them."""


def print_figures(record: VideoRecord) -> dict[str, Any]:
    """Name -> matplotlib figure: timeline, tree, and the query panel of the first query."""
    hierarchy, title = record.printable(), one_line(record.title)
    printable = Narrations(record.narrations.times, [one_line(text) for text in record.narrations.texts])
    options: dict[str, Any] = {"title": title, "engine": "matplotlib"}
    rows = hierarchy_rows(hierarchy)
    figures = {
        "timeline": plot_timeline(rows, **options, narrations=printable, end_s=hierarchy.end_s),
        "tree": plot_tree(hierarchy, **options),
    }
    for query in record.queries[:1]:
        figures["query"] = plot_query(hierarchy, one_line(query.text), query.embedded, **options)
    return figures


def _single(suffix: str, write: Callable[[VideoRecord, Path], None]) -> Writer:
    def to(record: VideoRecord, base: Path) -> list[Path]:
        path = base.with_name(f"{base.name}.{suffix}")
        write(record, path)
        return [path]

    return to


def _printed(suffix: str) -> Writer:
    def to(record: VideoRecord, base: Path) -> list[Path]:
        written = []
        with warnings.catch_warnings():
            # a character that matplotlib's font lacks, an emoji for one, is printed as a box
            warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
            for name, figure in print_figures(record).items():
                path = base.with_name(f"{base.name}.{name}.{suffix}")
                with atomic_path(path) as temporary:
                    figure.savefig(temporary, dpi=150)
                written.append(path)
        return written

    return to


WRITERS: Mapping[str, Writer] = {
    "html": _single("html", write_report),
    "json": _single("json", write_document),
    "csv": _single("csv", write_csv),
    "vtt": write_chapters,
    "eaf": _single("eaf", write_eaf),
    "png": _printed("png"),
    "svg": _printed("svg"),
    "pdf": _printed("pdf"),
}


def check_formats(formats: Sequence[str], writers: Mapping[str, Writer] = WRITERS) -> None:
    """ConfigError where there is no such format."""
    for name in formats:
        if name not in writers:
            raise ConfigError("no such format", field="formats", value=name, hint=known(name, writers))


def export(
    record: VideoRecord,
    folder: str | Path,
    *,
    formats: Sequence[str] = tuple(WRITERS),
    writers: Mapping[str, Writer] = WRITERS,
    name: str | None = None,
) -> list[Path]:
    """Write a video's hierarchy in several formats; the files, all of them directly in ``folder``.

    Names begin with ``name``, or with the video's uid, made safe by `hiero_lib.base.files.safe_name`: in a folder of
    several videos no two share a file. Each file is written atomically.

    Raises:
        ConfigError: a format that there is not, before anything is written.
    """
    check_formats(formats, writers)
    base = Path(folder) / (name or safe_name(record.video_uid))
    return [path for one in formats for path in writers[one](record, base)]
