from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.graph import Add, BatchNorm, Conv, Graph, Input, Scale, run_graph
from hwrts.graph.deploy import deploy_form
from hwrts.graph.fold import fold_affines, fold_scales
from hwrts.graph.trace import trace

from .test_trace import conv, module, output_of


def trained_norm(channels: int, **settings) -> nn.BatchNorm2d:
    """Statistics and, if it has them, gains and offsets of a size that would show."""
    norm = nn.BatchNorm2d(channels, **settings)
    for tensor in (norm.running_mean, norm.weight, norm.bias):
        if tensor is not None:
            nn.init.uniform_(tensor, -2, 2)
    assert norm.running_var is not None
    nn.init.uniform_(norm.running_var, 0.1, 3)
    return norm


def kinds(graph: Graph) -> list[str]:
    return [type(node).__name__ for node in graph.nodes]


@pytest.mark.parametrize("settings", [{}, {"affine": False}, {"eps": 0.5}])
@pytest.mark.parametrize("bias", [True, False])
def test_batch_norm_vanishes_into_its_convolution(settings, bias):
    """1e-12: equal in real numbers; float64 sums near 1 in another order err by 1e-15. Borders included."""
    layers = {"a": conv(3, 5, bias=bias), "n": trained_norm(5, **settings), "b": conv(5, 3, 5)}
    network = module(lambda s, x: s.b(F.relu(s.n(s.a(x)))), **layers).double().eval()
    graph = trace(network)
    assert kinds(graph) == ["Input", "Conv", "Relu", "Conv"]
    x = torch.rand(2, 3, 6, 7, dtype=torch.float64)
    torch.testing.assert_close(output_of(graph, x), network(x), rtol=0, atol=1e-12)
    assert kinds(deploy_form(graph)) == ["Input", "Conv", "Conv"]


def test_batch_norm_by_hand():
    """w = 3, b = 5, mean 1, variance 4, gamma 6, beta 7: 6 * (3x + 5 - 1) / 2 + 7 = 9x + 19."""
    network: Any = module(lambda s, x: s.n(s.c(x)), c=nn.Conv2d(1, 1, 1), n=nn.BatchNorm2d(1, eps=0.0)).eval()
    with torch.no_grad():
        for tensor, value in (
            (network.c.weight, 3),
            (network.c.bias, 5),
            (network.n.running_mean, 1),
            (network.n.running_var, 4),
            (network.n.weight, 6),
            (network.n.bias, 7),
        ):
            tensor.fill_(value)
    node = trace(network).nodes[-1]
    assert isinstance(node, Conv)
    assert (node.weight.item(), node.bias.item()) == (9, 19)


def test_batch_norm_takes_its_stored_statistics_whatever_the_mode():
    network = module(lambda s, x: s.n(s.c(x)), c=conv(), n=trained_norm(3))
    x = torch.rand(1, 3, 5, 5)
    assert torch.equal(output_of(trace(network.train()), x), output_of(trace(network.eval()), x))


def test_batch_norm_behind_dropout_and_identity():
    layers = {"c": conv(), "i": nn.Identity(), "d": nn.Dropout(0.5), "n": trained_norm(3)}
    assert kinds(trace(module(lambda s, x: s.n(s.d(s.i(s.c(x)))), **layers))) == ["Input", "Conv"]


FOLDED = {
    "times": lambda s, x: x + s.a(x) * 0.1,
    "over": lambda s, x: x + s.a(x) / 3,
    "twice": lambda s, x: x + 0.5 * (s.a(x) * -0.3),
    "at the end": lambda s, x: s.b(x + s.a(x)) * 0.1,
    "a ReLU behind it": lambda s, x: x + F.relu(s.a(x) * -0.2),
    "a batch norm before it": lambda s, x: x + s.n(s.a(x)) * 0.1,
}


@pytest.mark.parametrize("case", FOLDED)
def test_a_factor_vanishes_into_the_convolution_before_it(case):
    network = module(FOLDED[case], a=conv(), b=conv(), n=trained_norm(3)).double().eval()
    graph = deploy_form(trace(network))
    assert "Scale" not in kinds(graph)
    x = torch.rand(1, 3, 6, 5, dtype=torch.float64)
    # 1e-12 as above: the same real number, another order of float64 sums
    torch.testing.assert_close(output_of(graph, x), network(x), rtol=0, atol=1e-12)


KEPT = {
    "a ReLU between": lambda s, x: x + F.relu(s.a(x)) * 0.1,
    "another reader": lambda s, x: (lambda y: x + y + y * 0.1)(s.a(x)),
    "of a sum": lambda s, x: (x + s.a(x)) * 0.1,
    "of the picture": lambda s, x: x * 0.5 + s.a(x),
}


@pytest.mark.parametrize("case", KEPT)
def test_other_factors_stay(case):
    network = module(KEPT[case], a=conv()).eval()
    graph = deploy_form(trace(network))
    assert kinds(graph).count("Scale") == 1
    x = torch.rand(1, 3, 6, 5)
    assert torch.equal(output_of(graph, x), network(x))


def test_folding_leaves_the_network_alone():
    network = module(lambda s, x: x + s.n(s.a(x)) * 0.1, a=conv(), n=trained_norm(3)).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    deploy_form(trace(network))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_weights_stay_in_their_type():
    node = trace(module(lambda s, x: s.n(s.c(x)), c=conv(), n=trained_norm(3))).nodes[-1]
    assert isinstance(node, Conv)
    assert (node.weight.dtype, node.bias.dtype) == (torch.float32, torch.float32)


def test_each_rewrite_on_its_own_is_the_same_function():
    ones = torch.ones(2, dtype=torch.float64)
    graph = Graph(
        (
            Input("x", 2),
            Conv("c", ("x",), torch.randn(2, 2, 3, 3).double(), torch.randn(2).double()),
            BatchNorm("n", ("c",), ones * 0.3, ones * -2),
            Conv("d", ("n",), torch.randn(2, 2, 1, 1).double(), torch.randn(2).double()),
            Scale("s", ("d",), -0.7),
            Add("y", ("s", "n")),
        )
    )
    x = torch.rand(1, 2, 4, 4, dtype=torch.float64)
    expected = run_graph(graph, x)["y"]
    without_norms, without_scales = fold_affines(graph), fold_scales(graph)
    assert kinds(without_norms) == ["Input", "Conv", "Conv", "Scale", "Add"]
    assert kinds(without_scales) == ["Input", "Conv", "BatchNorm", "Conv", "Add"]
    for folded in (without_norms, without_scales):
        torch.testing.assert_close(output_of(folded, x), expected, rtol=0, atol=1e-12)  # as above


def test_a_factor_behind_a_fused_relu_stays():
    """max(0, c) * -1 is no convolution with a ReLU."""
    graph = Graph(
        (
            Input("x", 1),
            Conv("c", ("x",), torch.ones(1, 1, 1, 1), torch.zeros(1), relu=True),
            Scale("s", ("c",), -1.0),
        )
    )
    assert kinds(fold_scales(graph)) == ["Input", "Conv", "Scale"]
