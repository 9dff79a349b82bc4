"""One core within, for this thread alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from hiero_lib.base.cores import one_core


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_one_core_within_and_all_after() -> None:
    with one_core():
        with one_core():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3


def test_a_new_thread_is_limited_and_no_other_is() -> None:
    seen: dict[str, int] = {}

    def within() -> None:
        with one_core():
            seen["within"] = torch.get_num_threads()
        seen["after"] = torch.get_num_threads()

    threads = [threading.Thread(target=within)]
    threads.append(threading.Thread(target=lambda: seen.update(other=torch.get_num_threads())))
    for thread in threads:
        thread.start()
        thread.join()
    assert seen == {"within": 1, "after": 3, "other": 3}
    assert torch.get_num_threads() == 3


def test_an_error_leaves_the_cores() -> None:
    with pytest.raises(ZeroDivisionError), one_core():
        raise ZeroDivisionError
    assert torch.get_num_threads() == 3
