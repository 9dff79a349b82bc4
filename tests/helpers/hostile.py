"""Archives that were damaged, and archives made to do harm, drawn at random from a seed."""

from __future__ import annotations

import gzip
import io
import random
import stat
import tarfile
import warnings
import zipfile
from pathlib import Path

METHODS = {
    "stored": zipfile.ZIP_STORED,
    "deflated": zipfile.ZIP_DEFLATED,
    "bzip2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}
FORMATS = {"pax": tarfile.PAX_FORMAT, "gnu": tarfile.GNU_FORMAT, "ustar": tarfile.USTAR_FORMAT}
PARTS = [
    "..", ".", "", "a", "b.pt", "mine.pt", "a/b", "/", "//", "\\", "C:", "nul", "con.pt", "x" * 300, "ä" * 130, "é",
    "e\u0301", "A", "B.PT", "\n", "\r", "\0", "\x1b[2J", "\u202e", "\u2028", "\u200b", "\udc80", "\ud800", "*", "?",
    "a:b", " ", "x.", "x ", "5\t../../precious\n", "\n4\tmine.pt\n", "precious", "../precious", "~", "-rf", "$(id)",
    "%2e%2e", ".unpacking", ".git", "__MACOSX", "a" * 255, "🙂.pt",
]  # fmt: skip


def whole(kind: str, how: str, files: dict[str, bytes]) -> bytes:
    """An honest archive: a zip of a method, or a tar.gz of a format."""
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w", METHODS[how]) as opened:
            for name, content in files.items():
                opened.writestr(name, content)
        return out.getvalue()
    with tarfile.open(fileobj=out, mode="w", format=FORMATS[how]) as opened:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            opened.addfile(info, io.BytesIO(content))
    return gzip.compress(out.getvalue(), mtime=0)


def damaged(content: bytes, draw: random.Random) -> bytes:
    """One to four bits or bytes changed, bytes taken out or put in, or an end that is missing."""
    made = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(made))
        match draw.randrange(6):
            case 0 | 1 | 2:
                made[at] ^= 1 << draw.randrange(8)
            case 3:
                made[at] = draw.choice((0, 255, draw.randrange(256)))
            case 4:
                del made[at : at + draw.randint(1, 30)]
            case _:
                made[at:at] = draw.randbytes(draw.randint(1, 8))
        made = made or bytearray(1)
    return bytes(made[: draw.randrange(1, len(made) + 1)] if draw.random() < 0.15 else made)


def hostile(path: Path, draw: random.Random) -> str:
    """Write an archive that tries to do harm to ``path``; its kind."""
    names = ["/".join(draw.choice(PARTS) for _ in range(draw.randint(1, 3))) for _ in range(draw.randint(1, 4))]
    if draw.random() < 0.5:
        _hostile_zip(path, names, draw)
        return "zip"
    _hostile_tar(path, names, draw)
    return "tar.gz"


def _hostile_zip(path: Path, names: list[str], draw: random.Random) -> None:
    with zipfile.ZipFile(path, "w", draw.choice(list(METHODS.values()))) as opened:
        for name in names:
            info = zipfile.ZipInfo("stands in")
            info.filename = name.encode("utf-8", "replace").decode()
            kind = draw.choice((0, stat.S_IFREG, stat.S_IFREG, stat.S_IFLNK, stat.S_IFCHR, stat.S_IFDIR))
            info.external_attr = (kind | 0o777) << 16
            info.compress_type = opened.compression
            with warnings.catch_warnings(action="ignore"):  # one name twice
                opened.writestr(info, draw.choice((b"evil", b"../precious", b"", bytes(100_000))))
    raw = path.read_bytes()
    if draw.random() < 0.3:  # what a header says of its member is no longer so
        at = raw.rfind(b"PK\x01\x02") + draw.choice((8, 10, 16, 20, 24, 28, 42))
        path.write_bytes(raw[:at] + draw.randbytes(2) + raw[at + 2 :])


def _hostile_tar(path: Path, names: list[str], draw: random.Random) -> None:
    kinds = (tarfile.REGTYPE,) * 4 + (
        tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE, tarfile.GNUTYPE_SPARSE,
        tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, b"Z",
    )  # fmt: skip
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=draw.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT))) as opened:
        for name in names:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = draw.choice(kinds), draw.choice(("../precious", "/etc/passwd", "mine.pt", "a"))
            content = draw.choice((b"evil", b"", bytes(2000), b"30 path=../../precious\n" * 3))
            info.size = len(content)
            if draw.random() < 0.3:
                info.pax_headers = {
                    draw.choice(("path", "size", "GNU.sparse.size", "GNU.sparse.map")): draw.choice(PARTS)
                }
            try:
                opened.addfile(info, io.BytesIO(content))
            except (UnicodeError, ValueError):  # tarfile cannot write what it reads
                continue
    packed = bytearray(gzip.compress(out.getvalue(), mtime=0))
    if draw.random() < 0.5:
        packed[-8] ^= 0xFF  # a checksum that does not hold: what was written is not to be trusted
    path.write_bytes(packed)
