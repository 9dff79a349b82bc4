"""A device that this machine does not have: tensors of ``pretend:0`` hold a tensor of the CPU, and mind their device.

It is what a test on a machine without a GPU can see of one: operands of two devices are refused as CUDA refuses them,
`like_mps` refuses float64 and what has no kernel for Apple's MPS, and `LOG` counts what a GPU is asked to start
(launches) and where the CPU waits for its answer (waits), with the line of the kit that did it. Not seen: time,
memory, what a kernel does inside, the order in which its threads add up, and branches on the names of real devices.
Foreach kernels are off, so optimisers and clipping are not counted. It names a backend of torch's: one process, one
device.
"""

from __future__ import annotations

import contextlib
import pathlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils._pytree import tree_leaves, tree_map

NAME = "pretend"
_PACKAGE = "/hiero_lib/"
_LATER_WAITS = {  # operators of CUDA that wait: they return as many rows as they find, or read whether they failed
    *("_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "bincount", "histc", "_unique2"),
    *("unique_dim", "unique_consecutive", "unique_dim_consecutive", "_linalg_eigh", "_linalg_svd", "linalg_lstsq"),
    *("_linalg_solve_ex.result", "repeat_interleave.Tensor"),
}
_COPIES = {"copy_", "_to_copy", "set_", "_has_compatible_shallow_copy_type"}
_INDEXING = {"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index", "_unsafe_index_put"}
_NO_KERNEL = {"detach", "alias", "_unsafe_view", "lift_fresh", "_local_scalar_dense"}
# What runs in the lower precision under autocast, and what in float32 (torch, "CUDA ops that autocast to ...").
_LOW = "linear matmul mm bmm addmm baddbmm addbmm addmv mv conv1d conv2d conv3d prelu scaled_dot_product_attention"
_HIGH = (
    "acos asin cosh erfinv exp expm1 log log10 log2 log1p reciprocal rsqrt sinh tan pow.Tensor_Scalar"
    " pow.Tensor_Tensor softplus layer_norm native_layer_norm group_norm cosine_similarity nll_loss kl_div"
    " l1_loss mse_loss cdist"
    " binary_cross_entropy_with_logits logsumexp softmax.int log_softmax.int sum sum.dim_IntList prod cumsum cumprod"
    " norm.Scalar norm.ScalarOpt_dim linalg_vector_norm linalg_matrix_norm"
)


@dataclass
class Log:
    """Operations by name and by line of the kit, waits by reason and line."""

    launches: Counter[str] = field(default_factory=Counter)
    places: Counter[str] = field(default_factory=Counter)
    waits: Counter[str] = field(default_factory=Counter)
    mps: bool = False
    lacking: frozenset[str] = frozenset()

    def clear(self) -> None:
        """Begin to count."""
        for counter in (self.launches, self.places, self.waits):
            counter.clear()


LOG = Log()


def _place() -> str:
    """file:line of the innermost frame of the kit."""
    frame = sys._getframe(1)
    while frame is not None:
        if _PACKAGE in frame.f_code.co_filename:
            return f"{frame.f_code.co_filename.rpartition(_PACKAGE)[2]}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return "outside"


def _wait(why: str) -> None:
    LOG.waits[f"{why} at {_place()}"] += 1


def _check_dtype(dtype: torch.dtype) -> None:
    if LOG.mps and dtype in (torch.float64, torch.complex128):
        raise TypeError(f"MPS has no float64 [{_place()}]")


class PretendTensor(torch.Tensor):
    """A tensor of the device; ``inner`` has its numbers."""

    inner: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> PretendTensor:
        _check_dtype(inner.dtype)
        outer = torch.Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=torch.device(NAME, 0),
        )
        outer.inner = inner
        return outer

    def __repr__(self, *, tensor_contents: object = None) -> str:
        return f"PretendTensor({self.inner!r})"

    def tolist(self) -> Any:
        _wait("tolist")
        return self.detach().inner.tolist()

    def numpy(self, *, force: bool = False) -> Any:
        raise TypeError(f"a tensor of {NAME}:0 is no array: Tensor.cpu() first [{_place()}]")

    def __array__(self, dtype: object = None) -> Any:
        return self.numpy()

    def __reduce_ex__(self, protocol: Any) -> Any:  # kept by its values
        return self.detach().inner.__reduce_ex__(protocol)

    def __deepcopy__(self, memo: object) -> torch.Tensor:
        copied = self.detach().clone()
        if isinstance(self, torch.nn.Parameter):
            return torch.nn.Parameter(copied, self.requires_grad)
        return copied.requires_grad_(self.requires_grad)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Any, args: tuple, kwargs: dict) -> Any:
    """Check the operands, count, and compute on the CPU."""
    name = func._schema.name.partition("::")[2]
    full = f"{name}.{func._overloadname}".removesuffix(".")
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    ours = [tensor for tensor in tensors if isinstance(tensor, PretendTensor)]
    target = torch.device(kwargs["device"]).type if kwargs.get("device") is not None else NAME
    _check_devices(func, name, args, tensors, ours)
    if LOG.mps and full in LOG.lacking:
        raise NotImplementedError(f"MPS has no kernel for aten::{full} [{_place()}]")
    if ours and (target != NAME or (name == "copy_" and not isinstance(args[0], PretendTensor))):
        _check_dtype(kwargs.get("dtype") or (args[0].dtype if name == "copy_" else ours[0].dtype))  # converted there
    _count(func, name, full, args, kwargs, ours, target)

    if kwargs.get("device") is not None:
        kwargs = {**kwargs, "device": torch.device("cpu") if target == NAME else kwargs["device"]}
        kwargs.pop("pin_memory", None)
    unwrap = lambda leaf: leaf.inner if isinstance(leaf, PretendTensor) else leaf  # noqa: E731
    plain_args, plain_kwargs = tree_map(unwrap, (args, kwargs))
    out = func(*plain_args, **plain_kwargs)
    written = [
        kwargs[argument.name] if argument.name in kwargs else args[place]
        for place, argument in enumerate(func._schema.arguments)
        if argument.alias_info is not None
        and argument.alias_info.is_write
        and (argument.name in kwargs or place < len(args))
    ]
    returns = func._schema.returns
    if written and len(returns) == 1 and returns[0].alias_info is not None and not func.is_view:
        return written[0]
    if target != NAME:
        return out
    wrap = lambda leaf: PretendTensor(leaf) if type(leaf) is torch.Tensor else leaf  # noqa: E731
    return tree_map(wrap, out)


def _check_devices(func: Any, name: str, args: tuple, tensors: list, ours: list) -> None:
    if not ours or len(ours) == len(tensors) or name in _COPIES:
        return
    if name in _INDEXING and not isinstance(args[0], PretendTensor):
        raise RuntimeError(f"an index of {NAME}:0 into a tensor of the CPU [{name} at {_place()}]")
    for tensor in tensors:
        if isinstance(tensor, PretendTensor):
            continue
        if name in _INDEXING and any(tensor is index for index in args[1]):
            _wait("index copied from the CPU")
        elif tensor.dim() or not (torch.Tag.pointwise in func.tags or name in {*_INDEXING, "masked_fill_"}):
            raise RuntimeError(f"tensors of {NAME}:0 and the CPU {tuple(tensor.shape)} [{name} at {_place()}]")
    first = func._schema.arguments[0]
    if first.alias_info is not None and first.alias_info.is_write and not isinstance(args[0], PretendTensor):
        raise RuntimeError(f"written into a tensor of the CPU [{name} at {_place()}]")


def _count(func: Any, name: str, full: str, args: tuple, kwargs: dict, ours: list, target: str) -> None:
    if name in _LATER_WAITS or full in _LATER_WAITS:
        _wait(name)
    masks = (torch.bool, torch.uint8)
    if name in _INDEXING and any(index is not None and index.dtype in masks for index in args[1]):
        _wait("mask as an index")
    if name == "copy_":
        from_us = isinstance(args[1], PretendTensor)
        to_us = isinstance(args[0], PretendTensor)
        free = args[2] if len(args) > 2 else kwargs.get("non_blocking", False)
        if from_us != to_us and not (to_us and free):
            _wait("copy from the CPU" if to_us else "copy to the CPU")
    if name == "_to_copy" and target != NAME and ours:
        _wait("copy to the CPU")
    if not (func.is_view or name in _NO_KERNEL or name.startswith(("empty", "new_empty"))):
        LOG.launches[name] += 1
        LOG.places[_place()] += 1


def install() -> torch.device:
    """Make the device; once in a process, before the kit is imported.

    Raises:
        ImportError: this torch cannot have a backend in Python (2.13 can).
    """
    from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

    class Backend(_DummyBackendModule):
        """``torch.pretend``."""

        def get_amp_supported_dtype(self) -> list[torch.dtype]:
            return [torch.float16, torch.bfloat16]

        def manual_seed(self, seed: int) -> None:
            """The numbers are drawn on the CPU."""

        def get_rng_state(self, device: object = None) -> torch.Tensor:
            return torch.get_rng_state()

        def set_rng_state(self, state: torch.Tensor, device: object = None) -> None:
            """As above."""

    _setup_privateuseone_for_python_backend(NAME, backend_module=Backend())
    library = torch.library.Library("aten", "IMPL")
    _KEPT.append(library)
    for op in _factories():
        made = op._schema.name[6:] + (f".{op._overloadname}" if op._overloadname != "default" else "")
        library.impl(made, _factory(op), "PrivateUse1")
    library.impl("_copy_from", lambda a, b, non_blocking=False: _run(_COPY, (b, a, non_blocking), {}), "PrivateUse1")
    _autocast()
    torch.inference_mode = lambda mode=True: torch.set_grad_enabled(not mode)  # type: ignore[misc, assignment]
    load = torch.load

    def load_to(file: Any, map_location: Any = None, **kwargs: Any) -> Any:
        ours = map_location is not None and torch.device(map_location).type == NAME
        found = load(file, map_location="cpu" if ours else map_location, **kwargs)
        return tree_map(lambda leaf: leaf.to(map_location) if isinstance(leaf, torch.Tensor) else leaf, found)

    torch.load = load_to
    return torch.device(NAME, 0)


_KEPT: list[torch.library.Library] = []
_COPY = torch.ops.aten.copy_.default


def _factories() -> Iterator[Any]:
    """Operators that make a tensor of none, such as ``zeros``."""
    skipped = (
        "sparse",
        "quantized",
        "cudnn",
        "mkldnn",
        "nested",
        "_make_dep_token",
        "from_file",
        "_coo_",
        "_compressed",
    )
    for full in torch._C._dispatch_get_all_op_names():
        if not full.startswith("aten::") or any(word in full for word in skipped):
            continue
        name, _, overload = full[6:].partition(".")
        try:
            op = getattr(getattr(torch.ops.aten, name), overload or "default")
        except (AttributeError, RuntimeError):
            continue
        schema = op._schema
        takes = any("Tensor" in str(argument.type) for argument in schema.arguments)
        makes = len(schema.returns) == 1 and "Tensor" in str(schema.returns[0].type)
        if makes and not takes and any(argument.name == "device" for argument in schema.arguments):
            yield op


def _factory(op: Any) -> Callable[..., Any]:
    return lambda *args, **kwargs: _run(op, args, {**kwargs, "device": NAME})


def _autocast() -> None:
    keys = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastPrivateUse1)

    def casting(op: Any, *, low: bool) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            dtype = torch.get_autocast_dtype(NAME) if low else torch.float32

            def cast(leaf: Any) -> Any:
                given = isinstance(leaf, torch.Tensor) and leaf.is_floating_point() and leaf.device.type == NAME
                return leaf.to(dtype) if given and leaf.dtype != torch.float64 else leaf

            with torch._C._ExcludeDispatchKeyGuard(keys):
                args, kwargs = tree_map(cast, (args, kwargs))
                return op(*args, **kwargs)

        return call

    fallback = torch.library.Library("_", "IMPL")
    fallback.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
    library = torch.library.Library("aten", "IMPL")
    _KEPT.extend([fallback, library])
    for names, low in ((_LOW, True), (_HIGH, False)):
        for full in names.split():
            name, _, overload = full.partition(".")
            op = getattr(getattr(torch.ops.aten, name), overload or "default")
            library.impl(full, casting(op, low=low), "AutocastPrivateUse1")


@contextlib.contextmanager
def like_mps() -> Iterator[None]:
    """Refuse float64, and operators that have a kernel for the CPU or CUDA and none for MPS, by torch's own table."""
    import torchgen
    import yaml

    table = pathlib.Path(torchgen.__file__).parent / "packaged/ATen/native/native_functions.yaml"
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    entries = {entry["func"].partition("(")[0]: entry for entry in yaml.load(table.read_text(), loader)}

    def backends(entry: dict) -> set[str]:
        if "structured_delegate" in entry:
            return backends(entries[entry["structured_delegate"]])
        kernels = entry.get("dispatch", {"CompositeImplicitAutograd": ""})
        return {key.strip() for keys in kernels for key in keys.split(",")}

    lacking = set()
    for name, entry in entries.items():
        found = backends(entry)
        if found & {"CPU", "CUDA"} and "MPS" not in found and not any(key.startswith("Comp") for key in found):
            lacking.add(name)
    LOG.mps, LOG.lacking = True, frozenset(lacking)
    try:
        yield
    finally:
        LOG.mps = False
