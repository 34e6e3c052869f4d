"""Norms by statistics of each picture, in means over the picture, products and roots."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from hwrts.graph.layers import batch_norm
from hwrts.graph.operators.call import VALUE

_SPREADS: dict[Any, tuple[bool, bool]] = {
    torch.var: (False, False),
    "var": (False, False),
    torch.std: (True, False),
    "std": (True, False),
    torch.var_mean: (False, True),
    torch.std_mean: (True, True),
}
"""Whether the root is taken, and whether the mean is returned as well."""
_PICTURE = (2, 3)


def of_each_picture(target: Any, args: Any, kwargs: Any) -> Any:
    """F.instance_norm, F.group_norm, and var and std over rows and columns.

    Args:
        target: The function, or the method's name.
        args: With what stands for tensors of the picture among them.
        kwargs: As ``args``, by name.

    Returns:
        What it makes; None for anything else.
    """
    if not args or not isinstance(args[0], fx.Proxy):
        return None
    if target is F.instance_norm:
        return _instance_norm(args, kwargs)
    if target is F.group_norm:
        return _group_norm(args, kwargs)
    return _spread(*_SPREADS[target], args, kwargs) if target in _SPREADS else None


def _instance_norm(args: Any, kwargs: Any) -> Any:
    names = ("input", "running_mean", "running_var", "weight", "bias", "use_input_stats", "momentum", "eps")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    numbers, eps = (given.get("weight"), given.get("bias")), given.get("eps", 1e-5)
    if not given.get("use_input_stats", True):  # as stored, of a norm that has tracked them
        return batch_norm(args[0], *numbers, given["running_mean"], given["running_var"], eps)
    return _normed(args[0], None, numbers, eps)


def _group_norm(args: Any, kwargs: Any) -> Any:
    names = ("input", "num_groups", "weight", "bias", "eps")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    x, value = args[0], args[0].node.meta.get(VALUE)
    if not isinstance(value, Tensor) or value.dim() != 4:
        return None
    channels, groups = value.shape[1], given["num_groups"]
    group = torch.arange(channels, device=value.device) // (channels // groups)
    same = (group[:, None] == group).to(value.dtype)
    shares = (same * (groups / channels))[:, :, None, None]  # (C, C, 1, 1)
    return _normed(x, shares, (given.get("weight"), given.get("bias")), given.get("eps", 1e-5))


def _normed(x: Any, shares: Tensor | None, numbers: tuple[Any, Any], eps: float) -> Any:
    """(x - mean) / sqrt(variance + eps) times a weight plus a bias, of each channel, or of each group's."""
    apart = x - _mean(x, shares)
    made = apart * torch.rsqrt(_mean(apart * apart, shares) + eps)
    weight, bias = (None if each is None else each.reshape(1, -1, 1, 1) for each in numbers)
    made = made if weight is None else made * weight
    return made if bias is None else made + bias


def _mean(x: Any, shares: Tensor | None) -> Any:
    mean = x.mean(_PICTURE, keepdim=True)
    return mean if shares is None else F.conv2d(mean, shares)


def _spread(root: bool, pair: bool, args: Any, kwargs: Any) -> Any:
    names = ("dim", "unbiased", "keepdim")
    given = {**dict(zip(names, args[1:], strict=False)), **kwargs}
    x, value, dims = args[0], args[0].node.meta.get(VALUE), given.get("dim")
    if not isinstance(value, Tensor) or value.dim() != 4 or not isinstance(dims, tuple | list):
        return None
    less = given.get("correction", given.get("unbiased", True))
    if sorted(dim % 4 for dim in dims) != list(_PICTURE) or less != 0:
        return None  # by one pixel less than there are is another factor for each size
    if given.keys() - {*names, "correction"}:
        return None
    mean = x.mean(_PICTURE, keepdim=True)
    apart = x - mean
    variance = (apart * apart).mean(_PICTURE, keepdim=True)
    made = torch.sqrt(variance) if root else variance
    if not given.get("keepdim"):
        made, mean = (each.squeeze(3).squeeze(2) for each in (made, mean))
    return (made, mean) if pair else made
