"""The folder of an explored video: it belongs to one file's content, which ``video.json`` in it tells.

Cameras give every card a ``GX010001.mp4``: a second file of a name gets a folder of its own, and a folder that was
chosen by hand is refused, so that nothing in it (features, link, page) is ever shown as another video's.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import check_writable, pasted, read_json, safe_name, write_json
from hiero_lib.base.progress import say
from hiero_lib.sources.extraction.extract import identity_of
from hiero_lib.sources.extraction.names import printable, problem_of

FORMAT = 1
MARKER = "video.json"
_DIGITS = 8  # of an identity, in the name of a folder


def uid_of(video: Path) -> str:
    """A video's uid: its file's stem; where that cannot be one, a name made of it."""
    return safe_name(video.stem).replace("=", "-") if problem_of(video.stem) else video.stem


def typed_name(text: str) -> str:
    """A file name that a person would type: letters of any script, digits, ``-``, ``_`` and ``.`` stay.

    What is between them becomes one ``_``: ``kitchen day (1)`` -> ``kitchen_day_1``. Texts that differ may have one
    name: :func:`folder_of` tells them apart by what is in a folder. Over 120 bytes it is cut and gets a hash.
    """
    text = unicodedata.normalize("NFC", text)
    kept = (one if one in "-_." or unicodedata.category(one)[0] in "LMN" else " " for one in text)
    name = "_".join("".join(kept).split()).lstrip("-.").rstrip(".") or "_"
    if len(name.encode()) > 120:
        digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        name = f"{name.encode()[:100].decode(errors='ignore')}-{digest[:8]}"
    return name


def folder_of(parent: str | Path, video: str | Path, *, say: Callable[[str], None] = say) -> Path:
    """Where a video is explored by default: ``<parent>/NAME``, or ``NAME-1a2b3c4d`` where that holds another file's.

    Args:
        parent: of such folders; video: the file, whose stem gives the name (:func:`typed_name`) and
            whose identity the digits.
        say: receives a line where the plain name is taken.

    Raises:
        DataError: the video cannot be read.
    """
    video, identity = Path(video), identity_of(Path(video))
    plain = Path(parent, typed_name(video.stem))
    free = not plain.exists() or (plain.is_dir() and not any(plain.iterdir()))
    if free or held_by(plain).get("identity") == identity:
        return plain
    own = plain.with_name(f"{plain.name}-{identity[:_DIGITS]}")
    say(f"{pasted(plain)} holds another video: this one goes to {pasted(own)}")
    return own


def claim_folder(folder: Path, video: Path) -> None:
    """Make a folder this video's.

    Raises:
        DataError: it holds another video, nothing can be written there, or the video cannot be read.
    """
    identity = identity_of(video)
    check_writable(folder)
    marker = folder / MARKER
    if not marker.exists():
        _put_first(marker, {"format": FORMAT, "name": printable(video.name), "identity": identity})
    held = held_by(folder)
    if held.get("identity") != identity:
        raise DataError(
            f"this folder holds another video ({held.get('name')}), not {printable(str(video))}",
            file=marker,
            field="identity",
            value=held.get("identity"),
            hint="Write to another folder",
        )


def link_to(video: Path, place: Path) -> None:
    """Put a link to the video where explorers look for it, in the place of any other; not every system has links.

    Raises:
        DataError: another file, which is no link, is there.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    target = video.resolve()
    if place.is_file() and place.resolve() == target:
        return
    if place.exists() and not place.is_symlink():
        if place.is_file() and identity_of(place) == identity_of(video):
            return
        raise DataError(f"this is another file than {printable(str(video))}", file=place, hint="Put it elsewhere")
    with contextlib.suppress(OSError):
        place.unlink(missing_ok=True)  # first, so that where no link can be made none to another file stays
        os.symlink(target, place)


def held_by(folder: Path) -> dict[str, Any]:
    """What ``video.json`` in a folder says of its video; nothing where there is none, or it is damaged."""
    with contextlib.suppress(DataError):
        held = read_json(folder / MARKER)
        if isinstance(held, dict):
            return held
    return {}


def _put_first(marker: Path, value: dict[str, Any]) -> None:
    """Write a file that another process may be writing, too: the first one's stays."""
    with tempfile.TemporaryDirectory(prefix=f".{marker.name}.", suffix=".tmp", dir=marker.parent) as holder:
        whole = Path(holder, marker.name)
        write_json(whole, value)
        try:
            os.link(whole, marker)
        except FileExistsError:
            pass
        except OSError:  # no hard links there
            os.replace(whole, marker)
