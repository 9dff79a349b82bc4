"""The figures below the explorer."""

from __future__ import annotations

import json

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.explorer.figures import VIEWS, Looks, draw
from tests.helpers.made_up import THREE, record

VIDEO = record(THREE, channels=6, network=[[-1] * 40, [0] * 20, [0] * 10], video_uid="v")
LOOKS = {"level": 1, "title": "t", "at_s": 5.0, "radius": 1.0, "thread_graph": "within_threads"}


@pytest.mark.parametrize("view", VIEWS)
def test_each_is_drawn_in_the_theme(view) -> None:
    text = draw(view, VIDEO, Looks(**LOOKS, theme="dark", query="x", asked=torch.ones(6)))
    assert json.loads(text)["layout"]["paper_bgcolor"] == "#16181D"


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(DataError, match="search"):
        draw("query", VIDEO, Looks(**LOOKS, theme="light"))
    with pytest.raises(DataError, match="expected"):
        draw("pie", VIDEO, Looks(**LOOKS, theme="light"))
