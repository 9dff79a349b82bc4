"""A collection in two dimensions: near stays near, places are kept and made anew where the spans are others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hiero_lib.search import layout as module
from hiero_lib.search.index import SearchIndex
from hiero_lib.search.layout import kept_layout, lay_out
from hiero_lib.search.table import join, table_of


def index_of(groups: np.ndarray, *, videos: int = 3, seed: int = 0, dim: int = 16) -> SearchIndex:
    """Spans of level 0 around one of a few directions, and one span of level 1 a video."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(groups.max() + 1, dim))
    tables = []
    for number in range(videos):
        own = groups[number::videos]
        vectors = centres[own] + 0.2 * random.normal(size=(len(own), dim))
        tables.append(
            table_of(
                f"v{number}",
                np.concatenate([vectors, vectors[:1]]),
                level=np.r_[np.zeros(len(own), int), 1],
                thread=np.r_[own, 0],
                start_s=np.r_[np.arange(len(own)) * 2.0, 0],
                end_s=np.r_[np.arange(len(own)) * 2.0 + 2, 2],
                labels=[f"thread {one}" for one in own] + [""],
            )
        )
    return SearchIndex(join(tables))


GROUPS = np.arange(120) % 4
INDEX = index_of(GROUPS)


def share_of_own(found: module.Layout, index: SearchIndex) -> float:
    """How often the nearest other point is of the same group."""
    apart = np.linalg.norm(found.xy[:, None] - found.xy[None], axis=2) + 9 * np.eye(len(found.xy))
    own = index.spans.thread[found.rows]
    return float((own[apart.argmin(1)] == own).mean())


@pytest.mark.parametrize("landmarks", [2000, 40])
def test_spans_that_are_alike_are_near(landmarks: int) -> None:
    found = lay_out(INDEX, level=0, landmarks=landmarks)
    assert found.xy.shape == (120, 2)
    assert found.xy.dtype == np.float32
    assert found.xy.min() >= 0
    assert found.xy.max() <= 1
    assert share_of_own(found, INDEX) > 0.95
    again = lay_out(INDEX, level=0, landmarks=landmarks)
    assert np.array_equal(found.xy, again.xy)


def test_of_too_many_one_in_k_has_a_place_and_the_others_are_told() -> None:
    found = lay_out(INDEX, level=0, most=50)
    assert found.rows.tolist() == list(range(0, 120, 3))
    assert "40 spans of level 0 (80 more have no point)" in found.note
    assert "more have" not in lay_out(INDEX, level=0).note


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7])
def test_a_handful_of_spans(count: int) -> None:
    found = lay_out(index_of(np.zeros(count, int), videos=1), level=0)
    assert found.xy.shape == (count, 2)
    assert np.isfinite(found.xy).all()
    assert lay_out(index_of(np.arange(count), videos=1), level=1).xy.shape == (1, 2)


@pytest.mark.parametrize("kinds", [1, 2, 20])
def test_equal_spans_and_spans_on_a_line_have_finite_places(kinds: int) -> None:
    vectors = np.ones((20, 4))
    vectors[:, 0] += np.arange(20) % kinds
    table = table_of(
        "v",
        vectors,
        level=np.zeros(20, int),
        thread=np.zeros(20, int),
        start_s=np.arange(20.0),
        end_s=np.arange(20.0) + 1,
        labels=[""] * 20,
    )
    assert np.isfinite(lay_out(SearchIndex(join([table])), level=0).xy).all()


def test_a_level_that_is_not_there_is_told() -> None:
    with pytest.raises(ValueError, match="not of level 5"):
        lay_out(INDEX, level=5)


def test_places_are_kept_until_the_spans_are_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counted(*args: object, **given: object) -> module.Layout:
        made.append(args)
        return lay_out(*args, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "lay_out", counted)
    first = kept_layout(tmp_path, INDEX, level=0)
    again = kept_layout(tmp_path, INDEX, level=0)
    assert np.array_equal(first.xy, again.xy)
    assert np.array_equal(first.rows, again.rows)
    assert len(made) == 1
    kept_layout(tmp_path, index_of(GROUPS, seed=1), level=0)
    assert len(made) == 2
    kept_layout(tmp_path, INDEX, level=0)
    assert len(made) == 3
    (file,) = (tmp_path / "maps").glob("*")
    content = bytearray(file.read_bytes())
    content[-3] ^= 4
    file.write_bytes(content)
    assert np.array_equal(kept_layout(tmp_path, INDEX, level=0).xy, first.xy)
    assert len(made) == 4  # a flipped bit is no place
    kept_layout(None, INDEX, level=0)
    assert len(made) == 5


def test_what_cannot_be_kept_is_made_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "maps").write_text("a file, where a folder is needed")
    assert len(kept_layout(tmp_path, INDEX, level=0).xy) == 120
