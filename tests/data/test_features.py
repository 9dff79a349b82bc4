"""The feature store: slices of both formats, and every kind of broken file named."""

import os
import pickle
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from hiero_lib.base.errors import DataError, UnsafeFileError
from hiero_lib.data.features import FeatureStore

FORMATS = ["a.pt", "old.pt", "a.safetensors", "a.npy", "a.h5", "chunked.hdf5"]


class Hostile:
    """Unpickling it without restriction creates a file."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self):
        return os.system, (f"touch {self.witness}",)


@pytest.fixture
def x() -> torch.Tensor:
    return torch.arange(40, dtype=torch.float32).reshape(10, 4)


def write(folder: Path, name: str, value: torch.Tensor) -> None:
    if name.endswith(".safetensors"):
        save_file({"features": value.contiguous()}, folder / name)
    elif name.endswith(".npy"):
        np.save(folder / name, value.numpy())
    elif name.endswith(("h5", "hdf5")):
        with h5py.File(folder / name, "w") as file:
            file.create_dataset("inner/features", data=value.numpy(), chunks=name.startswith("chunked") or None)
    else:
        torch.save(value, folder / name, _use_new_zipfile_serialization=not name.startswith("old"))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
@pytest.mark.parametrize("name", FORMATS)
def test_reads_whole_and_slice_in_the_stored_dtype(tmp_path, x, name, dtype):
    write(tmp_path, name, x.to(dtype))
    store, uid = FeatureStore(tmp_path, dim=4), Path(name).stem
    assert store.video_uids == [uid]
    assert (store.num_segments(uid), store.dim(uid), store.header(uid).dtype) == (10, 4, dtype)
    for start, stop in ((0, None), (3, 7), (9, 10)):
        rows = store.read(uid, start, stop)
        assert rows.dtype == dtype
        assert torch.equal(rows, x.to(dtype)[start:stop])
        assert rows.untyped_storage().nbytes() == rows.numel() * rows.element_size()


@pytest.mark.parametrize(
    "view",
    [lambda x: x[2:6], lambda x: x[:, 1:3], lambda x: x.T, lambda x: x[::2], lambda x: x.requires_grad_()],
    ids=["rows", "columns", "transposed", "strided", "with gradient"],
)
def test_views_with_extra_storage(tmp_path, x, view):
    torch.save(view(x), tmp_path / "v.pt")
    rows = FeatureStore(tmp_path).read("v", 1, 3)
    assert torch.equal(rows, view(x)[1:3])
    assert rows.is_contiguous()
    assert not rows.requires_grad


def test_what_is_in_the_store(tmp_path, x):
    for name in ("b.pt", "a.safetensors", "c.d.pt", "._b.pt"):
        write(tmp_path, name, x)
    (tmp_path / "notes.txt").write_text("no features")
    (tmp_path / "inner").mkdir()
    write(tmp_path / "inner", "e.pt", x)
    store = FeatureStore(tmp_path)
    assert store.video_uids == ["a", "b", "c.d"]
    assert all(uid in store for uid in store.video_uids)
    for uid in ("missing", "inner/e", "../x", "", ".", "._b", "notes", 3, None):
        assert uid not in store


def test_reaches_workers_and_sees_files_that_come_later(tmp_path, x):
    store = pickle.loads(pickle.dumps(FeatureStore(tmp_path, dim=4)))
    assert "late" not in store
    write(tmp_path, "late.pt", x)
    assert torch.equal(store.read("late", 2, 4), x[2:4])
    write(tmp_path, "late.pt", x + 1)
    assert torch.equal(store.read("late", 2, 4), x[2:4] + 1)


def test_keeps_no_file_open(tmp_path, x):
    for name in ("a.pt", "b.safetensors"):
        write(tmp_path, name, x)
    store = FeatureStore(tmp_path)
    kept = [store.read("a", 0, 2), store.read("b", 0, 2), store.header("a"), store.header("b")]
    maps = Path("/proc/self/maps")
    if maps.exists():
        assert str(tmp_path) not in maps.read_text()
        assert not any(str(tmp_path) in os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd"))
    assert len(kept) == 4


@pytest.mark.parametrize("format", ["zip", "old", "plain", "inside a dict"])
def test_hostile_pickle_is_refused_and_not_run(tmp_path, format):
    witness, path = tmp_path / "created", tmp_path / "h.pt"
    hostile = Hostile(witness)
    if format == "plain":
        path.write_bytes(pickle.dumps(hostile, protocol=2))
    else:
        value = {"features": torch.zeros(2, 2), "more": hostile} if format == "inside a dict" else hostile
        torch.save(value, path, _use_new_zipfile_serialization=format != "old")
    store = FeatureStore(tmp_path)
    for attempt in (store.read, store.num_segments):
        with pytest.raises(UnsafeFileError, match=r"h\.pt.*system"):
            attempt("h")
    assert not witness.exists()
    if format == "plain":  # the pickle is a real one: unrestricted reading would have created the file
        pickle.loads(path.read_bytes())
        assert witness.exists()


@pytest.mark.parametrize(
    ("value", "field", "shown"),
    [
        (torch.zeros(0, 4), "shape", "(0, 4)"),
        (torch.zeros(4, 0), "shape", "(4, 0)"),
        (torch.zeros(4), "shape", "(4,)"),
        (torch.zeros(2, 3, 4), "shape", "(2, 3, 4)"),
        (torch.zeros(4, 5), "dim", "5"),
        (torch.zeros(4, 4, dtype=torch.int64), "dtype", "int64|I64"),
        (torch.zeros(4, 4, dtype=torch.float64), "dtype", "float64|F64"),
    ],
)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors", ".npy", ".h5"])
def test_wrong_tensors_are_named(tmp_path, value, field, shown, suffix):
    write(tmp_path, f"w{suffix}", value)
    store = FeatureStore(tmp_path, dim=4)
    for attempt in (store.read, store.num_segments, store.dim):
        with pytest.raises(DataError) as caught:
            attempt("w")
        assert caught.value.file == tmp_path / f"w{suffix}"
        assert caught.value.field == field
        assert any(part in str(caught.value) for part in shown.split("|"))


def test_not_one_tensor(tmp_path, x):
    torch.save({"features": x}, tmp_path / "d.pt")
    save_file({"a": x, "b": x.clone()}, tmp_path / "s.safetensors")
    store = FeatureStore(tmp_path)
    with pytest.raises(DataError, match=r"d\.pt.*type.*dict"):
        store.read("d")
    with pytest.raises(DataError, match=r"s\.safetensors.*tensors.*'a', 'b'"):
        store.num_segments("s")


@pytest.mark.parametrize("kept", [0, 3, 60, 0.5, -1])
@pytest.mark.parametrize("name", FORMATS)
def test_truncated_and_empty_files(tmp_path, x, name, kept):
    write(tmp_path, name, x)
    raw = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(raw[: int(len(raw) * kept) if isinstance(kept, float) else kept])
    store, uid = FeatureStore(tmp_path), Path(name).stem
    for attempt in (store.read, store.num_segments):
        with pytest.raises(DataError, match=r"empty|truncated") as caught:
            attempt(uid)
        assert caught.value.file == tmp_path / name


@pytest.mark.parametrize(
    "content", [b"<html>Sign in</html>" * 9, b"hello " * 99, b"PK\x03\x04 not a zip" * 9, b"\x80"]
)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors", ".npy", ".h5"])
def test_another_kind_of_file(tmp_path, content, suffix):
    (tmp_path / f"o{suffix}").write_bytes(content)
    with pytest.raises(DataError) as caught:
        FeatureStore(tmp_path).read("o")
    assert not isinstance(caught.value, UnsafeFileError)
    assert caught.value.file == tmp_path / f"o{suffix}"


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", ["a.pt", "a.safetensors", "a.npy", "a.h5"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_not_finite_where_it_is_read(tmp_path, x, name, bad, dtype):
    x[6, 2] = bad
    write(tmp_path, name, x.to(dtype))
    store = FeatureStore(tmp_path)
    assert len(store.read("a", 0, 6)) == 6
    assert len(store.read("a", 7)) == 3
    with pytest.raises(DataError, match=r"row 6, channel 2.*(nan|inf)"):
        store.read("a", 5, 8)


@pytest.mark.parametrize("value", [1e38, -3e38, 65505.0])
def test_large_finite_values_are_named_as_what_they_are(tmp_path, value):
    x = torch.full((4, 4), 65504.0)
    torch.save(x, tmp_path / "a.pt")
    assert torch.equal(FeatureStore(tmp_path).read("a"), x)
    x[2, 1] = value
    torch.save(x, tmp_path / "a.pt")
    with pytest.raises(DataError, match=r"a\.pt, field 'row 2, channel 1', .*: a feature is finite, but too large"):
        FeatureStore(tmp_path).read("a")


@pytest.mark.parametrize(("start", "stop"), [(0, 11), (10, None), (10, 12), (5, 5), (6, 5), (-1, 5), (0, -1)])
@pytest.mark.parametrize("name", ["a.pt", "a.safetensors", "a.npy", "a.h5"])
def test_rows_that_are_not_there(tmp_path, x, name, start, stop):
    write(tmp_path, name, x)
    with pytest.raises(DataError, match=f"{name}.*start:stop.*{start}:{10 if stop is None else stop}.*has 10"):
        FeatureStore(tmp_path).read("a", start, stop)


def test_missing_and_twice(tmp_path, x):
    with pytest.raises(DataError, match="no such folder"):
        FeatureStore(tmp_path / "nowhere")
    store = FeatureStore(tmp_path)
    assert store.video_uids == []
    with pytest.raises(DataError, match=r"video_uid.*'gone'"):
        store.read("gone")
    write(tmp_path, "a.pt", x)
    write(tmp_path, "a.safetensors", x)
    with pytest.raises(DataError, match="two feature files"):
        store.read("a")
    for name in ("b.npy", "b.h5"):
        write(tmp_path, name, x)
    with pytest.raises(DataError, match="two feature files"):
        store.header("b")


@pytest.mark.parametrize("uid", ["x" * 300, "\udcff", "a\nb", "é" * 200])
def test_a_name_that_no_file_has_is_not_in_the_store(tmp_path, uid):
    assert uid not in FeatureStore(tmp_path)
    with pytest.raises(DataError, match="the video has no feature file"):
        FeatureStore(tmp_path).read(uid)


def test_a_slice_and_a_header_cost_little(tmp_path):
    """The figure of merit (10 times) is printed by tests.tools.speed; here the order of magnitude, on 60 MB."""
    torch.save(torch.zeros(20_000, 1536, dtype=torch.float16), tmp_path / "long.pt")
    save_file({"x": torch.zeros(20_000, 1536, dtype=torch.float16)}, tmp_path / "same.safetensors")
    store = FeatureStore(tmp_path)

    def seconds(action, repeats):
        action()
        times = []
        for _ in range(repeats):
            began = time.perf_counter()
            action()
            times.append(time.perf_counter() - began)
        return min(times)

    for uid in ("long", "same"):
        whole = seconds(lambda uid=uid: store.read(uid), 3)
        assert whole > 5 * seconds(lambda uid=uid: store.read(uid, 9_000, 9_562), 5)
        assert whole > 10 * seconds(lambda uid=uid: store.num_segments(uid), 5)


def test_identity_is_of_the_content_wherever_it_lies(tmp_path):
    random = torch.Generator().manual_seed(0)
    for n in (5, 3000):  # below and beyond 1 MiB
        x = torch.randn(n, 256, generator=random).half()
        for folder in ("a", "b"):
            (tmp_path / folder).mkdir(exist_ok=True)
            torch.save(x, tmp_path / folder / "v.pt")
        one, other = FeatureStore(tmp_path / "a"), FeatureStore(tmp_path / "b")
        assert one.identity("v") == other.identity("v")
        torch.save(torch.randn(n, 256, generator=random).half(), tmp_path / "b/v.pt")
        assert one.identity("v") != other.identity("v")
