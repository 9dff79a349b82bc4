"""TDGC against the authors' numbers and against a literal double loop."""

import json

import pytest
import torch
from safetensors.torch import load_file

from hiero_lib.models.tdgc import TDGC, joined_linears, stage_gates
from hiero_lib.models.temporal import for_gpu, joined_layer, radius_graph


def golden_cases(golden):
    return [(case, load_file(golden / "tdgc.safetensors")) for case in json.loads((golden / "tdgc.json").read_text())]


def test_tdgc_equals_golden(golden):
    cases = golden_cases(golden)
    assert cases
    for case, tensors in cases:
        mine = {k.split(".", 1)[1]: v for k, v in tensors.items() if k.startswith(f"{case['case']}.")}
        layer = TDGC(
            case["channels"],
            pos_hidden_channels=case["pos_hidden_channels"],
            pos_act=case["pos_act"],
            use_pos_attr=case["pos_attr"],
        )
        weights = {k.removeprefix("weights."): v for k, v in mine.items() if k.startswith("weights.")}
        missing, unexpected = layer.load_state_dict(weights, strict=False)
        assert not unexpected
        assert case["pos_attr"] is False or not missing
        graph = radius_graph(mine["pos"], mine["batch"], case["radius"], signed=case["signed"])
        ours, theirs = graph.edge_index(), mine["edge_index"]
        assert set(map(tuple, ours.T.tolist())) == set(map(tuple, theirs.T.tolist()))
        x = mine["x"].clone().requires_grad_()
        y = graph.unsort(layer(graph.sort(x), graph))
        torch.testing.assert_close(y, mine["y"], rtol=1e-5, atol=1e-5)
        (y * mine["grad_y"]).sum().backward()
        torch.testing.assert_close(x.grad, mine["grad_x"], rtol=1e-5, atol=1e-5)
        for name, parameter in layer.named_parameters():
            if f"grad.{name}" in mine:
                torch.testing.assert_close(parameter.grad, mine[f"grad.{name}"], rtol=1e-5, atol=1e-5, msg=name)
            else:
                assert parameter.grad is None, name


def literal_tdgc(layer: TDGC, x, pos, group, radius):
    """The definition, one node and one neighbour at a time."""
    rows = []
    for i in range(len(x)):
        messages = []
        for j in range(len(x)):
            if j == i or group[i] != group[j] or not (pos[j] - pos[i]).abs() < radius:
                continue
            h = torch.nn.functional.leaky_relu(layer.lin_rel(x[j]), 0.2)
            gate = layer.gates((pos[j] - pos[i]).abs()[None])[0]
            messages.append(torch.sign(pos[j] - pos[i]) * gate * h)
        mean = torch.stack(messages).mean(0) if messages else torch.zeros_like(x[i])
        rows.append(mean + layer.lin_root.weight @ x[i] + layer.bias[0])
    return torch.stack(rows)


@pytest.mark.parametrize("radius", [0.3, 1.0, 3.7])
def test_equals_the_literal_definition_with_gradients(radius):
    generator = torch.Generator().manual_seed(0)
    layer = TDGC(6, pos_hidden_channels=4).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    x = torch.randn(25, 6, generator=generator, dtype=torch.float64)
    pos = torch.rand(25, generator=generator, dtype=torch.float64) * 10
    pos[3] = pos[7]  # two nodes at the same time: an edge without sign, which still counts in the mean
    group = torch.randint(0, 3, (25,), generator=generator)
    group[7] = group[3]
    results = []
    for literal in (True, False):
        leaf = x.clone().requires_grad_()
        if literal:
            y = literal_tdgc(layer, leaf, pos, group, radius)
        else:
            graph = radius_graph(pos, group, radius)
            y = graph.unsort(layer(graph.sort(leaf), graph))
        layer.zero_grad()
        (y * torch.arange(150, dtype=torch.float64).reshape(25, 6).cos()).sum().backward()
        results.append([y.detach(), leaf.grad] + [p.grad.clone() for p in layer.parameters()])
    for theirs, ours in zip(*results):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("radius", [0.6, 1.7])  # one neighbour on each side, whose gates are kept, and several
def test_what_a_gpu_does_is_what_a_cpu_does(radius):
    """Both linear maps as one product, gates looked up at once, gradients added up by products: a CPU can do it."""
    generator = torch.Generator().manual_seed(0)
    layers = [TDGC(6, pos_hidden_channels=4) for _ in range(2)]
    for parameter in (p for layer in layers for p in layer.parameters()):
        torch.nn.init.normal_(parameter, generator=generator)
    x = torch.randn(40, 6, generator=generator)
    graph = radius_graph(torch.arange(40.0) * 0.533, torch.arange(40) // 15, radius, is_sorted=True)
    results = []
    for on_gpu in (False, True):
        (gates,) = stage_gates([layers], graph.distance[None], graph.weight[None])
        graphs = for_gpu(graph, gates.together, gates.one_hot)
        y = leaf = x.clone().requires_grad_()
        for layer, of_layer, table, linear in zip(layers, graphs, gates.tables, joined_linears(layers), strict=True):
            inner = layer is layers[0]
            if on_gpu:
                weights = (linear.weight, linear.bias, table)
                y = joined_layer(y, *weights, of_layer, slope=0.2, activate=inner)
            else:
                y = layer(y, graph, table)
                y = torch.nn.functional.leaky_relu(y, 0.2) if inner else y
        gradients = torch.autograd.grad(
            y.square().sum(), [leaf, *(p for layer in layers for p in layer.parameters())]
        )
        results.append([y, *gradients])
    assert (graphs[0].gates is None) == (radius > 1)
    for theirs, ours in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_what_a_gpu_does_in_a_lower_precision():
    """Under autocast the products are in bfloat16, no worse for it than a CPU's; gradients keep their precision."""
    generator = torch.Generator().manual_seed(0)
    layer = TDGC(6, pos_hidden_channels=4)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.3, generator=generator)
    x = torch.randn(40, 6, generator=generator).requires_grad_()
    graph = radius_graph(torch.arange(40.0) * 0.533, torch.arange(40) // 15, 0.6, is_sorted=True)
    results = []
    for on_gpu, low in ((False, False), (False, True), (True, True)):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
            (gates,) = stage_gates([[layer]], graph.distance[None], graph.weight[None])
            if on_gpu:
                (of_layer,), (linear,) = for_gpu(graph, gates.together, gates.one_hot), joined_linears([layer])
                weights = (linear.weight, linear.bias, gates.tables[0])
                y = joined_layer(x, *weights, of_layer, slope=0.2, activate=True)
            else:
                y = torch.nn.functional.leaky_relu(layer(x, graph, gates.tables[0]), 0.2)
        assert y.dtype == (torch.bfloat16 if low else torch.float32)
        gradients = torch.autograd.grad(y.float().square().sum(), [x, *layer.parameters()])
        assert {gradient.dtype for gradient in gradients} == {torch.float32}
        results.append([y.float(), *gradients])
    for exact, theirs, ours in zip(*results, strict=True):
        assert (ours - exact).norm() < 1.5 * (theirs - exact).norm() + 0.01 * exact.norm()


def test_a_graph_without_edges_has_gradients_too():
    layer = TDGC(4)
    graph = radius_graph(torch.zeros(1), torch.zeros(1, dtype=torch.int64), 1.0)
    (gates,) = stage_gates([[layer]], graph.distance[None], graph.weight[None])
    (of_layer,), (linear,) = for_gpu(graph, gates.together, gates.one_hot), joined_linears([layer])
    weights = (linear.weight, linear.bias, gates.tables[0])
    y = joined_layer(torch.ones(1, 4), *weights, of_layer, slope=0.2, activate=True)
    y.sum().backward()
    torch.testing.assert_close(layer.bias.grad, torch.where(y < 0, 0.2, 1.0))


def test_a_node_without_neighbours_keeps_the_root_term():
    layer = TDGC(4)
    x = torch.randn(1, 4)
    graph = radius_graph(torch.zeros(1), torch.zeros(1, dtype=torch.int64), 1.0)
    torch.testing.assert_close(layer(x, graph), x @ layer.lin_root.weight.T + layer.bias)


def test_starts_as_documented():
    layer = TDGC(5)
    assert torch.equal(layer.lin_rel.weight, torch.eye(5))
    assert not layer.lin_rel.bias.any()
    assert not layer.bias.any()
