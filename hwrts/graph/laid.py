"""Tensors put together of planes of several others: shifts, interleaved rows and columns, constants.

Every second (third, ...) row and column of a channel is a plane; so are those of what it is made of. Where
each plane of a result is a plane of one source, moved by some pixels or not at all, or one number, silicon
has all of it: SpaceToDepth, an order of channels, a shift of each, a concatenation and DepthToSpace.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

# Letters of the shape comments: C channels, H rows, W columns of the result; h and w of its planes.

_MOST_BLOCK = 8
"""Most rows and columns that are interleaved."""
_MOST_SHIFT = 32
"""Most rows or columns that a plane is moved by: ONNX has a kernel of as many and one."""


_NONE = -(1 << 40)
"""Where nothing is known, less than any difference of places."""


class Plane(NamedTuple):
    """A plane of a source.

    Attributes:
        part: Number of the source.
        block: Rows and columns of which it has one.
        channel: Of the source behind SpaceToDepth.
        row: By how many rows it is moved up.
        column: By how many columns it is moved to the left.
        edges: What is there where it has nothing: "zero", "replicate" or "reflect".
    """

    part: int
    block: int
    channel: int
    row: int
    column: int
    edges: str


@dataclass(frozen=True)
class Laid:
    """How a tensor is put together.

    Attributes:
        block: Rows and columns that its planes are interleaved by.
        planes: Of each channel of the tensor in front of DepthToSpace: a plane, or a number.
        size: Rows and columns of each.
    """

    block: int
    planes: tuple[Plane | float, ...]
    size: tuple[int, int]


def laid(index: Tensor, parts: Sequence[Tensor]) -> Laid | None:
    """How a tensor is put together of planes.

    Args:
        index: (1, C, H, W): number, in the values of all parts behind one another, of each value.
        parts: Tensors (1, C, H, W) of the picture, of which the values do not matter, and constants of one
            dimension, of which they do.

    Returns:
        None if it is not.

    >>> index = torch.tensor([[[[1, 4], [3, 4]]]])
    >>> laid(index, [torch.zeros(1, 1, 2, 2), torch.tensor([0.0])])
    Laid(block=1, planes=(Plane(part=0, block=1, channel=0, row=0, column=1, edges='zero'),), size=(2, 2))
    """
    if index.dim() != 4 or len(index) != 1:
        return None
    source = _Source.of(index[0], parts)
    height, width = index.shape[2:]
    for block in range(1, _MOST_BLOCK + 1):
        if height % block or width % block:
            continue
        planes: list[Plane | float] = []
        for channel in range(index.shape[1]):
            for phase in range(block * block):
                place = channel, slice(phase // block, None, block), slice(phase % block, None, block)
                plane = _plane(source.at(place), parts)
                if (
                    plane is None
                    or _reach(plane, parts, (height // block, width // block)) * block > _MOST_SHIFT
                ):
                    break
                planes.append(plane)
            else:
                continue
            break
        else:
            if any(isinstance(plane, Plane) for plane in planes):
                return Laid(block, tuple(planes), (height // block, width // block))
            return None
    return None


class _Source(NamedTuple):
    """Where each value is from: its part, -1 for a constant; channel, row, column; its value there."""

    part: Tensor
    channel: Tensor
    row: Tensor
    column: Tensor
    value: Tensor

    @classmethod
    def of(cls, index: Tensor, parts: Sequence[Tensor]) -> "_Source":
        """Of an index (C, H, W)."""
        part = torch.full(index.shape, -1)
        channel, row, column = (torch.zeros(index.shape, dtype=torch.long) for _ in range(3))
        value = torch.zeros(index.shape, dtype=torch.float64)
        first = 0
        for number, each in enumerate(parts):
            inside = (index >= first) & (index < first + each.numel())
            local = (index - first).clamp(0, each.numel() - 1)
            if each.dim() == 4:
                area = each.shape[2] * each.shape[3]
                part[inside] = number
                channel = torch.where(inside, local // area, channel)
                row = torch.where(inside, local % area // each.shape[3], row)
                column = torch.where(inside, local % each.shape[3], column)
            else:
                value = torch.where(inside, each.detach().flatten().double()[local], value)
            first += each.numel()
        return cls(part, channel, row, column, value)

    def at(self, place: tuple[int, slice, slice]) -> "_Source":
        """A plane of it."""
        return _Source(*(each[place] for each in self))


def _plane(found: _Source, parts: Sequence[Tensor]) -> Plane | float | None:
    """What a plane (h, w) is; None if it is nothing of that."""
    inside = found.part >= 0
    if not bool(inside.any()):
        number = float(found.value.flatten()[0])
        return number if bool((found.value == number).all()) else None
    part = int(found.part[inside][0])
    channel = int(found.channel[inside][0])
    if not bool(((found.part == part) & (found.channel == channel) | ~inside).all()):
        return None
    size, of = tuple(inside.shape), tuple(parts[part].shape[2:])
    rows_apart, columns_apart = _apart(found.row, inside), _apart(found.column.T, inside.T)
    block = int(max(rows_apart.max(), columns_apart.max()))
    if block < 1 or of[0] % block or of[1] % block:
        return None
    down = _first(found.row, inside, rows_apart, block)
    across = _first(found.column.T, inside.T, columns_apart, block)
    if down is None or across is None:
        return None
    (row, top), (column, left) = down, across
    last = of[0] // block - 1, of[1] // block - 1
    rows, columns = torch.arange(size[0])[:, None] + row, torch.arange(size[1]) + column
    there = ((rows >= 0) & (rows <= last[0])) & ((columns >= 0) & (columns <= last[1]))
    turned = 2 * abs(row) >= of[0] // block or 2 * abs(column) >= of[1] // block  # not moved by some pixels
    several = bool(inside.all()) and not bool(there.all()) and not turned
    for edges in ("replicate", "reflect") if several else ("zero",):
        seen = _seen(rows, last[0], edges), _seen(columns, last[1], edges)
        right = (found.row == seen[0] * block + top) & (found.column == seen[1] * block + left)
        zeros = (inside == there) & torch.where(there, right, found.value == 0)
        if bool((zeros if edges == "zero" else right).all()):
            return Plane(part, block, (channel * block + top) * block + left, row, column, edges)
    return None


def _reach(plane: Plane | float, parts: Sequence[Tensor], size: tuple[int, int]) -> int:
    """By how many pixels a plane is moved, or cut off behind."""
    if not isinstance(plane, Plane):
        return 0
    height, width = (side // plane.block for side in parts[plane.part].shape[2:])
    cut = max(height - size[0] - plane.row, width - size[1] - plane.column)
    return max(abs(plane.row), abs(plane.column), cut)


def _apart(places: Tensor, inside: Tensor) -> Tensor:
    """By how much the row of each value is behind that of the one above, where there are both."""
    apart = torch.full(inside.shape, _NONE)
    both = inside[1:] & inside[:-1]
    apart[1:][both] = (places[1:] - places[:-1])[both]
    return apart


def _first(places: Tensor, inside: Tensor, apart: Tensor, block: int) -> tuple[int, int] | None:
    """By how many rows a plane is moved up, and its first row, from a value that is no copy of an edge."""
    known = apart == block if bool((apart > _NONE).any()) else inside
    if not bool(known.any()):
        return None
    y, x = (int(place) for place in known.nonzero()[0])
    return divmod(int(places[y, x]) - block * y, block)


def _seen(places: Tensor, last: int, edges: str) -> Tensor:
    """The rows, or columns, that stand where a plane has none."""
    if edges != "reflect":
        return places.clamp(0, last)
    return last - (last - places.abs()).abs()
