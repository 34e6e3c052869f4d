"""Concatenations and stacks along any dimension: one along channels, and where its values are."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, fx

from hwrts.graph.arithmetic import Arithmetic
from hwrts.graph.operators.call import VALUE
from hwrts.graph.places import landed
from hwrts.graph.planes import distinct
from hwrts.graph.recording import Moved, Recording

JOINS = (torch.cat, torch.concat, torch.concatenate, torch.stack)


def joined(recording: Recording, node: fx.Node) -> Moved | None:
    """A concatenation of tensors that has no name as it stands."""
    operands: Any = recording.argument(node, 0, "tensors")
    if not isinstance(operands, list | tuple):
        return None
    bases: list[Moved] = []
    for each in operands:
        base = recording.base(each)
        if base is None or not isinstance(base.index, Tensor):
            return None
        bases.append(base)
    function: Any = node.target
    others = node.args[1:], {key: each for key, each in node.kwargs.items() if key != "tensors"}
    if all(base.source is bases[0].source for base in bases):
        source, indices = bases[0].source, [base.index for base in bases]
        index = function(indices, *others[0], **others[1])
        moved = any(each in recording.moved for each in operands)
        if moved and landed(index, source.meta[VALUE].shape) is not None:
            return Moved(source, index)
        return None if _is_plain(recording, node, operands) else Moved(source, index)
    if _is_plain(recording, node, operands):
        return None
    source, indices = _one_source(Arithmetic(recording, node), bases)
    index = function(indices, *others[0], **others[1])
    plain = node.target is not torch.stack and not any(each in recording.moved for each in operands)
    if plain and landed(index, source.meta[VALUE].shape) is None:
        return None  # along rows or columns, of which its own reader says what is supported
    return Moved(source, index)


def _is_plain(recording: Recording, node: fx.Node, operands: Sequence[Any]) -> bool:
    """Whether it is one of tensors of pictures, along channels."""
    dim = recording.argument(node, 1, "dim")
    dim = node.kwargs.get("axis", 0) if dim is None else dim
    moved = [each for each in operands if each in recording.moved]
    if not moved and node.target is not torch.stack:
        return dim in (1, -3)
    return (
        node.target is not torch.stack
        and dim in (1, -3)
        and all(recording.landing(each) is not None for each in moved)
    )


def _one_source(arithmetic: Arithmetic, bases: Sequence[Moved]) -> tuple[fx.Node, list[Tensor]]:
    """All that several tensors are made of as channels of one, and the numbers of their values in it."""
    found = [arithmetic.planes(base) for base in bases]
    used = {
        source: distinct(torch.cat([p.channels.flatten() for s, p in found if s is source]))
        for source, _ in found
    }
    if len({source.meta[VALUE].shape[2:] for source in used}) > 1:
        raise ValueError("tensors of different sizes")
    first = dict(zip(used, torch.tensor([0, *map(len, used.values())]).cumsum(0).tolist(), strict=False))
    made = arithmetic.call(
        torch.cat, [arithmetic.laid(each, kept.tolist()) for each, kept in used.items()], 1
    )
    indices = []
    for source, planes in found:
        channels = first[source] + torch.searchsorted(used[source], planes.channels.contiguous())
        indices.append((channels * planes.area + planes.pixels).expand(planes.shape))
    return made, indices
