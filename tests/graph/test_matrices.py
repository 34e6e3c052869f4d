"""A constant matrix times the channels of each pixel is a convolution of 1x1, however it is spelled."""

import re
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import Rounding
from hwrts.graph import Conv, run_graph
from hwrts.graph.trace import trace

from .test_operators import quantise, train, verified
from .test_trace import conv, module

C = 8


class Matrix(nn.Module):
    """A matrix that is not square, trained or not."""

    def __init__(self, trained: bool) -> None:
        super().__init__()
        numbers = torch.randn(5, C, generator=torch.Generator().manual_seed(1))
        if trained:
            self.m = nn.Parameter(numbers)
        else:
            self.register_buffer("m", numbers)


def flat(h: Tensor, m: Tensor) -> Tensor:
    n, _, height, width = h.shape
    return torch.matmul(m, h.view(n, C, -1)).view(n, len(m), height, width)


SPELLED: dict[str, Any] = {
    "einsum": lambda h, m: torch.einsum("ij,bjhw->bihw", m, h),
    "einsum, turned": lambda h, m: torch.einsum("bchw, cd -> bdhw", h, m.t()),
    "einsum, last": lambda h, m: torch.einsum("nchw,oc->nhwo", h, m).permute(0, 3, 1, 2),
    "tensordot": lambda h, m: torch.tensordot(m, h, dims=([1], [1])).permute(1, 0, 2, 3),
    "tensordot, turned": lambda h, m: torch.tensordot(h, m.t(), dims=([1], [0])).permute(0, 3, 1, 2),
    "tensordot, of its rows": lambda h, m: torch.tensordot(m.t(), h, dims=([0], [1])).permute(1, 0, 2, 3),
    "matmul": flat,
    "from the right": lambda h, m: h.flatten(2).__rmatmul__(m).unflatten(2, h.shape[2:]),
    "sign, front": lambda h, m: (m @ h.flatten(2)).unflatten(2, h.shape[2:]),
    "sign, behind": lambda h, m: (h.permute(0, 2, 3, 1) @ m.t()).permute(0, 3, 1, 2),
}


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("spelled", SPELLED)
def test_spellings_are_the_module(spelled: str, trained: bool) -> None:
    network = module(
        lambda self, x: self.b(SPELLED[spelled](self.a(x), self.k.m)),
        a=conv(3, C),
        b=conv(5, 3),
        k=Matrix(trained),
    ).eval()
    graph, x = trace(network), torch.randn(1, 3, 6, 7)
    assert [each.frozen for each in graph.of(Conv)] == [False, not trained, False]
    assert len(graph.operations) == 3
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x))


def test_a_sum_over_both_is_a_convolution_of_one_channel() -> None:
    network = module(
        lambda self, x: self.b(
            torch.einsum("ij,bjhw->bhw", self.k.m, self.a(x)).unsqueeze(1).expand(-1, 5, -1, -1)
        ),
        a=conv(3, C),
        b=conv(5, 3),
        k=Matrix(False),
    ).eval()
    graph, x = trace(network), torch.randn(1, 3, 6, 7)
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x))


def test_from_a_module_to_a_verified_file(picture: Any, tmp_path: Any) -> None:
    network = module(
        lambda self, x: F.pixel_shuffle(self.b(torch.einsum("ij,bjhw->bihw", self.k.m, self.a(x))), 2),
        a=conv(3, C),
        b=conv(5, 12),
        k=Matrix(False),
    )
    quantised = quantise(network, rounding=Rounding.HALF_EVEN)
    train(quantised)
    verified(quantised, tmp_path, picture(15, 14))


REFUSED = {
    "of the picture": lambda h, m: torch.einsum("bchw,bdhw->bcd", h, h),
    "rows": lambda h, m: torch.einsum("ij,bcjw->bciw", h.new_ones(6, 6), h),
    "a sum of columns": lambda h, m: torch.einsum("ij,bjhw->bih", m, h).unsqueeze(3).expand(-1, -1, -1, 6),
    "no arrow": lambda h, m: torch.einsum("ij,bjhw", m, h),
    "both dimensions": lambda h, m: torch.einsum("ch,bchw->bw", m.new_ones(C, 6), h),
    "two dimensions": lambda h, m: torch.tensordot(m.new_ones(C, 6), h, dims=([0, 1], [1, 2])),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_products_are_refused(case: str) -> None:
    network = module(
        lambda self, x: self.b(REFUSED[case](self.a(x), self.k.m)),
        a=conv(3, C),
        b=conv(5, 3),
        k=Matrix(False),
    )
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(network)
    assert "\n" not in str(caught.value)
    assert re.search(r"(einsum|tensordot)'?: operator \1 is not supported", str(caught.value))
