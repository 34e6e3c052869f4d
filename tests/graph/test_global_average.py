"""Means over the whole picture: spellings, attention over channels as the field writes it."""

import json
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.cost.network import graph_cost, network_cost
from hwrts.data.tiles import TILE
from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import Format, Rounding, run
from hwrts.graph import GlobalAverage, run_graph
from hwrts.graph.deploy import deploy_form
from hwrts.graph.note import note_graph, noted_graph
from hwrts.graph.operators.global_average import QuantMean
from hwrts.graph.rounding import divided
from hwrts.graph.trace import trace
from hwrts.runs.engines import Deployed
from hwrts.runs.own_check import check_own_module

from ..fixed_point.test_requantize import slow_round
from ..qat.test_qat import assert_integers_equal_values
from .test_operators import quantise, train, verified
from .test_trace import conv, module

SPELLED = [
    nn.AdaptiveAvgPool2d(1),
    nn.AdaptiveAvgPool2d((1, 1)),
    lambda h: F.adaptive_avg_pool2d(h, 1),
    lambda h: F.adaptive_avg_pool2d(h, output_size=(1, 1)),
    lambda h: h.mean((2, 3), keepdim=True),
    lambda h: h.mean([-1, -2], True),
    lambda h: h.mean(dim=(2, 3), keepdim=True),
    lambda h: torch.mean(h, (-2, -1), keepdim=True),
    lambda h: torch.mean(h, dim=[2, 3], keepdim=True),
    lambda h: h.mean(3, keepdim=True).mean(2, True),
    lambda h: h.sum(3, keepdim=True).sum(2, keepdim=True) / (h.size(2) * h.size(3)),
    lambda h: torch.sum(h, (2, 3), keepdim=True) / (h.shape[2] * h.shape[3]),
    lambda h: F.avg_pool2d(h, h.size()[2:]),
    lambda h: F.avg_pool2d(h, (h.size(2), h.size(3)), stride=(h.size(2), h.size(3))),
]


@pytest.mark.parametrize("spelled", SPELLED)
def test_spellings_are_the_module(spelled):
    network = module(lambda s, x: (lambda h: h * s.f(h))(s.c(x)), c=conv()).eval()
    network.f = spelled
    graph, x = trace(network), torch.randn(2, 3, 6, 7)
    assert len(graph.of(GlobalAverage)) == 1
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x))


class ChannelAttention(nn.Module):
    """RCAN's: squeeze by convolutions, excite by a sigmoid."""

    def __init__(self, channels=8):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.weigh = nn.Sequential(
            nn.Conv2d(channels, 2, 1), nn.ReLU(True), nn.Conv2d(2, channels, 1), nn.Sigmoid()
        )

    def forward(self, x):
        return x * self.weigh(self.pool(x))


class Nafnet(nn.Module):
    """A block of NAFNet without its norm: SimpleGate, and attention without an activation (SCA)."""

    def __init__(self, channels=8):
        super().__init__()
        self.wide, self.mix = conv(channels, 2 * channels, 1), conv(2 * channels, 2 * channels)
        self.attend = nn.Sequential(nn.AdaptiveAvgPool2d(1), conv(channels, channels, 1))
        self.narrow = conv(channels, channels, 1)

    def forward(self, x):
        a, b = self.mix(self.wide(x)).chunk(2, dim=1)
        gated = a * b
        return x + self.narrow(gated * self.attend(gated))


class Squeezed(nn.Module):
    """x2, with one attention after another, one of them from a mean of the picture itself."""

    def __init__(self):
        super().__init__()
        self.first, self.attention, self.block = conv(3, 8), ChannelAttention(), Nafnet()
        self.of_picture, self.last = conv(3, 8, 1), conv(8, 12)

    def forward(self, x):
        h = F.gelu(self.first(x))
        h = h + self.block(self.attention(h))
        h = torch.tanh(self.of_picture(x.mean((2, 3), keepdim=True))) * h
        return F.interpolate(x, scale_factor=2) + F.pixel_shuffle(self.last(h), 2)


@pytest.mark.usually(rounding=Rounding.FLOOR)
@pytest.mark.parametrize("rounding", Rounding)
def test_from_a_module_to_a_verified_file(picture, rounding, tmp_path):
    quantised = quantise(Squeezed(), rounding=rounding)
    train(quantised)
    network, verdict = verified(quantised, tmp_path, picture(15, 14))
    means = [each.name for each in quantised.graph.of(GlobalAverage)]
    assert len(means) == 3
    controls = {control["name"]: control["caught"] for control in verdict.controls}
    assert [controls[f"deliberate error in {name}"] for name in means] == [True] * 3
    assert not network.streamable


@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(8, 8), (4, 8), (8, 5), (2, 2)])
def test_integers_equal_fake_quantised_values(picture, weight_bits, activation_bits):
    quantised = quantise(Squeezed(), weight_bits=weight_bits, activation_bits=activation_bits)
    assert_integers_equal_values(quantised, picture(9, 12))
    assert_integers_equal_values(quantised, picture(1, 1))


@pytest.mark.parametrize("rounding", Rounding)
def test_the_mean_of_training_is_the_definition_s(rounding):
    seed = 92
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    for source, out in [
        (Format(True, 8, 8), Format(True, 8, 9)),
        (Format(False, 8, 6), Format(False, 8, 6)),
        (Format(True, 8, 3), Format(False, 4, 1)),
    ]:
        for shape in [(1, 1), (2, 2), (5, 7), (64, 64)]:
            codes = rng.integers(source.min, source.max, (2, 6, *shape), endpoint=True)
            x = torch.tensor(codes * 2.0**-source.frac, dtype=torch.float32, requires_grad=True)
            part = QuantMean(source, out, rounding)
            made = part(x)
            totals = codes.sum(axis=(2, 3)).ravel().tolist()
            grid = Fraction(2) ** (out.frac - source.frac) / (shape[0] * shape[1])
            exact = [slow_round(each * grid, rounding) for each in totals]
            expected = [min(max(code, out.min), out.max) for code in exact]
            assert (made.detach().flatten() * 2.0**out.frac).tolist() == expected
            made.sum().backward()
            assert x.grad is not None
            torch.testing.assert_close(x.grad, torch.full_like(x, 1 / (shape[0] * shape[1])))


def test_quotients_are_those_of_the_integers():
    from hwrts.fixed_point.operators.global_average import divide

    numbers = np.arange(-60, 61)
    for rounding in Rounding:
        for denominator in (1, 2, 3, 4, 10):
            expected = divide(numbers, denominator, rounding).tolist()
            assert divided(torch.from_numpy(numbers), denominator, rounding).tolist() == expected


def test_means_in_whole_pictures_through_every_engine(picture):
    """A picture wider than a tile goes through in one pass: a tile's own mean is another."""
    network = quantise(Squeezed()).eval().lower()
    pixels = picture(5, TILE + 73)
    engine = Deployed.of(network, lambda codes: run(network, codes))
    assert (engine.halo, engine.reach(same_size=True)) == (None, None)
    assert np.array_equal(engine.upscale(pixels), run(network, pixels))
    assert engine.enhance(pixels).shape == pixels.shape
    apart = Deployed(engine.codes, 4, 2).upscale(pixels)
    assert not np.array_equal(apart, run(network, pixels))


def test_the_cost_says_that_it_is_no_stream():
    graph = deploy_form(trace(Squeezed().eval()))
    found = graph_cost(graph)
    assert (found.halo, found.latency_lines, found.receptive_field) == (None, None, None)
    assert len(found.whole_frame) == 3
    document = json.loads(json.dumps(found.as_json()))
    assert (document["streamable"], document["whole_frame"]) == (False, list(found.whole_frame))
    assert document["frame_bits_per_input_pixel"] == found.frame_bits > 0
    assert found.line_bits(1920) == 0
    of_one_pixel = [each for each in found.layers if not each.scale]
    assert {each.macs for each in of_one_pixel} == {0}  # per pixel of the picture
    assert sum(each.weights for each in of_one_pixel) == 2 * 8 + 8 * 2 + 8 * 8 + 3 * 8
    proved = network_cost(quantise(Squeezed()).eval().lower())
    assert proved.whole_frame == found.whole_frame


def test_the_note_holds_it():
    graph = deploy_form(trace(Squeezed().eval()))
    assert noted_graph(json.loads(json.dumps(note_graph(graph)))).of(GlobalAverage) == graph.of(GlobalAverage)


REFUSED = {
    "pool to 7": (lambda s, x: s.c(F.adaptive_avg_pool2d(x, 7)), ["'adaptive_avg_pool2d'", "pools to 7"]),
    "rows and channels": (
        lambda s, x: s.c(x).mean((1, 2), keepdim=True),
        ["over dimension (1, 2)"],
    ),
    "not to the end": (lambda s, x: s.c(F.adaptive_avg_pool2d(x, (7, 1))), ["pools to (7, 1)"]),
    "all": (lambda s, x: s.c(x).mean(), ["'mean'", "over dimension None"]),
    "flat": (lambda s, x: s.c(x).mean((2, 3)), ["'mean'", "use keepdim=True"]),
    "sum": (lambda s, x: s.c(x).sum((2, 3), keepdim=True) / 100, ["'sum'"]),
    "pictures": (lambda s, x: s.c(x).mean((0, 2, 3), True), ["over dimension (0, 2, 3)"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_means_are_refused_with_their_place(case):
    forward, named = REFUSED[case]
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(module(forward, c=conv()))
    assert [text for text in named if text not in str(caught.value)] == []
    assert "\n" not in str(caught.value)


def test_one_pixel_is_not_enlarged():
    network = module(lambda s, x: s.c(F.interpolate(x.mean((2, 3), keepdim=True), scale_factor=2)), c=conv())
    with pytest.raises(UnsupportedOperatorError, match="which has one pixel for a whole picture"):
        check_own_module(network)


class Contrast(nn.Module):
    """IMDN's: the deviation of each channel beside its mean."""

    def __init__(self, channels=8):
        super().__init__()
        self.average, self.weigh = (
            nn.AdaptiveAvgPool2d(1),
            nn.Sequential(conv(channels, channels, 1), nn.Sigmoid()),
        )

    def mean(self, x):
        return x.sum(3, keepdim=True).sum(2, keepdim=True) / (x.size(2) * x.size(3))

    def forward(self, x):
        variance = self.mean((x - self.mean(x)).pow(2))
        return x * self.weigh(variance.pow(0.5) + self.average(x))


def test_contrast_is_verified(picture, tmp_path):
    network = module(lambda s, x: F.pixel_shuffle(s.b(s.attention(s.a(x))), 2), a=conv(3, 8), b=conv(8, 12))
    network.attention = Contrast()
    check_own_module(network)
    quantised = quantise(network)
    assert len(quantised.graph.of(GlobalAverage)) == 3
    train(quantised)
    _, verdict = verified(quantised, tmp_path, picture(15, 14))
    assert verdict.passed


def test_networks_of_the_field_are_accepted():
    for block in (ChannelAttention(), Nafnet(), Contrast()):
        network = nn.Sequential(conv(3, 8), block, conv(8, 3))
        assert check_own_module(network).scale == 1
