"""Factors of channels: nothing changes in float, and grids in front of leaky ReLUs become finer."""

import math

import pytest
import torch
import torch.nn.functional as F

from hwrts.fixed_point import Format
from hwrts.graph import Add, Conv, Graph, Input, PRelu, Reorder, run_graph
from hwrts.graph.carried import carried_apart
from hwrts.graph.deploy import deploy_form
from hwrts.graph.equalise import OVERSHOOT, equalised
from hwrts.graph.trace import trace
from hwrts.networks import EDSR, SRResNet
from hwrts.qat.calibrate import calibrate
from hwrts.qat.network import QuantNetwork


def picture(size: int = 24) -> torch.Tensor:
    seeds = torch.Generator().manual_seed(0)
    x = F.interpolate(torch.rand(1, 3, 6, 6, generator=seeds), size=(size, size), mode="bicubic")
    return x.clamp(0, 1)


def with_large_negatives() -> Graph:
    """SRResNet as its training makes it: channels beside the picture's far below 0, and a small slope."""
    torch.manual_seed(0)
    model = SRResNet(blocks=1, channels=8).eval()
    with torch.no_grad():
        model.act_in.weight.fill_(0.15)
        model.conv_in.bias[3:] = -2.5
    return deploy_form(trace(model))


def test_float_does_not_change_by_a_bit_and_int8_gains():
    graph, x = with_large_negatives(), picture()
    formats = calibrate(graph, [x])
    wide = [
        leaky
        for leaky in graph.of(PRelu)
        if formats.get(leaky.sources[0], formats[leaky.name]).frac < formats[leaky.name].frac
    ]
    assert [leaky.name for leaky in wide] == ["act_in"]
    better = equalised(graph, formats, [x])
    assert [node.name for node in better.nodes] == [node.name for node in graph.nodes]
    before, after = run_graph(graph, x), run_graph(better, x)
    assert torch.equal(before[graph.output], after[graph.output])
    assert after["conv_in"].abs().amax() <= OVERSHOOT < before["conv_in"].abs().amax()
    ratio = (after["conv_in"] / before["conv_in"])[0].flatten(1).amax(1)  # (C,)
    assert torch.equal(ratio, torch.tensor([1.0] * 3 + [0.25] * 5))
    finer = calibrate(better, [x])
    assert finer["conv_in"].frac == formats["conv_in"].frac + 2

    def error(network: Graph, chosen: dict[str, Format]) -> float:
        with torch.no_grad():
            quantised = QuantNetwork(network, chosen).eval()(x)
        return -10 * math.log10(float((quantised - before[graph.output]).square().mean()))

    assert error(better, finer) > error(graph, formats) + 2


def conv(name: str, source: str, weight: torch.Tensor, bias: float = 0.0, **more: object) -> Conv:
    return Conv(name, (source,), weight, torch.full((len(weight),), bias), **more)  # type: ignore[arg-type]


EYE = torch.eye(3).reshape(3, 3, 1, 1)


@pytest.mark.parametrize(
    "reader",
    [
        [conv("y", "leaky", EYE, groups=1, frozen=True)],  # numbers that are not to change
        [conv("y", "leaky", torch.ones(3, 1, 1, 1), groups=3)],
        [Add("sum", ("leaky", "x")), conv("y", "sum", EYE)],  # the input has no factor
    ],
)
def test_what_no_factor_goes_through_stays(reader):
    a = conv("a", "x", torch.tensor([1.0, 1.0, -4.0]).reshape(3, 1, 1, 1) * EYE)
    x = picture()
    graph = Graph((Input("x", 3), a, PRelu("leaky", ("a",), torch.tensor([0.1]), False), *reader))
    formats = {"a": Format(True, 8, 5), "leaky": Format(True, 8, 7)}
    assert equalised(graph, formats, [x]) is graph
    free = Graph((*graph.nodes[:3], conv("y", "leaky", EYE)))
    better = equalised(free, formats, [x])
    assert better is not free
    assert torch.equal(run_graph(better, x)["y"], run_graph(free, x)["y"])


def test_channels_that_are_passed_on_have_no_factor():
    """The picture of a network that carries it is added behind its last convolution, as it is."""
    torch.manual_seed(0)
    first, last = 0.05 * torch.randn(8, 3, 3, 3), 0.05 * torch.randn(3, 8, 3, 3)
    for weight in (first, last):
        weight[range(3), range(3), 1, 1] = 1
    bias = torch.tensor([0.0] * 3 + [-2.5] * 5)
    nodes = (
        Input("x", 3),
        Conv("conv", ("x",), first, bias),
        PRelu("h", ("conv",), torch.tensor([0.15]), False),
    )
    graph = carried_apart(Graph((*nodes, Conv("y", ("h",), last, torch.zeros(3)))))
    assert len(graph.of(Reorder)) == 1
    x = picture()
    formats = calibrate(graph, [x])
    assert formats["conv"].frac < formats["h"].frac
    better = equalised(graph, formats, [x])
    before, after = run_graph(graph, x), run_graph(better, x)
    assert torch.equal(before[graph.output], after[graph.output])
    ratio = (after["h"] / before["h"])[0].flatten(1).amax(1)  # (C,)
    assert torch.equal(ratio[:3], torch.ones(3))
    assert bool((ratio[3:] < 1).all())


def test_networks_without_leaky_relus_stay():
    graph = deploy_form(trace(EDSR(blocks=1, channels=8).eval()))
    assert equalised(graph, calibrate(graph, [picture()]), [picture()]) is graph
