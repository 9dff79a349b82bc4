"""Google Drive: what its pages mean, and what lies in a folder. gdown (5.2 and 6) reads them; transfer.py fetches.

gdown's own transfers are not used: in 5.2 a server that ignores a range corrupts the file, and neither version can
say what size a resumed file should have. What gdown knows, and keeps up with, is where a page hides the file.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Any

from hiero_lib.base.errors import DownloadError
from hiero_lib.sources.download.rules import is_address
from hiero_lib.sources.download.transfer import describe_page

ListFolder = Callable[[str], Sequence[tuple[str, str]]]  # folder id -> (file id, path in the folder)


def file_address(drive: str, file_id: str) -> str:
    """Where the file, or a page before it, is fetched; ``drive`` is the host's address."""
    return f"{drive}/uc?export=download&id={file_id}"


def page_for_people(drive: str, file_id: str, *, folder: bool = False) -> str:
    """The address to open in a browser."""
    return f"{drive}/drive/folders/{file_id}" if folder else f"{drive}/file/d/{file_id}/view"


def read_page(text: str, address: str) -> str:
    """The file's address, from the page that Drive shows instead (large files are not scanned for viruses).

    Raises:
        DownloadError: the quota is used up, a login is asked for, or the page is another one.
    """
    if "accounts.google.com" in address or "ServiceLogin" in text:
        raise DownloadError(describe_page(text, address), value=address)
    module = importlib.import_module("gdown.download")  # the function hides the module's name
    try:
        found = str(module.get_url_from_gdrive_confirmation(text))
    except Exception as error:  # gdown's FileURLRetrievalError; of a page that has changed, nearly anything
        message = " ".join(re.sub(r"<[^>]+>", " ", str(error)).split())
        if re.search(r"too many users|quota", message + text, re.IGNORECASE):
            raise DownloadError(
                "Google Drive's quota for this file is used up for today (too many downloads by everyone)",
                value=address,
                hint="Wait up to 24 hours",
            ) from error
        raise DownloadError(f"{describe_page(text, address)}: {message[:200]}", value=address) from error
    if not is_address(found):
        raise DownloadError("the page leads to no address", value=found[:200])
    return found


def list_folder(folder_id: str) -> list[tuple[str, str]]:
    """Ids and paths of all files of a public folder, those in its folders included.

    Raises:
        DownloadError: it cannot be listed; gdown 5.2 cannot list a folder of 50 files and more.
    """
    import gdown

    limit = getattr(gdown.exceptions, "FolderContentsMaximumLimitError", ())
    try:
        listed: Any = gdown.download_folder(id=folder_id, skip_download=True, quiet=True, use_cookies=False)
    except limit as error:
        raise DownloadError(
            "this gdown lists only 50 files of a folder", value=folder_id, hint="Try: pip install -U gdown"
        ) from error
    except Exception as error:  # of a page that has changed, gdown raises nearly anything
        message = " ".join(str(error).split())[:200]
        raise DownloadError(f"the folder cannot be listed ({message})", value=folder_id) from error
    if not listed:
        raise DownloadError("the folder cannot be listed, or is empty", value=folder_id)
    return [(file.id, str(PurePosixPath(*file.path.split("/")))) for file in listed]
