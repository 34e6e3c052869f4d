"""The later operators from a module to a verified file: interpolation, batch norm, leaky ReLUs, factors."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts import fixed_point
from hwrts.errors import HwrtsError
from hwrts.export import to_onnx, verify
from hwrts.fixed_point import PIXEL, Network, Rounding, RoundingRules, load_network, run, save_network
from hwrts.graph import Add, Conv, Graph, Input, PRelu, Scale, Upsample
from hwrts.graph.deploy import deploy_form
from hwrts.graph.operators import OPERATORS
from hwrts.graph.operators.prelu import QuantSlope
from hwrts.graph.trace import trace
from hwrts.networks import FixedUpsample
from hwrts.qat.calibrate import calibrate
from hwrts.qat.network import QuantNetwork
from hwrts.qat.witness import TorchWitness
from hwrts.training.fit import Schedule, Training, fit

from ..qat.test_qat import assert_integers_equal_values
from .test_fold import trained_norm
from .test_trace import conv, module


class Upscaler(nn.Module):
    """A bicubic picture plus a scaled residual, in the manner of VDSR and EDSR."""

    def __init__(self) -> None:
        super().__init__()
        self.up = FixedUpsample("bicubic", 2)
        self.first, self.norm, self.act = conv(3, 8, bias=False), trained_norm(8), nn.PReLU(8)
        self.hidden, self.leaky, self.last = conv(8, 8), nn.LeakyReLU(0.1), conv(8, 3)
        self.shared = nn.PReLU(init=0.4)

    def forward(self, x):
        picture = self.up(x)
        h = self.act(self.norm(self.first(picture)))
        h = h + self.leaky(self.hidden(h)) * 0.7  # a factor that no convolution can take
        skip = F.interpolate(x, scale_factor=2, mode="bilinear")
        return picture + self.shared(self.last(h) * 0.1) + 0.05 * skip


def quantise(model, *, weight_bits=8, activation_bits=8, rounding=Rounding.HALF_EVEN):
    graph = deploy_form(trace(model.eval()))
    formats = calibrate(graph, [torch.rand(2, 3, 16, 16)], activation_bits, rounding)
    return QuantNetwork(graph, formats, weight_bits, rounding)


def train(quantised, steps=20, side=10, scale=2):
    x, target = torch.rand(4, 3, side, side), torch.rand(4, 3, side * scale, side * scale)
    losses = []
    schedule = Schedule(1e-2, steps)
    fit(Training.start(quantised), quantised, lambda n: (x, target), schedule, lambda n, v: losses.append(v))
    assert losses[-1] < losses[0]


def verified(quantised, folder, photograph):
    """The integers of a fine-tuned module, written and read again, and their verdict, which is passed."""
    save_network(quantised.eval().lower(), folder)
    network = load_network(folder)
    witnesses = [TorchWitness(quantised, network)]
    verdict = verify(network, to_onnx(network).SerializeToString(), {"photo": photograph}, witnesses)
    assert verdict.passed, (verdict.problems, verdict.mismatches)
    return network, verdict


def test_the_form_that_is_quantised():
    graph = deploy_form(trace(Upscaler().eval()))
    assert [(type(node).__name__, node.name) for node in graph.nodes] == [
        ("Input", "x"), ("Upsample", "up"), ("Conv", "first"), ("PRelu", "act"), ("Conv", "hidden"),
        ("PRelu", "leaky"), ("Scale", "mul"), ("Add", "add"), ("Upsample", "interpolate"), ("Conv", "last"),
        ("PRelu", "shared"), ("Add", "add_1"), ("Scale", "mul_2"), ("Add", "add_2"),
    ]  # fmt: skip


RULES = [*Rounding, *(RoundingRules.parse(f"{one},{other}") for one, other in (
    ("half_even", "half_up"), ("half_even", "floor"), ("double", "half_away"), ("floor", "double"),
))]  # fmt: skip
"""One rule, and the pairs of some clients."""


def test_operators_take_the_rule_of_those_that_they_become():
    for name, kind in OPERATORS.items():
        if name in fixed_point.OPERATORS:
            assert kind.AS_CONVOLUTIONS is fixed_point.OPERATORS[name].AS_CONVOLUTIONS, name


@pytest.mark.full_verdict
@pytest.mark.one_in(3)
@pytest.mark.parametrize("rounding", RULES, ids=str)
def test_from_a_module_to_a_verified_file(picture, rounding, tmp_path):
    quantised = quantise(Upscaler(), rounding=rounding)
    train(quantised)
    network, verdict = verified(quantised, tmp_path, picture(15, 14))
    witnesses = {row.witness for row in verdict.rows.values()}
    assert witnesses == {
        "numpy fast",
        "onnxruntime fused",
        "onnxruntime unfused",
        "onnx.reference",
        "onnxruntime, the file",
        "torch fake-quantised float32",
    }
    # A flipped bit in each convolution, another rounding rule, an error of every other operator,
    # and one flipped bit as four witnesses see it.
    others = [layer for layer in network.layers if layer not in network.convs]
    assert len(others) >= 6
    assert network.rules == RoundingRules.of(rounding)
    assert len(verdict.controls) == 3 + len(set(network.rules)) + len(others) + 4
    assert all(control["caught"] for control in verdict.controls)
    if rounding is Rounding.HALF_EVEN:
        counts = verdict.facts["census"]
        assert (counts["QLinearConv"], counts["QLinearAdd"], counts["QLinearMul"]) == (3, 3, 2)


@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(8, 8), (4, 8), (8, 5), (3, 4), (2, 2)])
def test_integers_equal_fake_quantised_values(picture, weight_bits, activation_bits):
    quantised = quantise(Upscaler(), weight_bits=weight_bits, activation_bits=activation_bits)
    assert_integers_equal_values(quantised, picture(9, 12))
    assert_integers_equal_values(quantised, picture(1, 1))


def test_a_wrong_integer_of_each_operator_is_found_by_the_torch_witness(picture):
    quantised = quantise(Upscaler()).eval()
    network = quantised.lower()
    wrong = {
        "act": lambda layer: replace(layer, slope_i8=layer.slope_i8 ^ np.int8(1)),
        "mul": lambda layer: replace(layer, multiplier=layer.multiplier - 1),
        "up": lambda layer: replace(layer, kind="bilinear"),
    }
    for name, change in wrong.items():
        layers = tuple(change(layer) if layer.name == name else layer for layer in network.layers)
        broken = Network(network.inputs, layers, network.rounding)
        witness = TorchWitness(quantised, broken)
        verdict = verify(
            broken,
            to_onnx(broken).SerializeToString(),
            {"photo": picture(15, 14)},
            [witness],
            layers=[name],
        )
        rows = [row for row in verdict.rows.values() if row.witness == witness.name]
        assert all(row.mismatches for row in rows), name
        assert not verdict.passed


def test_slopes_are_trained_on_their_grid_and_constants_stay():
    quantised = quantise(Upscaler())
    before = quantised.eval().lower()
    train(quantised, 30)
    after = quantised.eval().lower()
    moved = {
        node.name: bool((before.layer(node.name).slope_i8 != after.layer(node.name).slope_i8).any())
        for node in quantised.graph.nodes
        if isinstance(node, PRelu)
    }
    assert moved == {"act": True, "leaky": False, "shared": True}
    assert before.layer("leaky").slope_i8.tolist() == [102] * 8  # 0.1 is 102 * 2**-10
    assert before.layer("leaky").slope_frac == 10
    assert after.layer("act").slope_frac == before.layer("act").slope_frac == 8  # of 0.25, 64 * 2**-8
    assert len(set(after.layer("shared").slope_i8.tolist())) == 1  # one parameter for all three channels
    assert len(after.layer("shared").slope_i8) == 3


def slope_of(values, trained=True):
    return QuantSlope(PRelu("p", ("x",), torch.tensor(values), trained))


@pytest.mark.parametrize(
    ("values", "codes", "frac"),
    [
        ([0.25], [64], 8),
        ([0.1, -0.2], [51, -102], 9),
        ([1.0], [64], 6),
        ([0.0, 0.0], [0, 0], 12),  # no slope says how fine the grid should be
        ([0.001], [4], 12),  # finer than 2**-12 gains nothing
        ([100.0], [100], 0),
        ([0.498046875], [64], 7),  # 127.5 * 2**-8 would round to 128
    ],
)
def test_the_grid_of_slopes_by_hand(values, codes, frac):
    slope = slope_of(values)
    assert slope.codes().tolist() == codes
    assert float(slope.lsb) == 2.0**-frac
    assert slope().tolist() == [code * 2.0**-frac for code in codes]


def test_slopes_that_leave_the_range_end_at_its_limits_and_gradients_pass():
    slope = slope_of([0.25, 0.25, 0.25])
    with torch.no_grad():
        slope.slope.copy_(torch.tensor([5.0, -5.0, 0.3]))
    assert slope.codes().tolist() == [127, -127, 77]
    slope().sum().backward()
    assert slope.slope.grad.tolist() == [0, 0, 1]


def test_saved_slopes_keep_their_grid():
    """A network is built from untrained weights and then loaded: the grid must come from the file."""
    trained = slope_of([0.9, -0.1])
    fresh = slope_of([0.25, 0.25])
    fresh.load_state_dict(trained.state_dict())
    assert torch.equal(fresh(), trained())
    assert float(fresh.lsb) == float(trained.lsb) != 2.0**-8


def test_slopes_that_are_not_finite_are_refused():
    quantised = quantise(Upscaler())
    with torch.no_grad():
        quantised.slopes["act"].slope[3] = float("nan")
    with pytest.raises(HwrtsError, match="layer 'act': a slope is not finite, the training diverged"):
        quantised.lower()


def test_slopes_for_another_channel_count_are_refused():
    network = module(lambda s, x: s.a(s.c(x)), c=conv(3, 3), a=nn.PReLU(3))
    quantised = quantise(network)
    quantised.slopes.a = slope_of([0.1, 0.2])
    with pytest.raises(HwrtsError, match="layer 'a': has 2 slopes, 'c' has 3 channels"):
        quantised.lower()


def test_the_upsampled_picture_is_on_the_pixel_grid_whatever_overshoots():
    quantised = quantise(Upscaler())  # calibrated on noise: bicubic reaches -0.3..1.3
    assert quantised.formats["up"] == quantised.formats["interpolate"] == PIXEL
    assert quantised.formats["leaky"].signed
    network = quantise(module(lambda s, x: s.up(F.relu(s.c(x))), c=conv(), up=FixedUpsample())).lower()
    assert not network.formats["up"].signed  # an undershoot below a ReLU saturates too


def test_what_is_stored_unsigned():
    one = torch.ones(1)
    nodes = (
        Input("x", 1),
        Conv("signed", ("x",), one.reshape(1, 1, 1, 1), one),
        Conv("relu", ("x",), one.reshape(1, 1, 1, 1), one, relu=True),
        Scale("half", ("relu",), 0.5),
        Scale("minus", ("relu",), -0.5),
        Scale("of signed", ("signed",), 0.5),
        PRelu("passes", ("half",), one, trained=True),
        PRelu("leaks", ("signed",), one, trained=True),
        Upsample("up", ("passes",), "bicubic", 2),
        Upsample("up signed", ("leaks",), "bilinear", 2),
        Add("sum", ("up", "up")),
        Add("mixed", ("up", "up signed")),
    )
    assert Graph(nodes).non_negative() == {"x", "relu", "half", "passes", "up", "sum"}


def test_an_upscaler_alone_is_the_picture(picture):
    """Zero weights in the last convolution: bicubic and a twentieth of bilinear are left, code for code."""
    model = Upscaler()
    nn.init.zeros_(model.last.weight)
    nn.init.zeros_(model.last.bias)
    network = quantise(model).eval().lower()
    codes = picture(8, 9)
    only = Network(network.inputs, (network.layer("up"),), network.rounding)
    apart = run(network, codes).astype(int) - run(only, codes)
    assert 0 <= apart.min() <= apart.max() <= 13  # 255 / 20
