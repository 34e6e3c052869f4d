"""What is written into tensors, and who sees it: as torch has it, or refused."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.graph import run_graph
from hwrts.graph.trace import trace_with_clip

from .test_operators import quantise, verified
from .test_trace import conv, module


def inverse_wavelet(s: Any, x: Tensor) -> Tensor:
    a, b, c, d = torch.chunk(s.a(x), 4, 1)
    n, channels, rows, columns = a.shape
    out = torch.zeros(n, channels, 2 * rows, 2 * columns)
    out[:, :, 0::2, 0::2] = a - b
    out[:, :, 1::2, 0::2] = a - c
    out[:, :, 0::2, 1::2] = b + d
    out[:, :, 1::2, 1::2] = c + d
    return s.c(out)


def moved_by_writes(s: Any, x: Tensor) -> Tensor:
    f = s.a(x)
    out = torch.zeros_like(f)
    out[:, :2, :, :-1] = f[:, :2, :, 1:]
    out[:, 2:4, 2:] = f[:, 2:4, :-2]
    out[:, 4:] = f[:, 4:]
    return s.b(out)


def first_channels(s: Any, x: Tensor) -> Tensor:
    f = s.a(x)
    f[:, :3] = x
    return s.b(f)


def one_channel(s: Any, x: Tensor) -> Tensor:
    f = s.a(x)
    f[:, 1:2] += x[:, :1]
    return s.b(f)


def other_names(s: Any, x: Tensor) -> Tensor:
    f = s.a(x)
    before, part, flat, kept = f.clone(), f[:, 1:4], f.view(1, 8, -1), f[:, 2:3] * 1
    part *= 2
    f[:, 3] = 0.25
    return s.b(flat.view_as(f)) + s.b(before) + part + kept


def by_a_view(s: Any, x: Tensor) -> Tensor:
    f = s.a(x)
    f.view(8, *x.shape[2:])[2:5] = x[0]
    f.relu_()
    return s.b(f)


def by_a_part_of_a_split(s: Any, x: Tensor) -> Tensor:
    f = s.a(x)
    a, b = f.chunk(2, 1)
    a.relu_()
    b += a
    return s.b(f)


def of_a_view_made_before(s: Any, x: Tensor) -> Tensor:
    out = torch.zeros(1, 8, *x.shape[2:])
    part = out[:, 2:5]
    part.copy_(x)
    out[:, :2].fill_(0.5)
    return s.b(out) + part


def a_copy_is_another(s: Any, x: Tensor) -> Tensor:
    f = s.a(x)
    g = f.permute(0, 1, 3, 2).contiguous().permute(0, 1, 3, 2)  # its memory is another
    f[:, :4] = 0
    return s.b(f) + s.b(g)


def new_zeros(s: Any, x: Tensor) -> Tensor:
    out = x.new_zeros(1, 8, x.size(2), x.size(3))
    out[:, 5:] = x
    out[:, :3] = x * 0.5
    return s.b(out)


def functions(s: Any, x: Tensor) -> Tensor:
    f = s.a(x)
    f = torch.slice_scatter(f, x, 1, 2, 5)
    f = f.select_scatter(x[:, 1], 1, 7)
    f = torch.index_copy(f, 1, torch.tensor([1, 0]), x[:, :2])
    return s.b(f.index_fill(1, torch.tensor([6]), 0.5))


def masks(s: Any, x: Tensor) -> Tensor:
    f = s.a(x)
    rows = torch.arange(x.size(2)).view(1, 1, -1, 1) % 2 == 0
    columns = torch.arange(x.size(3)).view(1, 1, 1, -1) % 2 == 0
    f = torch.where(rows & columns, f, F.relu(f)).masked_fill(~rows & columns, 0.125)
    f[:, torch.tensor([True, False] * 4)] = 0
    return s.b(f)


def empty_and_filled(s: Any, x: Tensor) -> Tensor:
    out = torch.empty(1, 6, *x.shape[2:])
    out[:, 0::2] = x
    out[:, 1::2] = -x
    return s.b(torch.cat([out, x[:, :2]], 1))


def an_input(s: Any, x: Tensor) -> Tensor:
    x[:, 0] = x[:, 1]
    return x + s.b(s.a(x))


def a_state(s: Any, x: Tensor) -> Tensor:
    s.state = torch.zeros(1, 8, *x.shape[2:])
    s.state.copy_(s.a(x))
    f = s.b(s.state)
    s.state = s.a(f)
    return x + s.b(s.state)


def a_constant_written_later(s: Any, x: Tensor) -> Tensor:
    factor = torch.ones(1, 3, 1, 1)
    y = x * factor
    factor[:, 0] = 2.0
    return s.b(s.a(y)) + x * factor


def a_sum_from_zeros(s: Any, x: Tensor) -> Tensor:
    total = torch.zeros_like(x)
    total += x
    total += x * 0.5
    return s.b(s.a(total))


def a_difference_from_ones(s: Any, x: Tensor) -> Tensor:
    less = torch.ones_like(x)
    less -= x
    return s.b(s.a(less))


def given_by_name(s: Any, x: Tensor) -> Tensor:
    out = torch.zeros(1, 8, *x.shape[2:])
    out.index_copy_(1, torch.tensor([6, 0, 3]), source=x)
    return s.b(out)


def a_part_that_is_constant_so_far(s: Any, x: Tensor) -> Tensor:
    out = torch.zeros(1, 6, *x.shape[2:])
    a, b = out.split(3, 1)
    a.copy_(x)
    b += a
    return s.b(torch.cat([out, x[:, :2]], 1))


def turned_in_a_shape_that_stays(s: Any, x: Tensor) -> Tensor:
    out = torch.zeros(1, 2, 2, *x.shape[2:])
    out[:, 0, 1], out[:, 1, 0] = x[:, 0], x[:, 1:2].squeeze(1) * 2
    return s.b(torch.cat([out.transpose(1, 2).flatten(1, 2), out.flatten(1, 2)], 1))


def shapes_and_turns_of_what_was_written(s: Any, x: Tensor) -> Tensor:
    out = torch.zeros(1, 8, *x.shape[2:])
    out[:, 2:5] = x
    assert isinstance(out.shape, torch.Size)
    return s.b(out.mT.mT.reshape(out.shape))


def a_part_that_is_overwritten(s: Any, x: Tensor) -> Tensor:
    f = s.a(x)
    g = f.relu()
    part = g.view(1, 2, 4, *x.shape[2:])[:, 0]
    part *= f.view(1, 2, 4, *x.shape[2:]).sum(2)[:, 1:]
    return s.b(g + part.repeat(1, 2, 1, 1))


WRITTEN: tuple[Callable[[Any, Tensor], Tensor], ...] = (
    *(inverse_wavelet, moved_by_writes, first_channels, one_channel, other_names, by_a_view),
    *(by_a_part_of_a_split, of_a_view_made_before, a_copy_is_another, new_zeros, functions, masks),
    *(
        empty_and_filled,
        an_input,
        a_state,
        a_constant_written_later,
        a_sum_from_zeros,
        a_part_that_is_overwritten,
        a_difference_from_ones,
        given_by_name,
        turned_in_a_shape_that_stays,
        a_part_that_is_constant_so_far,
        shapes_and_turns_of_what_was_written,
    ),
)


def made(forward: Callable[[Any, Tensor], Any]) -> nn.Module:
    return module(forward, a=conv(3, 8), b=conv(8, 3), c=conv(2, 3)).eval()


@pytest.mark.parametrize("forward", WRITTEN)
def test_all_names_see_what_torch_writes(forward: Callable[[Any, Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    network = made(forward)
    graph = trace_with_clip(network).graph
    for size in ((6, 8), (10, 12), (48, 96)):
        x = torch.rand(1, 3, *size) - 0.25
        with torch.no_grad():  # parts of a split may not be overwritten where there are gradients
            expected = network(x.clone())
        torch.testing.assert_close(run_graph(graph, x)[graph.output], expected, rtol=1e-6, atol=1e-6)


def into_half(s: Any, x: Tensor) -> Tensor:
    f = s.a(x)
    f[:, :, : f.shape[2] // 2] = 0
    return s.b(f)


def where_values_say(s: Any, x: Tensor) -> Tensor:
    f = s.a(x)
    f[f > 0.5] = 0
    return s.b(f)


def what_is_trained(s: Any, x: Tensor) -> Tensor:
    out = torch.zeros(1, 8, *x.shape[2:])
    out[:, :3], out[:, 3:] = x, s.a.bias[:5].view(1, 5, 1, 1)
    return s.b(out)


def summed(s: Any, x: Tensor) -> Tensor:
    f = s.a(x)
    return s.b(f.index_put((torch.tensor([0]), torch.tensor([1])), x[:, 0], accumulate=True))


@pytest.mark.parametrize("forward", [into_half, where_values_say, what_is_trained, summed])
def test_what_has_no_name_is_refused(forward: Callable[[Any, Tensor], Tensor]) -> None:
    with pytest.raises(UnsupportedOperatorError, match="supported") as caught:
        trace_with_clip(made(forward))
    assert "\n" not in str(caught.value)


def test_one_channel_beside_the_others_is_moved_as_bytes(picture: Any, tmp_path: Any) -> None:
    """ONNX Runtime made a Split of values of a Gather of one channel and the Slice of the others."""

    def forward(s: Any, x: Tensor) -> Tensor:
        x[:, 1:].mul_(0.25)
        return s.b(s.a(x))

    network, verdict = verified(quantise(made(forward)), tmp_path, picture(15, 14))
    assert [type(each).__name__ for each in network.layers] == [
        "Slice",
        "Scale",
        "Slice",
        "Concat",
        "Conv",
        "Conv",
    ]
    assert "Gather" not in verdict.facts["census"]
