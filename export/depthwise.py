"""Convolutions of each channel alone, of which other layers are said."""

import numpy as np
from numpy.typing import NDArray

from hwrts.fixed_point import Conv, Format

# Letters of the shape comments: C groups; N results and I channels of each; K taps.

ONE_BITS = 6
"""Most fraction bits of a weight of value 1: 2**7 is no code of 8 bits."""


def depthwise(
    channels: int, source: str, name: str, kernels: NDArray[np.int64], frac: int, out: Format, bias: int = 0
) -> Conv:
    """The same kernels on each group of channels: result c*N + n is the nth of group c.

    Args:
        channels: How many groups there are, C.
        source: What it reads.
        name: Its own.
        kernels: Codes (N, I, K, K) of weights.
        frac: Their fraction bits.
        out: Format of the result.
        bias: Of every channel, in its accumulator's grid.
    """
    weight = np.tile(kernels, (channels, 1, 1, 1)).astype(np.int8)  # (C*N, I, K, K)
    zeros = np.zeros(len(weight), np.int32)
    return Conv(name, source, weight, zeros + frac, zeros + bias, out, groups=channels)


def one_tap(
    channels: int, source: str, name: str, weight: int, frac: int, out: Format, bias: int = 0
) -> Conv:
    """Each code times one weight, and a bias, rounded once; arguments as of :func:`depthwise`."""
    return depthwise(channels, source, name, np.full((1, 1, 1, 1), weight), frac, out, bias)
