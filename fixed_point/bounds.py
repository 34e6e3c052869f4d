"""Proofs about accumulators: what they can reach, and when float32 computes them exactly."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .conv import conv_accumulate
from .formats import Format

if TYPE_CHECKING:
    from .network import Conv, Network

FLOAT32_LIMIT = 1 << 24
"""Integers of smaller magnitude, and so all their sums in any order, are exact in float32 (eq. 10)."""
INT32_LIMIT = 1 << 31
"""Accumulators of this magnitude wrap in an int32 register."""
UINT8_MAX = 255
"""Largest stored activation, whatever the format: signed codes are stored with zero point 128 (eq. 11)."""
INT16_PAIR_LIMIT = (1 << 15) - 1
"""x86 without VNNI adds two u8*s8 products into int16, which saturates above this (eq. 14)."""


@dataclass(frozen=True, eq=False)
class ConvBounds:
    """What the accumulators of one convolution can be, per output channel, int64 (O,).

    Attributes:
        lowest: Smallest reachable accumulator, bias included (eq. 9); an input reaches it.
        highest: Largest reachable accumulator, bias included (eq. 9); an input reaches it.
        partial_sum: Bound on every partial sum in any order, sum|w| * max|x| + |b| (eq. 10).
    """

    lowest: NDArray[np.int64]
    highest: NDArray[np.int64]
    partial_sum: NDArray[np.int64]

    @property
    def exact_in_float32(self) -> bool:
        """Whether float32 computes every sum of this layer exactly, in any order."""
        return int(self.partial_sum.max()) < FLOAT32_LIMIT

    @property
    def bits(self) -> NDArray[np.int64]:
        """Width of the two's complement register that each channel's accumulator needs, (O,)."""
        reach = np.maximum(self.highest, ~self.lowest)  # -2**(n-1) fits n bits, as 2**(n-1) - 1 does
        return np.array([int(value).bit_length() + 1 for value in reach], np.int64)

    def as_json(self) -> dict[str, Any]:
        """Plain lists, one entry per output channel, and the arithmetic that is exact."""
        exact = ["int32", "float64", *(["float32"] if self.exact_in_float32 else [])]
        lists = {name: getattr(self, name).tolist() for name in ("lowest", "highest", "partial_sum", "bits")}
        return {**lists, "exact_in": exact}


def conv_bounds(conv: "Conv", source: Format) -> ConvBounds:
    """Bounds over all inputs of a format: exact reach (eq. 9) and any-order partial sums (eq. 10)."""
    weight = conv.weight_i8.reshape(conv.weight_i8.shape[0], -1).astype(np.int64)  # (O, I*K*K)
    bias = conv.bias_i32.astype(np.int64)
    up = np.maximum(weight, 0).sum(axis=1)
    down = np.minimum(weight, 0).sum(axis=1)
    return ConvBounds(
        lowest=bias + up * source.min + down * source.max,
        highest=bias + up * source.max + down * source.min,
        partial_sum=np.abs(weight).sum(axis=1) * source.magnitude + np.abs(bias),
    )


def add_bound(a: Format, b: Format) -> int:
    """Largest magnitude of the sum of two tensors on the finer of their grids (eq. 6)."""
    frac = max(a.frac, b.frac)
    return (a.magnitude << (frac - a.frac)) + (b.magnitude << (frac - b.frac))


def network_bounds(network: "Network") -> dict[str, ConvBounds]:
    """Bounds of every convolution by name."""
    return {conv.name: conv_bounds(conv, network.formats[conv.source]) for conv in network.convs}


def attack_input(
    conv: "Conv", source: Format, channel: int | None = None, upward: bool = True
) -> tuple[NDArray[np.integer], int, int]:
    """The K x K input whose centre accumulator reaches the extreme of a channel (eq. 9).

    Each code is the format's largest where it pushes the sum toward the bound and the smallest where it
    pulls it back.

    Args:
        conv: The layer.
        source: Format of its input.
        channel: Output channel; None takes the one with the largest extreme, and its direction.
        upward: Toward the highest accumulator, else the lowest.

    Returns:
        codes (K, K, I), the channel, and the accumulator that the centre pixel must show.
    """
    bounds = conv_bounds(conv, source)
    if channel is None:
        upward = int(bounds.highest.max()) >= -int(bounds.lowest.min())
        channel = int(bounds.highest.argmax() if upward else bounds.lowest.argmin())
    kernel = conv.weight_i8[channel].transpose(1, 2, 0)  # (K, K, I)
    pushes = kernel > 0 if upward else kernel < 0
    codes = np.where(pushes, source.max, source.min).astype(source.dtype)
    return codes, channel, int((bounds.highest if upward else bounds.lowest)[channel])


def attacked_reach(conv: "Conv", source: Format) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The smallest and largest accumulator of each channel, (O,), found by feeding the attack inputs.

    Nothing of the bounds' arithmetic is used but the choice of the input: the convolution of eq. 2 runs.
    """
    reached = np.empty((2, len(conv.bias_i32)), np.int64)
    for channel in range(reached.shape[1]):
        one = slice(channel, channel + 1)
        for end, upward in enumerate((False, True)):
            codes = attack_input(conv, source, channel, upward)[0]
            centre = len(codes) // 2
            acc = conv_accumulate(codes, conv.weight_i8[one], conv.bias_i32[one])
            reached[end, channel] = acc[centre, centre, 0]
    return reached[0], reached[1]


def pair_can_saturate_int16(conv: "Conv") -> bool:
    """Whether two u8*s8 products of one output channel could saturate an int16 sum (eq. 14).

    Any two weights of the channel may be neighbours, so the order in which a runtime packs them does not
    matter. True means: on an x86 CPU without VNNI a runtime that uses ``vpmaddubsw`` may return other codes.
    Weights of at most 63 in magnitude (7 bits) can never do it.
    """
    flat = conv.weight_i8.reshape(conv.weight_i8.shape[0], -1).astype(np.int64)
    weight = np.sort(flat, axis=1)  # (O, I*K*K)
    if weight.shape[1] < 2:
        return False
    worst = max(int(weight[:, -2:].sum(axis=1).max()), -int(weight[:, :2].sum(axis=1).min()))
    return UINT8_MAX * worst > INT16_PAIR_LIMIT
