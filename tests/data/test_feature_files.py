"""Feature files that claim more than they hold, or hold what is no features: refused before memory is asked for."""

from __future__ import annotations

import pickle
import re
import resource
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from hiero_lib.base.errors import DataError, UnsafeFileError
from hiero_lib.data.feature_files import SUFFIXES, open_features

CASES = Path(__file__).parents[1] / "cases" / "files"
LIE = 10**9


def refusal(path: Path) -> DataError:
    """The error of opening a file, for which less than 100 MB were asked for."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError) as caught, open_features(path) as x:
        x.rows(slice(0, x.shape[0]))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
    assert caught.value.file == path
    return caught.value


def lying_safetensors(path: Path) -> None:
    save_file({"x": torch.zeros(4, 4)}, path)
    path.write_bytes(path.read_bytes().replace(b"[4,4]", b"[9,9]"))


def long_header(path: Path) -> None:
    path.write_bytes(struct.pack("<Q", 1 << 40) + b"{}")


def lying_npy(path: Path) -> None:
    np.save(path, np.zeros((10, 4), np.float32))
    path.write_bytes(path.read_bytes().replace(b"(10, 4)", b"(99, 9)"))


def huge_npy(path: Path) -> None:
    with open(path, "wb") as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": "<f2", "fortran_order": False, "shape": (LIE, 256)})


def objects_npy(path: Path) -> None:
    np.save(path, np.array([[{}]], dtype=object), allow_pickle=True)


def structured_npy(path: Path) -> None:
    np.save(path, np.zeros((2, 2), dtype=[("a", "<f4"), ("b", "<f4")]))


def npz(path: Path) -> None:
    with open(path, "wb") as stream:
        np.savez(stream, a=np.zeros((2, 2)))


def rest_npy(path: Path) -> None:
    np.save(path, np.zeros((10, 4), np.float32))
    path.write_bytes(path.read_bytes() + b"more")


def unwritten_h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (LIE, 256), np.float16)


def unwritten_chunks(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (LIE, 256), np.float16, chunks=(64, 256), compression="gzip")[0] = 1


def large_chunks(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (10, 4), np.float16, chunks=(1 << 22, 64), maxshape=(None, None), compression="gzip")


def half_written_h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        x = file.create_dataset("x", (20, 4), np.float32, chunks=(5, 4), compression="gzip")
        x[:5] = np.ones((5, 4))


def two_h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["a"], file["b"] = np.zeros((2, 2), np.float32), np.zeros((2, 2), np.float32)


def external_h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (4, 4), np.float32, external=[("/etc/passwd", 0, 64)])


def linked_h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["x"] = h5py.ExternalLink("/tmp/other.h5", "x")


def virtual_h5(path: Path) -> None:
    layout = h5py.VirtualLayout((4, 4), np.float32)
    layout[:] = h5py.VirtualSource("/tmp/other.h5", "x", (4, 4))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("x", layout)


def saved(value: object, *, old: bool = False) -> Callable[[Path], None]:
    return lambda path: torch.save(value, path, _use_new_zipfile_serialization=not old)


def pt_that_claims(claim: int, *, old: bool) -> Callable[[Path], None]:
    """A torch file whose storage has another number of values in its pickle."""

    def write(path: Path) -> None:
        torch.save(torch.zeros(7, 31, dtype=torch.float16), path, _use_new_zipfile_serialization=not old)
        honest, lie = b"K" + bytes([217]), b"\x8a\x08" + struct.pack("<q", claim)
        if old:
            path.write_bytes(path.read_bytes().replace(honest, lie, 1))
            return
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, content.replace(honest, lie) if name.endswith("data.pkl") else content)

    return write


def csr(path: Path) -> None:
    torch.save(torch.eye(4).to_sparse_csr(), path)


def quantised(path: Path) -> None:
    torch.save(torch.quantize_per_tensor(torch.eye(4), 0.1, 0, torch.qint8), path)


def compressed_pt(path: Path) -> None:
    torch.save(torch.zeros(1000, 256), path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


class Bytes:
    def __reduce__(self) -> tuple[object, ...]:
        return bytearray, (1 << 40,)


LIES: list[tuple[str, Callable[[Path], None], str]] = [
    ("zeros.pt", saved(torch.zeros(1).expand(300, 4)), "bytes of values, and claims 4, strides"),
    ("overlap.pt", saved(torch.zeros(1000).as_strided((20, 10), (1, 1))), "values, and claims 4000, strides"),
    ("meta.pt", saved(torch.zeros(4, 4, device="meta")), "plain tensor is expected"),
    ("old_meta.pt", saved(torch.zeros(4, 4, device="meta"), old=True), "plain tensor is expected"),
    ("sparse.pt", saved(torch.eye(4).to_sparse()), "plain tensor is expected"),
    ("csr.pt", csr, "plain tensor is expected"),
    ("quantised.pt", quantised, "plain tensor is expected"),
    ("storage.pt", pt_that_claims(10**12, old=False), "more than the file can hold"),
    ("old_storage.pt", pt_that_claims(10**12, old=True), "more than the file can hold"),
    ("old_near.pt", pt_that_claims(300, old=True), "truncated"),
    ("near.pt", pt_that_claims(300, old=False), "holds 434 bytes of values, and claims 600"),
    ("many.pt", saved([torch.zeros(4, 4), torch.zeros(4, 4)], old=True), "one plain tensor is expected"),
    ("compressed.pt", compressed_pt, "compressed, or larger"),
    ("bytes.pt", saved(Bytes()), "refused"),
    ("long.pt", saved({str(i): i for i in range(200_000)}), "plain tensor is expected"),
    ("lie.safetensors", lying_safetensors, "not readable as safetensors"),
    ("header.safetensors", long_header, "not readable as safetensors"),
    ("lie.npy", lying_npy, "header claims|not readable as npy"),
    ("huge.npy", huge_npy, "not readable as npy"),
    ("objects.npy", objects_npy, "refused"),
    ("npz.npy", npz, "not readable as npy"),
    ("rest.npy", rest_npy, "header claims 160 bytes of values, the file has 164"),
    ("unwritten.h5", unwritten_h5, "holds 0 bytes of values, and claims"),
    ("chunks.h5", unwritten_chunks, "bytes of values, and claims"),
    ("large_chunks.hdf5", large_chunks, "in chunks of"),
    ("half.h5", half_written_h5, "3 of 4 chunks were never written"),
    ("two.h5", two_h5, "one tensor is expected"),
    ("external.h5", external_h5, "in another file"),
    ("linked.h5", linked_h5, "one tensor is expected"),
    ("virtual.h5", virtual_h5, "in another file"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize(("name", "write", "message"), LIES, ids=[name for name, _, _ in LIES])
def test_a_claim_is_compared_with_what_is_there(
    tmp_path: Path, name: str, write: Callable[[Path], None], message: str
) -> None:
    write(tmp_path / name)
    error = refusal(tmp_path / name)
    assert re.search(message, str(error))


@pytest.mark.parametrize(("name", "message"), [("stride0.pt", "more than the file can hold"), ("meta.pt", "plain")])
def test_the_cases(name: str, message: str) -> None:
    assert message in str(refusal(CASES / name))


def test_structured_values_have_no_dtype_of_features(tmp_path: Path) -> None:
    structured_npy(tmp_path / "s.npy")
    with open_features(tmp_path / "s.npy") as x:
        assert isinstance(x.dtype, str)


@pytest.mark.parametrize("layout", [">f2", ">f4", "fortran"])
@pytest.mark.parametrize("suffix", [".npy", ".h5"])
def test_other_byte_orders_and_layouts_are_read_as_what_they_are(tmp_path: Path, suffix: str, layout: str) -> None:
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    x = np.asfortranarray(x) if layout == "fortran" else x.astype(layout)
    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, x)
    else:
        with h5py.File(path, "w") as file:
            file["x"] = x
    with open_features(path) as found:
        assert found.dtype in (torch.float16, torch.float32)
        assert found.rows(slice(1, 3)).tolist() == [[3, 4, 5], [6, 7, 8]]


def test_compressed_hdf5_is_read(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(200, 16)).astype(np.float16)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=values, compression="gzip", chunks=(50, 16), maxshape=(None, 16))
    with open_features(tmp_path / "a.h5") as x:
        assert np.array_equal(x.rows(slice(40, 60)).numpy(), values[40:60])


def test_without_h5py_the_error_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two_h5(tmp_path / "a.h5")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(DataError, match=r"h5py reads such files.*pip install h5py"), open_features(tmp_path / "a.h5"):
        pass


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_folder_of_that_name_and_an_empty_file(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"f{suffix}").mkdir()
    with pytest.raises(DataError, match="cannot be opened"), open_features(tmp_path / f"f{suffix}"):
        pass
    (tmp_path / f"e{suffix}").touch()
    assert "the file is empty" in str(refusal(tmp_path / f"e{suffix}"))


def test_a_pickle_of_another_protocol_runs_nothing(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[object, ...]:
            return exec, (f"open({str(tmp_path / 'witness')!r}, 'w')",)

    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path = tmp_path / f"h{protocol}.pt"
        torch.save(Hostile(), path, pickle_protocol=protocol)
        assert refusal(path)
        path.write_bytes(pickle.dumps(Hostile(), protocol))
        assert refusal(path)
    assert not (tmp_path / "witness").exists()
    assert isinstance(refusal(tmp_path / "h2.pt"), UnsafeFileError)
