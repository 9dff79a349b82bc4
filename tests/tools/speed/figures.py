"""A video of two hours (13,500 segments): its first picture, a slider's move, and the size of all figures.

What must hold on two cores: the first picture under 2 s after the model's pass, a move under 0.5 s, and under 2 MB
of HTML beside plotly.js. Features are made up: themes that stay for a minute or two and come back, in between others
for some seconds, so that there are more spans than in two hours of the sample. Seconds of the processor are printed
beside those of the clock, for machines that do something else as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

from hiero_lib.data.narrations import Narrations
from hiero_lib.hierarchy.names import with_names
from hiero_lib.hierarchy.video import VideoHierarchy, video_hierarchy, with_threads
from hiero_lib.models.clustering.spectral import spectral_clustering
from hiero_lib.models.hiero import HierarchyLevel
from hiero_lib.models.threads import SpectralThreads
from hiero_lib.viz.levels import plot_levels
from hiero_lib.viz.map import pca, plot_map
from hiero_lib.viz.query import plot_query
from hiero_lib.viz.rows import hierarchy_rows
from hiero_lib.viz.similarity import plot_similarity
from hiero_lib.viz.threads import plot_threads
from hiero_lib.viz.timeline import plot_timeline
from hiero_lib.viz.tree import plot_tree

SEGMENTS, STRIDE_S, HIDDEN, THEMES = 13_500, 16 / 30, 768, 40


def made_up_levels(segments: int = SEGMENTS) -> list[HierarchyLevel]:
    """Three levels as HiERO gives them."""
    generator = torch.Generator().manual_seed(0)
    theme, action = (torch.randn(count, HIDDEN, generator=generator) for count in (THEMES, 400))

    def stretches(kinds: int, length: Tensor | int) -> Tensor:
        return torch.randint(0, kinds, (segments,), generator=generator).repeat_interleave(length)[:segments]

    which = stretches(THEMES, torch.randint(60, 250, (segments,), generator=generator))
    which = torch.where(stretches(10, 8) < 6, stretches(THEMES, 8), which)
    doing = stretches(400, 8)
    x = theme[which] + action[doing] + 2 * torch.randn(segments, HIDDEN, generator=generator)
    levels = []
    for level in range(3):
        rows = torch.arange(0, segments, 2**level)
        nodes = torch.stack([x[row : row + 2**level].mean(0) for row in rows.tolist()])
        index, batch = torch.arange(len(rows)), torch.zeros(len(rows), dtype=torch.int64)
        threads = torch.full_like(index, -1)
        if level:
            threads = SpectralThreads()(nodes, indices=index, batch=batch, num_videos=1)
        levels.append(HierarchyLevel(level, nodes, (rows + 0.5) * STRIDE_S, index, batch, threads))
    return levels


def once(function: Callable[[], object]) -> tuple[float, float]:
    """Seconds of one call by the clock, and of the processor."""
    start, busy = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - start, time.process_time() - busy


def made_up_narrations(duration_s: float) -> tuple[Narrations, Tensor]:
    """Thirteen a minute, as Ego4D has them, and features for them."""
    times = torch.arange(0, duration_s, 60 / 13).tolist()
    texts = [f"#C C takes the thing number {n} from the shelf" for n in range(len(times))]
    return Narrations(times, texts), torch.randn(len(times), HIDDEN, generator=torch.Generator().manual_seed(1))


def all_figures(hierarchy: VideoHierarchy, narrations: Narrations, text: Tensor) -> dict[str, object]:
    """Every figure of a report."""
    title = "a video of two hours"
    return {
        "timeline": plot_timeline(
            hierarchy_rows(hierarchy), title=title, narrations=narrations, end_s=hierarchy.end_s
        ),
        "threads": plot_threads(hierarchy, level=1, title=title, narrations=narrations),
        "tree": plot_tree(hierarchy, title=title),
        "similarity": plot_similarity(hierarchy, level=0, title=title),
        "map": plot_map(hierarchy, level=0, title=title, embed=pca),
        "levels": plot_levels(hierarchy, at_s=3600, radius=1.0, thread_graph="within_threads", title=title),
        "query": plot_query(hierarchy, "take the thing", text, title=title),
    }


def run(device: torch.device) -> None:
    """Print times, ratios and sizes; figures are made on the CPU, whatever the device."""
    levels = made_up_levels()
    plot_timeline(hierarchy_rows(video_hierarchy(made_up_levels(400), stride_s=STRIDE_S)), title="imports are paid")
    narrations, embedded = made_up_narrations(SEGMENTS * STRIDE_S)
    state: dict[str, VideoHierarchy] = {}

    def name(hierarchy: VideoHierarchy) -> None:
        state["now"] = with_names(hierarchy, narrations.texts, embedded, times=narrations.times)

    def draw() -> None:
        """The explorer's two figures, as they are sent to the page."""
        video = state["now"]
        plot_timeline(
            hierarchy_rows(video), title="t", narrations=narrations, end_s=video.end_s, legend=False
        ).to_json()
        plot_threads(video, level=0, title="t", narrations=narrations).to_json()

    def build() -> None:
        name(video_hierarchy(levels, stride_s=STRIDE_S))

    def slide(count: int) -> None:
        name(with_threads(state["now"], 0, count))
        draw()

    built, drawn = once(build), once(draw)
    moves = [once(lambda count=count: slide(count)) for count in (7, 12, 20, 9)]  # type: ignore[misc]
    move = tuple(max(times) for times in zip(*moves))
    whole = once(lambda: spectral_clustering(levels[1].x, 12, temperature=0.5))
    spans = [len(level.spans) for level in state["now"].levels]
    print(f"figures: {SEGMENTS} segments, {sum(len(x.pos) for x in levels)} nodes of three levels in {spans} spans")
    for what, (clock, processor) in (
        ("first picture (aim: under 2 s)", (built[0] + drawn[0], built[1] + drawn[1])),
        ("  of it the threads of all levels, and their names", built),
        ("  of it the timeline and the lanes", drawn),
        ("the slowest of 4 moves of a slider at level 0 (aim: under 0.5 s)", move),
        ("beside it: clustering every node of level 1, without points", whole),
    ):
        ratio = f"{processor / move[1]:.1f} x a move"
        print(f"  {what}: {clock:.2f} s ({processor:.2f} s of the processor, {ratio})")
    figures = all_figures(state["now"], narrations, embedded[0])
    sizes = {name: len(figure.to_html(include_plotlyjs=False)) for name, figure in figures.items()}  # type: ignore
    each = ", ".join(f"{name} {size / 1e3:.0f}" for name, size in sizes.items())
    print(f"  HTML beside plotly.js: {sum(sizes.values()) / 1e6:.2f} MB (kB: {each})")
