"""Controls divide a video without looking at it."""

import torch

from hiero_lib.benchmarks.controls import CONTROLS, RANDOM, UNIFORM, random_clusters, uniform_pieces


def test_controls_give_valid_clusters():
    x = torch.zeros(50, 3)
    for control in (random_clusters, uniform_pieces):
        ids = control(x, 7, 0.5)
        assert set(ids.tolist()) == set(range(7))
        assert torch.equal(ids, control(x, 7, 0.5))
    assert uniform_pieces(x[:7], 3, 0.5).tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert uniform_pieces(x[:2], 5, 0.5).tolist() == [0, 2]


def test_controls_do_not_look_at_the_features():
    generator = torch.Generator().manual_seed(0)
    one, other = torch.zeros(90, 3), torch.randn(90, 5, generator=generator)
    for control in CONTROLS.values():
        assert torch.equal(control(one, 4, 0.5), control(other, 4, 2.0))


def test_pieces_are_of_one_length_and_random_clusters_have_no_order():
    pieces = uniform_pieces(torch.zeros(90, 1), 7, 0.5)
    assert pieces.diff().min() == 0
    assert pieces.bincount().max() - pieces.bincount().min() <= 1
    drawn = random_clusters(torch.zeros(7000, 1), 7, 0.5)
    assert (drawn.bincount() - 1000).abs().max() < 150  # five standard deviations
    assert 0.8 < float((drawn.diff() != 0).float().mean()) < 0.9  # 6 of 7 neighbours differ


def test_a_video_without_a_node():
    assert [len(control(torch.zeros(0, 3), 7, 0.5)) for control in CONTROLS.values()] == [0, 0]


def test_the_names_are_those_of_the_tables():
    assert {RANDOM: random_clusters, UNIFORM: uniform_pieces} == CONTROLS
    assert (RANDOM, UNIFORM) == ("random clusters", "uniform pieces")
