"""Products of a constant matrix and a tensor of the picture, as the linear layer that they are."""

import operator
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from hwrts.graph.operators.call import VALUE

_PRODUCTS: tuple[Any, ...] = (torch.matmul, operator.matmul, "matmul", "__matmul__")


def multiplied(target: Any, args: Any, kwargs: Any) -> Any:
    """A product of a constant matrix with one dimension of a tensor, whatever it is called.

    Returns:
        What stands for it; None if it is none.
    """
    if target is torch.einsum and not kwargs and len(args) == 3 and isinstance(args[0], str):
        return _by_letters(*args)
    if target is torch.tensordot and len(args) >= 2:
        return _over_dimensions(args[0], args[1], args[2] if len(args) > 2 else kwargs.get("dims", 2))
    if target not in _PRODUCTS or kwargs or len(args) != 2:
        return None
    a, b = args
    if _is_matrix(a) and _dimensions(b) >= 2:
        return _linear(b, -2, a, -2)
    if _is_matrix(b) and _dimensions(a) >= 2:
        return _linear(a, -1, b.t(), -1)
    return None


def _by_letters(equation: str, a: Any, b: Any) -> Any:
    """As einsum says it: one letter of the matrix is the tensor's, the other the result's."""
    left, arrow, made = equation.replace(" ", "").partition("->")
    given = left.split(",")
    if not arrow or len(given) != 2:
        return None
    letters, x, matrix = (given[0], a, b) if _is_matrix(b) else (given[1], b, a)
    rows = given[1] if matrix is b else given[0]
    if not _is_matrix(matrix) or _dimensions(x) != len(letters) or len({*rows}) != 2 or len(rows) != 2:
        return None
    shared = [each for each in rows if each in letters]
    if len(shared) != 1 or len({*letters}) != len(letters) or not (letters + rows).isalpha():
        return None
    (new,) = (each for each in rows if each != shared[0])
    there = letters.replace(shared[0], new)
    if sorted(there) != sorted(made):
        return None
    place = letters.index(shared[0])
    found = _linear(x, place, matrix if rows[0] == new else matrix.t(), place)
    order = [there.index(each) for each in made]
    return found if order == sorted(order) else found.permute(*order)


def _over_dimensions(a: Any, b: Any, dims: Any) -> Any:
    """As tensordot says it: what is left of the first, then what is left of the second."""
    if not isinstance(dims, Sequence) or len(dims) != 2:
        return None
    first, second = ((each,) if isinstance(each, int) else tuple(each) for each in dims)
    if len(first) != 1 or len(second) != 1:
        return None
    if _is_matrix(a) and _dimensions(b) >= 2:
        return _linear(b, second[0], a if first[0] % 2 else a.t(), 0)
    if _is_matrix(b) and _dimensions(a) >= 2:
        return _linear(a, first[0], b if second[0] % 2 else b.t(), -1)
    return None


def _linear(x: Any, place: int, weight: Tensor, to: int) -> Any:
    """A matrix (O, I) times each of the vectors along a dimension, which the result has elsewhere."""
    last = _dimensions(x) - 1
    place, to = place % (last + 1), to % (last + 1)
    others = [each for each in range(last + 1) if each != place]
    made = F.linear(x if place == last else x.permute(*others, place), weight)
    back = list(range(last))
    back.insert(to, last)
    return made if to == last else made.permute(*back)


def _is_matrix(given: Any) -> bool:
    return isinstance(given, Tensor) and given.dim() == 2


def _dimensions(x: Any) -> int:
    """Of what stands for a tensor of the picture; 0 if it does not, or nobody knows."""
    value = x.node.meta.get(VALUE) if isinstance(x, fx.Proxy) else None
    return value.dim() if isinstance(value, Tensor) else 0
