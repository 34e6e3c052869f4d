"""Pictures that are turned, patterns that repeat, planes that are put together: exactly, or refused."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import Rounding
from hwrts.graph import run_graph
from hwrts.graph.laid import Laid, Plane, laid
from hwrts.graph.operators import Rational
from hwrts.graph.trace import trace
from hwrts.runs.own_check import check_own_module

from ..field.test_field import integers
from .test_trace import module

TURNS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "rows": (lambda x: x.flip(2), lambda x: x.flip(-2)),
    "columns": (lambda x: torch.fliplr(x.transpose(1, 3)).transpose(1, 3), lambda x: x.flip(3)),
    "both": (lambda x: torch.flip(x, (2, 3)), lambda x: torch.rot90(x, 2, (2, 3))),
    "a quarter": (lambda x: torch.rot90(x, 1, (2, 3)), lambda x: x.rot90(-1, (2, 3))),
    "three quarters": (lambda x: torch.rot90(x, 3, (2, 3)), lambda x: x.transpose(2, 3).flip(2)),
    "the diagonal": (lambda x: x.transpose(2, 3), lambda x: x.permute(0, 1, 3, 2)),
}


def layers() -> dict[str, nn.Module]:
    return {
        "a": nn.Conv2d(3, 4, (3, 5), padding=(1, 2)),
        "b": nn.Conv2d(4, 4, 3, padding="same", dilation=2, groups=2, padding_mode="replicate"),
        "c": nn.Conv2d(4, 3, (2, 1), bias=False),
    }


@pytest.mark.parametrize("name", TURNS)
def test_kernels_are_turned_in_the_place_of_pictures(name: str) -> None:
    there, back = TURNS[name]

    def forward(s: Any, x: Tensor) -> Tensor:
        y = F.leaky_relu(s.b(F.relu(s.a(there(x)))), 0.25)
        return back(s.c(F.pad(y, (0, 0, 1, 0)))) + x

    torch.manual_seed(0)
    network = module(forward, **layers()).eval()
    graph, x = trace(network), torch.randn(1, 3, 12, 16)
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x), rtol=1e-5, atol=1e-6)


REFUSED: dict[str, tuple[Callable[[Any, Tensor], Tensor], str]] = {
    "not turned back": (lambda s, x: s.b(s.a(x.flip(2))), "'flip': rearranges values"),
    "another stride": (lambda s, x: F.conv2d(x.flip(2), s.a.weight, stride=2).flip(2), "rearranges values"),
    "halves": (lambda s, x: s.b(torch.cat([s.a(x[:, :, :24]), s.a(x[:, :, 24:])], 2)), "supported"),
    "wrapped": (lambda s, x: s.b(torch.roll(s.a(x), 1, 2)), "carries rows around the picture's edge"),
    "another number for each pixel": (
        lambda s, x: s.b(s.a(x) * torch.rand(1, 1, *x.shape[2:])),
        "another number for each pixel",
    ),
    "of five": (
        lambda s, x: s.b(s.a(x) * torch.arange(x.shape[3]).remainder(5).expand(1, 1, *x.shape[2:])),
        "another number for each pixel",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_needs_the_whole_picture_is_refused(case: str) -> None:
    forward, words = REFUSED[case]
    network = module(forward, a=nn.Conv2d(3, 4, 3, padding=1), b=nn.Conv2d(4, 3, 1))
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(network)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", ["mul", "add", "sub", "rsub", "div", "mul_"])
@pytest.mark.parametrize("period", [2, 3, 4, 6, 8])
def test_patterns_are_numbers_of_channels(period: int, change: str) -> None:
    numbers = 0.5 + torch.rand(4, period, period)

    def forward(s: Any, x: Tensor) -> Tensor:
        rows, columns = (side // period for side in x.shape[2:])
        pattern, h = numbers.repeat(1, rows, columns), s.a(x)
        y = pattern - h if change == "rsub" else getattr(h, change)(pattern)
        return s.b(y) + s.b(h)  # which has changed, if it was changed in place

    torch.manual_seed(0)
    network = module(forward, a=nn.Conv2d(3, 4, 1), b=nn.Conv2d(4, 3, 1)).eval()
    graph, x = trace(network), torch.randn(1, 3, 24, 48)
    with torch.no_grad():
        torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x), rtol=1e-5, atol=1e-6)


LAID: list[tuple[list[list[int]], Laid | None]] = [
    ([[0, 1], [2, 3]], Laid(1, (Plane(0, 1, 0, 0, 0, "zero"),), (2, 2))),
    ([[1, 8], [3, 8]], Laid(1, (Plane(0, 1, 0, 0, 1, "zero"),), (2, 2))),
    ([[0, 0, 1], [0, 0, 1], [2, 2, 3]], None),  # more than half of a picture is no edge
    ([[1, 8], [3, 9]], None),  # the other constant is 0.5
    ([[1, 0], [3, 2]], None),
    ([[9, 9], [9, 9]], None),
]


@pytest.mark.parametrize(("index", "expected"), LAID)
def test_planes_are_found_by_hand(index: list[list[int]], expected: Laid | None) -> None:
    """Values 0..3 and 4..7 are those of two channels of 2x2, 8 is a constant 0 and 9 is 0.5."""
    found = laid(torch.tensor(index)[None, None], [torch.zeros(1, 2, 2, 2), torch.tensor([0.0, 0.5])])
    assert found == expected


MIXED: dict[str, list[list[list[int]]]] = {
    "rows of two channels": [[[0, 1], [6, 7]]],
    "rows of two tensors": [[[0, 1], [12, 13]]],
    "beside a constant of two numbers": [[[0, 1], [2, 3]], [[8, 9], [8, 9]]],
}


@pytest.mark.parametrize("case", MIXED)
def test_what_is_of_several_is_no_plane(case: str) -> None:
    """As above, and values 10..13 are those of another tensor."""
    parts = [torch.zeros(1, 2, 2, 2), torch.tensor([0.0, 0.5]), torch.zeros(1, 1, 2, 2)]
    assert laid(torch.tensor(MIXED[case])[None], parts) is None


@pytest.mark.parametrize(("rows", "known"), [(32, True), (33, False)])
def test_planes_are_moved_by_as_much_as_onnx_has_kernels(rows: int, known: bool) -> None:
    index = F.pad(torch.arange(80.0).reshape(1, 1, 80, 1), (0, 0, rows, -rows), value=80).long()
    found = laid(index, [torch.zeros(1, 1, 80, 1), torch.tensor([0.0])])
    assert found == (Laid(1, (Plane(0, 1, 0, -rows, 0, "zero"),), (80, 1)) if known else None)


EDGES: list[tuple[list[int], int, str]] = [
    ([0, 0, 1, 2, 3], -1, "replicate"),
    ([2, 3, 4, 4, 4], 2, "replicate"),
    ([2, 1, 0, 1, 2], -2, "reflect"),
    ([1, 2, 3, 4, 3], 1, "reflect"),
    ([5, 0, 1, 2, 3], -1, "zero"),
]


@pytest.mark.parametrize(("index", "column", "edges"), EDGES)
def test_edges_by_hand(index: list[int], column: int, edges: str) -> None:
    """A row of five pixels, and a constant 0."""
    found = laid(torch.tensor(index).reshape(1, 1, 1, 5), [torch.zeros(1, 1, 1, 5), torch.tensor([0.0])])
    assert found == Laid(1, (Plane(0, 1, 0, 0, column, edges),), (1, 5))


CUT: list[tuple[list[int], int, Laid | None]] = [
    ([*range(48)], 80, Laid(1, (Plane(0, 1, 0, 0, 0, "zero"),), (48, 1))),
    ([*range(47)], 80, None),  # 33 rows are cut off
    ([0, 2], 4, Laid(1, (Plane(0, 2, 0, 0, 0, "zero"),), (2, 1))),
    ([0, 2], 3, None),  # a row is left over
]


@pytest.mark.parametrize(("index", "of", "expected"), CUT)
def test_rows_that_are_cut_off(index: list[int], of: int, expected: Laid | None) -> None:
    columns = 1 if expected is None or expected.planes[0].block == 1 else 2
    numbers = torch.tensor(index)[None, None, :, None] * columns
    assert laid(numbers, [torch.zeros(1, 1, of, columns)]) == expected


@pytest.mark.parametrize(("block", "known"), [(8, True), (9, False)])
def test_as_many_rows_are_interleaved(block: int, known: bool) -> None:
    channels = block * block
    index = torch.arange(4.0 * channels).reshape(1, channels, 2, 2).flip(1)
    found = laid(F.pixel_shuffle(index, block).long(), [torch.zeros(1, channels, 2, 2)])
    planes = tuple(Plane(0, 1, channel, 0, 0, "zero") for channel in reversed(range(channels)))
    assert found == (Laid(block, planes, (2, 2)) if known else None)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic"])
@pytest.mark.parametrize(("grow", "shrink"), [(3, 2), (2, 3), (4, 3), (3, 4), (1, 2), (1, 3), (1, 4)])
def test_by_a_fraction_as_torch_does(mode: str, grow: int, shrink: int) -> None:
    x = torch.rand(2, 2, 2 * shrink, 5 * shrink)
    found = Rational("y", ("x",), mode, grow, shrink).value(x)
    expected = F.interpolate(x, scale_factor=grow / shrink, mode=mode)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_the_integer_weights_of_a_fraction_sum_to_one(mode: str) -> None:
    """Rounded one by one, products of sixths would give a flat area another code in each phase."""
    checked = check_own_module(nn.Sequential(nn.Conv2d(3, 3, 1), nn.Upsample(scale_factor=1.5, mode=mode)))
    *_, conv = integers(checked, Rounding.HALF_EVEN, 24)[1].convs
    assert (len(conv.weight_i8), conv.stride) == (3 * 9, 2)
    assert conv.weight_i8.sum((1, 2, 3), dtype=int).tolist() == (2**conv.weight_frac).tolist()
