"""Means of rows or of columns as strips: turned, put end to end, computed with, and taken apart again.

A mean of each row is (N, C, H, 1) in torch, and in the graph as large as the picture, for whoever reads it
meets all columns. Attention by coordinates turns the strip of the columns into one of rows, joins it to the
other, and computes with both at once, value by value: here it is computed with each.
"""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from hwrts.graph.operators.call import VALUE

_TURNS: tuple[Any, ...] = (torch.permute, "permute", torch.transpose, "transpose", torch.swapaxes, "swapaxes")
_JOINS = (torch.cat, torch.concat, torch.concatenate)
_SPLITS: tuple[Any, ...] = (torch.split, "split")
_WIDENED: tuple[Any, ...] = ("expand", "expand_as", torch.broadcast_to, "broadcast_to")
_POINT: set[Any] = {
    *(F.conv2d, torch.conv2d, F.batch_norm, torch.batch_norm, F.relu, F.relu6, F.hardswish, F.hardsigmoid),
    *(torch.relu, torch.relu_, torch.sigmoid, F.sigmoid, torch.tanh, F.silu, F.gelu, F.leaky_relu, F.prelu),
    *(torch.add, torch.mul, torch.div, torch.clamp, F.hardtanh, F.dropout),
}
"""Functions of each value, or of the channels of each pixel; of a convolution those of 1x1."""
_METHODS = ("sigmoid", "relu", "tanh", "clamp", "clip", "mul", "add", "div", "contiguous", "clone")
_FLAT = ("nearest", "nearest-exact", "area", "bilinear", "bicubic")
_ACROSS = 2, 3
"""Rows and columns of (N, C, H, W)."""


class Part(NamedTuple):
    """A strip of the graph.

    Attributes:
        x: What stands for it.
        turned: Whether its columns stand where rows do.
    """

    x: fx.Proxy
    turned: bool

    @property
    def length(self) -> int:
        """Along the strip."""
        value: Tensor = self.x.node.meta[VALUE]
        return value.shape[3] if self.turned else value.shape[2]


class Strips:
    """Strips end to end, one column wide, as a module computes with them while it is followed.

    Args:
        parts: From the top.
    """

    def __init__(self, parts: tuple[Part, ...]) -> None:
        self.parts = parts

    @property
    def shape(self) -> torch.Size:
        """As the module sees it."""
        value: Tensor = self.parts[0].x.node.meta[VALUE]
        return torch.Size([*value.shape[:2], sum(part.length for part in self.parts), 1])

    def size(self, dim: int | None = None) -> Any:
        """As of a tensor."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """Four."""
        return len(self.shape)

    def each(self, function: Callable[[Any], Any]) -> "Strips":
        """The same function of every part."""
        return Strips(tuple(part._replace(x=function(part.x)) for part in self.parts))

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """What a function of torch makes of strips."""
        made = of_strips(function, args, kwargs or {})
        if made is None:
            raise TypeError(
                f"{getattr(function, '__name__', function)} of means of rows and columns put end to end; use "
                "functions of each value and convolutions of 1x1, or compute with each of them on its own"
            )
        return made

    def __getattr__(self, name: str) -> Any:
        if name in (*_METHODS, *_TURNS, *_SPLITS):
            return lambda *args, **kwargs: Strips._called(name, self, *args, **kwargs)
        raise AttributeError(name)

    @staticmethod
    def _called(name: str, strips: "Strips", *args: Any, **kwargs: Any) -> Any:
        made = of_strips(name, (strips, *args), kwargs)
        return strips.each(lambda x: getattr(x, name)(*args, **kwargs)) if made is None else made

    _OPERATORS: ClassVar[tuple[str, ...]] = ("add", "sub", "mul", "truediv", "radd", "rmul")


def _operated(name: str) -> Callable[[Strips, Any], Strips]:
    def operate(strips: Strips, other: Any) -> Strips:
        if not isinstance(other, Strips):
            return strips.each(lambda x: getattr(x, name)(other))
        pairs = zip(strips.parts, other.parts, strict=True)
        return Strips(tuple(a._replace(x=getattr(a.x, name)(b.x)) for a, b in pairs))

    return operate


for _name in Strips._OPERATORS:
    setattr(Strips, f"__{_name}__", _operated(f"__{_name}__"))


def of_strips(target: Any, args: Any, kwargs: Any) -> Any:
    """A strip that is turned, joined, computed with, split, or made as wide as the picture.

    Args:
        target: The function, or the method's name.
        args: With strips, or what stands for tensors of the picture, among them.
        kwargs: As ``args``, by name.

    Returns:
        Strips; what stands for one that lies as it was made; None for anything else.
    """
    if not args:
        return None
    x = args[0]
    if target in _TURNS and _turns(args[1:], kwargs):
        if isinstance(x, Strips) and len(x.parts) == 1:
            return _plain(x.parts[0]._replace(turned=not x.parts[0].turned))
        return Strips((Part(x, True),)) if _line(x) == _ACROSS[0] else None
    if target in _JOINS and isinstance(x, list | tuple) and any(isinstance(each, Strips) for each in x):
        return _joined(x, args[1] if len(args) > 1 else kwargs.get("dim", 0))
    if isinstance(x, Strips):
        if target in _SPLITS:
            return _split(x, args[1], args[2] if len(args) > 2 else kwargs.get("dim", 0))
        if not isinstance(target, str) and target in _POINT and _of_a_pixel(target, args):
            return x.each(lambda part: target(part, *args[1:], **kwargs))
        return None
    return _widened(target, args, kwargs)


def _turns(given: Any, kwargs: Any) -> bool:
    """Whether rows and columns change places, and nothing else."""
    dims = list(given[0]) if len(given) == 1 and isinstance(given[0], tuple | list) else list(given)
    dims = [each % 4 for each in dims if isinstance(each, int)]
    return not kwargs and (dims == [0, 1, 3, 2] or sorted(dims) == [2, 3])


def _line(x: Any) -> int | None:
    """The dimension across which a strip has a single pixel; None for what is no strip."""
    value = x.node.meta.get(VALUE) if isinstance(x, fx.Proxy) else None
    if not isinstance(value, Tensor) or value.dim() != 4 or (value.shape[2] == 1) == (value.shape[3] == 1):
        return None
    return _ACROSS[0] if value.shape[2] == 1 else _ACROSS[1]


def _plain(part: Part) -> Any:
    return Strips((part,)) if part.turned else part.x


def _joined(operands: Any, dim: Any) -> Strips | None:
    parts: list[Part] = []
    for each in operands:
        if isinstance(each, Strips):
            parts += each.parts
        elif _line(each) == _ACROSS[1]:
            parts.append(Part(each, False))
        else:
            return None
    return Strips(tuple(parts)) if dim in (2, -2) else None


def _split(strips: Strips, sizes: Any, dim: Any) -> Any:
    if dim not in (2, -2) or list(sizes) != [part.length for part in strips.parts]:
        return None
    return tuple(_plain(part) for part in strips.parts)


def _of_a_pixel(target: Any, args: Any) -> bool:
    """Whether no neighbour is read, which may be that of another strip."""
    if target not in (F.conv2d, torch.conv2d):
        return True
    return tuple(args[1].shape[2:]) == (1, 1) and all(each in (0, 1, (0, 0), (1, 1)) for each in args[3:])


def _widened(target: Any, args: Any, kwargs: Any) -> Any:
    """A strip made as large as the picture, which it is in the graph: a copy."""
    x, across = args[0], _line(args[0])
    if across is None or not (target in _WIDENED or target is F.interpolate):
        return None
    value: Tensor = x.node.meta[VALUE]
    if target is F.interpolate:
        given = {**dict(zip(("size", "scale_factor", "mode"), args[1:], strict=False)), **kwargs}
        size = given.get("size")
        if not isinstance(size, tuple | list) or given.get("mode", "nearest") not in _FLAT:
            return None
        shape = (*value.shape[:2], *size)
    else:
        others = [each.node.meta[VALUE] if isinstance(each, fx.Proxy) else each for each in args[1:]]
        made: Tensor = target(value, *others) if callable(target) else getattr(value, target)(*others)
        shape = tuple(made.shape)
    kept = [size for place, size in enumerate(shape) if place != across]
    same = len(shape) == 4 and kept == [side for place, side in enumerate(value.shape) if place != across]
    return x.clone() if same and shape[across] > 1 else None
