"""Padding that is cut off behind a convolution is less padding, or stays what it is."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hwrts.graph import Conv, run_graph
from hwrts.graph.trace import trace

from .test_trace import conv, module

Tried = Callable[[Any, Tensor], Tensor]

TRIMMED: dict[str, tuple[Tried, list[tuple[int, int, int, int]]]] = {
    "all sides": (lambda s, x: F.conv2d(x, s.a.weight, padding=2)[:, :, 1:-1, 1:-1], [(1, 1, 1, 1)]),
    "all of it": (lambda s, x: F.conv2d(x, s.a.weight, padding=1)[:, :, 1:-1, 1:-1], [(0, 0, 0, 0)]),
    "top and right": (lambda s, x: F.conv2d(x, s.a.weight, padding=2)[:, :, 2:, :-2], [(0, 2, 2, 0)]),
    "top, left and more": (
        lambda s, x: F.conv2d(F.pad(x, (2, 0, 2, 1)), s.a.weight)[:, :, 1:, 2:],
        [(1, 0, 1, 0)],
    ),
    "twice": (
        lambda s, x: F.conv2d(x, s.a.weight, padding=2)[:, :, 1:, 1:][:, :, :-1, :-1],
        [(1, 1, 1, 1)],
    ),
    "behind a shrinking one": (
        lambda s, x: s.b(F.conv2d(F.conv2d(x, s.a.weight, padding=2)[:, :, 1:-1, 1:-1], s.square.weight)),
        [(1, 1, 1, 1), (0, 0, 0, 0), (1, 1, 1, 1)],
    ),
}


@pytest.mark.parametrize("case", TRIMMED)
def test_rows_of_padding_by_hand(case: str) -> None:
    forward, sides = TRIMMED[case]
    network = module(forward, a=conv(3, 4), b=conv(4, 3), square=conv(4, 4)).eval()
    graph, x = trace(network), torch.randn(1, 3, 9, 8)
    assert [each.sides for each in graph.of(Conv)] == sides  # on top, left, at the bottom, right
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x))


KEPT: dict[str, Tried] = {
    "of a stride": lambda s, x: F.conv2d(x, s.a.weight, padding=1, stride=2)[:, :, 1:],
    "more than padding": lambda s, x: F.conv2d(x, s.a.weight, padding=1)[:, :, 2:],
    "more than there is on one side": lambda s, x: F.conv2d(x, s.a.weight, padding=1)[:, :, 1:, :-2],
    "read by another as it was": lambda s, x: _twice(s.a(x)),
    "made by a convolution that enlarges": lambda s, x: F.conv_transpose2d(x, s.large.weight, stride=2)[
        :, :, 1:-1, 1:-1
    ],
}


def _twice(y: Tensor) -> Tensor:
    return y[:, :, 1:-1, 1:-1] + F.max_pool2d(y, 3, 1)


@pytest.mark.parametrize("case", KEPT)
def test_what_is_more_than_padding_stays_cut_off(case: str) -> None:
    torch.manual_seed(0)
    network = module(KEPT[case], a=conv(3, 4), large=torch.nn.ConvTranspose2d(3, 4, 2, 2)).eval()
    graph, x = trace(network), torch.randn(1, 3, 10, 8)
    assert [each.frozen for each in graph.of(Conv)] == [False, True]  # which has one tap: a crop
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x))
