"""Proofs about accumulators: what they can reach, and when float32 computes them exactly."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .add import add_accumulate
from .conv import conv_accumulate
from .formats import Format
from .layers import Add, Conv, PRelu, Requantised, Scale, Upsample
from .prelu import prelu_accumulate
from .requantize import Rounding, half_lsb
from .scale import scale_accumulate
from .upsample import upsample_accumulate, upsample_taps

if TYPE_CHECKING:
    from .network import Network

FLOAT32_LIMIT = 1 << 24
"""Integers of smaller magnitude, and so all their sums in any order, are exact in float32 (eq. 10)."""
INT32_LIMIT = 1 << 31
"""Accumulators of this magnitude wrap in an int32 register."""
SHIFTED_LIMIT = INT32_LIMIT - (1 << 8)
"""Accumulators shifted to the left end below it: a zero point is added in the same register (eq. 10b)."""
UINT8_MAX = 255
"""Largest stored activation, whatever the format: signed codes are stored with zero point 128 (eq. 11)."""
INT16_PAIR_LIMIT = (1 << 15) - 1
"""x86 without VNNI adds two u8*s8 products into int16, which saturates above this (eq. 14)."""


@dataclass(frozen=True, eq=False)
class Bounds:
    """What the accumulators of one layer can be, int64 (O,).

    There is one entry for each output channel of a convolution or a PRelu, one for all channels of an Add or
    a Scale, and for all channels of an Upsample one for each new pixel F*i + j of the square that a pixel
    becomes.

    Attributes:
        lowest: Smallest reachable accumulator, bias included (eq. 9); an input reaches it.
        highest: Largest reachable accumulator, bias included (eq. 9); an input reaches it.
        partial_sum: Bound on every partial sum in any order, sum|w| * max|x| + |b| if linear, with the half
            LSB that the rounding rule may add (eq. 10).
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
        """Width of the two's complement register that each accumulator needs, (O,)."""
        reach = np.maximum(self.highest, ~self.lowest)  # -2**(n-1) fits n bits, as 2**(n-1) - 1 does
        return np.array([int(value).bit_length() + 1 for value in reach], np.int64)

    def as_json(self) -> dict[str, Any]:
        """Plain lists, and the arithmetic that is exact."""
        exact = ["int32", "float64", *(["float32"] if self.exact_in_float32 else [])]
        lists = {name: getattr(self, name).tolist() for name in ("lowest", "highest", "partial_sum", "bits")}
        return {**lists, "exact_in": exact}


def layer_bounds(layer: Requantised, sources: Sequence[Format], rounding: Rounding) -> Bounds:
    """Bounds over all inputs of given formats: exact reach (eq. 9) and any-order partial sums (eq. 10).

    A Scale is linear with one weight, an Add with two, an Upsample with the products of two taps, and a PRelu
    on each side of zero.

    Args:
        layer: The layer.
        sources: Formats of the tensors it reads, in its order.
        rounding: The tie rule.
    """
    half = half_lsb(layer.acc_frac(*sources) - layer.out.frac, rounding)
    if isinstance(layer, PRelu):
        slope = layer.slope_i8.astype(np.int64)
        below, above = slope * sources[0].min, sources[0].max << layer.slope_frac
        lowest, highest = np.minimum(below, 0), np.maximum(below, above)
        return Bounds(lowest, highest, np.maximum(highest, -lowest) + half)
    bias = np.zeros(1, np.int64)
    if isinstance(layer, Conv):
        weight = layer.weight_i8.reshape(layer.weight_i8.shape[0], -1).astype(np.int64)  # (O, I*K*K)
        bias = layer.bias_i32.astype(np.int64)
    elif isinstance(layer, Scale):
        weight = np.array([[layer.multiplier]], np.int64)
    elif isinstance(layer, Upsample):
        weight = _products_of_taps(layer)  # (F*F, K*K)
    else:
        weight = np.array(
            [[1 << (layer.acc_frac(*sources) - each.frac) for each in sources]], np.int64
        )  # (1, 2)
    # What each weight meets: of an addition, its own operand's codes; of all others, those of the one source.
    low, high = (np.array([getattr(each, end) for each in sources], np.int64) for end in ("min", "max"))
    up, down = np.maximum(weight, 0), np.minimum(weight, 0)
    largest = np.array([each.magnitude for each in sources], np.int64)
    return Bounds(
        lowest=bias + (up * low + down * high).sum(axis=1),
        highest=bias + (up * high + down * low).sum(axis=1),
        partial_sum=(np.abs(weight) * largest).sum(axis=1) + np.abs(bias) + half,
    )


def _products_of_taps(layer: Upsample) -> NDArray[np.int64]:
    """The kernel behind each new pixel of a square, (F*F, K*K)."""
    taps, _ = upsample_taps(layer.kind, layer.factor)  # (F, K)
    products = taps[:, None, :, None] * taps[:, None]  # (F, F, K, K)
    return products.reshape(layer.factor**2, -1)


def network_bounds(network: "Network") -> dict[str, Bounds]:
    """Bounds by name of every layer that computes."""
    layers = [layer for layer in network.layers if isinstance(layer, Requantised)]
    return {
        layer.name: layer_bounds(layer, network.formats_of(layer.sources), network.rounding)
        for layer in layers
    }


def attack_input(
    conv: Conv, source: Format, channel: int | None = None, upward: bool = True
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
    bounds = layer_bounds(conv, [source], Rounding.FLOOR)  # the rule does not move the reach
    if channel is None:
        upward = int(bounds.highest.max()) >= -int(bounds.lowest.min())
        channel = int(bounds.highest.argmax() if upward else bounds.lowest.argmin())
    kernel = conv.weight_i8[channel].transpose(1, 2, 0)  # (K, K, I)
    pushes = kernel > 0 if upward else kernel < 0
    codes = np.where(pushes, source.max, source.min).astype(source.dtype)
    return codes, channel, int((bounds.highest if upward else bounds.lowest)[channel])


def attacked_reach(
    layer: Requantised, sources: Sequence[Format]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The smallest and largest accumulators, (O,) as in :class:`Bounds`, found by feeding the attack inputs.

    Nothing of the bounds' arithmetic is used but the choice of the input: the operator itself runs.

    Args:
        layer: The layer.
        sources: Formats of the tensors it reads, in its order.
    """
    source = sources[0]
    if isinstance(layer, Add):
        a, b = (np.array([each.min, each.max]) for each in sources)
        total, _ = add_accumulate(a, sources[0], b, sources[1])
        return total[:1], total[1:]
    if isinstance(layer, Conv):
        return _attacked_conv(layer, source)
    if isinstance(layer, Upsample):
        return _attacked_upsample(layer, source)
    ends = np.array([source.min, 0, source.max])[:, None]  # (3, 1): each code at the end of a straight line
    if isinstance(layer, Scale):
        acc = scale_accumulate(ends, layer.multiplier)
    else:
        acc = prelu_accumulate(ends, layer.slope_i8, layer.slope_frac)  # (3, C)
    return acc.min(axis=0), acc.max(axis=0)


def _attacked_conv(conv: Conv, source: Format) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    reached = np.empty((2, len(conv.bias_i32)), np.int64)
    for channel in range(reached.shape[1]):
        one = slice(channel, channel + 1)
        for end, upward in enumerate((False, True)):
            codes = attack_input(conv, source, channel, upward)[0]
            centre = len(codes) // 2
            acc = conv_accumulate(codes, conv.weight_i8[one], conv.bias_i32[one])
            reached[end, channel] = acc[centre, centre, 0]
    return reached[0], reached[1]


def _attacked_upsample(layer: Upsample, source: Format) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    factor, kernels = layer.factor, _products_of_taps(layer)
    size = math.isqrt(kernels.shape[1])
    reached = np.empty((2, len(kernels)), np.int64)
    for phase, kernel in enumerate(kernels.reshape(-1, size, size, 1)):
        y, x = (size // 2 * factor + offset for offset in divmod(phase, factor))
        for end, pushes in enumerate((kernel < 0, kernel > 0)):
            codes = np.where(pushes, source.max, source.min)  # (K, K, 1)
            reached[end, phase] = upsample_accumulate(codes, layer.kind, factor)[y, x, 0]
    return reached[0], reached[1]


def pair_can_saturate_int16(conv: Conv) -> bool:
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
