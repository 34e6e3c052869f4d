"""Tensors put together from a module to a verified file: every spelling, what is refused, and one network."""

import operator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.export import to_onnx, verify
from hwrts.fixed_point import PIXEL, HwrtsError, Rounding, load_network, run, save_network
from hwrts.graph import Concat, Multiply, graph_channels, run_graph
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


MULTIPLY = {
    "a * b": lambda a, b: a * b,
    "torch.mul": torch.mul,
    "torch.multiply": torch.multiply,
    "a.mul(b)": lambda a, b: a.mul(b),
    "a.multiply(b)": lambda a, b: a.multiply(b),
    "a.mul_(b)": lambda a, b: a.mul_(b),
    "a *= b": operator.imul,
}


@pytest.mark.parametrize("outputs", [3, 1])
@pytest.mark.parametrize("spelling", MULTIPLY)
def test_every_spelling_of_a_product(spelling, outputs):
    """With three channels a gate, with one channel attention over pixels."""
    network = module(
        lambda s, x: s.last(MULTIPLY[spelling](s.first(x), s.gate(x))),
        first=conv(3, 3), gate=conv(3, outputs), last=conv(3, 3),
    ).eval()  # fmt: skip
    graph, x = trace(network), torch.rand(2, 3, 6, 7)
    assert torch.equal(run_graph(graph, x)[graph.output], network(x))
    (node,) = of_kind(graph, Multiply)
    assert node.sources == ("first", "gate")
    assert graph_channels(graph)[node.name] == 3
    check_own_module(network)


def test_a_product_in_place_is_what_is_read_later():
    def forward(self, x):
        h = self.first(x)
        other = h
        h *= self.gate(x)
        return self.last(other)

    network = module(forward, first=conv(), gate=conv(), last=conv()).eval()
    graph, x = check_own_module(network).graph, torch.rand(1, 3, 5, 6)
    assert torch.equal(run_graph(graph, x)[graph.output], network(x))


@pytest.mark.parametrize("mask", ["front", "behind"])
def test_the_one_channel_may_stand_on_either_side(mask):
    def forward(self, x):
        h, one = self.first(x), self.gate(x)
        return self.last(one * h if mask == "front" else h * one)

    network = module(forward, first=conv(3, 6), gate=conv(3, 1), last=conv(6, 3)).eval()
    assert graph_channels(check_own_module(network).graph)["mul"] == 6


def test_what_is_stored_unsigned():
    def forward(self, x):
        h, gate = self.first(x), F.relu(self.gate(x))
        return self.last(h * gate + h * h + x * gate)

    graph = deploy_form(trace(module(forward, first=conv(), gate=conv(), last=conv())))
    assert graph.non_negative() >= {"mul_1", "mul_2"}  # a square, and two that are not negative
    assert "mul" not in graph.non_negative()


def test_products_of_other_channels_are_refused_with_their_place():
    graph = trace(module(lambda s, x: s.c(s.a(x) * s.b(x)), a=conv(3, 2), b=conv(3, 4), c=conv(4, 3)))
    with pytest.raises(
        HwrtsError, match=r"'a' are \(2, 1\), of 'b' \(4, 1\); both operands need the same, or"
    ):
        QuantNetwork(graph, dict.fromkeys(["x", "a", "b", "mul", "c"], PIXEL)).lower()


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
    """A dense block, gates and a skip from the picture, as those of the field have them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = conv(3, 6), conv(6, 4)
        self.mix, self.act, self.last = conv(13, 8, 1), nn.PReLU(8), conv(8, 12)
        self.gate, self.mask = conv(8, 8, 1), conv(8, 1)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        a = F.relu(self.first(x))
        b = self.second(a)
        h = self.act(self.mix(torch.cat([x, a, b], 1)))
        h = h * self.gate(h)
        h = h + F.relu(self.mask(h)) * h + 0.5 * (h * h)
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
    assert [f"deliberate error in {name}" in controls for name in ("cat", "mul", "mul_1", "mul_2")] == [
        True
    ] * 4
    if rounding is Rounding.HALF_EVEN:
        counts = verdict.facts["census"]
        assert (counts["QLinearConcat"], counts["QLinearMul"]) == (1, 4)  # one is a factor


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
    for name in ("first", "second", "mix", "gate", "mask", "last"):
        gradient = quantised.convs[name].weight.grad
        assert gradient is not None
        assert np.isfinite(gradient.numpy()).all()
        assert float(gradient.abs().sum()) > 0, name
