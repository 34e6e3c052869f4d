"""Interpolation to the size of another tensor, by a factor that is not whole, while a module is followed."""

from fractions import Fraction
from typing import Any, TypeGuard

import torch.nn.functional as F
from torch import Tensor, fx

from hwrts.fixed_point import Places
from hwrts.graph.operators.call import VALUE
from hwrts.graph.operators.resize import resized

_NAMES = ("size", "scale_factor", "mode", "align_corners", "recompute_scale_factor", "antialias")
_DIMENSIONS = 4


def to_another(target: Any, args: Any, kwargs: Any) -> tuple[Any, Any, str] | None:
    """A bilinear or nearest interpolation to a size that a tensor has: to the size of that tensor.

    Args:
        target: The function.
        args: With what stands for tensors of the picture among them.
        kwargs: As ``args``, by name.

    Returns:
        What :func:`hwrts.graph.operators.resize.resized` is to be called with; None for anything else, for
        factors that other operators have, and where no tensor of that size is there.
    """
    if target is not F.interpolate or not args or not isinstance(args[0], fx.Proxy):
        return None
    x: Any = args[0]
    given = {**dict(zip(_NAMES, args[1:], strict=False)), **kwargs}
    size, value, places = given.get("size"), x.node.meta.get(VALUE), _places(given)
    sides = (size, size) if isinstance(size, int) else tuple(size or ())
    if places is None or given.get("antialias") or not _is_picture(value) or len(sides) != 2:
        return None
    factors = {Fraction(int(new), old) for new, old in zip(sides, value.shape[2:], strict=True)}
    even = len(factors) == 1 and 1 in (min(factors).numerator, min(factors).denominator)
    like = next((node for node in x.node.graph.nodes if _has(node, sides)), None)
    if like is None or (even and places is not Places.CORNERS):
        return None
    return x, x.tracer.proxy(like), places.value


def _places(given: dict[str, Any]) -> Places | None:
    """Where new pixels lie; None for a mode of other taps."""
    if given.get("mode") == "bilinear":
        return Places.CORNERS if given.get("align_corners") else Places.CENTRES
    return Places.NEAREST if given.get("mode", "nearest") == "nearest" else None


def _is_picture(value: Any) -> TypeGuard[Tensor]:
    return isinstance(value, Tensor) and value.dim() == _DIMENSIONS


def _has(node: fx.Node, sides: tuple[int, ...]) -> bool:
    """Whether a node is a tensor of pictures of that size."""
    value = node.meta.get(VALUE)
    return node.op != "get_attr" and _is_picture(value) and tuple(value.shape[2:]) == tuple(sides)


__all__ = ["resized", "to_another"]
