"""Average pools: convolutions that are not trained, and whose rounded weights keep their sum."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import Conv as IntegerConv
from hwrts.fixed_point import Format, Rounding, run_all
from hwrts.graph import Conv, run_graph
from hwrts.graph.deploy import deploy_form
from hwrts.graph.trace import trace
from hwrts.qat.network import QuantNetwork

from .test_operators import quantise, train, verified
from .test_trace import conv, module

POOLS = {
    "of 2": (lambda s, x: s.p(x), nn.AvgPool2d(2)),
    "of 4": (lambda s, x: F.avg_pool2d(s.p(x), 4), nn.Identity()),
    "by name": (lambda s, x: F.avg_pool2d(x, kernel_size=(2, 2), stride=2), nn.Identity()),
    "overlapping": (lambda s, x: s.p(x), nn.AvgPool2d(2, stride=1)),
    "of 3": (lambda s, x: s.p(x), nn.AvgPool2d(3)),
    "that keeps the size": (lambda s, x: F.avg_pool2d(x, 3, 1, 1), nn.Identity()),
    "of 3 by 2": (lambda s, x: F.avg_pool2d(x, 3, 2, 1), nn.Identity()),
    "of one row": (lambda s, x: s.p(x), nn.AvgPool2d((1, 5), stride=1, padding=(0, 2))),
    "rounded up, nothing left": (lambda s, x: s.p(x), nn.AvgPool2d(2, ceil_mode=True)),
    "not of zeros, none there": (lambda s, x: s.p(x), nn.AvgPool2d(3, 1, count_include_pad=False)),
    "of what is inside": (lambda s, x: s.p(x), nn.AvgPool2d(3, 1, 1, count_include_pad=False)),
    "of what is inside, by 2": (
        lambda s, x: s.p(x),
        nn.AvgPool2d((5, 4), 2, (2, 1), count_include_pad=False),
    ),
    "of what is inside, one divisor": (lambda s, x: s.p(x), nn.AvgPool2d(3, 1, 1, False, False, 4)),
    "another divisor": (lambda s, x: s.p(x), nn.AvgPool2d(2, divisor_override=3)),
    "a sum": (lambda s, x: s.p(x), nn.AvgPool2d(3, 1, 1, divisor_override=1)),
    "of an edge that is repeated": (
        lambda s, x: F.avg_pool2d(F.pad(x, (1, 1, 2, 0), "replicate"), 3, 1),
        nn.Identity(),
    ),
    "of a padding module": (lambda s, x: s.p(x), nn.Sequential(nn.ReflectionPad2d(2), nn.AvgPool2d(5, 1))),
    "of zeros around zeros": (lambda s, x: s.p(F.pad(x, (0, 1, 1, 0))), nn.AvgPool2d(4, 1, 1)),
    "area": (lambda s, x: F.interpolate(x, scale_factor=1 / 3, mode="area"), nn.Identity()),
}


@pytest.mark.parametrize("case", POOLS)
def test_average_pools_are_convolutions_that_are_not_trained(case):
    forward, pool = POOLS[case]
    network = module(lambda s, x: s.c(forward(s, x)), p=pool, c=conv(5, 3)).eval()
    graph, x = trace(network), torch.rand(2, 5, 12, 18 if case in ("of 3", "area") else 16)
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x))
    node = graph.of(Conv)[0]
    assert (node.groups, node.frozen, node.bias.any().item()) == (5, True, False)
    assert "x" in graph.non_negative()
    assert node.name in graph.non_negative()


REFUSED: dict[str, Any] = {
    "two paddings": (
        nn.Sequential(nn.ZeroPad2d(1), nn.AvgPool2d(5, 1, 1, count_include_pad=False)),
        ["count_include_pad=False behind a padding of its own"],
    ),
    "rounded up": (nn.AvgPool2d(3, 2, ceil_mode=True), ["divides by fewer pixels at the last edges"]),
    "two strides": (nn.AvgPool2d(2, (2, 1)), ["stride (2, 1)"]),
    "zeros around an edge": (
        nn.Sequential(nn.ReplicationPad2d(1), nn.AvgPool2d(5, 1, 1)),
        ["behind a padding 'replicate'"],
    ),
    "too many": (nn.AvgPool2d(17, 1), ["the mean of 17x17 pixels; 256 pixels", "use two pools"]),
    "no number": (nn.AvgPool2d(2.5, 1), ["kernel 2.5"]),  # type: ignore[arg-type]
    "a negative divisor": (nn.AvgPool2d(2, divisor_override=-2), ["divisor_override -2"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_pools_are_refused(case):
    pool, words = REFUSED[case]
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(module(lambda s, x: s.c(s.p(x)), p=pool, c=conv()))
    assert all(word in str(caught.value) for word in ["'p", *words]), str(caught.value)


def codes_of(kernel: tuple[int, int], bits: int = 8) -> IntegerConv:
    graph = deploy_form(trace(module(lambda s, x: s.c(s.p(x)), p=nn.AvgPool2d(kernel, 1), c=conv())))
    pixel = Format(False, 8, 8)
    formats = {node.name: pixel for node in graph.quantised_nodes()}
    made = QuantNetwork(graph, formats, bits, Rounding.HALF_EVEN).eval().lower().layer("p")
    assert isinstance(made, IntegerConv)
    return made


def test_the_codes_of_a_mean_of_nine():
    """1024/9 = 113.8: seven weights of 114 and two of 113 are 1024."""
    made = codes_of((3, 3))
    assert sorted(made.weight_i8[0].ravel().tolist()) == [113] * 2 + [114] * 7
    assert made.weight_frac.tolist() == [10] * 3


# 3x3 of 4 bits would be 9 times 7 of 64, were its largest code the end of the range
@pytest.mark.parametrize(
    ("kernel", "bits"),
    [
        *(((k, k), 8) for k in range(1, 17)),
        ((1, 129), 8),
        ((3, 43), 8),
        ((3, 3), 4),
        ((3, 7), 3),
        ((1, 3), 2),
    ],
)
def test_flat_areas_stay_flat_and_no_mean_is_far_off(kernel, bits):
    """The weights sum to 1 exactly, and are off by 1/(2**bits - 2) of the contrast at most (eq. 41)."""
    made = codes_of(kernel, bits)
    count, exact = kernel[0] * kernel[1], 1 << int(made.weight_frac[0])
    codes = made.weight_i8.astype(np.int64).reshape(3, -1)  # (C, KH*KW)
    assert (codes.sum(1) == exact).all()
    assert (np.abs(codes - exact / count) < 1).all()
    over = np.maximum(codes / exact - 1 / count, 0).sum(1)  # what a window of 0 and 1 can be wrong by
    assert (over <= 1 / (2**bits - 2)).all()


@pytest.mark.usually(rounding=Rounding.HALF_EVEN)
@pytest.mark.parametrize("rounding", Rounding)
def test_pools_from_a_module_to_equal_bits(rounding, tmp_path, picture):
    photograph = picture(18, 20)
    network = module(
        lambda s, x: s.c(F.avg_pool2d(s.a(x), 3, 1, 1) - F.interpolate(s.p(x), scale_factor=2)),
        a=conv(), p=nn.AvgPool2d(3, 2, 1), c=conv(),
    )  # fmt: skip
    quantised = quantise(network, rounding=rounding)
    before = quantised.eval().lower().layer("p")
    quantised.train()
    train(quantised, scale=1)
    lowered, _ = verified(quantised, tmp_path, photograph)
    assert isinstance(before, IntegerConv)
    after = lowered.layer("p")
    assert isinstance(after, IntegerConv)
    np.testing.assert_array_equal(after.weight_i8, before.weight_i8)
    assert lowered.streamable


@pytest.mark.usually(rounding=Rounding.FLOOR)
@pytest.mark.parametrize("rounding", Rounding)
def test_flat_pictures_stay_flat_to_their_edges(rounding, tmp_path, picture):
    """In a corner 16 of 49 pixels are there; share, inverse and product are rounded, by FLOOR downward."""
    pool = nn.AvgPool2d(7, 1, 3, count_include_pad=False)
    network = module(lambda s, x: s.c(s.p(x)), p=pool, c=nn.Conv2d(3, 3, 1))
    lowered, _ = verified(quantise(network, rounding=rounding), tmp_path, picture(13, 12))
    assert lowered.streamable
    flat = run_all(lowered, np.full((12, 11, 3), 200, np.uint8))["p"].astype(int)
    assert flat[6, 5].min() > 60
    assert np.abs(flat - flat[6, 5]).max() <= (3 if rounding is Rounding.FLOOR else 2)
