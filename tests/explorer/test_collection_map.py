"""The map of a collection in the explorer: of the index, or of what is open; its points, with their frames."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from hiero_lib.base.errors import DataError
from hiero_lib.data.media import Media
from hiero_lib.explorer.collection_map import CollectionMap
from hiero_lib.hierarchy.collection import named_hierarchy, short_uids
from hiero_lib.search.build import open_index
from tests.helpers.explored import Opened, truth_of


def map_of(opened: Opened, folder: Path | None, *, index: bool = True, media: Media | None = None) -> CollectionMap:
    made = open_index(opened.root / "run", opened.collection, opened.method) if index else None
    short = short_uids(opened.collection.video_uids)
    found = media or Media()
    return CollectionMap(made, folder=folder, short=short, truth=truth_of, media=lambda uid: found)


def test_all_videos_of_the_index_are_on_it_and_a_point_is_its_span(opened: Opened, tmp_path: Path) -> None:
    shown = map_of(opened, tmp_path)
    value = shown.value({}, level=1)
    assert "All 9 videos of the index" in value["note"]
    assert [one["name"] for one in value["groupings"]] == ["name of the thread", "video", "truth"]
    assert (tmp_path / "maps" / "level-1.safetensors").is_file()
    mine = shown.points_of("v3")
    spans = named_hierarchy(opened.collection, opened.method, "v3").levels[1].spans
    found = [shown.point(number) for number in mine]
    assert [(one["start_s"], one["end_s"]) for one in found] == [
        (round(span.start_s, 3), round(span.end_s, 3)) for span in spans
    ]
    assert {one["uid"] for one in found} == {"v3"}


def test_without_an_index_it_is_of_what_is_open_and_says_so(opened: Opened) -> None:
    shown = map_of(opened, None, index=False)
    hierarchies = {uid: named_hierarchy(opened.collection, opened.method, uid) for uid in ("v1", "v2")}
    value = shown.value(hierarchies, level=0)
    assert "The 2 videos that are open (there is no index of all)" in value["note"]
    assert value["count"] == sum(len(one.levels[0].spans) for one in hierarchies.values())
    assert shown.points_of("v3") == []


def test_a_point_has_the_frame_nearest_to_its_middle(opened: Opened, tmp_path: Path) -> None:
    frames = []
    for second, color in ((0, "red"), (1000, "blue")):
        path = tmp_path / f"{second}.jpg"
        Image.new("RGB", (64, 36), color).save(path)
        frames.append((float(second), path))
    shown = map_of(opened, None, media=Media(frames=tuple(frames)))
    shown.value({}, level=1)
    assert shown.point(0, picture=True)["picture"].startswith("data:image/jpeg;base64,")
    assert "picture" not in shown.point(0)
    assert map_of(opened, None).points_of("v1") == []


@pytest.mark.parametrize("number", [-1, 10**6])
def test_a_point_that_is_not_there_is_told(opened: Opened, number: int) -> None:
    shown = map_of(opened, None)
    with pytest.raises(DataError, match="no such point"):
        shown.point(0)  # nothing is laid out yet
    shown.value({}, level=1)
    with pytest.raises(DataError, match="no such point"):
        shown.point(number)
