"""Choices by values: comparisons are tables of 0 and 1, ReLUs are found, others are products."""

import operator
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import Rounding
from hwrts.graph import Conv, Lookup, PRelu, Relu, run_graph
from hwrts.graph.trace import trace, trace_with_clip

from .test_operators import quantise, train, verified
from .test_trace import conv, module


def srgb(h: Any) -> Any:
    return torch.where(h > 0.0031308, 1.055 * h.clamp(min=0.0031308) ** (1 / 2.4) - 0.055, 12.92 * h)


BENT: dict[str, Any] = {
    "leaky": lambda h: torch.where(h > 0, h, 0.2 * h),
    "leaky, turned": lambda h: torch.where(h <= 0, h * 0.2, h),
    "leaky, method": lambda h: h.where(h >= 0, 0.2 * h),
    "relu": lambda h: torch.where(h > 0, h, torch.zeros_like(h)),
    "relu, filled": lambda h: h.masked_fill(h < 0, 0.0),
}
CHOSEN: dict[str, Any] = {
    "at another place": lambda h: torch.where(h > 0.5, h, 0.2 * h),
    "negated": lambda h: torch.where(h > 0, -h, h * 0.5),
    "of two": lambda h: torch.where(h > h.flip(1), h, h.flip(1)),
    "a number": lambda h: torch.where(h < 0.25, 2.0, h),
    "filled": lambda h: h.masked_fill(~(h > 0.1), -1.0),
    "another is 0": lambda h: torch.where(h > 0.5, -h, torch.zeros_like(h)),
    "the first is 0": lambda h: torch.where(h > 0.5, torch.zeros_like(h), -h),
    "numbers of channels": lambda h: torch.where(h > 0.5, torch.linspace(-1, 1, 8).view(1, 8, 1, 1), h),
    "against numbers of channels": lambda h: torch.where(
        h > torch.linspace(-1, 1, 8).view(1, 8, 1, 1), h, -h
    ),
    "against a tensor of a number": lambda h: torch.where(h > torch.tensor(0.5), h, -h),
    "a mask": lambda h: h * (h.mean(1, keepdim=True) > 0).float(),
    "sRGB": srgb,
}


@pytest.mark.parametrize("spelled", [*BENT, *CHOSEN])
def test_spellings_are_the_module(spelled: str) -> None:
    middle = (BENT | CHOSEN)[spelled]
    network = module(lambda self, x: self.b(middle(self.a(x))), a=conv(3, 8), b=conv(8, 3)).eval()
    graph, x = trace(network), 3 * torch.randn(1, 3, 6, 7)
    found, wanted = run_graph(graph, x)[graph.output], network(x).detach()
    # A product and a sum of constants are one convolution: rounded once where it multiplies and adds at once,
    # as on some processors. That is half an LSB of values of about 1, times kernels of 72 taps.
    allowed = 2.0**-20 * float(wanted.abs().amax()) if spelled == "sRGB" else 0.0
    assert float((found - wanted).abs().amax()) <= allowed
    assert bool(graph.of(Lookup)) == (spelled in CHOSEN)
    assert bool(graph.of(PRelu) or graph.of(Relu)) == (spelled in BENT)


COMPARED: dict[str, Any] = {
    "gt": [operator.gt, torch.gt, torch.greater, lambda h, c: h.gt(c), lambda h, c: h.greater(c)],
    "ge": [operator.ge, torch.ge, torch.greater_equal, lambda h, c: h.ge(c), lambda h, c: h.greater_equal(c)],
    "lt": [operator.lt, torch.lt, torch.less, lambda h, c: h.lt(c), lambda h, c: h.less(c)],
    "le": [operator.le, torch.le, torch.less_equal, lambda h, c: h.le(c), lambda h, c: h.less_equal(c)],
}
NOT: list[Any] = [operator.invert, torch.logical_not, lambda c: c.logical_not()]


@pytest.mark.parametrize(("kind", "place"), [(kind, place) for kind in COMPARED for place in range(5)])
def test_at_the_number_itself_each_comparison_is_its_own(kind: str, place: int) -> None:
    """Of random values none is equal to it: > and >= would be the same."""
    compare, negated = COMPARED[kind][place], NOT[place % 3]
    middles: list[Any] = [
        lambda h: torch.where(compare(h, 0.5), 2 * h, h - 1),
        lambda h: torch.where(compare(h, torch.tensor(0.5)), 2 * h, h - 1),
        lambda h: h.masked_fill(negated(compare(h, 0.5)), -1.0),
    ]
    x = torch.tensor([0.25, 0.5, 0.75]).view(1, 1, 1, 3).expand(1, 3, 1, 3)
    for middle in middles:
        network = module(lambda self, x, f=middle: self.a(f(x)), a=conv(3, 3, 1)).eval()
        graph = trace(network)
        torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x))


def test_a_parameter_that_is_chosen_is_trained() -> None:
    """Equal everywhere when the training begins, it is no number yet."""
    network = module(lambda self, x: self.b(torch.where(x > 0.5, self.s, x)), a=conv(3, 3), b=conv(3, 3))
    network.s = torch.nn.Parameter(torch.ones(1, 3, 1, 1))
    assert [each.frozen for each in trace(network).of(Conv)] == [False, False]


@pytest.mark.parametrize("spelled", ["negated", "sRGB"])
def test_from_a_module_to_a_verified_file(spelled: str, picture: Any, tmp_path: Any) -> None:
    network = module(
        lambda self, x: F.pixel_shuffle(self.b(CHOSEN[spelled](self.a(x))), 2), a=conv(3, 8), b=conv(8, 12)
    )
    quantised = quantise(network, rounding=Rounding.HALF_EVEN)
    train(quantised)
    verified(quantised, tmp_path, picture(15, 14))


def test_a_choice_without_a_comparison_is_refused() -> None:
    with pytest.raises(UnsupportedOperatorError, match="with a comparison in it"):
        trace(module(lambda self, x: torch.where(self.a(x) == 0, x, 2 * x), a=conv(3, 3)))


def test_constants_of_other_channels_are_refused() -> None:
    network = module(
        lambda self, x: self.a(x * torch.ones(1, 4, 1, 1) * 2 + x.new_ones(1, 1, 1, 1)), a=conv(4, 3)
    )
    with pytest.raises(UnsupportedOperatorError, match="a constant of 4 channels meets a tensor of 1"):
        trace_with_clip(network, [torch.rand(1, 1, 8, 8)])
