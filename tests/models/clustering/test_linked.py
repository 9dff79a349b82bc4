"""Clusters that follow what is known: it holds exactly, the rest comes along, numbers stay."""

import numpy as np
import pytest
import torch

from hiero_lib.models.clustering.linked import linked_clusters

GIVEN = {"temperature": 0.5, "switch_cost": 1.0}


def groups(ids, *, noise: float = 0.1, seed: int = 0):
    """Features around one direction a group."""
    generator = torch.Generator().manual_seed(seed)
    return torch.eye(8)[ids] + noise * torch.randn(len(ids), 8, generator=generator)


@pytest.mark.parametrize("seed", range(8))
def test_what_is_known_holds_whatever_the_features_say(seed: int) -> None:
    random = np.random.default_rng(seed)
    ids = random.permutation(np.concatenate([np.arange(5), random.integers(0, 5, 55)]))
    known = random.random(60) < 0.3
    allowed = random.random((60, 5)) < 0.7
    x = torch.randn(60, 8, generator=torch.Generator().manual_seed(seed))
    found = linked_clusters(x, ids, known, allowed=allowed, **GIVEN)
    assert found[known].tolist() == ids[known].tolist()
    own = np.arange(5) == ids[:, None]
    assert (allowed | own)[np.arange(60), found].all()


def test_spans_that_are_like_the_one_that_was_set_apart_follow_it() -> None:
    true = np.repeat([0, 1, 2, 0, 1, 2, 1, 0], 10)
    ids = np.where(true == 1, 0, true)  # the model has 0 and 1 as one
    ids = np.where(ids == 2, 1, ids)
    ids[10:20] = 2  # a person has set one span of the three apart
    known = np.zeros(80, dtype=bool)
    known[10:20] = True
    found = linked_clusters(groups(true), ids, known, **GIVEN)
    assert found.tolist() == np.array([0, 2, 1])[true].tolist()


def test_clear_clusters_stay_as_they_are_and_so_do_one_and_none_that_is_free() -> None:
    ids = np.repeat([2, 0, 1, 2, 0], 8)
    known = np.arange(40) < 4
    assert linked_clusters(groups(ids), ids, known, **GIVEN).tolist() == ids.tolist()
    one = np.zeros(40, dtype=np.int64)
    assert linked_clusters(groups(ids), one, known, **GIVEN) is one
    assert linked_clusters(groups(ids), ids, np.ones(40, dtype=bool), **GIVEN) is ids
