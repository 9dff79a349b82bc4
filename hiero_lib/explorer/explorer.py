"""The explorer: widgets around the figures, for a video (and a collection) that one has never seen.

What is computed and drawn is all elsewhere; here a change of a widget asks for another figure. The figures are live
HTML (`hiero_lib.explorer.live`), so the same code runs wherever ipywidgets 7.7 to 8 does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch

from hiero_lib.data.media import Media, find_media
from hiero_lib.data.narrations import add_tag
from hiero_lib.data.paths import DataPaths
from hiero_lib.explorer.clicks import meant_by
from hiero_lib.explorer.live import figure_html, load_plotly_html, read_click, start_html
from hiero_lib.explorer.player import Player
from hiero_lib.explorer.span_details import SpanDetails, answer_text, details_html, span_details
from hiero_lib.hierarchy.collection import (
    Collection,
    Phrases,
    divided_video,
    named,
    phrases_for,
    phrases_of,
    short_uids,
)
from hiero_lib.hierarchy.division import MOST_THREADS, ThreadCount
from hiero_lib.hierarchy.video import VideoHierarchy, with_threads
from hiero_lib.methods.levels import read_video
from hiero_lib.methods.method import Method
from hiero_lib.search.index import Answer, SearchIndex
from hiero_lib.viz.bars import BAR_HEIGHT, TimelineRow
from hiero_lib.viz.levels import plot_levels
from hiero_lib.viz.map import plot_map
from hiero_lib.viz.page import Figure
from hiero_lib.viz.palette import THEMES, ThemeName
from hiero_lib.viz.query import nearest_spans, plot_query
from hiero_lib.viz.rows import hierarchy_rows, level_of, truth_beside
from hiero_lib.viz.similarity import plot_similarity
from hiero_lib.viz.threads import plot_threads
from hiero_lib.viz.timeline import plot_timeline
from hiero_lib.viz.tree import plot_tree

_TREE_CHARACTERS = 90  # beside one another in the explorer's column
_KEPT_VIDEOS = 8  # whose hierarchies are kept in memory


class Explorer:
    """Videos of a collection as a method sees them, to be looked at and searched.

    In a notebook, ``explorer.show()``. Every widget is an attribute, and can be set from code as by hand.

    Args:
        collection: the videos.
        method: whose features are shown.
        index: of the collection, made with the same method; None: other videos are not searched.
        video_uid: shown first; None: the first one with narrations.
        level: shown first.
        query: searched first.
        theme: light or dark page.
        num_threads: as `hiero_lib.hierarchy.video.video_hierarchy`, for every video when it is opened.
        truth: gives the true threads of a video, which then stand below the timeline; None where there are none.

    Attributes:
        video, level, threads, auto, query, view, answers: the widgets.
        details: what belongs to the span that was clicked; None before a click.
    """

    def __init__(
        self,
        collection: Collection,
        method: Method,
        *,
        index: SearchIndex | None = None,
        video_uid: str | None = None,
        level: int = 1,
        query: str = "",
        theme: ThemeName = "light",
        num_threads: ThreadCount | Sequence[ThreadCount] | None = None,
        truth: Callable[[str], TimelineRow | None] = lambda video_uid: None,
    ) -> None:
        import ipywidgets as widgets

        self.collection, self.method, self.index, self.theme = collection, method, index, theme
        self._num_threads, self._truth = num_threads, truth
        self.details: SpanDetails | None = None
        self.hierarchy: VideoHierarchy
        self._kept: dict[str, tuple[VideoHierarchy, Phrases | None]] = {}
        self._asleep = True
        listener = f"hiero-listener-{id(self):x}"
        uids = collection.video_uids
        self._short = short_uids(uids)
        depth = collection.profile.model.depth
        wide = {"description_width": "initial"}
        self.video = widgets.Dropdown(
            options=uids, value=video_uid or collection.default_video, description="video", style=wide
        )
        self.level = widgets.Dropdown(
            options=list(range(depth)),
            value=min(level, depth - 1),
            description="level",
            style=wide,
            layout={"width": "100px"},
        )
        self.threads = widgets.IntSlider(
            value=4, min=1, max=MOST_THREADS, description="threads", continuous_update=False, style=wide
        )
        self.auto = widgets.Checkbox(value=False, description="auto", indent=False, layout={"width": "70px"})
        self.query = widgets.Text(
            value=query,
            placeholder="where do I wash the pan?" if method.text_space else "these features have no text space",
            disabled=not method.text_space,
            description="search",
            continuous_update=False,
            style=wide,
        )
        self.view = widgets.Dropdown(options=list(self._views), value="threads", description="below", style=wide)
        self.answers = widgets.Select(options=[], rows=6, description="answers", style=wide, layout={"width": "98%"})
        self.answers.layout.display = "none"  # until there are some
        self._clicked = widgets.Text(layout={"display": "none"})
        self._clicked.add_class(listener)
        self._loader, self._top, self._below = widgets.Output(), widgets.Output(), widgets.Output()
        self._panel = widgets.HTML("<p>Click on a span to see what belongs to it.</p>")
        self._player = Player(listener)
        self._listener = listener
        self._loader.outputs = _html_output(load_plotly_html())
        self._watch()
        self._asleep = False
        self._open_video()
        if query:
            self._search()

    # What is on the page.

    def show(self) -> Any:
        """The whole, for the last line of a cell."""
        import ipywidgets as widgets
        from IPython.display import HTML, display

        display(HTML(start_html()))
        controls = widgets.HBox(
            [self.video, self.level, self.threads, self.auto], layout=widgets.Layout(flex_flow="row wrap")
        )
        search = widgets.VBox([self.query, self.answers])
        side = widgets.VBox([self._player.widget, self._panel], layout=widgets.Layout(width="30%", min_width="260px"))
        left = widgets.VBox([self._top, self.view, self._below], layout=widgets.Layout(width="70%"))
        main = widgets.HBox([left, side], layout=widgets.Layout(align_items="flex-start"))
        return widgets.VBox([self._loader, controls, search, main, self._clicked])

    @property
    def title(self) -> str:
        """Above the figures; says where the data is the sample."""
        sample = " of the generated sample" if self.collection.profile.is_sample else ""
        return f"{self.method.name}, video {self._short[self.video.value]}{sample}"

    def timeline(self) -> Figure:
        """All levels, with the span that was clicked framed, and the answers of the query at the chosen level."""
        rows = hierarchy_rows(self.hierarchy)
        if self._true is not None:
            rows.append(truth_beside(self._true, level_of(self.hierarchy, self.level.value)))
        figure = plot_timeline(
            rows,
            title=self.title,
            narrations=self._narrations,
            theme=self.theme,
            end_s=self.hierarchy.end_s,
            legend=False,  # a click tells the name, and the lanes below show all
        )
        row_of = {level.level: row for row, level in enumerate(reversed(self.hierarchy.levels))}
        marks = []
        if self._asked is not None:
            level = level_of(self.hierarchy, self.level.value)
            marks += [(level.level, span, "dot", str(rank)) for rank, span in self._nearest(level)]
        if self.details is not None:
            marks.append((self.details.level, self.details.span, "solid", ""))
        for number, span, dash, text in marks:
            figure.add_shape(
                type="rect",
                x0=span.start_s,
                x1=span.end_s,
                y0=row_of[number] - BAR_HEIGHT / 2 - 0.06,
                y1=row_of[number] + BAR_HEIGHT / 2 + 0.06,
                line={"color": THEMES[self.theme].text, "width": 2.5, "dash": dash},
                name=text or "chosen",
            )
        return figure

    @property
    def below(self) -> Figure:
        """The figure under the timeline that is chosen in ``view``."""
        return self._views[self.view.value]()

    @cached_property
    def _views(self) -> Mapping[str, Callable[[], Figure]]:
        def at_level(plot: Callable[..., Figure], **options: Any) -> Callable[[], Figure]:
            return lambda: plot(self.hierarchy, level=self.level.value, title=self.title, theme=self.theme, **options)

        def whole(plot: Callable[..., Figure], **options: Any) -> Callable[[], Figure]:
            return lambda: plot(self.hierarchy, title=self.title, theme=self.theme, **options)

        return {
            "threads": lambda: at_level(plot_threads, narrations=self._narrations)(),
            "tree": whole(plot_tree, page_characters=_TREE_CHARACTERS),
            "sunburst": whole(plot_tree, shape="sunburst"),
            "similarity, in time": at_level(plot_similarity, order="time"),
            "similarity, by thread": at_level(plot_similarity, order="threads"),
            "map": at_level(plot_map),
            "levels": self._levels,
            "query": self._query,
        }

    def _levels(self) -> Figure:
        return plot_levels(
            self.hierarchy,
            at_s=self._moment,
            radius=self.collection.profile.model.radius,
            thread_graph=self.method.thread_graph,
            title=self.title,
            theme=self.theme,
        )

    def _query(self) -> Figure:
        if self._asked is None:
            nothing = "Type something to search for" if self.method.text_space else str(self.query.placeholder)
            return plot_threads(self.hierarchy, level=self.level.value, title=nothing, theme=self.theme)
        return plot_query(self.hierarchy, self.query.value, self._asked, title=self.title, theme=self.theme)

    def _nearest(self, level: Any) -> list[tuple[int, Any]]:
        assert self._asked is not None
        return list(enumerate(nearest_spans(level, self._asked), start=1))

    # What happens when a widget changes.

    def _watch(self) -> None:
        changes: list[tuple[Any, Callable[[], None]]] = [
            (self.video, self._open_video),
            (self.level, self._change_level),
            (self.threads, self._divide),
            (self.auto, self._divide),
            (self.query, self._search),
            (self.view, self._draw_below),
            (self.answers, self._jump),
            (self._clicked, self._click),
        ]
        for widget, action in changes:
            widget.observe(lambda change, action=action: None if self._asleep else action(), names="value")

    def _set(self, widget: Any, **values: Any) -> None:
        """Change a widget without acting on it."""
        self._asleep = True
        try:
            for name, value in values.items():
                setattr(widget, name, value)
        finally:
            self._asleep = False

    def _open_video(self) -> None:
        uid = self.video.value
        if uid not in self._kept:
            while len(self._kept) >= _KEPT_VIDEOS:
                self._kept.pop(next(iter(self._kept)))
            self._kept[uid] = self._read(uid)
        self.hierarchy, self._phrases = self._kept[uid]
        self._narrations = self.collection.narrations(uid)
        self._true = self._truth(uid)
        self.details, self._moment = None, (self.hierarchy.start_s + self.hierarchy.end_s) / 2
        self._panel.value = "<p>Click on a span to see what belongs to it.</p>"
        self._player.open(self._media(uid))
        self._set(self.auto, value=False)
        self._show_count()
        self.draw()

    def _read(self, uid: str) -> tuple[VideoHierarchy, Phrases | None]:
        video = read_video(self.collection.store, self.collection.profile, uid, device=self.collection.device)
        hierarchy = divided_video(self.method, video, self.collection.profile, num_threads=self._num_threads)
        vocabulary = None if self.collection.narrations(uid) else self._vocabulary
        phrases = phrases_for(self.collection, self.method, uid, vocabulary=vocabulary)
        return named(hierarchy, phrases), phrases

    @cached_property
    def _vocabulary(self) -> Phrases | None:
        return phrases_of(self.method, self.collection.vocabulary()) if self.method.text_space else None

    def _media(self, uid: str) -> Media:
        profile = self.collection.profile
        return find_media(DataPaths.at(profile.data_root), uid, features=profile.features.folder)

    def _show_count(self) -> None:
        """The level's number of threads on the slider, which a level that is newly shown has free.

        Levels nest, so there are no fewer than at the next coarser level.
        """
        shown = level_of(self.hierarchy, self.level.value)
        coarser = [level for level in self.hierarchy.levels if level.level == shown.level + 1]
        count = len(shown.seconds())
        fewest = min(count, len(coarser[0].seconds())) if coarser else 1
        self._set(self.threads, min=1, max=max(MOST_THREADS, count), value=count, disabled=bool(self.auto.value))
        self._set(self.threads, min=fewest)

    def _change_level(self) -> None:
        self._set(self.auto, value=False)
        self._show_count()
        if self.details is not None:
            self._choose(self.level.value, self._moment)
        self.draw()

    def _divide(self) -> None:
        """Divide the level anew, and those below: the only move that needs more than drawing."""
        count: ThreadCount = "auto" if self.auto.value else self.threads.value
        divided = named(with_threads(self.hierarchy, self.level.value, count), self._phrases)
        self.hierarchy = divided
        self._kept[self.video.value] = (divided, self._phrases)
        self._show_count()
        if self.details is not None:
            self._choose(self.details.level, self._moment)
        self.draw()

    @cached_property
    def _embedded(self) -> dict[str, torch.Tensor]:
        return {}

    @property
    def _asked(self) -> torch.Tensor | None:
        """The query in the text space; None where nothing was asked, or nothing can be."""
        text = " ".join(self.query.value.split())
        if not text or not self.method.text_space:
            return None
        if text not in self._embedded:
            self._embedded[text] = self.method.embed_text([add_tag(text)])[0].cpu()
        return self._embedded[text]

    def _search(self) -> None:
        """Jump to the best answer of this video, and list the best ones of the collection."""
        asked = self._asked
        options: list[tuple[str, Answer]] = []
        if asked is not None:
            if self.index is not None:
                best_answers = self.index.find(
                    asked.numpy(), count=12, max_overlap=self.collection.profile.search.max_overlap
                )
                options = [
                    (f"{rank}. {answer_text(answer, self._short)}", answer)
                    for rank, answer in enumerate(best_answers, start=1)
                ]
            (best, *_) = nearest_spans(level_of(self.hierarchy, self.level.value), asked, most=1)
            self._choose(self.level.value, (best.start_s + best.end_s) / 2)
            self._set(self.view, value="query")
        self._set(self.answers, options=options, value=None)
        self.answers.layout.display = "" if options else "none"
        self.draw()

    def _jump(self) -> None:
        """Go to the answer that was chosen, in whichever video it is."""
        answer: Answer | None = self.answers.value
        if answer is None:
            return
        if answer.video_uid != self.video.value:
            self._set(self.video, value=answer.video_uid)
            self._open_video()
        self._set(self.level, value=answer.level)
        self._set(self.auto, value=False)
        self._show_count()
        self._choose(answer.level, (answer.start_s + answer.end_s) / 2)
        self.draw()

    def _click(self) -> None:
        click = read_click(self._clicked.value)
        if click is None:
            return
        figure = self._drawn["timeline" if click.view == "timeline" else "below"]
        meant = meant_by(click, figure, self.hierarchy, level=self.level.value)
        if meant is None:
            return
        self._choose(*meant)
        self._draw_top()
        if self.view.value == "levels":  # which shows the edges around that moment
            self._draw_below()

    def _choose(self, level: int, at_s: float) -> None:
        self._moment = at_s
        self.details = span_details(
            self.hierarchy, level=level, at_s=at_s, narrations=self._narrations, index=self.index
        )
        self._panel.value = details_html(self.details, names=self._short)
        self._player.seek(self.details.span.start_s, self.details.span.end_s)

    # Drawing.

    def draw(self) -> None:
        """Both figures anew."""
        self._draw_top()
        self._draw_below()

    def _draw_top(self) -> None:
        self._put(self._top, "timeline", self.timeline(), "timeline")

    def _draw_below(self) -> None:
        self._put(self._below, "below", self.below, self.view.value)

    @cached_property
    def _drawn(self) -> dict[str, Figure]:
        return {}

    def _put(self, output: Any, place: str, figure: Figure, view: str) -> None:
        self._drawn[place] = figure
        output.outputs = _html_output(figure_html(figure, view=view, listener=self._listener))


def _html_output(text: str) -> tuple[dict[str, Any], ...]:
    return ({"output_type": "display_data", "data": {"text/html": text}, "metadata": {}},)
