"""Fetch what the manifest lists into a data root: several at once, resumed, checked, unpacked.

``<root>/downloads/`` holds, for each item, the archive while it is needed, ``ID.json`` (where it came from, its size
and SHA-256, recorded at the first download and binding later ones) and ``ID.files`` (what was unpacked). No checksum
of these files was known when the manifest was written: the first download records what it got.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from hiero_lib.base.errors import DataError, DownloadError
from hiero_lib.base.files import sha256_of, write_json
from hiero_lib.base.progress import say
from hiero_lib.sources.download import archives, drive
from hiero_lib.sources.download.aids import Tally, alone, by_hand, inspect, read_record, readable_size
from hiero_lib.sources.download.manifest import Item, Manifest, Mirror
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
    stop: threading.Event = field(default_factory=threading.Event)

    def folder(self) -> Path:
        return self.root / "downloads"

    def record(self, item: Item) -> Path:
        return self.folder() / f"{item.id}.json"

    def journal(self, item: Item) -> Path:
        return self.folder() / f"{item.id}.files"

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
        verify: compare what is there with its recorded SHA-256 (it is read whole), not with its size alone.
        policy: how patient transfers are.
        list_folder: lists a folder of Google Drive.
        say: receives a line per item when it is done.

    Returns:
        An outcome per item, in their order; ``failed`` ones say what happened and what to do by hand.
    """
    root = Path(root).expanduser()
    job = _Job(root, manifest, policy or Policy(), list_folder, delete_archives, verify, Tally(len(items)))
    job.folder().mkdir(parents=True, exist_ok=True)
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
    try:
        with alone(job.folder() / f"{item.id}.lock", item):
            return _ensure(item, job)
    except DataError as error:
        return Outcome(item, "failed", f"{error}\n    {by_hand(item, job.root, job.manifest)}")
    except OSError as error:  # requests' own are told apart before
        return Outcome(item, "failed", f"the disk does not do it: {error}")
    except Stopped:
        return Outcome(item, "failed", "stopped; run this again to go on")
    finally:
        job.tally.finished(item.id)


def _ensure(item: Item, job: _Job) -> Outcome:
    """Make sure that an item is there, whole and recorded."""
    record = read_record(job.record(item))
    if record and _is_whole(item, job.root, record):
        details = f"{readable_size(record.get('size'))}, recorded {record.get('date')}"
        if job.verify:
            details += _verified(item, job, record)
        return Outcome(item, "there", details)
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
    new: dict[str, Any] = {"id": item.id, "source": source, "size": size, "sha256": digest, "date": now()}
    details = f"{readable_size(size)}, SHA-256 {digest[:12]}..." + (", was there" if present else "")
    if item.archive is not None:
        unpacked = _unpack(item, job, path, digest)
        new["unpacked"] = len(unpacked.files)
        details += f", {len(unpacked.files)} files in {job.root / item.target}"
        if unpacked.left_out:
            details += f" ({unpacked.left_out} others left out)"
    write_json(job.record(item), new)
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


def _hold_to_record(item: Item, job: _Job, record: Mapping[str, Any], path: Path, digest: str) -> None:
    """Refuse a file that differs from the manifest's checksum or from the first download."""
    for known, source in ((item.sha256, "the manifest says"), (record.get("sha256"), "the first download had")):
        if known is not None and known != digest:
            aside = path.with_name(path.name + ".unexpected")
            path.replace(aside)
            raise DownloadError(
                f"wrong checksum: SHA-256 {digest}; {source} {known}",
                file=aside,
                hint=f"If the file was replaced on purpose, delete {job.record(item)}",
            )


def _unpack(item: Item, job: _Job, path: Path, digest: str) -> archives.Unpacked:
    assert item.archive is not None
    journal, owner = job.journal(item), job.journal(item).with_suffix(".archive")
    if not owner.is_file() or owner.read_text("utf-8") != digest:  # a journal of another archive counts for nothing
        journal.unlink(missing_ok=True)
        owner.write_text(digest, encoding="utf-8")
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
    )


def _ensure_folder(item: Item, job: _Job) -> Outcome:
    """Every file of a Drive folder."""
    folder_id = str(item.mirrors[0].drive_folder)
    place = archives.under(item.under) if item.under else PurePosixPath
    target, files = job.root / item.target, dict[str, dict[str, Any]]()
    try:
        listed = job.list_folder(folder_id)
    except DownloadError:
        placed = [path for path in sorted(target.rglob("*")) if path.is_file() and path.suffix != ".part"]
        if not placed:
            raise
        return _adopt(item, job, placed)
    for file_id, name in listed:
        member = PurePosixPath(name)
        if member.is_absolute() or ".." in member.parts:
            raise DownloadError("refused: a name that leads out of the folder", value=name)
        where = place(member)
        if where is None:
            continue
        path = target / where
        if not path.is_file():
            inner = Item(
                f"{item.id}/{where}", item.what, str(PurePosixPath(item.target) / where), "", (Mirror(drive=file_id),)
            )
            _fetch_from_mirrors(inner, job, path)
        files[str(where)] = {"size": path.stat().st_size, "sha256": sha256_of(path)}
    if not files:
        raise DownloadError("nothing of what is expected lies in the folder", value=folder_id)
    record = read_record(job.record(item)).get("files", {})
    changed = sorted(name for name in files if name in record and record[name]["sha256"] != files[name]["sha256"])
    if changed:
        hint = f"If they were replaced on purpose, delete {job.record(item)}"
        raise DownloadError(f"wrong checksum: {', '.join(changed[:5])}", file=target, hint=hint)
    size = sum(file["size"] for file in files.values())
    new = {"id": item.id, "source": folder_id, "size": size, "date": now(), "files": files}
    write_json(job.record(item), new)
    return Outcome(item, "fetched", f"{len(files)} files, {readable_size(size)}, in {target}")


def _ensure_ego4d(item: Item, job: _Job, arguments: str) -> Outcome:
    """Run the ego4d command and move what is asked for to its target."""
    out, target = job.folder() / "ego4d", job.root / item.target
    fetched = sorted(out.glob(str(item.take)))
    placed = sorted(target.glob(PurePosixPath(str(item.take)).name))
    if not fetched and placed and not read_record(job.record(item)):
        return _adopt(item, job, placed)
    if not fetched:
        if shutil.which("ego4d") is None:
            raise DownloadError("the ego4d command is not installed, which fetches what needs Ego4D's licence")
        command = ["ego4d", "--output_directory", str(out), *shlex.split(arguments), "-y"]
        if subprocess.run(command, check=False).returncode != 0:
            raise DownloadError(f"failed: {shlex.join(command)}", hint="Is the licence's key still valid (14 days)?")
        fetched = sorted(out.glob(str(item.take)))
    if not fetched:
        raise DownloadError(f"ego4d left nothing like {item.take}", file=out)
    target.mkdir(parents=True, exist_ok=True)
    files: dict[str, dict[str, Any]] = {}
    for path in fetched:
        inspect(path)
        files[path.name] = {"size": path.stat().st_size, "sha256": sha256_of(path)}
        path.replace(target / path.name)
    size = sum(file["size"] for file in files.values())
    record = {"id": item.id, "source": f"ego4d {arguments}", "size": size, "date": now(), "files": files}
    write_json(job.record(item), record)
    return Outcome(item, "fetched", f"{len(files)} files, {readable_size(size)}, in {target}")


def _adopt(item: Item, job: _Job, placed: Sequence[Path]) -> Outcome:
    """Record files that a person put into an item's folder."""
    target = job.root / item.target
    files = {}
    for path in placed:
        inspect(path)
        files[path.relative_to(target).as_posix()] = {"size": path.stat().st_size, "sha256": sha256_of(path)}
    size = sum(path.stat().st_size for path in placed)
    write_json(job.record(item), {"id": item.id, "source": "by hand", "size": size, "date": now(), "files": files})
    return Outcome(item, "there", f"{len(files)} files, {readable_size(size)}, put into {target} by hand")


def _is_whole(item: Item, root: Path, record: Mapping[str, Any]) -> bool:
    """Whether no file of an item has gone or changed its size since it was recorded; nothing is read."""
    target = root / item.target
    if item.archive is not None:
        sizes = archives.read_journal(root / "downloads" / f"{item.id}.files")
        if len(sizes) < int(record.get("unpacked", 1)):
            return False
    elif "files" in record:
        sizes = {name: file["size"] for name, file in record["files"].items()}
    else:
        sizes, target = {target.name: int(record.get("size", -1))}, target.parent
    for name, size in sizes.items():
        path = target / name
        if not path.is_file() or path.stat().st_size != size:
            return False
    return True


def _verified(item: Item, job: _Job, record: Mapping[str, Any]) -> str:
    """Read what is there and compare; how much that was, for the outcome.

    Raises:
        DownloadError: a file differs from its record.
    """
    files = {job.root / item.target / name: file["sha256"] for name, file in record.get("files", {}).items()}
    if "sha256" in record and job.fetched(item).is_file():
        files[job.fetched(item)] = record["sha256"]
    for path, digest in files.items():
        actual = sha256_of(path)
        if actual != digest:
            hint = f"Delete it and run this again; if it was changed on purpose, delete {job.record(item)}"
            raise DownloadError(f"wrong checksum: SHA-256 {actual}; recorded is {digest}", file=path, hint=hint)
    return ", checksum verified" if files else ", sizes verified (the archive is deleted)"
