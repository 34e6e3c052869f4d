"""The tie rules of fixed_point.Rounding on float tensors, with a straight-through gradient."""

import math

import torch
from torch import Tensor, nn

from hwrts.fixed_point import Rounding, weight_limit

FINEST_SLOPE = 12
"""Most fraction bits of a leaky ReLU's slopes: half an LSB then moves an 8-bit code by 0.03 at most, and
codes shifted left by it stay far below float32's exact range (eq. 16)."""


def round_by(x: Tensor, rounding: Rounding) -> Tensor:
    """Round to whole numbers by a rule (eq. 5).

    Exact for float32 codes below 2**23 in magnitude: adding a half then loses nothing.

    >>> import torch
    >>> [round_by(torch.tensor([-1.5, -0.5, 0.5, 1.5]), rule).tolist() for rule in Rounding][1]
    [-1.0, 0.0, 1.0, 2.0]
    """
    if rounding is Rounding.HALF_EVEN:
        return x.round()
    if rounding is Rounding.HALF_UP:
        return (x + 0.5).floor()
    if rounding is Rounding.HALF_AWAY:
        return (x.abs() + 0.5).floor() * x.sign()
    return x.floor()


def dyadic(numbers: Tensor, finest: int = 32) -> tuple[Tensor, int]:
    """The nearest numbers m * 2**-k with |m| <= 127, all with the largest k that allows it (eq. 15).

    Args:
        numbers: Finite, any shape.
        finest: k is at most this.

    Returns:
        The codes m, and k.

    >>> codes, frac = dyadic(torch.tensor([0.1, -0.02]))
    >>> codes.tolist(), frac
    ([102.0, -20.0], 10)
    """
    largest, reach = weight_limit(8), float(numbers.abs().max())
    frac = finest
    if reach:
        frac = min(finest, math.frexp(largest / reach)[1])
        while round(math.ldexp(reach, frac)) > largest:
            frac -= 1
    return (numbers.double() * 2.0**frac).round().to(numbers.dtype), frac


def dyadic_factor(factor: float) -> tuple[int, int]:
    """Multiplier and fraction bits of a constant factor (eq. 15)."""
    code, frac = dyadic(torch.tensor(factor, dtype=torch.float64))
    return int(code), frac


def dyadic_slopes(slopes: Tensor) -> tuple[Tensor, int]:
    """Codes and fraction bits of a leaky ReLU's slopes (eq. 16)."""
    return dyadic(slopes, FINEST_SLOPE)


class StraightThrough(nn.Module):
    """Rounds by a rule; the gradient passes as if it did not (a straight-through estimator).

    Args:
        rounding: The tie rule.
    """

    def __init__(self, rounding: Rounding) -> None:
        super().__init__()
        self._rounding = rounding

    def forward(self, x: Tensor) -> Tensor:
        """Whole numbers of the shape of ``x``."""
        # Exact: the difference lies on the grid of x and is at most 1, so both operations are representable.
        return x + (round_by(x.detach(), self._rounding) - x.detach())
