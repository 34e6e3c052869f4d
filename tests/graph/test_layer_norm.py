"""Norms over channels, written out and of torch: made of operators that exist, streamable, verified."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.fixed_point import Rounding, run, stream
from hwrts.graph import GlobalAverage, Lookup, run_graph
from hwrts.graph.trace import trace
from hwrts.runs.own_check import check_own_module

from ..field.restorers import LayerNorm2d, NAFBlock
from ..qat.test_qat import assert_integers_equal_values
from .test_operators import quantise, train, verified
from .test_trace import conv, module


class ChannelsLast(nn.LayerNorm):
    """ConvNeXt's and VapSR's: torch's norm between two permutations."""

    def forward(self, x):
        x = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


def with_numbers(norm):
    """With weights and biases as a training leaves them."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        norm.weight.uniform_(0.5, 1.5, generator=generator)
        norm.bias.uniform_(-0.3, 0.3, generator=generator)
    return norm


NORMS = {
    "NAFNet": lambda: LayerNorm2d(8),
    "torch": lambda: ChannelsLast(8, eps=1e-6),
    "rsqrt": lambda: Rsqrt(8),
}


class Rsqrt(LayerNorm2d):
    def forward(self, x):
        u = x.mean(1, keepdim=True)
        s = (x - u).pow(2).mean(1, keepdim=True)
        return self.weight[:, None, None] * ((x - u) * torch.rsqrt(s + self.eps)) + self.bias[:, None, None]


def normed(name):
    """x2, the norm behind a convolution."""
    network = module(
        lambda s, x: F.interpolate(x, scale_factor=2) + F.pixel_shuffle(s.b(s.norm(s.a(x))), 2),
        a=conv(3, 8),
        b=conv(8, 12),
    )
    network.norm = with_numbers(NORMS[name]())
    return network.eval()


@pytest.mark.parametrize("name", NORMS)
def test_a_norm_is_one_table_and_products(name):
    network, x = normed(name), torch.rand(2, 3, 9, 12)
    graph = check_own_module(network).graph
    assert [each.function for each in graph.of(Lookup)][-1:] == ["rsqrt"]
    assert graph.of(Lookup)[-1].low == pytest.approx(network.norm.eps)
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x), rtol=1e-4, atol=1e-4)
    assert {each.function for each in trace(network).of(Lookup)} <= {"power", "rsqrt"}


@pytest.mark.usually(rounding=Rounding.FLOOR)
@pytest.mark.parametrize("rounding", Rounding)
def test_from_a_module_to_a_verified_file(picture, rounding, tmp_path):
    quantised = quantise(normed("NAFNet"), rounding=rounding)
    train(quantised)
    network, verdict = verified(quantised, tmp_path, picture(15, 14))
    assert verdict.passed
    codes = picture(9, 12)
    assert np.array_equal(np.stack(list(stream(network, codes))), run(network, codes, "int64"))


@pytest.mark.parametrize("name", NORMS)
def test_integers_equal_fake_quantised_values(name, picture):
    assert_integers_equal_values(quantise(normed(name)), picture(9, 12))


def test_a_block_of_nafnet(picture, tmp_path):
    """Norms, gates without an activation, attention over channels, parameters as factors."""
    network = module(
        lambda s, x: F.interpolate(x, scale_factor=2) + F.pixel_shuffle(s.b(s.block(s.a(x))), 2),
        a=conv(3, 8),
        b=conv(8, 12),
    )
    network.block = NAFBlock(8)
    check_own_module(network)
    quantised = quantise(network)
    assert len(quantised.graph.of(GlobalAverage)) == 1
    train(quantised)
    _, verdict = verified(quantised, tmp_path, picture(15, 14))
    assert verdict.passed
