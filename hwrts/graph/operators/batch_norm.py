"""Batch norm in evaluation mode: a gain and an offset for each channel (eq. 18, 33)."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.graph.operators.affine import Affine
from hwrts.graph.operators.call import Call


@dataclass(frozen=True, eq=False)
class BatchNorm(Affine):
    """gain * x + offset in each channel, of stored statistics."""

    MODULES = (nn.BatchNorm2d,)
    FUNCTIONS: ClassVar[tuple[Any, ...]] = ()
    SPELLED = "BatchNorm2d"

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """With the mean and variance that it has stored."""
        norm = call.module
        assert isinstance(norm, nn.BatchNorm2d)
        if norm.running_mean is None or norm.running_var is None:
            raise UnsupportedOperatorError(
                f"BatchNorm2d {call.where}: it keeps no statistics; use track_running_stats=True"
            )
        gain, offset = gain_and_offset(norm)
        return cls(call.name, call.sources(), gain, offset, call.where)


def gain_and_offset(norm: Any) -> tuple[Tensor, Tensor]:
    """What a batch norm with stored statistics multiplies by and adds, (C,) each, float64 (eq. 18).

    >>> import torch
    >>> norm = nn.BatchNorm2d(1, eps=0.25)
    >>> norm.running_mean, norm.running_var = torch.tensor([3.0]), torch.tensor([3.75])
    >>> [each.item() for each in gain_and_offset(norm)]
    [0.5, -1.5]
    """
    gain: Tensor = (norm.running_var.detach().double() + norm.eps).rsqrt()
    offset: Tensor = -norm.running_mean.detach().double() * gain
    if norm.weight is not None:
        gamma = norm.weight.detach().double()
        gain, offset = gain * gamma, offset * gamma
    return gain, offset if norm.bias is None else offset + norm.bias.detach().double()
