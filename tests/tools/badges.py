"""``python -m tests.tools.badges OWNER/REPOSITORY``: the public address of the repository, everywhere at once.

The address and the version stand in the first code cell of each notebook, and in the badges that open it on Colab;
the address alone in the README's `git clone`.
The version is `hiero_lib.__version__`; where only that has changed, leave the argument out.
``tests/notebooks/test_hygiene.py`` holds that all agree.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import hiero_lib
from hiero_lib.base.files import write_text

ROOT = Path(__file__).resolve().parents[2]
_NAMED = re.compile(r'HIERO_REPOSITORY = \\?"([^"\\]+)')
_VERSION = re.compile(r'(HIERO_VERSION = \\?")([^"\\]+)')
_BADGE = re.compile(r"(https://colab\.research\.google\.com/github/)([\w.-]+/[\w.-]+)(/blob/)([^/]+)(/notebooks/)")
_CLONE = re.compile(r"(git clone https://github\.com/)[\w.-]+/[\w.-]+")
_ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[\w.-]+")


def texts() -> Iterator[Path]:
    """The files in which the address stands."""
    yield ROOT / "README.md"
    yield from sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def places(text: str) -> set[tuple[str, str]]:
    """Which addresses a text names, with which versions."""
    found = {(badge[2], badge[4]) for badge in _BADGE.finditer(text)}
    versions = [version[2] for version in _VERSION.finditer(text)]
    return found | set(zip((named[1] for named in _NAMED.finditer(text)), versions, strict=True))


def addressed(text: str, repository: str, version: str) -> str:
    """The text with this address and version in every place, and nothing else changed."""
    text = _NAMED.sub(lambda found: found[0].replace(found[1], repository), text)
    text = _CLONE.sub(lambda found: f"{found[1]}{repository}", text)
    text = _VERSION.sub(lambda found: f"{found[1]}{version}", text)
    return _BADGE.sub(lambda found: f"{found[1]}{repository}{found[3]}{version}{found[5]}", text)


def main() -> None:
    """Write the address, the present one where none is given, and the version of the kit into all files."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.badges", description=__doc__)
    parser.add_argument("repository", nargs="?", help="for example you/hiero_lib")
    repository = parser.parse_args().repository
    if repository is None:
        ((repository, _),) = places(next(iter(texts())).read_text("utf-8"))
    if not _ADDRESS.fullmatch(repository):
        parser.error(f"an address has the form OWNER/REPOSITORY, not {repository!r}")
    for path in texts():
        before = path.read_text("utf-8")
        after = addressed(before, repository, f"v{hiero_lib.__version__}")
        if after != before:
            write_text(path, after)
            print(f"{path.relative_to(ROOT)}: {repository}, v{hiero_lib.__version__}")


if __name__ == "__main__":
    main()
