"""Tensors of the picture's size that are one number in each channel: states that a forward makes itself."""

import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from hwrts.graph import Concat, Conv, Graph, Node, graph_channels
from hwrts.graph.operators.add import MINUS, PLUS
from hwrts.graph.operators.call import VALUE
from hwrts.graph.operators.scale import OVER, TIMES

# Letters of the shape comments: N pictures, C channels, H rows, W columns.


class Joined(NamedTuple):
    """A concatenation whose operands are all made of the picture.

    Attributes:
        operands: What it puts together.
    """

    operands: list[Any]


def joined_of_one_number(target: Any, args: Any, dim: Any = 1) -> Joined | None:
    """The operands of a concatenation of which some are constants: these as convolutions that read nothing.

    Args:
        target: The function.
        args: What it is given by place.
        dim: Along which.

    Returns:
        None if it is no such concatenation.
    """
    if target not in Concat.FUNCTIONS or not args or not isinstance(args[0], list | tuple):
        return None
    if dim not in (1, -3):  # of rows and columns, constants are what is between them
        return None
    pictures = [each for each in args[0] if isinstance(each, fx.Proxy)]
    like = pictures[0].node.meta.get(VALUE) if pictures else None
    made = [_planes(pictures[0], each) if _is_flat(each, like) else each for each in args[0]]
    same = all(old is new for old, new in zip(args[0], made, strict=True))
    return None if same else Joined(made)


def of_one_number(target: Any, args: Any, kwargs: Any) -> Any:
    """A sum, difference, product or quotient with such a tensor: with a number, or one for each channel."""
    signs = (*PLUS, *MINUS, *TIMES, *OVER)
    if target not in signs or kwargs or len(args) != 2 or not any(isinstance(x, fx.Proxy) for x in args):
        return None
    x, constant = args if isinstance(args[0], fx.Proxy) else args[::-1]
    like = x.node.meta.get(VALUE)
    if not _is_flat(constant, like):
        return None
    in_place = (
        str(getattr(target, "__name__", target)) in ("iadd", "isub", "imul", "itruediv")
        or str(target)[-1] == "_"
    )
    few = constant[:1, :, :1, :1]  # (1, C, 1, 1)
    number = float(few.detach().flatten()[0])
    method = isinstance(target, str)
    if target in OVER and x is not args[0]:
        return operator.truediv(number, x) if the_number(constant, x) is not None else None
    if not bool((few == number).all()) or few.requires_grad or (method and x is not args[0]):
        other: Any = few
    elif number == 0 and target in TIMES:
        return None if in_place else torch.zeros_like(like + constant)
    else:
        other = number
    if constant.shape[1] > like.shape[1] or (in_place and x is not args[0]):
        return None
    a, b = (x, other) if x is args[0] else (other, x)
    return getattr(a, target)(b) if method else target(a, b)


def the_number(given: Any, x: Any) -> float | None:
    """The one number that a constant is, everywhere; None if it is no constant, is trained, or is several.

    Args:
        given: What may be a constant.
        x: The picture beside it.
    """
    if not isinstance(given, Tensor) or not isinstance(x, fx.Proxy) or given.requires_grad:
        return None
    if given.numel() != 1 and not _is_flat(given, x.node.meta.get(VALUE)):
        return None
    value: Any = x.node.meta.get(VALUE)
    wider = isinstance(value, Tensor) and given.dim() > value.dim()
    number = float(given.flatten()[0])
    return number if not wider and bool((given == number).all()) else None


def _is_flat(given: Any, like: Any) -> bool:
    """Whether it is a constant (1 or N, C, H, W) of the picture's size, the same in all pixels."""
    if not isinstance(given, Tensor) or not isinstance(like, Tensor) or isinstance(given, nn.Parameter):
        return False
    if given.dim() != 4 or like.dim() != 4 or given.shape[2:] != like.shape[2:] or like[0, 0].numel() == 1:
        return False
    return len(given) in (1, len(like)) and torch.equal(given, given[:1, :, :1, :1].expand(given.shape))


def _planes(x: fx.Proxy, constant: Tensor) -> Any:
    """A convolution of 1x1 that multiplies one channel of the picture by 0 and adds the constant."""
    numbers = constant[0, :, 0, 0].detach()  # (C,)
    one: Any = operator.getitem(x, (slice(None), slice(0, 1)))
    return F.conv2d(one, numbers.new_zeros(len(numbers), 1, 1, 1), numbers)


def without_zeros(graph: Graph) -> Graph:
    """The graph in which no convolution reads channels that are always 0: it is less these input channels."""
    zeros = {
        node.name
        for node in graph.of(Conv)
        if node.frozen and not bool(node.weight.any()) and not bool(node.bias.any())
    }
    if not zeros:
        return graph
    channels = graph_channels(graph)
    nodes: dict[str, Node] = {node.name: node for node in graph.nodes}
    renamed: dict[str, str] = {}
    for join in graph.of(Concat):
        kept = [source for source in join.sources if source not in zeros]
        readers = graph.readers(join.name)
        if not kept or len(kept) == len(join.sources) or join.name in graph.outputs:
            continue
        parts = torch.split(torch.arange(channels[join.name]), [channels[source] for source in join.sources])
        index = torch.cat([part for part, source in zip(parts, join.sources, strict=True) if source in kept])
        less = {reader.name: reader.without_channels(index) for reader in readers}
        if None in less.values():
            continue
        nodes |= {name: reader for name, reader in less.items() if reader is not None}
        nodes[join.name] = replace(join, sources=tuple(kept))
        if len(kept) == 1:
            renamed[join.name] = kept[0]
    kept_nodes = [node for name, node in nodes.items() if name not in renamed]
    found = [node.reading(renamed) for node in kept_nodes]
    return graph.rewritten(_read(found, graph.outputs))


def _read(nodes: Sequence[Node], outputs: Sequence[str]) -> list[Node]:
    """Those that an output is made of, and all inputs."""
    needed = set(outputs)
    for node in reversed(nodes):
        if node.name in needed:
            needed.update(node.sources)
    return [node for node in nodes if node.name in needed or not node.sources]
