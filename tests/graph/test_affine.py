"""Constants and batch norms: what they fold into, what is left of them, up to a verified file."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import Rounding
from hwrts.graph import Conv, Graph, run_graph
from hwrts.graph.deploy import deploy_form
from hwrts.graph.trace import trace
from hwrts.runs.own_check import check_own_module

from ..qat.test_qat import assert_integers_equal_values
from .test_fold import trained_norm
from .test_operators import quantise, verified
from .test_trace import conv, module


class Made(nn.Module):
    """A forward with constants of every kind."""

    mean: Tensor
    std: Tensor

    def __init__(self, forward: Any = None, **parts: nn.Module) -> None:
        super().__init__()
        self.run = forward
        for name, part in parts.items():
            setattr(self, name, part)
        self.register_buffer("mean", torch.tensor([0.4, 0.5, 0.3]).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.25, 0.224, 0.225]).reshape(3, 1, 1))
        self.register_buffer("map", torch.rand(1, 1, 8, 8))
        self.beta = nn.Parameter(torch.tensor([0.3, -0.2, 0.7]).reshape(1, 3, 1, 1))
        self.nothing = nn.Parameter(torch.zeros(1, 3, 1, 1))
        self.alpha, self.zero = nn.Parameter(torch.tensor(0.3)), nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.run(self, x)
        return made


def augmented(s, x):
    y = s.a(x)
    y += s.mean
    y *= s.beta
    y -= 0.1
    y /= s.std
    return y


C, D, F_ = "conv", "depthwise", "frozen depthwise"
FORMS: dict[str, tuple[Any, list[str]]] = {
    "behind": (lambda s, x: s.a(x) * s.std + s.mean, [C]),
    "in place": (augmented, [C]),
    "a number": (lambda s, x: 1 - (s.a(x) + 2), [C]),
    "torch's functions": (lambda s, x: torch.sub(torch.add(s.a(x), s.mean), 0.5, alpha=-1), [C]),
    "rsub": (lambda s, x: torch.rsub(s.a(x), s.mean), [C]),
    "methods": (lambda s, x: s.a(x).mul(s.beta).add(s.mean).sub(0.5).div(s.std), [C]),
    "on the left": (lambda s, x: s.mean + s.beta * s.a(x), [C]),
    "channels last": (
        lambda s, x: (s.beta.reshape(3) * s.a(x).permute(0, 2, 3, 1) + s.mean.reshape(3)).permute(0, 3, 1, 2),
        [C],
    ),
    "channels last, by functions": (
        lambda s, x: torch.mul(s.beta.reshape(3), s.a(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
        [C],
    ),
    "less a picture": (lambda s, x: s.mean - s.a(x), [C]),
    "behind a shuffle": (lambda s, x: F.pixel_shuffle(s.e(x), 2) + s.mean, [C, "DepthToSpace"]),
    "behind two": (lambda s, x: s.up(F.pixel_shuffle(s.e(x), 2)) * s.beta, [C, "DepthToSpace", "Repeat"]),
    "behind a factor": (lambda s, x: 2 * s.a(x) - s.mean, [C]),
    "in front of replicated edges": (lambda s, x: s.r((x - s.mean) / s.std), [C]),
    "in front of 1x1": (lambda s, x: s.v((x - s.mean) / s.std), [C]),
    "in front of two": (lambda s, x: (lambda y: s.v(y) + s.r(y))(x - s.mean), [C, C, "Add"]),
    "a gain in front of zeros": (lambda s, x: s.a(x / s.std), [C]),
    "an offset in front of zeros": (lambda s, x: s.a((x - s.mean) / s.std), [F_, C]),
    "in front of a group": (lambda s, x: s.g(x * s.std), ["groups"]),
    "another reader": (lambda s, x: (lambda y: s.v(y) + y)(x - s.mean), [F_, C, "Add"]),
    "behind what others read": (lambda s, x: (lambda y: y + (y - s.mean))(s.a(x)), [C, F_, "Add"]),
    "layer scale": (lambda s, x: x + s.a(x) * s.beta, [C, "Add"]),
    "behind a function": (lambda s, x: x + torch.tanh(s.a(x)) * s.beta, [C, "Lookup", D, "Add"]),
    "which is 0 at first": (lambda s, x: x + torch.tanh(s.a(x)) * s.nothing, [C, "Lookup", D, "Add"]),
    "of one number": (lambda s, x: x + s.alpha * torch.tanh(s.a(x)), [C, "Lookup", "Scale", "Add"]),
    "of 0": (lambda s, x: x + s.zero * torch.tanh(s.a(x)), [C, "Lookup", D, "Add"]),
    "a gate around 0": (lambda s, x: x * (torch.sigmoid(s.a(x)) - 0.5), [C, "Lookup", F_, "Multiply"]),
    "the rest of a gate": (lambda s, x: x * (1 - torch.sigmoid(s.a(x))), [C, "Lookup", F_, "Multiply"]),
    "a norm behind a ReLU": (lambda s, x: s.a(s.n(F.relu(s.b(x)))), [C, D, C]),
    "a norm in front": (lambda s, x: s.v(s.n(x)), [C]),
    "a norm beside another reader": (lambda s, x: (lambda y: F.relu(s.n(y)) + y)(s.a(x)), [C, D, "Add"]),
    "a transposed convolution": (lambda s, x: s.t(x) + s.mean, [C, "DepthToSpace"]),
    "a shrinking gain": (lambda s, x: s.v(F.relu(s.b(x)) * 0.5 + 1), [C, C]),
}


def made(forward):
    torch.manual_seed(2)
    return Made(
        forward, a=conv(), b=conv(), v=nn.Conv2d(3, 3, 1), e=conv(3, 12), n=trained_norm(3),
        r=nn.Conv2d(3, 3, 3, padding=1, padding_mode="replicate"), up=nn.Upsample(scale_factor=2),
        t=nn.ConvTranspose2d(3, 3, 4, 2, 1), g=nn.Conv2d(3, 6, 3, padding=1, groups=3),
    ).eval()  # fmt: skip


def called(node):
    if not isinstance(node, Conv):
        return type(node).__name__
    if node.groups == 1:
        return C
    if node.weight.shape[2:] != (1, 1):
        return "groups"
    return F_ if node.frozen else D


@pytest.mark.parametrize("case", FORMS)
def test_what_is_left_of_it(case):
    forward, expected = FORMS[case]
    network, x = made(forward), torch.rand(2, 3, 9, 10)
    graph = trace(network)
    form = deploy_form(graph)
    assert [called(node) for node in form.operations] == expected
    for each in (graph, form):  # at the edges too: float32 sums in another order
        torch.testing.assert_close(run_graph(each, x)[each.output], network(x), rtol=0, atol=3e-6)


def test_what_is_left_of_a_normalised_picture_is_its_mean_alone():
    form: Graph = deploy_form(trace(made(FORMS["an offset in front of zeros"][0])))
    (offset, _) = form.operations
    assert isinstance(offset, Conv)
    assert offset.weight.flatten().tolist() == [1, 1, 1]
    torch.testing.assert_close(offset.bias, -torch.tensor([0.4, 0.5, 0.3]), rtol=0, atol=1e-7)


REFUSED: dict[str, tuple[Any, str]] = {
    "a map": (
        lambda s, x: s.a(x) + s.map,
        "constant of shape (1, 1, 8, 8), another number for each pixel; one number, one for",
    ),
    "along columns": (lambda s, x: s.a(x) + s.mean.reshape(3), "constant of shape (3,); one number"),
    "over nothing": (lambda s, x: s.a(x) / s.nothing, "not finite, or divides by 0"),
}


@pytest.mark.parametrize("case", ["a map", "along columns", "over nothing"])
def test_what_is_refused_is_named(case):
    forward, named = REFUSED[case]
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(made(forward))
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


class Normalised(nn.Module):
    """A normalised picture, pre-activation blocks with norms of their own, layer scales, gates."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.4, 0.45, 0.5]).reshape(1, 3, 1, 1))
        self.first, self.a, self.last = conv(3, 6), conv(6, 6), conv(6, 3)
        self.norm = trained_norm(6)
        self.gamma = nn.Parameter(torch.rand(1, 6, 1, 1))

    def forward(self, x):
        h = self.first((x - self.mean) / 0.25)
        h = h + self.a(F.relu(self.norm(h))) * self.gamma
        h = h * (1 - torch.sigmoid(h))
        h = torch.tanh(h) * self.gamma
        return self.last(h) + self.mean


@pytest.mark.usually(rounding=Rounding.HALF_UP)
@pytest.mark.parametrize("rounding", Rounding)
def test_from_a_module_to_a_verified_file(picture, rounding, tmp_path):
    torch.manual_seed(3)
    quantised = quantise(Normalised(), rounding=rounding)
    network, verdict = verified(quantised, tmp_path, picture(15, 14))
    assert [layer.groups for layer in network.convs if layer.groups > 1] == [3, 6, 6]
    assert len(verdict.controls) >= len(network.layers)
    assert all(control["caught"] for control in verdict.controls)
    if rounding is Rounding.HALF_EVEN:
        assert verdict.facts["census"]["QLinearConv"] == len(network.convs)


@pytest.mark.in_turns
@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(8, 8), (4, 5)])
@pytest.mark.parametrize("rounding", Rounding)
def test_integers_equal_fake_quantised_values(picture, weight_bits, activation_bits, rounding):
    torch.manual_seed(4)
    bits = {"weight_bits": weight_bits, "activation_bits": activation_bits}
    quantised = quantise(Normalised(), rounding=rounding, **bits)
    assert_integers_equal_values(quantised, picture(9, 12))
    assert_integers_equal_values(quantised, picture(1, 1))


def test_parameters_are_trained_and_buffers_are_not():
    torch.manual_seed(5)
    quantised = quantise(Normalised())
    before = quantised.eval().lower()
    quantised.train()
    optimiser = torch.optim.SGD([p for p in quantised.parameters() if p.requires_grad], lr=1.0)
    for _ in range(5):
        optimiser.zero_grad()
        (quantised(torch.rand(2, 3, 8, 8)) - 0.3).square().mean().backward()
        optimiser.step()
    after = quantised.eval().lower()
    moved = {
        conv.name: bool((conv.weight_i8 != after.layer(conv.name).weight_i8).any())
        or bool((conv.bias_i32 != after.layer(conv.name).bias_i32).any())
        for conv in before.convs
        if conv.groups > 1
    }
    assert list(moved.values()).count(True) == 1  # the norm
    assert np.isfinite(before.convs[0].bias_i32).all()


def test_the_check_takes_them():
    torch.manual_seed(6)
    check_own_module(Normalised())


def test_a_constant_for_each_channel_says_how_many_the_picture_has():
    """A picture of one channel would be spread over four, and the module would run on it."""
    network = module(
        lambda s, x: s.c((x - 0.1) * torch.tensor([2.0, 1.0, 1.0, 1.5]).view(1, 4, 1, 1)), c=conv(4, 3)
    )
    assert check_own_module(network.eval()).graph.input.channels == 4
