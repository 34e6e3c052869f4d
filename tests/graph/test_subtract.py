"""Differences of tensors from a module to a verified file: denoisers, signs in kernels, residuals."""

import operator
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import PIXEL, Rounding
from hwrts.graph import Add, Scale, run_graph
from hwrts.graph.deploy import deploy_form, fused_form
from hwrts.graph.same_size import same_size_form
from hwrts.graph.trace import trace
from hwrts.runs.own_check import check_own_module

from ..qat.test_qat import assert_integers_equal_values
from .test_operators import quantise, verified
from .test_trace import conv, module

SPELLINGS: dict[str, Any] = {
    "-": lambda a, b: a - b,
    "torch.sub": torch.sub,
    "torch.subtract": torch.subtract,
    "sub": lambda a, b: a.sub(b),
    "subtract": lambda a, b: a.subtract(b),
    "other": lambda a, b: torch.sub(a, other=b),
    "rsub": lambda a, b: torch.rsub(b, a),
    "alpha": lambda a, b: torch.add(a, b, alpha=-1),
    "minus minus": lambda a, b: torch.sub(a, torch.neg(b), alpha=-1),
    "half": lambda a, b: a.sub(b, alpha=0.5),
    "twice": lambda a, b: torch.add(a, other=b, alpha=2),
    "in place": lambda a, b: (a * 1).sub_(b),
    "augmented": lambda a, b: operator.isub(a * 1, b),
    "negated": lambda a, b: -b + a,
    "method of negation": lambda a, b: b.neg() + a.negative() * -1,
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling(spelling):
    def forward(self, x):
        a, b = F.relu(self.a(x)), torch.sigmoid(self.b(x))
        return self.last(SPELLINGS[spelling](a, b))

    network = module(forward, a=conv(3, 4), b=conv(3, 4), last=conv(4, 3)).eval()
    graph, x = check_own_module(network).graph, torch.rand(2, 3, 6, 7)
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x), rtol=0, atol=1e-6)  # float32


def test_what_was_overwritten_is_read_as_it_is():
    def forward(self, x):
        h = self.a(x)
        kept = h
        h -= F.relu(self.b(x))
        return self.last(kept * h)

    network = module(forward, a=conv(3, 4), b=conv(3, 4), last=conv(4, 3)).eval()
    graph, x = check_own_module(network).graph, torch.rand(1, 3, 5, 6)
    with torch.no_grad():
        assert torch.equal(run_graph(graph, x)[graph.output], network(x))


def test_the_sign_goes_into_the_kernel_where_it_can():
    def forward(self, x):
        return self.c(x - 0.5 * self.a(x)) - F.relu(self.b(x))

    network = module(forward, a=conv(), b=conv(), c=conv()).eval()
    drawn = trace(network)
    form, x = fused_form(drawn), torch.rand(1, 3, 5, 6)
    assert [node.negated for node in form.of(Add)] == [False, True]
    assert not form.of(Scale)
    assert torch.equal(form.node("a").weight, -0.5 * drawn.node("a").weight)
    torch.testing.assert_close(run_graph(form, x)[form.output], network(x), rtol=0, atol=1e-6)  # float32


@pytest.mark.parametrize("case", ["two readers", "of itself"])
def test_where_others_read_it_the_sign_stays(case):
    def forward(self, x):
        h = self.a(x)
        return self.last((h - h if case == "of itself" else x - h) + h)

    form = fused_form(trace(module(forward, a=conv(), last=conv())))
    assert [node.negated for node in form.of(Add)] == [True, False]


class Subtracted(nn.Module):
    """x2 in the anchor form, with the residual subtracted: as Residual-N, with the other sign."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.ext, self.up = conv(3, 4), conv(4, 3), conv(3, 12), nn.PixelShuffle(2)

    def forward(self, x):
        return self.up(self.ext(x - F.relu(self.b(F.relu(self.a(x))))))


def test_a_subtracted_image_residual_is_anchored():
    torch.manual_seed(3)
    network = Subtracted().eval()
    graph, x = trace(network), torch.rand(1, 3, 8, 9)
    form = deploy_form(graph)
    assert [type(node).__name__ for node in form.nodes[-5:]] == [
        "Conv",
        "Add",
        "DepthToSpace",
        "Repeat",
        "Add",
    ]
    torch.testing.assert_close(run_graph(form, x)[form.output], network(x), rtol=0, atol=1e-6)  # float32


def test_and_folded_with_the_down_scaler():
    torch.manual_seed(4)
    network = Subtracted().eval()
    plus = module(lambda s, x: s.n.up(s.n.ext(x + (-1.0) * F.relu(s.n.b(F.relu(s.n.a(x)))))), n=network)
    minus, other = same_size_form(fused_form(trace(network))), trace(plus)
    x = torch.rand(1, 3, 24, 25)
    found = run_graph(minus, x)[minus.output]
    residual = F.relu(network.b(F.relu(network.a(x))))
    kernels = {node.name: node for node in minus.nodes}
    expected = x + kernels["fold_x"].value(x) + kernels["fold_r"].value(residual)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    turned = same_size_form(
        fused_form(
            trace(module(lambda s, x: s.n.up(s.n.ext(x + F.relu(s.n.b(F.relu(s.n.a(x)))))), n=network))
        )
    )
    assert torch.equal(kernels["fold_r"].weight, -turned.node("fold_r").weight)
    assert torch.equal(kernels["fold_r"].bias, turned.node("fold_r").bias)
    assert other.output


def test_the_picture_subtracted_is_no_image_residual():
    network = module(lambda s, x: s.up(s.ext(s.a(x) - x)), a=conv(), ext=conv(3, 12), up=nn.PixelShuffle(2))
    form = deploy_form(trace(network))
    assert [type(node).__name__ for node in form.nodes[-2:]] == ["Conv", "DepthToSpace"]


class Denoiser(nn.Module):
    """DnCNN: a picture less its noise, whose last operator is here no convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = conv(3, 6), conv(6, 6), conv(6, 3)

    def forward(self, x):
        h = F.relu(self.a(x))
        h = torch.tanh(self.b(h)) - h
        return x - torch.tanh(self.c(h))


@pytest.mark.usually(rounding=Rounding.HALF_EVEN)
@pytest.mark.parametrize("rounding", Rounding)
def test_from_a_module_to_a_verified_file(picture, rounding, tmp_path):
    torch.manual_seed(5)
    quantised = quantise(Denoiser(), rounding=rounding)
    assert quantised.formats["sub_1"] == PIXEL
    network, verdict = verified(quantised, tmp_path, picture(15, 14))
    assert [layer.name for layer in network.layers if getattr(layer, "negated", False)] == ["sub", "sub_1"]
    assert "deliberate error in sub_1" in [control["name"] for control in verdict.controls]
    if rounding is Rounding.HALF_EVEN:
        assert verdict.facts["census"]["Sub"] == 2


@pytest.mark.in_turns
@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(8, 8), (4, 5), (2, 2)])
@pytest.mark.parametrize("rounding", Rounding)
def test_integers_equal_fake_quantised_values(picture, weight_bits, activation_bits, rounding):
    torch.manual_seed(6)
    bits = {"weight_bits": weight_bits, "activation_bits": activation_bits}
    quantised = quantise(Denoiser(), rounding=rounding, **bits)
    assert_integers_equal_values(quantised, picture(9, 12))
    assert_integers_equal_values(quantised, picture(1, 1))


def test_what_is_refused_is_named():
    network = module(lambda s, x: s.a(torch.sub(x, x, out=x)), a=conv())
    with pytest.raises(UnsupportedOperatorError, match="'out' is not supported; leave it out"):
        trace(network)


def test_gradients_have_the_sign():
    torch.manual_seed(7)
    quantised = quantise(Denoiser())
    quantised(torch.rand(1, 3, 8, 8)).sum().backward()
    for name in "abc":
        gradient = quantised.convs[name].weight.grad.numpy()
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).sum() > 0
