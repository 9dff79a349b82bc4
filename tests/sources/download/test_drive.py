"""Google Drive: addresses, what its pages hide or say, and what lies in a folder."""

from __future__ import annotations

import importlib

import pytest

from hiero_lib.base.errors import DownloadError
from hiero_lib.sources.download import drive
from tests.helpers.file_server import CONFIRM, LOGIN, QUOTA, FileServer, folder_page

HERE = "https://drive.google.com/uc?id=x"


def test_addresses_of_a_file_and_of_its_page() -> None:
    assert drive.file_address("https://d", "x") == "https://d/uc?export=download&id=x"
    assert drive.page_for_people("https://d", "x") == "https://d/file/d/x/view"
    assert drive.page_for_people("https://d", "x", folder=True) == "https://d/drive/folders/x"


def test_the_page_about_viruses_hides_the_files_address() -> None:
    address = drive.read_page(CONFIRM.format(base="https://drive.usercontent.google.com", id="x"), HERE)
    assert address.startswith("https://drive.usercontent.google.com/download?")
    assert {"id=x", "confirm=t", "uuid=6a7f"} <= set(address.partition("?")[2].split("&"))


@pytest.mark.parametrize(
    ("page", "address", "message"),
    [
        (QUOTA, HERE, r"quota for this file is used up.*Wait up to 24 hours"),
        (LOGIN, HERE, "a login page came instead"),
        ("<title>x</title>", "https://accounts.google.com/v3", "a login page came instead"),
        ("<title>Something new</title>", HERE, r"a web page came instead of the file \(Something new\)"),
    ],
)
def test_other_pages_are_named(page: str, address: str, message: str) -> None:
    with pytest.raises(DownloadError, match=message) as caught:
        drive.read_page(page, address)
    assert caught.value.value == address


@pytest.mark.usefixtures("drive_is_here")
def test_a_folder_is_listed_with_its_folders(server: FileServer) -> None:
    top, inner, a, b = (letter * 30 for letter in "tiab")
    server.folders[top] = folder_page("annotations", {inner: ("MECCANO", True), b: ("README.txt", False)})
    server.folders[inner] = folder_page("MECCANO", {a: ("v1.csv", False)})
    assert drive.list_folder(top) == [(a, "MECCANO/v1.csv"), (b, "README.txt")]
    with pytest.raises(DownloadError, match="the folder cannot be listed"):
        drive.list_folder("x" * 30)


def test_an_address_that_a_page_leads_to_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("gdown.download")
    for found in ("file:///etc/passwd", "javascript:x", "", "http://h/\n"):
        monkeypatch.setattr(module, "get_url_from_gdrive_confirmation", lambda _, found=found: found)
        with pytest.raises(DownloadError, match="leads to no address"):
            drive.read_page("x", HERE)

    def changed(_: str) -> str:
        raise AttributeError("'NoneType' object has no attribute 'get'")

    monkeypatch.setattr(module, "get_url_from_gdrive_confirmation", changed)
    with pytest.raises(DownloadError, match="a web page came instead of the file"):
        drive.read_page("x", HERE)
