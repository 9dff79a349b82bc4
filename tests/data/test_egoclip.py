"""EgoClip: the authors' chunks, and what becomes of every row of the csv."""

import json
import os
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.loader import DataLoader

from hiero_lib.base.errors import DataError
from hiero_lib.config import FeatureConfig
from hiero_lib.data.egoclip import EgoClipDataset, EgoClipIndex
from hiero_lib.data.features import FeatureStore
from hiero_lib.data.segments import FOLLOW_BATCH
from hiero_lib.data.text_cache import TextCache
from tests.helpers.egoclip import index_of, table

FEATURES = FeatureConfig(folder="f", dim=4)


class Lengths(torch.nn.Module):
    """An encoder of two channels: the length of the text and its first character."""

    dim, fingerprint = 2, "lengths"

    def forward(self, texts):
        return torch.tensor([[len(text), ord(text[0])] for text in texts], dtype=torch.float32)


def make_store(folder, lengths) -> FeatureStore:
    """Feature row i of every video holds 4i, 4i + 1, ..."""
    folder.mkdir(exist_ok=True)
    for uid, n in lengths.items():
        torch.save(torch.arange(4 * n, dtype=torch.float32).reshape(n, 4), folder / f"{uid}.pt")
    return FeatureStore(folder, dim=4)


def accounted(report) -> int:
    return (
        report.unreadable_rows
        + report.narrations_without_features
        + report.narrations_outside_video
        + report.narrations_used
    )


@pytest.mark.golden
def test_golden_chunks(golden, tmp_path):
    case = json.loads((golden / "egoclip_chunks.json").read_text())
    store = make_store(tmp_path / "f", case["video_lengths"])
    chunks, report = EgoClipIndex.open(golden / "egoclip.csv", tmp_path / "cache").chunks(store, FEATURES)
    dataset = EgoClipDataset(chunks, store, FEATURES, None)

    def key(uid, first):
        return uid, first

    expected = {key(c["video_uid"], c["first_index"]): c for c in case["chunks"]}
    found = {key(item.video_uid, item.first_index): item for item in dataset}
    assert found.keys() == expected.keys()
    assert len(dataset) == len(case["chunks"]) == report.chunks
    for name, item in found.items():
        c = expected[name]
        assert len(item.x) == len(item.pos) == len(item.indices) == c["length"]
        assert item.x[:, 0].tolist() == [4 * (c["first_index"] + i) for i in range(c["length"])]
        assert item.pos.dtype == torch.float32
        assert float(item.pos[0]) == pytest.approx(c["first_pos"], abs=1e-5)
        assert item.narration_texts == c["narrations"]
        assert item.narration_time.dtype == torch.float32
        assert item.narration_time.tolist() == pytest.approx(c["timestamps"], abs=1e-5)
    assert report.narrations_used == sum(len(c["narrations"]) for c in case["chunks"])
    assert report.rows == accounted(report)


def literal_chunks(rows, lengths, features, chunk_s):
    """The cutting rule, one narration at a time."""
    result = []
    for uid in sorted(lengths):
        n = lengths[uid]
        duration = n * features.stride_frames / features.fps
        for part in range(int(duration // chunk_s) + 1):
            start, end = part * chunk_s, min((part + 1) * chunk_s, duration)
            inside = sorted([(t, i, text) for i, (u, t, text) in enumerate(rows) if u == uid and start <= t < end])
            if inside:
                first = int(np.floor(start * features.fps // features.stride_frames))
                last = min(n, int(np.ceil((start + chunk_s) * features.fps // features.stride_frames)))
                result.append((uid, first, last - first, [t for t, _, _ in inside], [x for _, _, x in inside]))
    return result


@pytest.mark.parametrize(("stride", "fps", "chunk_s"), [(16, 30.0, 300.0), (16, 29.97, 300.0), (8, 25.0, 7.5)])
def test_chunks_equal_the_literal_rule(tmp_path, stride, fps, chunk_s):
    draw = random.Random(0)
    features = FeatureConfig(folder="f", dim=4, stride_frames=stride, fps=fps)
    per_chunk = chunk_s * fps / stride
    lengths = {f"v{i}": max(1, round(per_chunk * f)) for i, f in enumerate((0.01, 0.5, 1, 2, 2.4, 3))}
    rows = []
    for uid, n in lengths.items():
        duration = n * stride / fps
        edges = [0.0, duration, -1.0, *(chunk_s * k for k in range(4))]
        times = [draw.uniform(0, 1.2 * duration) for _ in range(30)] + edges
        rows += [(uid, time, f"#C C {uid} {i}") for i, time in enumerate(times + times[:5])]  # some times twice
    draw.shuffle(rows)
    chunks, report = index_of(tmp_path, table(*rows)).chunks(
        make_store(tmp_path / "f", lengths), features, chunk_s=chunk_s
    )
    found = [(c.video_uid, c.first_index, c.num_segments, c.times.tolist(), list(c.texts)) for c in chunks]
    assert found == literal_chunks(rows, lengths, features, chunk_s)
    assert report.rows == accounted(report) == len(rows)
    assert report.narrations_outside_video > 0


def test_equal_times_keep_the_order_of_the_file(tmp_path):
    index = index_of(tmp_path, table(("b", 2, "later"), *(("a", 1.5, f"n{i}") for i in range(50)), ("a", 1, "first")))
    assert index.video_uids == ["a", "b"]
    assert index.texts("a") == ("first", *(f"n{i}" for i in range(50)))
    assert index.texts("b") == ("later",)
    assert index.texts("c") == index.texts("") == ()


def test_every_row_is_accounted_for(tmp_path):
    rows = [
        ("v", 1.0, "used"),
        ("v", 599.0, "outside"),
        ("v", -0.5, "before"),
        ("v", "soon", "no number"),
        ("v", "nan", "not a number"),
        ("v", "inf", "never"),
        ("v", "", "no time"),
        ("v", 2.0, ""),
        ("v", 2.0, "   "),
        ("", 2.0, "no video"),
        ("v", 2.0, "too\tmany"),
        ("v", 2.0, "far\ttoo\tmany\tfields"),
        ("unknown", 1.0, "without features"),
        ("unknown", 2.0, "without features"),
        ("quiet", 99.0, "in none of its chunks"),
    ]
    index = index_of(tmp_path, table(*rows) + "v\t2.0\nv\n")
    store = make_store(tmp_path / "f", {"v": 10, "quiet": 10, "never named": 10})
    chunks, report = index.chunks(store, FEATURES)
    assert [chunk.video_uid for chunk in chunks] == ["v"]
    assert tuple(chunks[0].texts) == ("used",)
    assert (report.rows, report.unreadable_rows) == (17, 11)
    assert report.videos == 3
    assert (report.videos_without_features, report.narrations_without_features) == (1, 2)
    assert (report.narrations_outside_video, report.narrations_used) == (3, 1)
    assert (report.chunks, report.chunks_without_narrations) == (1, 1)
    assert accounted(report) == report.rows
    assert report.summary() == (
        "1 of 17 narrations, in 1 chunk of video (1 more have no narration).\n"
        "Left out: 11 unreadable rows; 2 narrations of 1 videos (of 3) without features; 3 outside their video."
    )


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        EgoClipIndex.open(tmp_path / "egoclip.csv", tmp_path / "cache")


def test_the_index_is_built_once_and_again_when_the_file_changes(tmp_path, monkeypatch):
    built = []
    from hiero_lib.data import egoclip

    real = egoclip.build_index
    monkeypatch.setattr(egoclip, "build_index", lambda *arguments: (built.append(1), real(*arguments)))
    assert index_of(tmp_path, table(("v", 1, "old"))).texts("v") == ("old",)
    EgoClipIndex.open(tmp_path / "egoclip.csv", tmp_path / "cache")
    assert len(built) == 1
    (tmp_path / "moved").mkdir()
    os.rename(tmp_path / "egoclip.csv", tmp_path / "moved" / "other.csv")
    EgoClipIndex.open(tmp_path / "moved" / "other.csv", tmp_path / "cache")
    assert len(built) == 1
    assert index_of(tmp_path, table(("v", 1, "new"))).texts("v") == ("new",)
    assert len(built) == 2


@pytest.mark.parametrize("name", ["times.npy", "texts.utf8", "text_offsets.npy", "videos.json"])
def test_a_damaged_index_is_built_again(tmp_path, name, capsys):
    index = index_of(tmp_path, table(*((f"v{i % 3}", 7.0 * i, f"#C C does {i}") for i in range(60))))
    expected = index.narrations("v1")
    path = index.folder / name
    for at in np.random.default_rng(0).integers(path.stat().st_size, size=25).tolist():
        content = bytearray(path.read_bytes())
        content[at] ^= 4
        path.write_bytes(content)
        again = EgoClipIndex.open(tmp_path / "egoclip.csv", tmp_path / "cache")
        assert again.folder == index.folder
        assert again.narrations("v1") == expected
        assert f"the checksum of {name} does not hold" in capsys.readouterr().err


@pytest.fixture
def chunks_and_store(tmp_path):
    rows = [(f"v{i % 3}", 7.0 * i, f"#C C does {i}") for i in range(60)]
    store = make_store(tmp_path / "f", {"v0": 700, "v1": 600, "v2": 30})
    return index_of(tmp_path, table(*rows)).chunks(store, FEATURES)[0], store


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_with_cached_text(tmp_path, chunks_and_store, workers):
    chunks, store = chunks_and_store
    cache = TextCache(tmp_path / "text", Lengths(), device="cpu")
    dataset = EgoClipDataset(chunks, store, FEATURES, cache)
    loader = DataLoader(dataset, batch_size=3, follow_batch=list(FOLLOW_BATCH), num_workers=workers)
    seen, firsts = 0, torch.tensor([chunk.first_index for chunk in chunks]).split(3)
    for batch, first in zip(loader, firsts):
        texts = [text for part in batch.narration_texts for text in part]
        assert torch.equal(batch.narration_embedding, Lengths()(texts))
        assert batch.narration_time_batch.bincount().tolist() == [len(part) for part in batch.narration_texts]
        assert batch.x_batch.bincount().tolist() == batch.ptr.diff().tolist()
        assert torch.equal(batch.x[:, 0], 4 * (batch.indices + first[batch.x_batch]).float())
        seen += len(texts)
    assert seen == sum(len(chunk.times) for chunk in chunks)
    assert torch.equal(dataset[-1].narration_embedding, dataset[len(dataset) - 1].narration_embedding)


def test_workers_get_neither_texts_nor_encoder(tmp_path, chunks_and_store):
    chunks, store = chunks_and_store
    dataset = EgoClipDataset(chunks, store, FEATURES, TextCache(tmp_path / "text", Lengths(), device="cpu"))
    assert dataset[0].narration_texts  # the memory maps are open now, and stay behind
    raw = pickle.dumps(dataset)
    assert b"#C C does" not in raw
    assert b"Lengths" not in raw
    copy = pickle.loads(raw)
    for i in range(len(dataset)):
        assert copy[i].narration_texts == dataset[i].narration_texts
        assert torch.equal(copy[i].narration_embedding, dataset[i].narration_embedding)
        assert torch.equal(copy[i].narration_time, dataset[i].narration_time)


def test_a_broken_feature_file_is_named_when_it_is_met(tmp_path, chunks_and_store):
    _, store = chunks_and_store
    Path(store.folder, "v1.pt").write_bytes(b"")
    with pytest.raises(DataError, match=r"v1\.pt.*empty"):
        EgoClipIndex.open(tmp_path / "egoclip.csv", tmp_path / "cache").chunks(store, FEATURES)
