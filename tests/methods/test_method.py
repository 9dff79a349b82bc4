"""The methods answer the same calls: levels on one grid, projections and texts in one space."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from hiero_lib.config import Profile
from hiero_lib.methods.levels import read_video
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED, Method
from tests.methods.test_levels import store_of

CPU = torch.device("cpu")


def test_every_method_has_levels_on_one_grid_and_texts_in_its_space(
    profile: Profile, methods: dict[str, Method]
) -> None:
    assert list(methods) == [UNTRAINED, PROBE, HIERO]
    video = read_video(store_of(profile), profile, "v0", device=CPU)
    grid = [level.pos for level in methods[HIERO].levels(video)]
    for name, method in methods.items():
        levels = method.levels(video)
        assert [level.level for level in levels] == [0, 1, 2]
        for level, pos in zip(levels, grid):
            torch.testing.assert_close(level.pos, pos)
            assert level.indices.tolist() == list(range(len(pos)))
            assert not level.x.requires_grad
            projected, texts = method.project(level.x), method.embed_text(["#C C cuts the onion"])
            assert projected.shape == (len(pos), texts.shape[1])
            assert not projected.requires_grad
            assert not texts.requires_grad
        assert bool((levels[2].assignments >= 0).all()) == (name == HIERO)
    assert len({method.fingerprint for method in methods.values()}) == 3


def test_threads_are_found_unless_told_otherwise(profile: Profile, methods: dict[str, Method]) -> None:
    video = read_video(store_of(profile), profile, "v0", device=CPU)
    assert len(methods[HIERO].levels(video)[1].assignments.unique()) > 1
    assert len(methods[HIERO].levels(video, cluster=False)[1].assignments.unique()) == 1


def test_a_method_has_a_text_space_where_it_has_a_scorer(methods: dict[str, Method]) -> None:
    assert all(method.text_space for method in methods.values())
    assert not dataclasses.replace(methods[UNTRAINED], scorer=None).text_space


def test_a_method_is_not_changed_by_those_who_use_it(methods: dict[str, Method]) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        methods[HIERO].name = "another"  # type: ignore[misc]
    assert [(method.name, method.thread_graph) for method in methods.values()] == [
        (UNTRAINED, None),
        (PROBE, None),
        (HIERO, "within_threads"),
    ]
