"""From float tensors to codes: the tie rules of fixed_point.Rounding, dyadic numbers, sums that are kept."""

import math
from typing import assert_never

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hwrts.fixed_point import HwrtsError, Rounding, weight_limit
from hwrts.networks.held import Held

FINEST_SLOPE = 12
"""Most fraction bits of a leaky ReLU's slopes: half an LSB then moves an 8-bit code by 0.03 at most, and
codes shifted left by it stay far below float32's exact range (eq. 16)."""


# Letters of the shape comments: O output channels, I input channels, K kernel size.


def round_by(x: Tensor, rounding: Rounding) -> Tensor:
    """Round to whole numbers by a rule (eq. 5).

    Exact for float32 codes below 2**23 in magnitude: adding a half then loses nothing. Of double this is the
    second half, away from zero, behind :func:`half_up_by_one_bit`; of numbers that no sum is behind, all of
    it.

    >>> import torch
    >>> [round_by(torch.tensor([-1.5, -0.5, 0.5, 1.5]), rule).tolist() for rule in Rounding][1]
    [-1.0, 0.0, 1.0, 2.0]
    """
    match rounding:
        case Rounding.HALF_EVEN:
            return x.round()
        case Rounding.HALF_UP:
            return (x + 0.5).floor()
        case Rounding.HALF_AWAY | Rounding.DOUBLE:
            return (x.abs() + 0.5).floor() * x.sign()
        case Rounding.FLOOR:
            return x.floor()
        case _:
            assert_never(rounding)


def half_up_by_one_bit(x: Tensor, unit: Tensor, shift: Tensor) -> Tensor:
    """The first half of double (eq. 44): sums half up onto a grid of twice their own, if bits are dropped.

    Exact in float32 while sums stay below 2**24 units: x / (2 * unit) is so many halves, a half more is one
    of them more, and a power of two changes the exponent alone.

    Args:
        x: Values of exact sums, any shape.
        unit: What 1 in the accumulator is worth, a power of two, of a shape that meets that of ``x``.
        shift: Bits that are dropped in all, of the shape of ``unit``; below 1 nothing is.

    >>> half_up_by_one_bit(torch.tensor([-3.0, -1.0, 1.0, 2.0]), torch.tensor(1.0), torch.tensor(2)).tolist()
    [-2.0, 0.0, 2.0, 2.0]
    """
    grid = 2 * unit
    return torch.where(shift < 1, x, (x / grid + 0.5).floor() * grid)


def divided(numerator: Tensor, denominator: int, rounding: Rounding) -> Tensor:
    """Quotients of whole numbers, rounded once by a rule (eq. 36), of int64.

    >>> [divided(torch.tensor([-6, -2, 2, 6]), 4, rule).tolist() for rule in Rounding][2:]
    [[-2, -1, 1, 2], [-2, -1, 0, 1], [-2, -1, 1, 2]]
    """
    floor = torch.div(numerator, denominator, rounding_mode="floor")
    twice_rest = 2 * (numerator - floor * denominator)
    match rounding:
        case Rounding.FLOOR:
            return floor
        case Rounding.HALF_EVEN:
            upward = floor % 2 == 1
        case Rounding.HALF_UP:
            upward = torch.ones_like(floor, dtype=torch.bool)
        case Rounding.HALF_AWAY | Rounding.DOUBLE:
            upward = numerator >= 0
        case _:
            assert_never(rounding)
    return floor + ((twice_rest > denominator) | ((twice_rest == denominator) & upward))


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
    codes = torch.empty_like(exact)
    carried = exact.new_zeros(len(exact))  # (O,)
    for i in range(exact.shape[1]):
        wanted = exact[:, i].flatten(1)  # (O, K*K)
        total = wanted.sum(1) + carried
        kernels = round_to_sums(wanted, total, largest)
        codes[:, i] = kernels.reshape(exact[:, i].shape)
        carried = total - kernels.sum(1)
    return (codes * scale.reshape(-1, 1, 1, 1)).to(weight.dtype)


def round_to_sums(exact: Tensor, sums: Tensor, largest: int) -> Tensor:
    """Round kernels to codes of given sums: the taps with the largest remainders go the other way.

    Args:
        exact: Kernels (N, T) in LSB.
        sums: What the codes of each add up to, to the nearest whole number, (N,).
        largest: Largest magnitude of a code.

    Returns:
        Codes (N, T). A sum is missed only where all taps are at their largest.

    >>> round_to_sums(torch.tensor([[0.4, 0.4, 0.4, -1.2]]), torch.tensor([0.0]), 127).tolist()
    [[1.0, 0.0, 0.0, -1.0]]
    """
    codes = exact.round().clamp(-largest, largest)
    while True:
        missing = (sums - codes.sum(1)).round()  # (N,)
        direction = missing.sign()[:, None]  # (N, 1)
        free = (codes + direction).abs() <= largest
        gain = torch.where(free, (exact - codes) * direction, -torch.inf)
        rank = gain.argsort(dim=1, descending=True, stable=True).argsort(1)  # (N, T), 0 the first to move
        moved = free & (rank < missing.abs()[:, None])
        if not bool(moved.any()):
            return codes
        codes = codes + moved * direction


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


def round_held(x: Tensor, held: Held, largest: int) -> Tensor:
    """Weights (O, I, K, K) in LSB, of which something holds, to the codes of which it holds."""
    if not held.zero_sums:
        return x.round()
    kernels = x.double().flatten(2).flatten(0, 1)  # (O*I, K*K)
    codes = round_to_sums(kernels, kernels.new_zeros(len(kernels)), largest)
    return codes.reshape(x.shape).to(x.dtype)


class HeldWeights(nn.Module):
    """Weights in LSB to codes that keep what is held of them; the gradient passes as if it rounded nothing.

    Args:
        held: What is held of the convolution.
        largest: Largest magnitude of a code.
    """

    def __init__(self, held: Held, largest: int) -> None:
        super().__init__()
        self._held, self._largest = held, largest

    def forward(self, x: Tensor) -> Tensor:
        """Codes (O, I, K, K) of a tied kernel are equal; those of one that sums to 0 do so exactly."""
        x = self._held.projected(x)
        return x + (round_held(x.detach(), self._held, self._largest) - x.detach())


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
