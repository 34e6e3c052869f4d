"""Refusals that other tests of tracing do not end in: what a module does, and the line that it gives."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.errors import ConfigError, UnsupportedOperatorError
from hwrts.files.read import LARGEST
from hwrts.graph.trace import trace, trace_with_clip
from hwrts.graph.user_code import own_code
from hwrts.graph.weight_bits import check_one_width

from .test_trace import conv, module

C = 8
WEIGHT = torch.ones(C, C, 1, 1)


def body(middle: Any, **layers: nn.Module) -> nn.Module:
    """A convolution, what is tried, and another."""
    return module(lambda self, x: self.b(middle(self, self.a(x))), a=conv(3, C), b=conv(C, 3), **layers)


def computed(h: Tensor) -> Tensor:
    """Numbers (C) that depend on the picture, taken in a way that is supported."""
    return F.adaptive_avg_pool2d(h, 1).flatten()


def of_another_forward(layer: nn.Module) -> nn.Module:
    layer.forward = lambda x: x
    return layer


def halved() -> nn.Module:
    layer = nn.ConvTranspose2d(C, C, 2, 2)
    layer.padding = (0.5, 0.5)  # type: ignore[assignment]
    return layer


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (
            lambda: body(lambda s, h: s.own(h), own=of_another_forward(nn.ReLU())),
            "ReLU has a forward of its own; a subclass of ReLU is supported where it is that of ReLU",
        ),
        (lambda: body(lambda s, h: h[:, 2.0:]), "its limits depend on values; constant ones are supported"),
        (
            lambda: body(lambda s, h: h.add(h, out=h)),
            "its argument 'out' is not supported; leave it out and use what is returned",
        ),
        (
            lambda: body(lambda s, h: s.own(x=h), own=nn.Upsample(scale_factor=2)),
            "'own': takes []; 1 tensor(s) are supported, no constants",
        ),
        (lambda: body(lambda s, h: h.add(h, foo=1)), "its argument 'foo' is not supported; leave it out"),
        (
            lambda: body(lambda s, h: h.clamp(0, 1, foo=2)),
            "its argument 'foo' is not supported; give limits alone",
        ),
        (
            lambda: body(lambda s, h: h.clamp(0, 2 * LARGEST)),
            "a limit beyond 1e+30 is not supported; leave it out",
        ),
        (
            lambda: body(lambda s, h: F.conv2d(h, WEIGHT, computed(h))),
            "its bias is computed; a parameter or buffer is supported",
        ),
        (
            lambda: body(lambda s, h: F.prelu(h, computed(h))),
            "are computed; a parameter or buffer is supported",
        ),
        (
            lambda: body(lambda s, h: F.leaky_relu(h, 1e6)),
            "a slope of 1e+06 in magnitude; 127 is the largest",
        ),
        (
            lambda: body(lambda s, h: F.interpolate(h, scale_factor=1.5, mode="area")),
            "area by 3/2; use bilinear, or area by 1/2, 1/3, ..",
        ),
        (
            lambda: body(lambda s, h: h.mul(2, 3)),
            "takes [a, 2, 3]; a tensor times or over a number is supported",
        ),
        (
            lambda: body(lambda s, h: h * 1e30),
            "the number 1e+30 is beyond 2^-24 to 2^24, what int8 codes can be scaled by",
        ),
        (
            lambda: body(lambda s, h: s.own(h), own=halved()),
            "padding (0.5, 0.5), output_padding (0, 0); whole numbers are supported",
        ),
    ],
)
def test_a_refusal_is_one_line(made, message):
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(made())
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_input_of_another_size_than_a_whole_number_of_times():
    joined = module(lambda self, x, y: self.a(x) + self.a(y), a=conv(3, C))
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace_with_clip(joined, [torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 12, 12)])
    assert str(caught.value) == (
        "input 'y': 12x12 beside 8x8 pixels of the first; a whole number of times as large or as small is "
        "supported: give it as a map of that size by inputs(), a single number too"
    )


def test_code_of_the_user_that_fails():
    with pytest.raises(ConfigError) as caught, own_code("own.py:build"):
        raise KeyError("no")
    assert str(caught.value).startswith("own.py:build fails (line ")
    assert str(caught.value).endswith(" of test_refusals.py: KeyError: 'no'); mend it there")


def test_one_width_where_each_layer_has_its_own():
    with pytest.raises(ConfigError) as caught:
        check_one_width({"a": 4, "b": 6}, ["a", "b"])
    assert str(caught.value) == (
        "--weight-bits: would do nothing, --layer-weight-bits gives every layer its width; leave one of the "
        "two out"
    )
