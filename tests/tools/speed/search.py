"""A search over 100,000 spans against the matrix product alone (float32), and over a million."""

from __future__ import annotations

import numpy as np
import torch

from hiero_lib.search.index import SearchIndex
from hiero_lib.search.inverted import with_faiss
from hiero_lib.search.nearest import faiss_is_installed
from hiero_lib.search.table import SpanTable, join, normalised, table_of
from tests.tools.speed.common import seconds

VIDEOS = 200


def made_up_spans(count: int, dim: int) -> SpanTable:
    """Runs of 4, 8 and 16 s of videos; near others of their video, as real ones are."""
    random = np.random.default_rng(0)
    tables = []
    for number in range(VIDEOS):
        size = count // VIDEOS
        level = np.sort(random.integers(0, 3, size))
        start = 4.0 * np.arange(size)
        vectors = random.standard_normal((size, dim), dtype=np.float32) + 2 * random.standard_normal(dim)
        spans = {"start_s": start, "end_s": start + 4 * 2.0**level}
        thread = random.integers(0, 4, size)
        tables.append(table_of(f"v{number}", vectors, level=level, thread=thread, labels=[""] * size, **spans))
    return join(tables)


def run(device: torch.device) -> None:
    """Print the times and the ratios; on the CPU, whatever ``device`` is."""
    cpu = torch.device("cpu")
    for count, dim in ((100_000, 256), (100_000, 768), (1_000_000, 256)):
        index = SearchIndex(made_up_spans(count, dim))
        vectors, query = index.spans.vectors[:], np.random.default_rng(1).standard_normal(dim, dtype=np.float32)
        floor = seconds(lambda v=vectors, q=query: v @ q, cpu, repeats=10)
        print(f"search, {len(index):,} spans, D {dim}: the matrix product alone {1e3 * floor:.1f} ms")
        for name, options in (
            ("5 answers", {}),
            ("without overlaps", {"max_overlap": 0.5}),
            ("of one level", {"level": 1}),
            ("of one video", {"videos": ["v7"]}),
        ):
            took = seconds(lambda i=index, q=query, o=options: i.find(q, **o), cpu, repeats=10)
            aim = " (aim: under 50 ms)" if count == 100_000 else ""
            print(f"  {name}: {1e3 * took:.1f} ms, {took / floor:.2f} x{aim}")
        if count == 1_000_000 and faiss_is_installed():
            quick = SearchIndex(index.spans, with_faiss(index.spans.vectors))
            took = seconds(lambda i=quick, q=query: i.find(q), cpu, repeats=10)
            queries = normalised(vectors[::50_000] + 0.3 * vectors[1::50_000])
            both = [({a.start_s for a in quick.find(q)}, {a.start_s for a in index.find(q)}) for q in queries]
            same = sum(len(a & b) for a, b in both) / sum(len(b) for _, b in both)
            print(
                f"  faiss: {1e3 * took:.1f} ms, {took / floor:.2f} x; {100 * same:.0f} % of the answers are the same"
            )
