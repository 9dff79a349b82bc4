"""Thread discovery, and the two variants of the thread graph."""

import bisect

import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import adjusted_rand_score

from hiero_lib.models.temporal import radius_graph
from hiero_lib.models.threads import (
    SpectralThreads,
    ranks_in_threads,
    released_slices,
    thread_graph,
)


def test_ranks_count_within_a_thread_in_time_order_golden(golden):
    """The reference's ``updated_pos`` of every recorded clustering."""
    tensors = load_file(golden / "model.safetensors")
    seen = 0
    for key in tensors:
        if key.endswith(".updated_pos"):
            seen += 1
            assignments = tensors[key.replace("updated_pos", "assignments")]
            assert torch.equal(ranks_in_threads(assignments), tensors[key]), key
    assert seen


@pytest.mark.parametrize("seed", range(20))
def test_released_slices_are_those_of_a_literal_bucketize(seed):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 9, (40,), generator=generator)

    def lower_bound(value):
        """A binary search that does not care whether its list is sorted."""
        low, high = 0, len(ids)
        while low < high:
            middle = (low + high) // 2
            if ids[middle] < value:
                low = middle + 1
            else:
                high = middle
        return low

    ptr = [lower_bound(value) for value in range(int(ids.max()) + 2)]
    expected = [bisect.bisect_right(ptr, i) for i in range(len(ids))]
    assert released_slices(ids).tolist() == expected


def literal_edges(threads, group):
    ranks = ranks_in_threads(threads)
    return {
        (j, i)
        for i in range(len(threads))
        for j in range(len(threads))
        if i != j and group[i] == group[j] and abs(ranks[i] - ranks[j]) < 1.5
    }


@pytest.mark.parametrize("variant", ["within_threads", "released"])
def test_thread_graph_has_the_edges_of_a_double_loop(variant):
    threads = torch.randint(0, 5, (50,), generator=torch.Generator().manual_seed(3))
    group = threads if variant == "within_threads" else released_slices(threads)
    edges = thread_graph(threads, variant=variant).edge_index()
    assert set(map(tuple, edges.T.tolist())) == literal_edges(threads, group)
    crossing = (threads[edges[0]] != threads[edges[1]]).float().mean()
    assert (crossing == 0) if variant == "within_threads" else (crossing > 0.2)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("threads", [[0], [3, 3], [1, 0], [5, 2, 5, 5, 2, 0, 9, 0, 0]])
def test_the_graph_within_threads_needs_no_search(threads, signed):
    """What is written down is what the radius search finds."""
    ids = torch.tensor(threads)
    found = radius_graph(ranks_in_threads(ids), ids, 1.5, signed=signed)
    written = thread_graph(ids, variant="within_threads", signed=signed)
    assert torch.equal(found.edge_index(), written.edge_index())
    assert torch.equal(found.order, written.order)
    for offset in found.offsets:
        ours, theirs = (graph.kinds[graph.offsets.index(offset)] for graph in (written, found))
        assert torch.equal(written.distance[ours], found.distance[theirs])
        assert torch.equal(written.weight[ours], found.weight[theirs])


def planted(n, seed, threads=3):
    """Segments of a video whose threads come and go: features around one direction per thread."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randint(0, threads, (n // 10 + 1,), generator=generator).repeat_interleave(10)[:n]
    centres = torch.randn(threads, 16, generator=generator)
    return centres[truth] + 0.15 * torch.randn(n, 16, generator=generator), truth


def test_finds_planted_threads_that_come_back():
    x, truth = planted(120, 0)
    discover = SpectralThreads(num_clusters=3, sample_points=120)
    found = discover(x, indices=torch.arange(120), batch=torch.zeros(120, dtype=torch.int64), num_videos=1)
    assert adjusted_rand_score(truth, found) > 0.95


def test_threads_of_a_video_do_not_depend_on_its_batch():
    videos = [planted(60, 1)[0], planted(1, 2)[0], planted(35, 3)[0]]
    discover = SpectralThreads()
    sizes = torch.tensor([len(video) for video in videos])
    together = discover(
        torch.cat(videos),
        indices=torch.cat([torch.arange(n) for n in sizes.tolist()]),
        batch=torch.repeat_interleave(torch.arange(3), sizes),
        num_videos=3,
    )
    for row, (video, part) in enumerate(zip(videos, together.split(sizes.tolist()))):
        alone = discover(
            video, indices=torch.arange(len(video)), batch=torch.zeros(len(video), dtype=torch.int64), num_videos=1
        )
        assert torch.equal(part - row * 4, alone)
        assert int(part.min()) >= row * 4
        assert int(part.max()) < (row + 1) * 4


@pytest.mark.parametrize("x", [torch.zeros(5, 4), torch.full((5, 4), 1e-20)])
def test_features_without_direction_give_threads_not_nan(x):
    found = SpectralThreads()(x, indices=torch.arange(5), batch=torch.zeros(5, dtype=torch.int64), num_videos=1)
    assert ((found >= 0) & (found < 4)).all()
