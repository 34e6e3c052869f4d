"""Tensors put together from a module to a verified file: every spelling, what is refused, and one network."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.export import to_onnx, verify
from hwrts.fixed_point import Rounding, load_network, run, save_network
from hwrts.graph import Concat, graph_channels, run_graph
from hwrts.graph.deploy import deploy_form
from hwrts.graph.trace import trace
from hwrts.qat.calibrate import calibrate
from hwrts.qat.network import QuantNetwork
from hwrts.qat.witness import TorchWitness
from hwrts.runs.folder import StageFolder
from hwrts.runs.own_check import check_own_module
from hwrts.runs.quantise import load_quantised, save_quantised
from hwrts.training.fit import Schedule, Training, fit

from ..qat.test_qat import assert_integers_equal_values
from .test_trace import conv, module


def of_kind(graph, kind):
    return [node for node in graph.operations if isinstance(node, kind)]


CONCAT = {
    "cat of a list": lambda a, b: torch.cat([a, b], 1),
    "cat of a tuple": lambda a, b: torch.cat((a, b), dim=1),
    "cat by name": lambda a, b: torch.cat(tensors=(a, b), dim=1),
    "from behind": lambda a, b: torch.cat([a, b], -3),
    "NumPy's axis": lambda a, b: torch.cat([a, b], axis=1),  # type: ignore[call-arg] # torch takes it
    "concat": lambda a, b: torch.concat([a, b], dim=-3),
    "concatenate": lambda a, b: torch.concatenate((a, b), 1),
}


@pytest.mark.parametrize("spelling", CONCAT)
def test_every_spelling_of_a_concatenation(spelling):
    network = module(
        lambda s, x: s.last(CONCAT[spelling](s.first(x), x)), first=conv(3, 5), last=conv(8, 3)
    ).eval()
    graph, x = trace(network), torch.rand(2, 3, 6, 7)
    assert torch.equal(run_graph(graph, x)[graph.output], network(x))
    (node,) = of_kind(graph, Concat)
    assert node.sources == ("first", "x")
    assert graph_channels(graph)[node.name] == 8
    check_own_module(network)


def test_features_that_a_loop_collects():
    """The first of the concatenations has one operand, the last one four and two of them the same."""

    def forward(self, x):
        features = [x]
        for layer in (self.a, self.b):
            features.append(F.relu(layer(torch.cat(features, 1))))
        return self.c(torch.cat([*features, x], 1))

    network = module(forward, a=conv(3, 4), b=conv(7, 2), c=conv(12, 3)).eval()
    graph, x = check_own_module(network).graph, torch.rand(1, 3, 5, 6)
    assert torch.equal(run_graph(graph, x)[graph.output], network(x))
    assert [node.sources for node in of_kind(graph, Concat)] == [("x", "relu"), ("x", "relu", "relu_1", "x")]


def test_channels_of_a_picture_that_is_concatenated_first():
    assert trace(module(lambda s, x: s.c(torch.cat([x, x], 1)), c=conv(10, 3))).input.channels == 5


REFUSED = {
    "the default dimension": (lambda s, x: torch.cat([x, s.c(x)]), ["'cat'", "along dimension 0; dim=1"]),
    "rows": (lambda s, x: torch.cat([x, s.c(x)], dim=2), ["'cat'", "along dimension 2; dim=1"]),
    "a constant": (
        lambda s, x: torch.cat([s.c(x), torch.ones(1, 3, 8, 8)], 1),
        ["a tensor of the picture is needed"],
    ),
    "a parameter": (lambda s, x: torch.cat([s.c(x), s.c.weight], 1), ["the parameter 'c.weight'"]),
    "an output to write to": (lambda s, x: torch.cat([s.c(x), x], 1, out=x), ["'out' is not supported"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_named_with_its_place(case):
    forward, named = REFUSED[case]
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(module(forward, c=conv()))
    assert [text for text in named if text not in str(caught.value)] == []
    assert "\n" not in str(caught.value)


def test_operands_of_different_sizes_are_refused_with_their_place():
    up = nn.Upsample(scale_factor=2)
    network = module(lambda s, x: s.c(torch.cat([x, s.up(x)], 1)), c=conv(6, 3), up=up)
    with pytest.raises(UnsupportedOperatorError, match=r"fails on a picture|the enlargement of 'x' is 1"):
        check_own_module(network)


class Joined(nn.Module):
    """A dense block and a skip from the picture, as those of the field have them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = conv(3, 6), conv(6, 4)
        self.mix, self.act, self.last = conv(13, 8, 1), nn.PReLU(8), conv(8, 12)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        a = F.relu(self.first(x))
        b = self.second(a)
        h = self.act(self.mix(torch.cat([x, a, b], 1)))
        return F.interpolate(x, scale_factor=2) + self.shuffle(self.last(h))


def quantise(model, *, weight_bits=8, activation_bits=8, rounding=Rounding.HALF_EVEN):
    torch.manual_seed(7)
    graph = deploy_form(trace(model.eval()))
    formats = calibrate(graph, [torch.rand(2, 3, 16, 16)], activation_bits, rounding)
    return QuantNetwork(graph, formats, weight_bits, rounding)


def train(quantised, steps=15):
    x, target = torch.rand(4, 3, 10, 10), torch.rand(4, 3, 20, 20)
    losses = []
    schedule = Schedule(1e-2, steps)
    fit(Training.start(quantised), quantised, lambda n: (x, target), schedule, lambda n, v: losses.append(v))
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("rounding", Rounding)
def test_from_a_module_to_a_verified_file(picture, rounding, tmp_path):
    quantised = quantise(Joined(), rounding=rounding)
    train(quantised)
    save_network(quantised.eval().lower(), tmp_path)
    network = load_network(tmp_path)
    verdict = verify(
        network,
        to_onnx(network).SerializeToString(),
        {"photo": picture(15, 14)},
        [TorchWitness(quantised, network)],
    )
    assert verdict.passed, (verdict.problems, verdict.mismatches)
    assert len({row.witness for row in verdict.rows.values()}) == 6
    controls = [control["name"] for control in verdict.controls]
    assert [f"deliberate error in {name}" in controls for name in ("cat",)] == [True]
    if rounding is Rounding.HALF_EVEN:
        assert verdict.facts["census"]["QLinearConcat"] == 1


@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(8, 8), (4, 8), (8, 5), (3, 4), (2, 2)])
@pytest.mark.parametrize("rounding", Rounding)
def test_integers_equal_fake_quantised_values(picture, weight_bits, activation_bits, rounding):
    quantised = quantise(
        Joined(), weight_bits=weight_bits, activation_bits=activation_bits, rounding=rounding
    )
    assert_integers_equal_values(quantised, picture(9, 12))
    assert_integers_equal_values(quantised, picture(1, 1))


def test_a_file_of_qat_holds_them(tmp_path, picture):
    quantised, stage = quantise(Joined()).eval(), StageFolder(tmp_path)
    save_quantised(stage, quantised)
    again, codes = load_quantised(stage), picture(6, 7)
    assert [(type(n), n.sources) for n in again.graph.nodes] == [
        (type(n), n.sources) for n in quantised.graph.nodes
    ]
    np.testing.assert_array_equal(run(again.lower(), codes), run(quantised.lower(), codes))


def test_gradients_reach_every_operand():
    quantised = quantise(Joined())
    quantised(torch.rand(1, 3, 8, 8)).square().sum().backward()
    for name in ("first", "second", "mix", "last"):
        gradient = quantised.convs[name].weight.grad
        assert gradient is not None
        assert np.isfinite(gradient.numpy()).all()
        assert float(gradient.abs().sum()) > 0, name
