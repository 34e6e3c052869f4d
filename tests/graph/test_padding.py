"""Convolutions that see replicated edges: their spellings, their rewrites, and their integers."""

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.export import to_onnx, verify
from hwrts.fixed_point import Network, Padding, Rounding, run
from hwrts.graph import Conv, run_graph
from hwrts.graph.deploy import deploy_form
from hwrts.graph.note import QatNote, note_graph, noted_graph
from hwrts.graph.trace import trace
from hwrts.networks import Residual
from hwrts.qat.calibrate import calibrate
from hwrts.qat.network import QuantNetwork
from hwrts.qat.witness import TorchWitness

from .test_trace import conv, module

SPELLED = {
    "the convolution's own": (lambda s, x: s.c(x), {"c": conv(size=5, padding_mode="replicate")}),
    "same": (lambda s, x: s.c(x), {"c": conv(padding="same", padding_mode="replicate")}),
    "F.pad": (lambda s, x: s.c(F.pad(x, (1, 1, 1, 1), mode="replicate")), {"c": conv(padding=0)}),
    "F.pad by name": (
        lambda s, x: s.c(F.pad(x, pad=[1] * 4, mode="replicate")),
        {"c": conv(padding="valid")},
    ),
    "a module": (lambda s, x: s.c(s.p(x)), {"p": nn.ReplicationPad2d(2), "c": conv(size=5, padding=0)}),
    "two readers": (lambda s, x: _twice(s, s.p(x)), {"p": nn.ReplicationPad2d(1), "c": conv(padding=0)}),
}
ZEROS = {
    "F.pad": (lambda s, x: s.c(F.pad(x, (1, 1, 1, 1))), {"c": conv(padding=0)}),
    "F.pad with 0": (lambda s, x: s.c(F.pad(x, (1, 1, 1, 1), "constant", 0.0)), {"c": conv(padding=0)}),
    "a module": (lambda s, x: s.c(s.p(x)), {"p": nn.ZeroPad2d(1), "c": conv(padding=0)}),
}


def _twice(net, padded):
    return net.c(padded) + net.c(padded)


REFLECTED = {
    "the convolution's own": (lambda s, x: s.c(x), {"c": conv(size=5, padding_mode="reflect")}),
    "F.pad": (lambda s, x: s.c(F.pad(x, (2, 1, 0, 3), "reflect")), {"c": conv(size=4, padding=0)}),
    "a module": (lambda s, x: s.c(s.p(x)), {"p": nn.ReflectionPad2d(2), "c": conv(size=5, padding=0)}),
}
ADDED = {
    "zeros and zeros": (
        lambda s, x: s.c(F.pad(x, (1, 0, 1, 0))), {"c": conv(size=4, padding=1)}, (2, 2, 1, 1)),
    "zeros, zeros and zeros": (
        lambda s, x: s.c(s.p(F.pad(x, (0, 1)))),
        {"p": nn.ConstantPad2d((0, 0, 2, 1), 0), "c": conv(size=6, padding=1)}, (3, 1, 2, 2)),
    "edges and edges": (
        lambda s, x: s.c(s.p(F.pad(x, (1, 1, 1, 1), "replicate"))),
        {"p": nn.ReplicationPad2d((0, 1, 2, 0)), "c": conv(size=6, padding=0)}, (3, 1, 1, 2)),
    "none and edges": (lambda s, x: s.c(F.pad(x, (0, 0, 0, 0))), {"c": conv(padding_mode="replicate")}, None),
}  # fmt: skip


@pytest.mark.parametrize("case", REFLECTED)
def test_reflections_are_the_module(case):
    network = module(REFLECTED[case][0], **REFLECTED[case][1]).eval()
    graph, x = trace(network), torch.rand(2, 3, 6, 7)
    assert {node.padding for node in graph.of(Conv)} == {Padding.REFLECT}
    assert torch.equal(run_graph(graph, x)[graph.output], network(x))


@pytest.mark.parametrize("case", ADDED)
def test_paddings_behind_each_other_add_up(case):
    forward, layers, pads = ADDED[case]
    network = module(forward, **layers).eval()
    graph, x = trace(network), torch.rand(2, 3, 6, 7)
    assert [node.pads for node in graph.of(Conv)] == [pads]
    assert torch.equal(run_graph(graph, x)[graph.output], network(x))


@pytest.mark.parametrize(
    ("spelled", "replicate"),
    [*((case, True) for case in SPELLED.values()), *((case, False) for case in ZEROS.values())],
)
def test_spellings_are_the_module(spelled, replicate):
    network = module(spelled[0], **spelled[1]).eval()
    graph, x = trace(network), torch.rand(2, 3, 6, 7)
    assert {node.replicate for node in graph.of(Conv)} == {replicate}
    assert torch.equal(run_graph(graph, x)[graph.output], network(x))


def _pad(*settings, **named):
    return lambda s, x: s.c(F.pad(x, *settings, **named))


REFUSED = {
    "circular": (_pad((1, 1, 1, 1), mode="circular"), conv(padding=0), ["'circular'", "mode 'replicate'"]),
    "circular of its own": (lambda s, x: s.c(x), conv(padding_mode="circular"), ["Conv2d 'c'", "circular"]),
    "ones": (_pad((1, 1, 1, 1), value=1.0), conv(padding=0), ["with 1.0"]),
    "twice": (_pad((1, 1, 1, 1), mode="replicate"), conv(), ["'c'", "'zero' behind a padding 'replicate'"]),
    "a reflection of a reflection": (
        lambda s, x: s.c(F.pad(F.pad(x, (1, 1, 1, 1), mode="reflect"), (1, 1, 1, 1), mode="reflect")),
        conv(padding=0), ["padding 'reflect' behind a padding 'reflect'", "one of them"]),
    "channels": (_pad((1, 1, 1, 1, 0, 1)), conv(4, 3, padding=0), ["not for channels"]),
    "no reader": (lambda s, x: F.pad(s.c(x), (1, 1, 1, 1)), conv(), ["must return a tensor"]),
    "another reader": (
        lambda s, x: F.relu(F.pad(s.c(x), (1, 1, 1, 1))), conv(),
        ["takes a padded tensor", "only a convolution"]),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_other_paddings_are_refused_by_name(case):
    forward, layer, words = REFUSED[case]
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(module(forward, c=layer))
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


def replicating() -> Residual:
    """A Residual-1 with edges replicated, its residual and its biases far from their start."""
    torch.manual_seed(3)
    network = Residual(1, 6)
    with torch.no_grad():
        network.conv_out.weight.mul_(40)
        for layer in (network.conv_in, network.conv_out, network.conv_ext):
            layer.padding_mode = "replicate"
            layer.bias.uniform_(-0.05, 0.05)
    for hidden in network.conv.children():
        hidden.padding_mode = "replicate"  # type: ignore[assignment] # torch says Module
    return network.eval()


def test_the_anchor_form_is_the_network_at_the_edges_too():
    """Tolerance 1e-12: equal in real numbers; float64 sums near 1 in another order err by 1e-15."""
    network = replicating().double()
    graph, x = deploy_form(trace(network)), torch.rand(1, 3, 7, 9, dtype=torch.float64)
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x), rtol=0, atol=1e-12)


def quantise(same_size: bool, rounding: Rounding = Rounding.HALF_EVEN) -> tuple[QuantNetwork, Network]:
    graph = deploy_form(trace(replicating()), same_size=same_size)
    formats = calibrate(graph, [torch.rand(2, 3, 16, 16)], 8, rounding)
    quantised = QuantNetwork(graph, formats, 8, rounding).eval()
    return quantised, quantised.lower()


@pytest.mark.in_turns
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("same_size", [False, True])
def test_every_witness_agrees(picture, same_size, rounding):
    quantised, network = quantise(same_size, rounding)
    assert {layer.padding for layer in network.convs} == {Padding.REPLICATE}
    model = to_onnx(network).SerializeToString()
    verdict = verify(network, model, {"photo": picture(15, 14)}, [TorchWitness(quantised, network)])
    assert verdict.passed, (verdict.problems, verdict.mismatches)
    assert "zero padding in conv_in" in [control["name"] for control in verdict.controls]


@pytest.mark.parametrize("same_size", [False, True])
def test_a_flat_picture_has_no_frame(same_size):
    _, network = quantise(same_size)
    scale = int(network.scales[network.output])
    for level in range(0, 256, 15):
        cells = run(network, np.full((20, 18, 3), level, np.uint8)).reshape(20, scale, 18, scale, 3)
        np.testing.assert_array_equal(cells, np.broadcast_to(cells[10:11, :, 9:10], cells.shape))


def test_a_note_from_before_there_was_a_choice_means_zeros():
    for network, replicates in ((Residual(0, 4), False), (replicating(), True)):
        graph = deploy_form(trace(network.eval()))
        notes = json.loads(json.dumps(note_graph(graph)))
        if not replicates:
            assert [entry.pop("replicate") for entry in notes if entry["op"] == "Conv"] == [False] * 4
        form = {"signed": True, "bits": 8, "frac": 8}
        formats = {node.name: form for node in graph.quantised_nodes()}
        QatNote.model_validate(
            {"graph": notes, "formats": formats, "weight_bits": 8, "rounding": "half_even"}
        )
        assert {node.replicate for node in noted_graph(notes).of(Conv)} == {replicates}


def test_edges_of_two_kinds_are_refused():
    """Of a damaged file, which may say both."""
    both = Conv("c", ("x",), torch.ones(1, 1, 3, 3), torch.zeros(1), replicate=True, reflect=True)
    with pytest.raises(UnsupportedOperatorError, match="convolution 'c': its edges are both replicated and"):
        both.value(torch.zeros(1, 1, 4, 4))
