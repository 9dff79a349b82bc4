"""Work that is too small to be shared by cores."""

from __future__ import annotations

import functools
import sys
from contextlib import AbstractContextManager
from typing import Any


def one_core() -> AbstractContextManager[Any]:
    """Within it, what this thread computes by OpenMP (torch, scikit-learn) takes one core; other threads keep theirs.

    `torch.set_num_threads` is no way to do so: it would be every later thread's setting, too.
    """
    import torch

    torch.get_num_threads()  # a thread's first call would undo the limit
    limited: AbstractContextManager[Any] = _openmp("sklearn" in sys.modules).limit(limits=1)
    return limited


@functools.cache
def _openmp(_: bool) -> Any:
    """The OpenMP libraries that are loaded; looked up again once scikit-learn has brought its own."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="openmp")
