"""Shifts by pixels, a padding of which the other side is cut off: one tap of each channel."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import Conv as FixedConv
from hwrts.fixed_point import Rounding
from hwrts.graph import Conv, run_graph
from hwrts.graph.trace import trace
from hwrts.runs.own_check import check_own_module

from .test_operators import quantise, train, verified
from .test_trace import conv, module

SHIFTED: dict[str, Any] = {
    "right": lambda h: F.pad(h, (1, 0, 0, 0))[:, :, :, :-1],
    "left": lambda h: F.pad(h, (0, 1, 0, 0))[..., 1:],
    "down": lambda h: F.pad(h, [0, 0, 2, 0])[:, :, : h.shape[2]],
    "up": lambda h: F.pad(h, (0, 0, 0, 1))[..., 1:, :],
    "replicated": lambda h: F.pad(h, (1, 1, 1, 1), "replicate")[:, :, 2:, :-2],
    "by negative numbers": lambda h: F.pad(h, (-1, 1, 2, -2)),
    "nowhere": lambda h: F.pad(h, (1, 1, 1, 1))[:, :, 1:-1, 1:-1],
}


@pytest.mark.parametrize("spelled", SHIFTED)
def test_spellings_are_the_module(spelled: str) -> None:
    network = module(lambda s, x: s.b(F.relu(SHIFTED[spelled](s.a(x)))), a=conv(3, 8), b=conv(8, 3)).eval()
    graph, x = trace(network), torch.randn(1, 3, 6, 7)
    assert torch.equal(run_graph(graph, x)[graph.output], network(x))
    assert [(each.groups, each.frozen) for each in graph.of(Conv)] == [(1, False), (8, True), (1, False)]


def test_from_a_module_to_a_verified_file(picture: Any, tmp_path: Any) -> None:
    def forward(self: Any, x: Any) -> Any:
        parts = zip(list(SHIFTED.values())[:4], torch.chunk(F.relu(self.a(x)), 4, 1), strict=True)
        return F.pixel_shuffle(self.b(torch.cat([shift(each) for shift, each in parts], 1)), 2)

    quantised = quantise(module(forward, a=conv(3, 8), b=conv(8, 12)), rounding=Rounding.HALF_EVEN)
    train(quantised)
    network, _ = verified(quantised, tmp_path, picture(15, 14))
    shifts = [each for each in network.layers if isinstance(each, FixedConv) and each.groups > 1]
    assert [each.work(network.tensors[each.name]).weights for each in shifts] == [2, 2, 2, 2]  # one a channel


NONE: dict[str, Any] = {
    "columns in another order": lambda h: F.pad(h, (1, 0, 0, 0))[..., [*range(h.shape[3] - 1, -1, -1)]],
    "a column twice": lambda h: F.pad(h, (1, 0, 0, 0))[..., [*range(10), *range(9, h.shape[3] - 1)]],
    "further than ONNX has kernels": lambda h: F.pad(h, (33, 0, 0, 0))[..., :-33],
}


@pytest.mark.parametrize("spelled", NONE)
def test_what_is_no_shift_is_refused(spelled: str) -> None:
    network = module(lambda s, x: s.b(F.relu(NONE[spelled](s.a(x)))), a=conv(3, 8), b=conv(8, 3)).eval()
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(network)
    assert "\n" not in str(caught.value)


def columns_written(h: Any) -> Any:
    out = torch.zeros_like(h)
    out[..., 2:] = h[..., :-2]
    return out


CUT_FIRST: dict[str, Any] = {
    "joined to zeros": lambda h: torch.cat([h[:, :, 1:], torch.zeros_like(h[:, :, :1])], 2),
    "joined to zeros above": lambda h: torch.cat([torch.zeros_like(h[:, :, :1]), h[:, :, :-1]], 2),
    "written": columns_written,
    "up by many": lambda h: F.pad(h, (0, 0, 0, 20))[:, :, 20:],
}


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("spelled", CUT_FIRST)
def test_whoever_reads_what_was_cut_off_and_padded(spelled: str, relu: bool) -> None:
    def forward(s: Any, x: Any) -> Any:
        h = CUT_FIRST[spelled](s.a(x))
        return s.b(F.relu(h) if relu else h)  # a kernel of one pixel pads nothing

    network = module(forward, a=conv(3, 8), b=torch.nn.Conv2d(8, 3, 1)).eval()
    graph, x = check_own_module(network).graph, torch.randn(1, 3, 24, 7)
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x))


def test_shifts_of_more_than_a_small_picture_are_compared_on_larger_ones() -> None:
    def forward(s: Any, x: Any) -> Any:
        h = s.a(x)
        out = torch.zeros_like(h)
        out[..., 18:] = h[..., :-18]
        return s.b(out.relu())

    network = module(forward, a=conv(3, 8), b=conv(8, 3)).eval()
    assert check_own_module(network).sizes.smallest == (1, 19)


def test_what_grows_is_refused_by_the_name_of_its_reader() -> None:
    network = module(lambda s, x: s.b(F.pad(s.a(x), (1, 0, 0, 0)).relu()), a=conv(3, 8), b=conv(8, 3)).eval()
    with pytest.raises(UnsupportedOperatorError, match=r"'relu'.*: takes a padded tensor"):
        trace(network)
