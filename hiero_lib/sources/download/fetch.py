"""Fetch what the manifest lists into a data root: several at once, resumed, checked, unpacked.

``<root>/downloads/`` holds, for each item, the archive while it is needed, ``ID.json`` (where it came from, its size
and SHA-256, recorded at the first download and binding later ones), ``ID.files`` (what was unpacked) and
``ID.archive`` (of the archive with which SHA-256). No checksum of these files was known when the manifest was
written: the first download records what it got.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from hiero_lib.base.errors import DataError, DownloadError, UnsafeFileError
from hiero_lib.base.files import sha256_of, write_text
from hiero_lib.base.locks import exclusive
from hiero_lib.base.progress import quiet, say
from hiero_lib.sources.download import archives, drive
from hiero_lib.sources.download.aids import Tally, by_hand, inspect, readable_size
from hiero_lib.sources.download.manifest import Item, Manifest, Mirror
from hiero_lib.sources.download.names import fault_of, place_inside, same_file
from hiero_lib.sources.download.records import (
    FileRecord,
    Record,
    is_whole,
    journal_file,
    read_record,
    record_file,
    verify,
    write_record,
)
from hiero_lib.sources.download.rules import is_drive_id
from hiero_lib.sources.download.transfer import Policy, Stopped, fetch, forget, need_room, now


@dataclass(frozen=True)
class Outcome:
    """How it went with one item."""

    item: Item
    status: Literal["there", "fetched", "failed"]
    details: str


@dataclass(frozen=True)
class _Job:
    """What all parts of a download share."""

    root: Path
    manifest: Manifest
    policy: Policy
    list_folder: drive.ListFolder
    delete_archives: bool
    verify: bool
    tally: Tally
    say: Callable[[str], None]
    stop: threading.Event = field(default_factory=threading.Event)

    def folder(self) -> Path:
        return self.root / "downloads"

    def fetched(self, item: Item) -> Path:
        """Where the fetched file itself lies: an archive in downloads/, a file at its target."""
        return self.folder() / item.file_name if item.archive else self.root / item.target


def download(
    items: Sequence[Item],
    root: str | Path,
    *,
    manifest: Manifest,
    jobs: int = 3,
    delete_archives: bool = False,
    verify: bool = False,
    policy: Policy | None = None,
    list_folder: drive.ListFolder = drive.list_folder,
    say: Callable[[str], None] = say,
) -> list[Outcome]:
    """Fetch ``items`` into the data root; those that are there already are left alone. One failure stops no other.

    Args:
        items: of ``manifest``.
        root: the data root.
        jobs: at the same time.
        delete_archives: remove an archive when it is unpacked.
        verify: compare what is there with its recorded checksums (it is read whole), not with its size alone.
        policy: how patient transfers are.
        list_folder: lists a folder of Google Drive.
        say: receives a line per item when it is done, and what is odd in the records.

    Returns:
        An outcome per item, in their order; ``failed`` ones say what happened and what to do by hand.
    """
    root = Path(root).expanduser()
    job = _Job(root, manifest, policy or Policy(), list_folder, delete_archives, verify, Tally(len(items)), say)
    outcomes: dict[str, Outcome] = {}
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        running = [pool.submit(_one, item, job) for item in items]
        try:
            for finished in as_completed(running):
                outcome = finished.result()
                outcomes[outcome.item.id] = outcome
                say(f"{outcome.item.id}: {outcome.status}, {outcome.details}")
        except BaseException:
            job.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        finally:
            job.tally.close()
    return [outcomes[item.id] for item in items]


def _one(item: Item, job: _Job) -> Outcome:
    """The outcome of an item, whatever happens to it: it is a line of the report, and the others go on."""
    try:
        return _there(item, job, job.say) or _ensure(item, job)
    except DataError as error:
        details = f"{error}\n    {by_hand(item, job.root, job.manifest)}"
    except OSError as error:  # requests' own are told apart before
        details = f"the disk does not do it: {error}"
    except Stopped:
        details = "stopped; run this again to go on"
    except Exception as error:
        details = f"not foreseen: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    finally:
        job.tally.finished(item.id)
    return Outcome(item, "failed", _printable(details))


def _printable(text: str) -> str:
    """Text with what a terminal would obey, or cannot write, escaped: pages and archives have their say in errors."""
    shown = (one if one.isprintable() or one == "\n" else one.encode("unicode_escape").decode() for one in text)
    return "".join(shown)


def _there(item: Item, job: _Job, say: Callable[[str], None]) -> Outcome | None:
    """The outcome of an item that is there and whole, which takes no lock: a shared data root may be read-only."""
    record = read_record(job.root, item, say=say)
    if record is None or not is_whole(item, job.root, record, say=say):
        return None
    details = f"{readable_size(record.size)}, recorded {record.date}"
    if job.verify:
        details += verify(item, job.root, record, job.fetched(item))
    return Outcome(item, "there", details)


def _ensure(item: Item, job: _Job) -> Outcome:
    """Make sure that an item is there, whole and recorded; one process at a time."""
    with exclusive(job.folder() / item.id, f"download of {item.id}"):
        return _there(item, job, quiet) or _fetched(item, job)


def _fetched(item: Item, job: _Job) -> Outcome:
    """Fetch an item, or take what a person put there; then unpack and record it."""
    record = read_record(job.root, item)
    first = item.mirrors[0]
    if first.drive_folder is not None:
        return _ensure_folder(item, job)
    if first.ego4d is not None:
        return _ensure_ego4d(item, job, first.ego4d)
    path, source = job.fetched(item), "by hand"
    present = path.is_file()
    if not present:
        source = _fetch_from_mirrors(item, job, path)
    inspect(path)
    size, digest = path.stat().st_size, sha256_of(path)
    _hold_to_record(item, job, record, path, digest)
    new = Record(item.id, source, size, now(), digest)
    details = f"{readable_size(size)}, SHA-256 {digest[:12]}..." + (", was there" if present else "")
    if item.archive is not None:
        unpacked = _unpack(item, job, path, digest)
        new = replace(new, unpacked=len(unpacked.files))
        details += f", {len(unpacked.files)} files in {job.root / item.target}"
        if unpacked.left_out:
            details += f" ({unpacked.left_out} others left out)"
    write_record(job.root, item, new)
    if item.archive is not None and job.delete_archives:
        path.unlink()
    return Outcome(item, "there" if present and item.archive is None else "fetched", details)


def _fetch_from_mirrors(item: Item, job: _Job, path: Path) -> str:
    """Fetch the file of an item to ``path``; the address it came from."""
    import requests

    import hiero_lib

    part, failures = path.with_name(path.name + ".part"), []
    if item.size is not None:
        here = part.stat().st_size if part.exists() else 0
        need_room(job.root, item.size - here, job.policy.spare_bytes)
    for mirror in item.mirrors:
        address = mirror.http or drive.file_address(job.manifest.drive, str(mirror.drive))
        with requests.Session() as session:
            session.headers["User-Agent"] = f"Mozilla/5.0 (compatible; hiero_lib {hiero_lib.__version__})"
            try:
                fetch(
                    address,
                    part,
                    session=session,
                    policy=job.policy,
                    resolve=None if mirror.drive is None else drive.read_page,
                    size=item.size,
                    room=1.0 if item.archive is None else 2.0,
                    on_bytes=lambda done, total: job.tally.report(item.id, done, total),
                    stop=job.stop,
                    say=job.say,
                )
                inspect(part, name=path.name)
            except DownloadError as error:
                failures.append(error)
                if error.file is not None and Path(error.file) != part:  # the disk's fault, not the mirror's
                    break
                continue
        part.replace(path)
        forget(part)
        return address
    raise failures[0] if len(failures) == 1 else DownloadError("; ".join(str(error) for error in failures))


def _hold_to_record(item: Item, job: _Job, record: Record | None, path: Path, digest: str) -> None:
    """Refuse a file that differs from the manifest's checksum or from the first download."""
    recorded = None if record is None else record.sha256
    for known, source in ((item.sha256, "the manifest says"), (recorded, "the first download had")):
        if known is not None and known != digest:
            aside = path.with_name(path.name + ".unexpected")
            path.replace(aside)
            raise DownloadError(
                f"wrong checksum: SHA-256 {digest}; {source} {known}",
                file=aside,
                hint=f"If the file was replaced on purpose, delete {record_file(job.root, item)}",
            )


def _unpack(item: Item, job: _Job, path: Path, digest: str) -> archives.Unpacked:
    assert item.archive is not None
    journal = journal_file(job.root, item)
    owner = journal.with_name(f"{item.id}.archive")
    if not owner.is_file() or owner.read_bytes() != digest.encode():  # another archive's journal counts for nothing
        journal.unlink(missing_ok=True)
        write_text(owner, digest)
    place: archives.Place = archives.flat if item.archive.flat else PurePosixPath
    if item.under:
        place = archives.under(item.under)
    return archives.unpack(
        path,
        job.root / item.target,
        kind=item.archive.format,
        journal=journal,
        place=place,
        on_bytes=lambda done, total: job.tally.report(f"{item.id} unpacked", done, total),
        stop=job.stop,
        say=job.say,
    )


def _ensure_folder(item: Item, job: _Job) -> Outcome:
    """Every file of a Drive folder."""
    folder_id = str(item.mirrors[0].drive_folder)
    target, files = job.root / item.target, dict[str, FileRecord]()
    try:
        listed = job.list_folder(folder_id)
    except DownloadError:
        placed = [path for path in sorted(target.rglob("*")) if path.is_file() and not _is_ours(path)]
        if not placed:
            raise
        return _adopt(item, job, placed)
    wanted = _placed(item, listed)
    target.mkdir(parents=True, exist_ok=True)
    for file_id, where in wanted:
        path = place_inside(target, where, file=target)
        if not path.is_file():
            inner = Item(
                f"{item.id}/{where}", item.what, str(PurePosixPath(item.target) / where), "", (Mirror(drive=file_id),)
            )
            _fetch_from_mirrors(inner, job, path)
        files[str(where)] = FileRecord(path.stat().st_size, sha256_of(path))
    record = read_record(job.root, item)
    known = record.files or {} if record is not None else {}
    changed = sorted(name for name in files if name in known and known[name].sha256 != files[name].sha256)
    if changed:
        hint = f"If they were replaced on purpose, delete {record_file(job.root, item)}"
        raise DownloadError(f"wrong checksum: {', '.join(changed[:5])}", file=target, hint=hint)
    return _recorded(item, job, files, folder_id)


def _placed(item: Item, listed: Sequence[tuple[str, str]]) -> list[tuple[str, PurePosixPath]]:
    """The files of a Drive folder that belong to an item: their ids, and their places in its target.

    Raises:
        UnsafeFileError: a name that no file below the target can have, or one that two files have.
        DownloadError: none belongs to it.
    """
    place: archives.Place = archives.under(item.under) if item.under else PurePosixPath
    found: dict[str, tuple[str, PurePosixPath]] = {}
    for file_id, name in listed:
        fault = fault_of(name) or (None if is_drive_id(file_id) else "an id that is none of Google Drive's")
        if fault:
            raise UnsafeFileError(f"refused: {fault}", field=item.id, value=name)
        where = place(PurePosixPath(name))
        if where is None:
            continue
        if same_file(where) in found:
            raise UnsafeFileError("refused: two files of one name", field=item.id, value=name)
        found[same_file(where)] = (file_id, where)
    if not found:
        raise DownloadError("nothing of what is expected lies in the folder", value=item.mirrors[0].drive_folder)
    return list(found.values())


def _is_ours(path: Path) -> bool:
    """Whether a file is one of a transfer that was cut off, or a hidden one, and none that a person put there."""
    return path.name.endswith((".part", ".part.json", ".unexpected")) or path.name.startswith(".")


def _ensure_ego4d(item: Item, job: _Job, arguments: str) -> Outcome:
    """Run the ego4d command and move what is asked for to its target."""
    out, target, take = job.folder() / "ego4d", job.root / item.target, str(item.take)
    fetched, placed = sorted(out.glob(take)), sorted(target.glob(PurePosixPath(take).name))
    if not fetched and placed and read_record(job.root, item) is None:
        return _adopt(item, job, placed)
    if not fetched:
        if shutil.which("ego4d") is None:
            raise DownloadError("the ego4d command is not installed, which fetches what needs Ego4D's licence")
        command = ["ego4d", "--output_directory", str(out), *shlex.split(arguments), "-y"]
        if subprocess.run(command, check=False).returncode != 0:
            raise DownloadError(f"failed: {shlex.join(command)}", hint="Is the licence's key still valid (14 days)?")
        fetched = sorted(out.glob(take))
    if not fetched:
        raise DownloadError(f"ego4d left nothing like {take}", file=out)
    target.mkdir(parents=True, exist_ok=True)
    new = {path.name: path for path in fetched}
    if len(new) < len(fetched):
        raise DownloadError(f"ego4d left several files of one name that are like {take}", file=out)
    files = {path.name: path for path in placed} | new  # a call that was cut off has moved some already
    made = {name: _file_record(path, name) for name, path in sorted(files.items())}
    for path in fetched:
        path.replace(target / path.name)
    return _recorded(item, job, made, f"ego4d {arguments}")


def _adopt(item: Item, job: _Job, placed: Sequence[Path]) -> Outcome:
    """Record files that a person put into an item's folder."""
    target = job.root / item.target
    named = {path.relative_to(target).as_posix(): path for path in placed}
    files = {name: _file_record(path, name) for name, path in named.items()}
    _recorded(item, job, files, "by hand")
    size = readable_size(sum(file.size for file in files.values()))
    return Outcome(item, "there", f"{len(files)} files, {size}, put into {target} by hand")


def _file_record(path: Path, name: str) -> FileRecord:
    """What is recorded of a file, after a look at it."""
    if fault := fault_of(name):
        raise DownloadError(f"cannot be recorded: {fault}", file=path.parent, value=path.name, hint="Rename it")
    inspect(path)
    return FileRecord(path.stat().st_size, sha256_of(path))


def _recorded(item: Item, job: _Job, files: dict[str, FileRecord], source: str) -> Outcome:
    """Record the files of a folder."""
    size = sum(file.size for file in files.values())
    write_record(job.root, item, Record(item.id, source, size, now(), files=files))
    return Outcome(item, "fetched", f"{len(files)} files, {readable_size(size)}, in {job.root / item.target}")
