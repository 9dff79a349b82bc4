"""What surrounds a download: the look at a file, the bar, the list, and what to do by hand."""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Sequence
from pathlib import Path

from hiero_lib.base.errors import DownloadError
from hiero_lib.base.progress import Progress
from hiero_lib.sources.download import drive
from hiero_lib.sources.download.manifest import Item, Manifest
from hiero_lib.sources.download.records import read_record
from hiero_lib.sources.download.transfer import forget, starts_like_a_page

EGO4D_PAGE = "https://ego4d-data.org"


def by_hand(item: Item, root: Path, manifest: Manifest) -> str:
    """What a person does where the program cannot."""
    where = root / "downloads" / item.file_name if item.archive else root / item.target
    places = []
    for mirror in item.mirrors:
        if mirror.ego4d is not None:
            command = f"ego4d --output_directory {root / 'downloads' / 'ego4d'} {mirror.ego4d} -y"
            return f"By hand: with a licence ({EGO4D_PAGE}), pip install ego4d, then {command}; run this again"
        folder = mirror.drive_folder is not None
        drive_id = mirror.drive or mirror.drive_folder
        places.append(mirror.http or drive.page_for_people(manifest.drive, str(drive_id), folder=folder))
    what = "its files into" if item.mirrors[0].drive_folder else "the file at"
    return f"By hand: open {' or '.join(places)} in a browser, put {what} {where}, and run this again"


def inspect(path: Path, *, name: str | None = None) -> None:
    """A cheap look at whether a file can be what its name says.

    Raises:
        DownloadError: it is a web page, empty, or its beginning or end is not that of its format.
    """
    name = name or path.name
    if path.stat().st_size == 0:
        raise DownloadError("the file is empty", file=path)
    if starts_like_a_page(path):
        forget(path)
        raise DownloadError("a web page was saved instead of the file (it is deleted)", file=path)
    with path.open("rb") as stream:
        begin = stream.read(16).removeprefix(b"\xef\xbb\xbf")
        stream.seek(max(0, path.stat().st_size - 64))
        end = stream.read().rstrip()
    fits = True
    if name.endswith(".json"):
        fits = begin.lstrip()[:1] in (b"{", b"[") and end[-1:] in (b"}", b"]")
    elif name.endswith(".zip") or (name.endswith((".pt", ".pth")) and begin.startswith(b"PK")):
        fits = _is_zip(path)
    elif name.endswith(".gz"):
        fits = begin.startswith(b"\x1f\x8b")
    if not fits:
        raise DownloadError(
            f"truncated, or no {name.rpartition('.')[2]} file", file=path, hint="Delete it and run this again"
        )


def _is_zip(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:  # its end is one of several files
        return False


class Tally:
    """Bytes of all transfers and archives in one bar, or in a line every few seconds."""

    def __init__(self, items: int, *, quiet: bool = False) -> None:
        self.lock, self.left, self.bytes = threading.Lock(), items, dict[str, tuple[int, int]]()
        self.progress = Progress("MB fetched and unpacked", total=1, enabled=not quiet)

    def report(self, name: str, done: int, total: int | None) -> None:
        with self.lock:
            if name not in self.bytes:
                self.progress.start += done // 1_000_000
            self.bytes[name] = (done, total or done + 1_000_000)
            megabytes = sum(part for part, _ in self.bytes.values()) // 1_000_000
            self.progress.total = sum(whole for _, whole in self.bytes.values()) // 1_000_000 + 1
            if self.progress.bar is not None:
                self.progress.bar.total = self.progress.total
            self.progress.show(megabytes, {"left": self.left})

    def finished(self, name: str) -> None:
        with self.lock:
            self.left -= 1

    def close(self) -> None:
        self.progress.close()


def readable_size(size: int | None) -> str:
    if size is None:
        return "size not known"
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} B"


def listing(items: Sequence[Item], root: Path, *, needed: set[str]) -> str:
    """A table of items for people: which are needed and there, their sizes where known, targets and licences."""
    lines = []
    for item in items:
        try:
            record = read_record(root, item)
            there = record is not None or (root / item.target).is_file()
        except OSError as error:
            lines.append(f"{item.id:28} cannot be looked at: {error}")
            continue
        marks = f"{'needed' if item.id in needed else '':6} {'there' if there else '':5}"
        known = item.size if item.size is not None or record is None else record.size
        size = "" if known is None else readable_size(known)
        lines.append(f"{item.id:28} {marks} {size:14} {item.target}")
        lines.append(f"{'':28} {item.what} [{item.licence}]")
    return "\n".join(lines)
