"""From float tensors to codes: the tie rules of fixed_point.Rounding, dyadic numbers, sums that are kept."""

import math
from typing import assert_never

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hwrts.fixed_point import HwrtsError, Rounding, weight_limit

FINEST_SLOPE = 12
"""Most fraction bits of a leaky ReLU's slopes: half an LSB then moves an 8-bit code by 0.03 at most, and
codes shifted left by it stay far below float32's exact range (eq. 16)."""


# Letters of the shape comments: O output channels, I input channels, K kernel size.


def round_by(x: Tensor, rounding: Rounding) -> Tensor:
    """Round to whole numbers by a rule (eq. 5).

    Exact for float32 codes below 2**23 in magnitude: adding a half then loses nothing.

    >>> import torch
    >>> [round_by(torch.tensor([-1.5, -0.5, 0.5, 1.5]), rule).tolist() for rule in Rounding][1]
    [-1.0, 0.0, 1.0, 2.0]
    """
    match rounding:
        case Rounding.HALF_EVEN:
            return x.round()
        case Rounding.HALF_UP:
            return (x + 0.5).floor()
        case Rounding.HALF_AWAY:
            return (x.abs() + 0.5).floor() * x.sign()
        case Rounding.FLOOR:
            return x.floor()
        case _:
            assert_never(rounding)


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


def round_keeping_sums(weight: Tensor, scale: Tensor, largest: int) -> Tensor:
    """Round weights onto their grid so that the sum over each output channel's kernel is kept.

    Rounding nine taps one by one shifts a kernel's sum, its answer to a flat area, by about one LSB. Here
    the taps with the largest remainders are rounded the other way until each kernel's sum is right, an
    error that is left is passed on to the next input channel, and at most half an LSB
    remains (more only where taps are at their largest).

    Args:
        weight: (O, I, K, K).
        scale: LSB of each output channel, (O,).
        largest: Largest magnitude of a code.

    Returns:
        Values on the grid, (O, I, K, K); no tap moves by more than one LSB.
    """
    exact = (weight / scale.reshape(-1, 1, 1, 1)).double()
    codes = exact.round().clamp(-largest, largest)
    for kernels, wanted in zip(codes, exact, strict=True):  # (I, K, K) of one output channel
        carried = 0.0
        for kernel, target in zip(kernels.flatten(1), wanted.flatten(1), strict=True):  # (K*K,)
            missing = float((target - kernel).sum()) + carried
            steps = round(missing)
            direction = 1 if steps > 0 else -1
            for tap in ((target - kernel) * direction).argsort(descending=True)[: abs(steps)].tolist():
                if abs(float(kernel[tap]) + direction) <= largest:
                    kernel[tap] += direction
                    missing -= direction
            carried = missing
    return (codes * scale.reshape(-1, 1, 1, 1)).to(weight.dtype)


def log2_of(scale: Tensor, layer: str) -> NDArray[np.int64]:
    """The exponents of a layer's scales.

    Raises:
        HwrtsError: A scale that is not a power of two.
    """
    mantissa, exponent = np.frexp(scale.detach().cpu().double().numpy())
    if not (mantissa == 0.5).all():
        raise HwrtsError(f"layer {layer!r}: a weight scale is not a power of two")
    log2: NDArray[np.int64] = exponent.astype(np.int64) - 1
    return log2


def check_finite(layer: str, kind: str, values: Tensor) -> None:
    """Refuse numbers that have no code.

    Raises:
        HwrtsError: One is NaN or infinite.
    """
    if not bool(torch.isfinite(values).all()):
        raise HwrtsError(f"layer {layer!r}: a {kind} is not finite, the training diverged; lower its rate")


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
