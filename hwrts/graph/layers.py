"""Layers that torch has functions for as well: a batch norm with its numbers, a gated linear unit."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn


def batch_norm(
    input: Any, weight: Tensor | None, bias: Tensor | None, mean: Tensor, variance: Tensor, eps: float
) -> Any:
    """What the module makes that holds these numbers.

    Args:
        input: What stands for a tensor of the picture.
        weight: (C,); None for 1.
        bias: (C,); None for 0.
        mean: (C,), as stored.
        variance: (C,), as stored.
        eps: Added to the variance.
    """
    norm = nn.BatchNorm2d(len(mean), eps, affine=weight is not None or bias is not None).eval()
    norm.running_mean, norm.running_var = mean, variance
    if norm.affine:
        ones, zeros = torch.ones_like(mean), torch.zeros_like(mean)
        norm.weight = nn.Parameter((ones if weight is None else weight).detach())
        norm.bias = nn.Parameter((zeros if bias is None else bias).detach())
    return norm(input)


def normed(target: Any, args: Any, kwargs: Any) -> Any:
    """The function F.batch_norm, of stored statistics."""
    if target is not F.batch_norm:
        return None
    names = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    weight, bias = given.get("weight"), given.get("bias")
    constant = all(each is None or isinstance(each, Tensor) for each in (weight, bias))
    mean, variance = given.get("running_mean"), given.get("running_var")
    if given.get("training") or not constant or not isinstance(given["input"], fx.Proxy):
        return None
    if not isinstance(mean, Tensor) or not isinstance(variance, Tensor):
        return None
    return batch_norm(given["input"], weight, bias, mean, variance, given.get("eps", 1e-5))


def gated(target: Any, args: Any, kwargs: Any) -> Any:
    """The function F.glu over channels: one half times the sigmoid of the other."""
    if target is not F.glu or not isinstance((x := args[0] if args else kwargs.get("input")), fx.Proxy):
        return None
    dim = args[1] if len(args) > 1 else kwargs.get("dim", -1)
    if dim not in (1, -3):
        return None
    a, b = torch.chunk(x, 2, 1)  # type: ignore[arg-type]
    return a * torch.sigmoid(b)
