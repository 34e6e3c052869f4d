"""Kernels of convolutions put together as those of one: of branches that are summed, and of two in a row."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hwrts.fixed_point import Padding
from hwrts.graph.operators import Conv
from hwrts.graph.operators.conv_facts import unless_centred

# Letters of the shape comments: O output channels, I input channels, G groups, KH and KW kernel size.


def multiplications(conv: Conv) -> int:
    """Of one pixel of its result."""
    return conv.weight.numel()


@dataclass(frozen=True)
class _Place:
    """Where the taps of a kernel lie in one direction, in pixels from that of the result.

    Attributes:
        first: The first tap.
        last: The last.
    """

    first: int
    last: int


def summed(a: Conv, b: Conv) -> Conv | None:
    """The one convolution that is a + b of the same source; None where there is none.

    Where nothing is read outside of the picture it does not matter what lies there; else it must be the same.
    The result is called as ``a``.
    """
    dilation = _common_dilation(a, b)
    padded = [conv for conv in (a, b) if any(conv.sides)]
    spare = {(_spare(conv, 0), _spare(conv, 1)) for conv in (a, b)}
    alike = len({conv.padding for conv in padded}) <= 1 and len(spare) == 1 and a.stride == b.stride
    if dilation is None or not alike or len(a.weight) != len(b.weight) or a.reads != b.reads:
        return None
    groups = math.gcd(a.groups, b.groups)
    spans = []
    for axis in (0, 1):
        places = [_place(conv, axis) for conv in (a, b)]
        spans.append(_Place(min(each.first for each in places), max(each.last for each in places)))
    rows, columns = ((span.last - span.first) // dilation + 1 for span in spans)
    weight = a.weight.new_zeros(len(a.weight), a.reads // groups, rows, columns, dtype=torch.float64)
    for conv in (a, b):
        top, left = (
            (_place(conv, axis).first - span.first) // dilation
            for axis, span in zip((0, 1), spans, strict=True)
        )
        kernel = in_groups(conv, groups)  # (O, I/G, KH, KW)
        weight[:, :, top : top + kernel.shape[2], left : left + kernel.shape[3]] += kernel
    (down, across) = next(iter(spare))
    sides = (-spans[0].first, -spans[1].first, spans[0].last + down, spans[1].last + across)
    outside = (padded or [a])[0]
    return replace(
        a,
        weight=weight.to(a.weight.dtype),
        bias=(a.bias.double() + b.bias.double()).to(a.bias.dtype),
        groups=groups,
        dilation=dilation,
        pads=unless_centred(sides, weight, dilation),
        replicate=outside.replicate,
        reflect=outside.reflect,
    )


def chained(first: Conv, second: Conv) -> Conv | None:
    """The one convolution that is ``second`` behind ``first``, of which one is 1x1; None where there is none.

    What a 1x1 makes of copies at the edge are copies; of zeros it makes its bias, which a padding with zeros
    behind it would not be. The result is called as ``first``.
    """
    groups = math.gcd(first.groups, second.groups)
    outer, inner = in_groups(second, groups), in_groups(first, groups)
    bias = second.bias.double() + torch.einsum(
        "gomyx,gm->go", _parted(outer, groups), first.bias.double().reshape(groups, -1)
    ).reshape(-1)
    if _is_point(second):
        weight = torch.einsum("gom,gmiyx->goiyx", _parted(outer, groups)[..., 0, 0], _parted(inner, groups))
        kept, sizes = first, first
    elif _is_point(first):
        zeros = any(second.sides) and second.padding is Padding.ZERO
        if zeros and bool(first.bias.any()):
            return None
        weight = torch.einsum("gomyx,gmi->goiyx", _parted(outer, groups), _parted(inner, groups)[..., 0, 0])
        kept, sizes = replace(second, name=first.name, sources=first.sources), second
    else:
        return None
    return replace(
        kept,
        weight=weight.flatten(0, 1).to(first.weight.dtype),
        bias=bias.to(first.bias.dtype),
        groups=groups,
        pads=unless_centred(sizes.sides, sizes.weight, sizes.dilation),
    )


def in_groups(conv: Conv, groups: int) -> Tensor:
    """Its kernels in fewer groups, which hold whole ones of its own: float64 (O, I/G, KH, KW)."""
    own, per_group = conv.groups // groups, conv.weight.shape[1]
    weight = conv.weight.double()
    made = weight.new_zeros(len(weight), own * per_group, *weight.shape[2:])
    outputs = len(weight) // conv.groups
    for group in range(conv.groups):
        rows = slice(group * outputs, (group + 1) * outputs)
        place = group % own * per_group
        made[rows, place : place + per_group] = weight[rows]
    return made


def _parted(weight: Tensor, groups: int) -> Tensor:
    """(O, I/G, KH, KW) as (G, O/G, I/G, KH, KW)."""
    return weight.reshape(groups, -1, *weight.shape[1:])


def _is_point(conv: Conv) -> bool:
    return tuple(conv.weight.shape[2:]) == (1, 1) and conv.stride == 1 and not any(conv.sides)


def _place(conv: Conv, axis: int) -> _Place:
    first = -conv.sides[axis]
    return _Place(first, first + (conv.weight.shape[2 + axis] - 1) * conv.dilation)


def _spare(conv: Conv, axis: int) -> int:
    """By how many pixels the result is larger than the source, of stride 1."""
    return conv.sides[2 + axis] - _place(conv, axis).last


def _common_dilation(*convs: Conv) -> int | None:
    """A dilation in which the taps of all have a place; 1 for points."""
    found = {conv.dilation for conv in convs if tuple(conv.weight.shape[2:]) != (1, 1)} or {1}
    if len(found) > 1:
        return None
    (dilation,) = found
    firsts: Sequence[set[int]] = [{_place(conv, axis).first % dilation for conv in convs} for axis in (0, 1)]
    return dilation if all(len(each) == 1 for each in firsts) else None
