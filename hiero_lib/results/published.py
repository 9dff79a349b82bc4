"""The published figures (``published.yaml``), and which of them a figure of a run may be compared with.

The paper's tables name features and method together, ``HiERO (EgoVLP)`` and plain ``EgoVLP``; a run has methods, and
its features in its profile. A figure is compared with the same method on the same features, on the real data, or
with none at all.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping
from importlib import resources
from typing import Any

import yaml

from hiero_lib.results.row import Row

# Folders under raw/features, as the authors name them, and what the paper's tables call the features in them.
FEATURES = {
    "egovlp": "EgoVLP",
    "omnivore_video_swinl": "Omnivore",
    "omnivore_video_swinl_window-16": "Omnivore",
    "LaViLa-L": "LaViLa",
}
# Methods of a run (``methods.method.UNTRAINED``, ``HIERO``), and what the paper calls them on some features.
_METHODS = {"untrained features": "{}", "HiERO": "HiERO ({})"}


def published_method(method: str, features_folder: str) -> str | None:
    """The name of a run's method in the paper's tables; None where the paper has no such row."""
    if method not in _METHODS or features_folder not in FEATURES:
        return None
    return _METHODS[method].format(FEATURES[features_folder])


def has_published_rows(method: str) -> bool:
    """Whether the paper reports this method, on whatever features."""
    return method in _METHODS


def counterpart(
    row: Mapping[str, Any], rows: Iterable[Mapping[str, Any]], features_folder: str
) -> Mapping[str, Any] | None:
    """The row among ``rows`` that quotes the paper for the same benchmark, measure, method and features."""
    wanted = (row["benchmark"], row["metric"], published_method(row["method"], features_folder))
    for other in rows:
        quoted = other["result"] is None and other["published"] is not None
        if quoted and wanted == (other["benchmark"], other["metric"], other["method"]):
            return other
    return None


def published_figures(table: str) -> dict[str, dict[str, float]]:
    """Method -> measure -> figure as a fraction, of a table of ``published.yaml``; KeyError where there is none."""
    return {
        method: {metric: round(percent / 100, 4) for metric, percent in figures.items()}
        for method, figures in _tables()[table]["figures"].items()
    }


def published_rows(table: str, benchmark: str, *, metrics: Collection[str] | None = None) -> list[Row]:
    """The rows that quote a table of ``published.yaml`` beside what a run measures.

    Args:
        table: its name in the file.
        benchmark: as the run's own rows have it.
        metrics: the measures to quote; None: all.
    """
    note = _tables()[table]["note"]
    return [
        Row(benchmark, method, metric, None, published=figure, note=note)
        for method, figures in published_figures(table).items()
        for metric, figure in figures.items()
        if metrics is None or metric in metrics
    ]


@functools.cache
def _tables() -> dict[str, Any]:
    return yaml.safe_load(resources.files("hiero_lib.results").joinpath("published.yaml").read_text("utf-8"))
