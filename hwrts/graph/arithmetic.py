"""Arithmetic of values in any places, as calls on tensors of pictures that hold them as channels."""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from hwrts.graph.operators.call import VALUE
from hwrts.graph.operators.reorder import reorder
from hwrts.graph.places import landed
from hwrts.graph.planes import Planes, distinct, met
from hwrts.graph.recording import Moved, Recording

_MOST = 4096
"""Channels of a tensor that a rearrangement may make: far more than silicon keeps of a pixel."""
_FEW = 4
"""Maxima of their own; of more groups of channels the maximum is computed channel by channel."""


class Arithmetic:
    """What calls in front of a node make of values in any places.

    Every method raises ValueError where no operator makes it: a dimension is not channels alone, or pixels
    of two operands differ.

    Args:
        recording: To which calls are added.
        place: In front of which they stand.
    """

    def __init__(self, recording: Recording, place: fx.Node) -> None:
        self._recording, self._place = recording, place

    def call(self, function: Any, *args: Any, **kwargs: Any) -> fx.Node:
        """A call of a function, or of a method by its name."""
        op = "call_method" if isinstance(function, str) else "call_function"
        return self._recording.call(self._place, op, function, args, kwargs)

    def constant(self, value: Tensor) -> fx.Node:
        """A node for a constant."""
        return self._recording.constant(self._place, value)

    def planes(self, x: Moved) -> tuple[fx.Node, Planes]:
        """The tensor that holds values as channels of pixels, and where it holds them."""
        if not isinstance(x.index, Tensor):
            raise ValueError("several tensors")
        found = Planes.of(x.index, x.source.meta[VALUE].shape)
        return (x.source, found) if found is not None else self._settled(x)

    def _settled(self, x: Moved) -> tuple[fx.Node, Planes]:
        """Values moved to channels of pixels, where their last dimensions are rows and columns."""
        shape = x.source.meta[VALUE].shape
        for rows, columns in (x.index.shape[-2:], shape[2:]):
            if x.index.dim() < 3 or x.index.numel() % (rows * columns):
                continue
            if x.index.shape[-2:] != (rows, columns) and x.index.shape[-1] != rows * columns:
                continue
            calls = landed(x.index.reshape(1, -1, rows, columns), shape)
            if calls is None:
                continue
            made = x.source
            for function, *args in calls:
                made = self.call(function, made, *args)
            index = torch.arange(x.index.numel()).reshape(x.index.shape)
            found = Planes.of(index, made.meta[VALUE].shape)
            if found is not None:
                return made, found
        raise ValueError("values of other pixels in one pixel")

    def laid(self, source: fx.Node, channels: Sequence[int]) -> fx.Node:
        """Channels of a tensor in an order."""
        given = list(channels)
        if len(given) > _MOST:
            raise ValueError(f"{len(given)} channels")
        return source if given == list(range(_count(source))) else self.call(reorder, source, given)

    def made(self, source: fx.Node, shape: Sequence[int], channels: Tensor, pixels: Tensor) -> Moved:
        """What is held by a new tensor, of which ``channels`` says which channel is where."""
        area = source.meta[VALUE].shape[2:].numel()
        return Moved(source, Planes(torch.Size(shape), channels, pixels, area).index())

    def each(self, function: Callable[[fx.Node], fx.Node], x: Moved) -> Moved:
        """A function of each value."""
        shape = x.source.meta[VALUE].shape
        used = distinct(x.index)
        if len(used) == shape.numel() and int(used[0]) == 0:  # of every value, wherever it is
            return Moved(function(x.source), x.index)
        source, planes = self.planes(x)
        used = distinct(planes.channels)
        channels = torch.searchsorted(used, planes.channels.contiguous())
        made = function(self.laid(source, used.tolist()))
        return self.made(made, planes.shape, channels, planes.pixels)

    def pair(self, function: Any, a: Any, b: Any) -> Moved:
        """A sum, difference, product or quotient; one operand may be a constant or a number."""
        if isinstance(a, Tensor):
            return self._with_constant(function, b, a, first=False)
        if isinstance(b, Tensor):
            return self._with_constant(function, a, b, first=True)
        if not isinstance(a, Moved):
            return self.each(lambda x: self.call(function, a, x), b)
        if not isinstance(b, Moved):
            return self.each(lambda x: self.call(function, x, b), a)
        return self._of_two(function, a, b)

    def _with_constant(self, function: Any, x: Moved, constant: Tensor, *, first: bool) -> Moved:
        source, planes = self.planes(x)
        shape = met(planes.shape, constant.shape)
        planes = planes.aligned(len(shape))
        held = constant.reshape((1,) * (len(shape) - constant.dim()) + tuple(constant.shape))
        for dim, size in enumerate(planes.pixels.shape):
            if size > 1 and held.shape[dim] > 1:
                first_one = held.narrow(dim, 0, 1)
                if not torch.equal(held, first_one.expand(held.shape)):
                    raise ValueError("a constant for each pixel")
                held = first_one
        spread = met(planes.channels.shape, held.shape)
        channels, held = planes.channels.expand(spread).flatten(), held.expand(spread).flatten()
        if _is_order(channels, _count(source)):
            by_channel, order = held[channels.argsort()], channels
        else:
            by_channel, order = held, torch.arange(len(channels))
            source = self.laid(source, channels.tolist())
        number = self.constant(by_channel.reshape(1, -1, 1, 1))
        made = self.call(function, *((source, number) if first else (number, source)))
        return self.made(made, shape, order.reshape(spread), planes.pixels)

    def _of_two(self, function: Any, a: Moved, b: Moved) -> Moved:
        (one, at), (other, there) = self.planes(a), self.planes(b)
        shape = met(at.shape, there.shape)
        at, there = at.aligned(len(shape)), there.aligned(len(shape))
        pixels = there.pixels if at.area == 1 else at.pixels
        if min(at.area, there.area) > 1 and not torch.equal(at.pixels, there.pixels):
            raise ValueError("values of different pixels")
        spread = met(at.channels.shape, there.channels.shape)
        if any(c > 1 and p > 1 for c, p in zip(spread, pixels.shape, strict=True)):
            raise ValueError("channels of one where the other has pixels")
        count = spread.numel()
        first, second = (each.channels.expand(spread).flatten() for each in (at, there))
        order = torch.arange(count)
        if _is_order(first, _count(one)):
            order = first
        elif _is_order(second, _count(other)):
            order = second
        back = order.argsort()
        operands = [
            self.laid(node, numbers[:1].tolist() if _is_one(numbers, count) else numbers[back].tolist())
            for node, numbers in ((one, first), (other, second))
        ]
        made = self.call(function, *operands)
        return self.made(made, shape, order.reshape(spread), pixels)

    def groups(self, x: Moved, dims: Sequence[int]) -> tuple[fx.Node, Planes, Tensor]:
        """A tensor, and the channels of it that stand along dimensions: (O, n), of each of O places."""
        source, planes = self.planes(x)
        if any(planes.pixels.shape[dim] > 1 for dim in dims):
            raise ValueError("over pixels")
        wanted = [n if d in dims else planes.channels.shape[d] for d, n in enumerate(planes.shape)]
        others = [dim for dim in range(len(wanted)) if dim not in dims]
        channels = planes.channels.expand(wanted).permute(*others, *dims)
        count = torch.Size([wanted[dim] for dim in dims]).numel()
        return source, planes, channels.reshape(-1, count)

    def kept(self, made: fx.Node, planes: Planes, dims: Sequence[int]) -> Moved:
        """One channel for each of O places, along the dimensions that are left; the others are of size 1."""
        left = [1 if dim in dims else n for dim, n in enumerate(planes.channels.shape)]
        shape = [1 if dim in dims else n for dim, n in enumerate(planes.shape)]
        channels = torch.arange(torch.Size(left).numel()).reshape(left)
        return self.made(made, shape, channels, planes.pixels)

    def total(self, x: Moved, dims: Sequence[int], factor: float = 1) -> Moved:
        """``factor`` times the sum along dimensions of channels: a convolution that is not trained."""
        source, planes, channels = self.groups(x, dims)
        outputs, count = channels.shape
        if outputs > 1 or not _is_order(channels[0], _count(source)):
            source = self.laid(source, channels.flatten().tolist())
        weight = self.constant(torch.full((outputs, count, 1, 1), float(factor)))
        made = self.call(F.conv2d, source, weight, **({"groups": outputs} if outputs > 1 else {}))
        return self.kept(made, planes, dims)

    def mean(self, x: Moved, dims: Sequence[int]) -> Moved:
        """Along dimensions of channels, or over the whole picture."""
        if self.is_picture(x, dims):
            source, planes = self.planes(x)
            return self._pooled(self.call("mean", source, (2, 3), keepdim=True), planes)
        return self.total(x, dims, 1 / torch.Size([x.index.shape[dim] for dim in dims]).numel())

    def is_picture(self, x: Moved, dims: Sequence[int]) -> bool:
        """Whether dimensions are all pixels of the picture, and nothing else."""
        _, planes = self.planes(x)
        along = [dim for dim, size in enumerate(planes.pixels.shape) if size > 1]
        whole = planes.pixels.numel() == planes.area == len(distinct(planes.pixels)) > 1
        return whole and set(along) == {dim for dim in dims if planes.shape[dim] > 1}

    def _pooled(self, made: fx.Node, planes: Planes) -> Moved:
        shape = [1 if size > 1 else n for n, size in zip(planes.shape, planes.pixels.shape, strict=True)]
        return self.made(made, shape, planes.channels, torch.tensor(0))

    def largest(self, x: Moved, dims: Sequence[int]) -> Moved:
        """The largest along dimensions of channels, or over the whole picture."""
        if self.is_picture(x, dims):
            source, planes = self.planes(x)
            return self._pooled(self.call("amax", source, (2, 3), keepdim=True), planes)
        source, planes, channels = self.groups(x, dims)
        if len(channels) <= _FEW:
            each = [self.laid(source, sorted(set(group.tolist()))) for group in channels]
            parts = [self.call("amax", one, 1, keepdim=True) for one in each]
            made = parts[0] if len(parts) == 1 else self.call(torch.cat, parts, 1)
            return self.kept(made, planes, dims)

        def larger(a: fx.Node, b: fx.Node) -> fx.Node:
            return self.call(operator.add, b, self.call(torch.relu, self.call(operator.sub, a, b)))

        return self.chained(x, dims, larger)

    def chained(self, x: Moved, dims: Sequence[int], function: Callable[[Any, Any], fx.Node]) -> Moved:
        """A function of two tensors, again and again along dimensions of channels."""
        source, planes, channels = self.groups(x, dims)
        parts = [self.laid(source, channels[:, i].tolist()) for i in range(channels.shape[1])]
        made = parts[0]
        for part in parts[1:]:
            made = function(made, part)
        return self.kept(made, planes, dims)


def _count(node: fx.Node) -> int:
    count: int = node.meta[VALUE].shape[1]
    return count


def _is_order(channels: Tensor, count: int) -> bool:
    """Whether these are all channels of a tensor, each once."""
    return len(channels) == count and torch.equal(channels.sort().values, torch.arange(count))


def _is_one(channels: Tensor, count: int) -> bool:
    """Whether these are one channel that the operator itself spreads."""
    return count > 1 and bool((channels == channels[0]).all())
