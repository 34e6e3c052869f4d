"""Means over the channels of each pixel: a convolution that is not trained, streamable."""

import pytest
import torch
from torch import nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import Rounding
from hwrts.graph import Conv, run_graph
from hwrts.graph.trace import trace
from hwrts.runs.own_check import check_own_module

from ..qat.test_qat import assert_integers_equal_values
from .test_operators import quantise, train, verified
from .test_trace import conv, module


@pytest.mark.parametrize(
    "spelled",
    [
        lambda h: h.mean(1, keepdim=True),
        lambda h: torch.mean(h, dim=1, keepdim=True),
        lambda h: h.mean(dim=[-3], keepdim=True),
        lambda h: h.mean(1).unsqueeze(1),
    ],
)
def test_spellings_are_the_module(spelled):
    network = module(lambda s, x: (lambda h: h * spelled(h))(s.c(x)), c=conv(3, 6)).eval()
    graph, x = trace(network), torch.randn(2, 3, 6, 7)
    mean = graph.of(Conv)[-1]
    assert (mean.frozen, mean.weight.tolist()) == (True, [[[[pytest.approx(1 / 6)]]] * 6])
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x))


class Spatial(nn.Module):
    """Attention over pixels from the mean of the channels, x2, and squares less their mean."""

    def __init__(self, channels=8):
        super().__init__()
        self.first, self.mask, self.last = conv(3, channels), conv(1, 1, 7), conv(channels, 12)

    def forward(self, x):
        h = torch.relu(self.first(x))
        h = torch.sigmoid(self.mask(h.mean(1, keepdim=True))) * h
        h = h - h.mean(1, keepdim=True)
        h = h / (h.pow(2).mean(1, keepdim=True) + torch.sigmoid(h)).sqrt()
        return nn.functional.interpolate(x, scale_factor=2) + nn.functional.pixel_shuffle(self.last(h), 2)


@pytest.mark.usually(rounding=Rounding.DOUBLE)
@pytest.mark.parametrize("rounding", Rounding)
def test_from_a_module_to_a_verified_file(picture, rounding, tmp_path):
    quantised = quantise(Spatial(), rounding=rounding)
    before = {node.name: node.weight.clone() for node in quantised.graph.of(Conv) if node.frozen}
    train(quantised)
    network, verdict = verified(quantised, tmp_path, picture(15, 14))
    assert len(before) == 3
    for name in before:
        assert (
            abs(network.layer(name).weight_i8.astype(int)) == 64
        ).all()  # 1/8; of one that is subtracted -1/8
    assert network.streamable
    assert verdict.passed


@pytest.mark.parametrize("channels", [3, 5, 48])
def test_weights_of_other_counts_keep_their_sum(channels, picture):
    network = module(lambda s, x: s.b(s.a(x).mean(1, keepdim=True)), a=conv(3, channels), b=conv(1, 3))
    quantised = quantise(network)
    mean = quantised.eval().lower().convs[1]
    assert int(mean.weight_i8.sum()) == 1 << int(mean.weight_frac[0])
    assert_integers_equal_values(quantised, picture(9, 12))


def test_a_mean_of_squares_is_never_negative():
    network = module(
        lambda s, x: s.b(torch.rsqrt(s.a(x).exp().mean(1, keepdim=True))), a=conv(3, 4), b=conv(1, 3)
    )
    assert check_own_module(network).scale == 1
    network = module(lambda s, x: s.b(torch.rsqrt(s.a(x).mean(1, keepdim=True))), a=conv(3, 4), b=conv(1, 3))
    with pytest.raises(UnsupportedOperatorError, match="rsqrt has no value"):
        check_own_module(network)
