"""Limits inside a network: their spellings, their codes, and from a module to a verified file."""

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.export import to_onnx, verify
from hwrts.fixed_point import PIXEL, Format, Rounding
from hwrts.graph import Clip, Conv, Graph, Input, Relu, run_graph
from hwrts.graph.deploy import deploy_form
from hwrts.graph.note import QatNote, note_graph, noted_graph
from hwrts.graph.operators.clip import QuantLimits, limits_of
from hwrts.graph.trace import trace
from hwrts.qat.calibrate import calibrate
from hwrts.qat.witness import TorchWitness
from hwrts.runs.own_check import check_own_module

from ..qat.test_qat import assert_integers_equal_values
from .test_operators import quantise, train, verified
from .test_trace import conv, module

SPELLED: dict[tuple[Any, Any], list[Any]] = {
    (0, 6): [nn.ReLU6(), nn.ReLU6(inplace=True), F.relu6, lambda h: F.relu6(h, True)],
    (-1, 1): [nn.Hardtanh(), F.hardtanh, F.hardtanh_, lambda h: torch.clamp(h, -1, 1)],
    (-0.5, 2): [nn.Hardtanh(-0.5, 2), lambda h: F.hardtanh(h, -0.5, max_val=2), lambda h: h.clip(-0.5, 2),
                lambda h: torch.clip(h, min=-0.5, max=2.0), lambda h: h.clamp_(-0.5, max=2)],
    (None, 1): [lambda h: h.clamp(max=1), lambda h: torch.clamp_max(h, 1), lambda h: h.clamp_max_(1),
                lambda h: torch.clamp(h, None, 1)],
    (0.25, None): [lambda h: h.clamp(min=0.25), lambda h: h.clamp_min(0.25), lambda h: h.clip_(0.25)],
    (0, None): [lambda h: h.clamp(min=0), lambda h: h.clamp_min(0), lambda h: torch.clamp(h, min=0.0),
                lambda h: h.clip(0)],
}  # fmt: skip


@pytest.mark.parametrize(
    ("limits", "spelled"), [(limits, each) for limits, several in SPELLED.items() for each in several]
)
def test_spellings_are_the_module(limits, spelled):
    network = module(lambda s, x: s.b((lambda h: (s.f(h), h)[0] + h)(s.c(x))), c=conv(), b=conv()).eval()
    network.f = spelled
    graph, x = trace(network), 6 * torch.randn(2, 3, 6, 7)
    found = [(node.low, node.high) for node in graph.of(Clip)] + [(0, None) for _ in graph.of(Relu)]
    assert found == [limits]
    assert (limits == (0, None)) == bool(graph.of(Relu))  # that one may vanish into what is in front
    assert torch.equal(run_graph(graph, x)[graph.output], network(x))


@pytest.mark.parametrize(
    ("low", "high", "source", "codes"),
    [
        (0, 6, Format(True, 8, 4), (0, 96)),
        (0, 6, Format(False, 8, 5), (0, 192)),
        (0, 6, Format(False, 8, 8), (0, 255)),  # 6 is no code: the format's end is below it
        (-1, 1, Format(True, 8, 7), (-128, 127)),
        (-1, 1, PIXEL, (0, 255)),
        (None, 1, Format(True, 8, 3), (-128, 8)),
        (0.3, None, Format(True, 8, 5), (10, 127)),  # 9.6
        (-2.5, 2.5, Format(True, 8, 0), (-2, 2)),  # ties go to even codes, as constants do
        (-3.5, 0.5, Format(True, 8, 0), (-4, 0)),
        (1e30, None, Format(True, 8, 32), (127, 127)),
    ],
)
def test_limits_by_hand(low, high, source, codes):
    node = Clip("y", ("x",), low, high)
    assert limits_of(node, source) == codes
    part = QuantLimits(node, source)
    assert (part.low, part.high) == tuple(code * 2.0**-source.frac for code in codes)
    lowered = node.lower(part, {"x": source, "y": source}, {"y": 3})
    assert (lowered.low, lowered.high) == codes
    assert not dict(part.state_dict())


def test_gradients_pass_between_the_limits():
    x = torch.tensor([-1.0, 0.0, 0.5, 6.0, 7.0], requires_grad=True)
    QuantLimits(Clip("y", ("x",), 0, 6), Format(True, 8, 4))(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0, 1, 1, 1, 0]


class Limited(nn.Module):
    """A ReLU beside another reader, one of them behind a shuffle, and limits of each kind."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.hidden, self.wide, self.last = conv(3, 8), conv(8, 8), conv(8, 12), conv(3, 3)
        self.six, self.both = nn.ReLU6(), nn.Hardtanh(-0.2, 0.15)

    def forward(self, x):
        h = self.first(x)
        h = h + self.six(self.hidden(F.relu(h)))  # pre-activation: h is read by the addition too
        h = self.both(h) + 0.5 * h.clamp(max=0.1)
        picture = self.wide(h)
        high = F.pixel_shuffle(picture, 2)
        return F.interpolate(x, scale_factor=2) + self.last(torch.relu(high) + 0.3 * high).clamp(-0.3, 0.3)


def test_what_is_left_of_each():
    graph = deploy_form(trace(Limited().eval()))
    assert {node.name: (node.low, node.high) for node in graph.of(Clip)} == {
        "relu": (0, None), "six": (0, 6), "both": (-0.2, 0.15), "clamp": (None, 0.1),
        "relu_1": (0, None), "clamp_1": (-0.3, 0.3),
    }  # fmt: skip
    assert [(node.name, node.relu) for node in graph.of(Conv)] == [
        ("first", False), ("hidden", True), ("wide", False), ("last", False),
    ]  # fmt: skip


@pytest.mark.usually(rounding=Rounding.HALF_UP)
@pytest.mark.parametrize("rounding", Rounding)
def test_from_a_module_to_a_verified_file(picture, rounding, tmp_path):
    quantised = quantise(Limited(), rounding=rounding)
    train(quantised)
    _, verdict = verified(quantised, tmp_path, picture(15, 14))
    names = [node.name for node in quantised.graph.of(Clip)]
    controls = {control["name"].split(",")[0]: control["caught"] for control in verdict.controls}
    assert [controls[f"deliberate error in {name}"] for name in names] == [True] * 6
    if rounding is Rounding.HALF_EVEN:
        counts = verdict.facts["census"]
        assert (counts["QLinearConv"], counts["Clip"]) == (4, 6)


@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(8, 8), (4, 8), (8, 5), (2, 2)])
def test_integers_equal_fake_quantised_values(picture, weight_bits, activation_bits):
    quantised = quantise(Limited(), weight_bits=weight_bits, activation_bits=activation_bits)
    assert_integers_equal_values(quantised, picture(9, 12))
    assert_integers_equal_values(quantised, picture(1, 1))


def test_a_wrong_limit_is_found_by_the_torch_witness(picture):
    quantised = quantise(Limited()).eval()
    network = quantised.lower()
    layer = network.layer("clamp_1")
    broken = network.exchanged(layer.__class__(layer.name, layer.source, layer.low + 1, layer.high))
    witness = TorchWitness(quantised, broken)
    verdict = verify(
        broken, to_onnx(broken).SerializeToString(), {"photo": picture(15, 14)}, [witness], layers=["clamp_1"]
    )
    rows = {row.mode: row.mismatches for row in verdict.rows.values() if row.witness == witness.name}
    assert rows["single"] > 0
    assert not verdict.passed


def test_a_format_needs_no_codes_for_what_is_clipped_away():
    """ReLU6 of large sums: without its limit the grid would be made for 40, three bits coarser than for 6."""
    one = torch.eye(3).reshape(3, 3, 1, 1)
    nodes = (
        Input("x", 3),
        Conv("c", ("x",), 40 * one, torch.zeros(3), relu=True),
        Clip("six", ("c",), 0.0, 6.0),
        Conv("y", ("six",), one, torch.zeros(3)),
    )
    pictures = [torch.rand(1, 3, 16, 16)]
    assert calibrate(Graph(nodes), pictures)["c"] == Format(False, 8, 5)
    beside = (*nodes[:3], Conv("z", ("c",), one, torch.zeros(3)), nodes[3])
    assert calibrate(Graph(beside), pictures)["c"] == Format(False, 8, 2)  # another reader needs them


def test_the_note_holds_the_limits():
    graph = deploy_form(trace(Limited().eval()))
    notes = json.loads(json.dumps(note_graph(graph)))
    assert noted_graph(notes).of(Clip) == graph.of(Clip)
    formats = {each.name: {"signed": True, "bits": 8, "frac": 4} for each in graph.quantised_nodes()}
    whole = {"graph": notes, "formats": formats, "weight_bits": 8, "rounding": "half_even"}
    QatNote.model_validate(whole)
    clip = next(entry for entry in notes if entry["op"] == "Clip")
    for wrong in ({"low": "0"}, {"high": 1e31}, {"high": math.nan}):
        kept = dict(clip)
        clip.update(wrong)
        with pytest.raises(ValueError, match="validation error"):
            QatNote.model_validate(whole)
        clip.update(kept)


REFUSED = {
    "nothing": (lambda s, x: s.b(s.c(x).clamp()), ["'clamp'", "without limits is not supported"]),
    "exchanged": (lambda s, x: s.b(s.c(x).clamp(2, 1)), ["'clamp'", "limits 2 and 1 leave one value"]),
    "a tensor": (lambda s, x: s.b(s.c(x).clamp(min=x.mean())), ["supported"]),
    "a parameter": (lambda s, x: s.b(torch.clamp(s.c(x), s.c.bias)), ["'clamp'", "is not a finite number"]),
    "nan": (lambda s, x: s.b(s.c(x).clamp(float("nan"), 1)), ["'clamp'", "nan is not a finite number"]),
    "out": (lambda s, x: s.b(torch.clamp(s.c(x), 0, 2, out=x)), ["'out' is not supported"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_limits_that_are_no_numbers_are_refused(case):
    forward, named = REFUSED[case]
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(module(forward, c=conv(), b=conv()))
    assert [text for text in named if text not in str(caught.value)] == []
    assert "\n" not in str(caught.value)


def test_a_pre_activation_of_the_picture_is_accepted():
    network = module(lambda s, x: s.b(F.relu(s.a(F.relu(x)))), a=conv(), b=conv())
    assert check_own_module(network).scale == 1
    lowered = quantise(network).lower()
    assert [type(layer).__name__ for layer in lowered.layers] == ["Clip", "Conv", "Conv"]
    codes = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
    assert_integers_equal_values(quantise(network), codes)
