"""Pools to a size, one pixel made large, and lengths over channels: read, equal in float, verified."""

import pytest
import torch
import torch.nn.functional as F

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import Rounding
from hwrts.graph import Conv, MaxPool, Reorder
from hwrts.graph.trace import trace
from hwrts.runs.own_check import check_own_module

from .test_operators import quantise, train, verified
from .test_trace import conv, module, output_of

C = 8


def largest(h, by):
    pooled = F.adaptive_max_pool2d(h, (h.shape[2] // by, h.shape[3] // by))
    return h * F.interpolate(pooled, size=h.shape[2:], mode="nearest")


def mean(h, by):
    pooled = F.adaptive_avg_pool2d(h, output_size=(h.shape[2] // by, h.shape[3] // by))
    return h * F.interpolate(pooled, scale_factor=by)


def one_pixel(h, mode):
    p = F.interpolate(torch.relu(F.adaptive_avg_pool2d(h, 1)), size=h.shape[-2:], mode=mode)
    return torch.cat([h[:, :4], p[:, :4]], 1)


POOLS = {
    "largest of 2x2": lambda h: largest(h, 2),
    "largest of 3x3": lambda h: largest(h, 3),
    "mean of 2x2": lambda h: mean(h, 2),
    "mean of 4x4": lambda h: mean(h, 4),
    "of its own size": lambda h: F.adaptive_avg_pool2d(h, h.shape[2:]),
    "pixel nearest": lambda h: one_pixel(h, "nearest"),
    "pixel bilinear": lambda h: one_pixel(h, "bilinear"),
    "pixel bicubic": lambda h: one_pixel(h, "bicubic"),
}
LENGTHS = {
    "normalize": lambda h: F.normalize(h, dim=1),
    "normalize from behind": lambda h: F.normalize(h, 2, -3, 1e-6),
    "norm": lambda h: h + torch.norm(h, dim=1, keepdim=True),
    "norm as a method": lambda h: h + h.norm(2, 1, True),
    "norm that keeps none": lambda h: h + h.norm(dim=1).unsqueeze(1),
    "vector norm": lambda h: h + torch.linalg.vector_norm(h, dim=1, keepdim=True),
    "var": lambda h: h + h.var(1, keepdim=True),
    "var of all": lambda h: h + torch.var(h, 1, False, True),
    "var and mean": lambda h: h + sum(torch.var_mean(h, dim=(1,), correction=0, keepdim=True)),
    "std": lambda h: h * h.std(1).unsqueeze(1),
    "std of all": lambda h: h * torch.std(h, dim=1, unbiased=False, keepdim=True),
    "roll": lambda h: torch.roll(h, 3, 1),
    "roll back": lambda h: h.roll(shifts=(-1,), dims=(1,)),
}
MADE = POOLS | LENGTHS


def built(name):
    torch.manual_seed(0)
    middle = MADE[name]
    return module(lambda s, x: s.b(middle(s.a(x))), a=conv(3, C), b=conv(C, 3)).eval()


@pytest.mark.parametrize("name", MADE)
def test_it_is_read(name):
    own = built(name)
    x = torch.rand(2, 3, 12, 24)
    torch.testing.assert_close(output_of(trace(own), x), own(x), rtol=1e-5, atol=1e-6)
    check_own_module(own)


def test_what_it_is_in_the_graph():
    assert [(pool.kernel, pool.stride) for pool in trace(built("largest of 3x3")).of(MaxPool)] == [
        ((3, 3), 3)
    ]
    pools = [node for node in trace(built("mean of 4x4")).of(Conv) if node.groups == C]
    assert [(tuple(node.weight.shape), node.stride) for node in pools] == [((C, 1, 4, 4), 4)]
    assert [node.order for node in trace(built("roll")).of(Reorder)] == [(5, 6, 7, 0, 1, 2, 3, 4)]


STANDS = {
    "unequal factors": (lambda h: F.adaptive_max_pool2d(h, (h.shape[2] // 2, h.shape[3] // 4)), "pools to"),
    "no whole factor": (lambda h: F.adaptive_avg_pool2d(h, (h.shape[2] // 5, h.shape[3] // 5)), "pools to"),
    "one pixel to a size of its own": (
        lambda h: F.interpolate(F.adaptive_avg_pool2d(h, 1), size=(h.shape[2] + 1, 9)),
        "add it to a tensor of that size",
    ),
    "length of rows": (lambda h: F.normalize(h, dim=2), "a length made of values"),
    "spread of rows": (lambda h: h.std(2, keepdim=True), "statistics of some pixels"),
    "roll of rows": (lambda h: h.roll(1, 2), "around the picture's edge"),
}


@pytest.mark.parametrize("name", STANDS)
def test_what_stays_refused(name):
    middle, words = STANDS[name]
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(module(lambda s, x: s.b(middle(s.a(x))), a=conv(3, C), b=conv(C, 3)))
    assert words in str(caught.value)


@pytest.mark.in_turns
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize(
    "name", ["largest of 2x2", "mean of 2x2", "pixel bilinear", "normalize", "std", "roll"]
)
def test_it_is_verified(picture, name, rounding, tmp_path):
    quantised = quantise(built(name), rounding=rounding)
    train(quantised, scale=1)
    _, verdict = verified(quantised, tmp_path, picture(12, 16))
    assert verdict.mismatches == 0
