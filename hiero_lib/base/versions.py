"""What is installed. Only the standard library is imported: notebooks ask before anything else is there."""

from __future__ import annotations

from importlib import metadata


def version_of(package: str) -> str | None:
    """The installed version of a package by its name on PyPI, or None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
