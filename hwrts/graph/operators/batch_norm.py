"""Batch norm in evaluation mode: a gain and an offset for each channel (eq. 18, 33)."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import nn

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
        gain = (norm.running_var.detach().double() + norm.eps).rsqrt()
        offset = -norm.running_mean.detach().double() * gain
        if norm.affine:
            gamma, beta = norm.weight.detach().double(), norm.bias.detach().double()
            gain, offset = gain * gamma, offset * gamma + beta
        return cls(call.name, call.sources(), gain, offset, call.where)
