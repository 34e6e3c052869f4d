"""A softmax over channels of a pixel: of two the sigmoid of their difference; over pixels it is refused."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import Rounding
from hwrts.graph import Lookup, Maximum, run_graph
from hwrts.graph.trace import trace

from .test_operators import quantise, train, verified
from .test_trace import conv, module


def weighed(h: Any) -> Any:
    """Two numbers of each picture, as attention in attention has them."""
    n = len(h)
    y = torch.softmax(F.adaptive_avg_pool2d(h[:, :2], 1).view(n, 2) / 3, dim=1)
    return h * y[:, 0].view(n, 1, 1, 1) + h.relu() * y[:, 1].view(n, 1, 1, 1)


def branches(h: Any) -> Any:
    n, c, _, _ = h.shape
    y = h.mean((2, 3), keepdim=True).view(n, 2, c // 2, 1, 1).softmax(1)
    return torch.cat([h[:, :4] * y[:, 0], h[:, 4:] * y[:, 1]], 1)


def each_pixel(h: Any) -> Any:
    y = F.softmax(h[:, 2:4], dim=1)
    return h * y[:, :1] + h.relu() * y[:, 1:]


OF_TWO: dict[str, Any] = {"numbers": weighed, "branches": branches, "pixels": each_pixel}


@pytest.mark.parametrize("spelled", OF_TWO)
def test_spellings_are_the_module(spelled: str) -> None:
    network = module(lambda self, x: self.b(OF_TWO[spelled](self.a(x))), a=conv(3, 8), b=conv(8, 3)).eval()
    graph, x = trace(network), torch.randn(1, 3, 6, 7)
    assert [each.function for each in graph.of(Lookup)] == ["sigmoid"]
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x))


def test_from_a_module_to_a_verified_file(picture: Any, tmp_path: Any) -> None:
    network = module(
        lambda self, x: F.pixel_shuffle(self.b(branches(self.a(x))), 2), a=conv(3, 8), b=conv(8, 12)
    )
    quantised = quantise(network, rounding=Rounding.HALF_EVEN)
    train(quantised)
    verified(quantised, tmp_path, picture(15, 14))


def test_over_more_it_is_a_table_a_sum_and_a_quotient() -> None:
    """Of differences from the largest, so that no exponential overflows."""
    network = module(lambda self, x: self.b(nn.Softmax(1)(20 * self.a(x))), a=conv(3, 5), b=conv(5, 3)).eval()
    graph, x = trace(network), torch.randn(1, 3, 6, 7)
    assert [each.function for each in graph.of(Lookup)] == ["exp", "reciprocal"]
    assert len(graph.of(Maximum)) == 1
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x))


def test_over_pixels_it_is_refused() -> None:
    with pytest.raises(UnsupportedOperatorError, match="over the channels of a pixel, or of a mean"):
        trace(module(lambda self, x: nn.Softmax(3)(self.a(x)), a=conv(3, 8)))
