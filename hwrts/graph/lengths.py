"""Lengths, variances and orders over the channels of a pixel, in sums, products and roots."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from hwrts.graph.operators.call import VALUE

_LENGTHS: dict[Any, tuple[str, ...]] = {
    torch.norm: ("p", "dim", "keepdim"),
    "norm": ("p", "dim", "keepdim"),
    torch.linalg.vector_norm: ("ord", "dim", "keepdim"),
}
"""With the names of what stands behind the tensor."""
_SPREADS: dict[Any, tuple[bool, bool]] = {
    torch.var: (False, False),
    "var": (False, False),
    torch.std: (True, False),
    "std": (True, False),
    torch.var_mean: (False, True),
    torch.std_mean: (True, True),
}
"""Whether the root is taken, and whether the mean is returned as well."""


def over_channels(target: Any, args: Any, kwargs: Any) -> Any:
    """F.normalize, norm, var, std and roll along the channels of each pixel.

    Args:
        target: The function, or the method's name.
        args: With what stands for tensors of the picture among them.
        kwargs: As ``args``, by name.

    Returns:
        What it makes; None for anything else, such as along rows.
    """
    if not args or not isinstance(args[0], fx.Proxy):
        return None
    value = args[0].node.meta.get(VALUE)
    if not isinstance(value, Tensor) or value.dim() != 4:
        return None
    if target is F.normalize:
        return _normalised(args, kwargs)
    if target in _LENGTHS:
        return _length(_LENGTHS[target], args, kwargs)
    if target in _SPREADS:
        return _spread(*_SPREADS[target], args, kwargs)
    return _rolled(args, kwargs) if target in (torch.roll, "roll") else None


def _normalised(args: Any, kwargs: Any) -> Any:
    """Of length 1; where the length is below eps nothing of it is left to see."""
    given = {"p": 2, "dim": 1, "eps": 1e-12, **_named(("p", "dim", "eps"), args, kwargs)}
    if given["p"] != 2 or not _of_channels(given["dim"]):
        return None
    x: Any = args[0]
    return x * torch.rsqrt(torch.sum(x * x, 1, keepdim=True) + given["eps"] ** 2)


def _length(names: tuple[str, ...], args: Any, kwargs: Any) -> Any:
    given = _named(names, args, kwargs)
    if given.get(names[0], 2) not in (2, "fro", None) or not _of_channels(given.get("dim")):
        return None
    if given.keys() - set(names):
        return None
    x: Any = args[0]
    return _kept(torch.sqrt(torch.sum(x * x, 1, keepdim=True)), given)


def _spread(root: bool, pair: bool, args: Any, kwargs: Any) -> Any:
    given = _named(("dim", "unbiased", "keepdim"), args, kwargs)
    x: Any = args[0]
    channels = x.node.meta[VALUE].shape[1]
    less = given.get("correction", given.get("unbiased", True))
    if not _of_channels(given.get("dim")) or not isinstance(less, int) or channels <= less:
        return None
    if given.keys() - {"dim", "unbiased", "keepdim", "correction"}:
        return None
    mean = x.mean(1, keepdim=True)
    apart = x - mean
    variance = (apart * apart).mean(1, keepdim=True) * (channels / (channels - less))
    made = _kept(torch.sqrt(variance) if root else variance, given)
    return (made, _kept(mean, given)) if pair else made


def _rolled(args: Any, kwargs: Any) -> Any:
    """An order of channels."""
    given = _named(("shifts", "dims"), args, kwargs)
    shifts, dims = given.get("shifts"), given.get("dims")
    shift = shifts[0] if isinstance(shifts, tuple | list) and len(shifts) == 1 else shifts
    if not isinstance(shift, int) or not _of_channels(dims):
        return None
    x: Any = args[0]
    channels = x.node.meta[VALUE].shape[1]
    return x[:, [(channel - shift) % channels for channel in range(channels)]]


def _named(names: tuple[str, ...], args: Any, kwargs: Any) -> dict[str, Any]:
    given = {**dict(zip(names, args[1:], strict=False)), **kwargs}
    return {name: each for name, each in given.items() if each is not None}


def _of_channels(given: Any) -> bool:
    dims = list(given) if isinstance(given, tuple | list) else [given]
    return dims in ([1], [-3])


def _kept(made: Any, given: dict[str, Any]) -> Any:
    return made if given.get("keepdim") else made.squeeze(1)
