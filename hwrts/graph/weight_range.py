"""The range that a convolution's weights are quantised for, channel by channel."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from hwrts.fixed_point import FLOAT32_LIMIT, Format, weight_limit
from hwrts.networks.held import FREE, Held

SMALLEST_WEIGHT_RANGE = 2.0**-7
"""Weights of a channel are quantised for a range of at least this, even if they are smaller: a finer grid
would gain nothing at 8-bit outputs, and would push the bias codes out of float32's exact range (eq. 10)."""

_HAIR = 2.0**-20
"""The largest code itself is within the codes, however float32 rounds."""

COARSEST = 16
"""At most so many bits are given up: 65,536 weights of a channel at their limits need 7, the rest is for
biases. Beyond it the training has diverged, and lowering says so."""

# Letters of the shape comments: O output channels, I input channels of a group, KH and KW kernel size.


class WeightRange(nn.Module):
    """Largest weight of each output channel, doubled until every partial sum is exact in float32.

    A finer grid makes larger codes, and P = sum|w| * max|x| + |b| of eq. 10 grows with them. Channels of many
    inputs (64 x 5 x 5) can pass 2**24 that way; they get a grid coarser by one bit, or as many as it
    takes, so that the proof of exactness holds for any weights, by construction.

    Args:
        bits: Width of the weights.
        source: Format of the tensor that the convolution reads.
        held: What is held of its numbers.
        frozen: Whether they are not trained: the largest then lies within the codes, which end one LSB below
            the range, so that weights that are equal can be rounded to codes that keep their sum.
        one_grid: Whether all channels have the range of the one that needs most: coarser codes are smaller,
            so what was exact stays so.
    """

    def __init__(
        self, bits: int, source: Format, held: Held = FREE, *, frozen: bool = False, one_grid: bool = False
    ) -> None:
        super().__init__()
        self._one_grid = one_grid
        self._bits, self._source, self._held = bits, source, held
        self._room = (1 - _HAIR) / (1 - 2.0 ** (1 - bits)) if frozen else 1.0
        self._conv: list[Any] = []  # in a list, or the convolution would be a part of its own quantiser

    def watch(self, conv: nn.Module) -> None:
        """Say whose bias belongs to the weights."""
        self._conv = [conv]

    def forward(self, weight: Tensor) -> Tensor:
        """Weights (O, I*KH*KW) to ranges (O,); a power of two above the range is the quantiser's scale."""
        ranges = self._ranges(weight)
        return ranges.amax().expand_as(ranges) if self._one_grid else ranges

    def _ranges(self, weight: Tensor) -> Tensor:
        """Of each channel alone."""
        if not self._conv:
            return weight.abs().amax(1) * self._room
        if self._held != FREE:  # training leaves a little in the weights that the quantiser takes out
            weight = self._held.projected(weight.reshape(self._conv[0].weight.shape)).flatten(1)
        largest = weight.abs().amax(1) * self._room
        if self._always_exact(weight.shape[1]):
            return largest
        with torch.no_grad():
            start = largest.clamp(min=SMALLEST_WEIGHT_RANGE)
            wide = start
            for _ in range(COARSEST):
                over = self._partial_sum(weight, wide) >= FLOAT32_LIMIT
                if not bool(over.any()):
                    break
                wide = torch.where(over, wide * 2, wide)
        return torch.where(wide > start, largest.clamp(min=SMALLEST_WEIGHT_RANGE) * (wide / start), largest)

    def _always_exact(self, taps: int) -> bool:
        """Whether no weights of a channel, (taps,), are too large for float32 beside the biases as they are.

        It spares most layers the sums of :meth:`_partial_sum`, a fifth of what their quantiser takes.
        """
        products = weight_limit(self._bits) * taps * self._source.magnitude
        if self._held.zero_on_flat:
            return 2 * products < FLOAT32_LIMIT
        finest = SMALLEST_WEIGHT_RANGE * 2.0 ** (1 - self._bits - self._source.frac)
        largest = float(self._conv[0].bias.detach().abs().amax())
        return products + largest / finest + 1 < FLOAT32_LIMIT

    def _partial_sum(self, weight: Tensor, wide: Tensor) -> Tensor:
        """P of eq. 10 for each channel, (O,) float64, if it is quantised for such a range."""
        lsb = wide.log2().ceil().exp2() * 2.0 ** (1 - self._bits)  # (O,), as Brevitas has it
        limit = weight_limit(self._bits)
        codes = (weight / lsb[:, None]).round().clamp(-limit, limit).abs().double().sum(1)
        bias_lsb = lsb.double() * math.ldexp(1.0, -self._source.frac)
        bias = (self._conv[0].bias.double() / bias_lsb).round().abs()
        products = codes * self._source.magnitude
        bound: Tensor = products + (products if self._held.zero_on_flat else bias)  # |b| = |W f|, no more
        return bound
