"""Sums of products of two tensors of the picture over channels: einsum, matmul and bmm."""

import operator
from typing import Any

import torch
from torch import Tensor, fx

from hwrts.graph.arithmetic import Arithmetic
from hwrts.graph.recording import Moved, Recording

_MATRICES: tuple[Any, ...] = (torch.matmul, operator.matmul, "matmul", "__matmul__", torch.bmm, "bmm")


def contracted(recording: Recording, node: fx.Node) -> Moved | None:
    """A product that is summed up over channels of the same pixel."""
    if node.op not in ("call_function", "call_method"):
        return None
    if node.target is torch.einsum:
        equation: Any = node.args[0]
        given = node.args[1:] if len(node.args) > 2 else node.args[1]
    elif node.target in _MATRICES:
        equation, given = None, node.args
    else:
        return None
    operands = [_operand(recording, each) for each in given]  # type: ignore[union-attr]
    if len(operands) != 2 or not all(isinstance(_index(each), Tensor) for each in operands):
        return None
    if all(isinstance(each, Tensor) for each in operands):
        return None
    if equation is None:
        ranks = [_index(each).dim() for each in operands]
        if min(ranks) < 2:
            return None
        front = "abcdefgh"[8 - (max(ranks) - 2) :]
        first, second = (front[len(front) - rank + 2 :] for rank in ranks)
        equation = f"{first}ik,{second}kj->{front}ij"
    return _by_letters(Arithmetic(recording, node), equation, operands)


def _by_letters(x: Arithmetic, equation: str, operands: list[Any]) -> Moved | None:
    """As einsum says it: each letter is a dimension, those that the result lacks are summed up."""
    left, arrow, made = equation.replace(" ", "").partition("->")
    given = left.split(",")
    if not arrow or len(given) != 2 or not (left.replace(",", "") + made).isalpha():
        return None
    if any(len({*each}) != len(each) for each in (*given, made)):
        return None
    gone = [each for each in dict.fromkeys("".join(given)) if each not in made]
    letters = [*made, *gone]
    spread = [_spread(operand, list(each), letters) for operand, each in zip(operands, given, strict=True)]
    product = x.pair(operator.mul, *spread)
    dims = list(range(len(made), len(letters)))
    total = x.total(product, dims) if dims else product
    return Moved(total.source, total.index.squeeze(dims))


def _spread(operand: Any, own: list[str], letters: list[str]) -> Any:
    """With all dimensions in one order, of size 1 where it has none."""
    order = sorted(own, key=letters.index)
    index = _index(operand)
    index = index.permute(*(own.index(each) for each in order))
    for place, each in enumerate(letters):
        if each not in own:
            index = index.unsqueeze(place)
    return Moved(operand.source, index) if isinstance(operand, Moved) else index


def _operand(recording: Recording, given: Any) -> Any:
    """Values in their places, or a constant."""
    if not isinstance(given, fx.Node):
        return None
    held = recording.constants.get(given.name)
    return recording.base(given) if held is None else held


def _index(operand: Any) -> Any:
    return operand.index if isinstance(operand, Moved) else operand
