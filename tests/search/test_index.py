import dataclasses
import itertools

import numpy as np
import pytest
import torch

from hiero_lib.hierarchy.edits import corrected
from hiero_lib.hierarchy.operations import Rename
from hiero_lib.search import inverted
from hiero_lib.search.index import Answer, SearchIndex
from hiero_lib.search.table import SpanTable, join, normalised, table_of
from hiero_lib.search.update import hierarchy_table
from tests.helpers.made_up import THREE, record


def collection(*, videos: int = 6, dim: int = 12, seed: int = 0) -> SpanTable:
    """Three levels, of spans of about 4, 8 and 16 s; videos of different lengths, one without a span of level 2."""
    random = np.random.default_rng(seed)
    tables = []
    for number in range(videos):
        rows = []
        for level in range(3 if number else 2):
            edges = np.cumsum(random.uniform(2, 6, 4 + 3 * number)) * 2**level
            rows += [(level, a, b) for a, b in itertools.pairwise(edges)]
        level, start, end = map(np.array, zip(*rows))
        tables.append(
            table_of(
                f"v{number}",
                random.normal(size=(len(rows), dim)),
                level=level,
                thread=random.integers(0, 4, len(rows)),
                start_s=start,
                end_s=end,
                labels=[f"r{i}" for i in range(len(rows))],
            )
        )
    return join(tables)


def literal(
    spans: SpanTable, query: np.ndarray, *, count: int, level=None, videos=None, max_overlap=None
) -> list[tuple[str, int, float]]:
    """Row by row in plain Python: (video, level, start) of the answers."""
    scored = []
    for row in range(len(spans)):
        uid = spans.video_uids[spans.video[row]]
        if (level is None or spans.level[row] == level) and (videos is None or uid in videos):
            cosine = sum(float(a) * float(b) for a, b in zip(spans.vectors[row], query))
            scored.append((-cosine, row, uid))
    answers: list[int] = []
    for _, row, uid in sorted(scored):
        kept = True
        for better in answers:
            if max_overlap is not None and spans.video_uids[spans.video[better]] == uid:
                common = min(spans.end_s[row], spans.end_s[better]) - max(spans.start_s[row], spans.start_s[better])
                lengths = spans.end_s - spans.start_s
                kept &= max(0, common) <= max_overlap * min(lengths[row], lengths[better])
        if kept and len(answers) < count:
            answers.append(row)
    return [(spans.video_uids[spans.video[row]], int(spans.level[row]), float(spans.start_s[row])) for row in answers]


def places(answers: list[Answer]) -> list[tuple[str, int, float]]:
    return [(answer.video_uid, answer.level, answer.start_s) for answer in answers]


@pytest.mark.parametrize("max_overlap", [None, 0.0, 0.5])
@pytest.mark.parametrize("videos", [None, ["v3"], ["v4", "v0", "v4"]])
@pytest.mark.parametrize("level", [None, 0, 2])
def test_answers_are_those_of_the_literal_version(level, videos, max_overlap) -> None:
    spans = collection()
    index = SearchIndex(spans)
    for seed in range(5):
        query = np.random.default_rng(seed).normal(size=spans.dim)
        for count in (1, 5, 1000):
            options = {"count": count, "level": level, "videos": videos, "max_overlap": max_overlap}
            found = index.find(7 * query, **options)
            assert places(found) == literal(spans, normalised(query), **options)
            assert all(a.score >= b.score for a, b in itertools.pairwise(found))


def test_a_span_finds_itself_with_all_that_is_known_of_it() -> None:
    spans = collection()
    row = 40
    (answer,) = SearchIndex(spans).find(spans.vectors[row], count=1)
    uid, label = spans.video_uids[spans.video[row]], spans.labels[row]
    expected = (uid, spans.start_s[row], spans.end_s[row], spans.level[row], spans.thread[row], label)
    assert (answer.video_uid, answer.start_s, answer.end_s, answer.level, answer.thread, answer.label) == expected
    assert answer.score == pytest.approx(1, abs=1e-6)


def test_a_level_that_a_video_lacks_gives_no_answer() -> None:
    spans = collection()
    assert SearchIndex(spans).find(np.ones(spans.dim), level=2, videos=["v0"]) == []
    assert SearchIndex(spans).find(np.ones(spans.dim), level=2, videos=["v0"], max_overlap=0.5) == []


def test_equal_scores_come_in_the_order_of_rows() -> None:
    vectors = np.ones((50, 4))
    start = np.arange(50.0)
    zeros = np.zeros(50)
    table = table_of("v", vectors, level=zeros, thread=zeros, start_s=start, end_s=start + 1, labels=[""] * 50)
    assert [a.start_s for a in SearchIndex(table).find(np.ones(4), count=6)] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"query": np.ones(3)}, r"12 finite numbers, not of shape \(3,\)"),
        ({"query": np.full(12, np.nan)}, "finite"),
        ({"count": 0}, "at least 1, not 0"),
        ({"level": 7}, r"levels \[0, 1, 2\], not of level 7"),
        ({"videos": ["v1", "w"]}, "'w' is not in the index"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        SearchIndex(collection()).find(**({"query": np.ones(12)} | options))


def test_unsorted_spans_are_refused() -> None:
    zeros = np.zeros(2)
    table = table_of("v", np.eye(2), level=[1, 0], thread=zeros, start_s=zeros, end_s=zeros, labels=["", ""])
    with pytest.raises(ValueError, match="sorted"):
        SearchIndex(table)


def test_faiss_answers_as_comparing_all_does(tmp_path) -> None:
    spans = collection(videos=30)
    engine = dataclasses.replace(inverted.with_faiss(spans.vectors, tmp_path / "faiss"), cells=99, exact_up_to=0)
    through_faiss, plain = SearchIndex(spans, engine), SearchIndex(spans)
    same = total = 0
    for seed in range(5):
        query = np.random.default_rng(seed).normal(size=spans.dim)
        others = [uid for uid in spans.video_uids if uid != "v5"]
        for options in (
            {},
            {"level": 1},
            {"videos": ["v3", "v7"]},
            {"level": 0, "videos": others},
            {"max_overlap": 0.0, "count": 8},
        ):
            expected, found = (places(index.find(query, **options)) for index in (plain, through_faiss))
            assert len(found) == len(expected)
            same, total = same + len(set(expected) & set(found)), total + len(expected)
            if "videos" in options:
                assert {uid for uid, _, _ in found} <= set(options["videos"])
    assert same > 0.98 * total  # all cells are looked at: what is missed, the codes of random vectors ranked too low


def test_rows_that_lie_together_are_one_range() -> None:
    spans = collection()
    index = SearchIndex(spans)
    assert index.rows(None, None).tolist() == [[0, len(spans)]]
    assert len(index.rows(1, ["v1", "v2", "v4"])) == 2
    for level, videos in ((None, None), (2, None), (1, ["v4", "v0"]), (None, ["v0"]), (2, ["v0"]), (None, [])):
        chosen = [
            row
            for row in range(len(spans))
            if (level is None or spans.level[row] == level)
            and (videos is None or spans.video_uids[spans.video[row]] in videos)
        ]
        ranges = index.rows(level, videos)
        assert [row for first, stop in ranges.tolist() for row in range(first, stop)] == chosen
        assert all(stop < first for (_, stop), (first, _) in itertools.pairwise(ranges.tolist()))


def test_the_names_of_a_video_are_those_that_go_on_for_the_longest() -> None:
    video = corrected(record(THREE, channels=6, video_uid="v"), [Rename(0, "peels"), Rename(1, "stirs")])
    index = SearchIndex(join([hierarchy_table(video)]))
    seconds = video.levels[-1].seconds()
    named = sorted((0, 1), key=lambda thread: -seconds.get(thread, 0.0))
    expected = [{0: "peels", 1: "stirs"}[thread] for thread in named if thread in seconds]
    assert index.names_of("v", count=5) == expected
    assert index.names_of("v", count=1) == expected[:1]
    assert index.names_of("x", count=1) == []


def test_a_video_is_divided_as_its_table_says() -> None:
    video = corrected(record(THREE, channels=6, video_uid="v"), [Rename(0, "peels"), Rename(2, "stirs")])
    index = SearchIndex(join([hierarchy_table(record(THREE, channels=6, video_uid="w")), hierarchy_table(video)]))
    assert index.spans_of("x") is None
    found = index.spans_of("v")
    assert found is not None
    assert (found.video_uid, found.start_s, found.end_s) == ("v", video.start_s, video.end_s)
    for level, expected in zip(found.levels, video.levels, strict=True):
        assert (level.level, level.spans, level.names) == (expected.level, expected.spans, expected.names)
        assert level.seconds() == expected.seconds()
        unit = torch.nn.functional.normalize(expected.span_x, dim=1)
        torch.testing.assert_close(level.span_x, unit, atol=1e-3, rtol=0)
