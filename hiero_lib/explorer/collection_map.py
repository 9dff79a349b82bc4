"""The map of the whole collection in the explorer: laid out for a level, and what a point of it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import DataError
from hiero_lib.data.media import Media
from hiero_lib.explorer.pictures import picture_at
from hiero_lib.front.collection import collection_value, groupings, point_value, points_of_video
from hiero_lib.hierarchy.video import VideoHierarchy
from hiero_lib.search.index import SearchIndex
from hiero_lib.search.layout import Layout, kept_layout
from hiero_lib.search.table import join
from hiero_lib.search.update import hierarchy_table
from hiero_lib.viz.bars import TimelineRow


class CollectionMap:
    """The map of an index; without one of the videos that are open.

    Args:
        index: of the collection; None: there is none.
        folder: of the index, which keeps layouts; None: nothing is kept.
        short: uid -> a shorter name.
        truth: the true threads of a video; media: its file or frames.
    """

    def __init__(
        self,
        index: SearchIndex | None,
        *,
        folder: Path | None,
        short: Mapping[str, str],
        truth: Callable[[str], TimelineRow | None],
        media: Callable[[str], Media],
    ) -> None:
        self._kept, self._folder, self._short = index, folder, short
        self._truth, self._media = truth, media
        self._shown: tuple[SearchIndex, Layout] | None = None

    def layout_of(self, level: int) -> Layout:
        """Of the index, which is there.

        Raises:
            ValueError: there are no spans of this level.
        """
        assert self._kept is not None
        return kept_layout(self._folder, self._kept, level=level)

    def value(
        self, opened: Mapping[str, VideoHierarchy], *, level: int, layout: Layout | None = None
    ) -> dict[str, Any]:
        """The map of a level, as `hiero_lib.front.collection.collection_value`.

        Args:
            opened: the videos that are open, of which it is where there is no index.
            level: whose spans.
            layout: `layout_of`, where it is there already.

        Raises:
            ValueError: there are no spans of this level.
        """
        if self._kept is not None:
            index, of = self._kept, f"All {len(self._kept.spans.video_uids):,} videos of the index"
        else:
            index = SearchIndex(join([hierarchy_table(hierarchy) for hierarchy in opened.values()]))
            of = f"The {len(opened)} videos that are open (there is no index of all)"
        layout = layout or kept_layout(self._folder, index, level=level)
        self._shown = index, layout
        groups = groupings(layout, index.spans, short=self._short, truth=self._truth)
        return collection_value(layout, groups, of=of)

    def points_of(self, video_uid: str) -> list[int]:
        """Numbers of the points of a video on the map that was shown last."""
        return [] if self._shown is None else points_of_video(self._shown[1], self._shown[0].spans, video_uid)

    def point(self, number: int, *, picture: bool = False) -> dict[str, Any]:
        """What a point is; with a frame of the middle of its span, where there is one.

        Raises:
            DataError: there is no such point.
        """
        if self._shown is None or not 0 <= number < len(self._shown[1].rows):
            raise DataError("there is no such point", field="number", value=number)
        index, layout = self._shown
        value = point_value(layout, index.spans, number, short=self._short)
        if picture:
            value["picture"] = picture_at(self._media(value["uid"]), (value["start_s"] + value["end_s"]) / 2)
        return value
