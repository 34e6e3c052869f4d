"""Inputs on purpose: the worst ones of a convolution, and what some processors make of large sums."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .convolution import worst_input
from .formats import Format

if TYPE_CHECKING:  # which makes an input of itself with this
    from .operators.conv import Conv

# Letters of the shape comments: I, O input and output channels; G groups; KH, KW rows and columns of the
# kernel.

_UINT8_MAX = 255
"""Largest stored activation, whatever the format: signed codes are stored with zero point 128 (eq. 11)."""
_INT16_PAIR_LIMIT = (1 << 15) - 1
"""x86 without VNNI adds two u8*s8 products into int16, which saturates above this (eq. 14)."""


def attack_input(
    conv: "Conv", source: Format, channel: int | None = None, upward: bool = True
) -> tuple[NDArray[np.integer], int, int]:
    """An input of which one pixel's accumulator reaches the extreme of a channel (eq. 9).

    Args:
        conv: The layer.
        source: Format of its input.
        channel: Output channel; None takes the one with the largest extreme, and its direction.
        upward: Toward the highest accumulator, else the lowest.

    Returns:
        codes, as many as the kernel reaches over, with those in front that a stride makes it skip; the
        channel; and the accumulator that the pixel of :func:`attacked_pixel` must show, the middle one of a
        convolution that keeps the size.
    """
    bounds = conv.reach(source)
    if channel is None:
        upward = int(bounds.highest.max()) >= -int(bounds.lowest.min())
        channel = int(bounds.highest.argmax() if upward else bounds.lowest.argmin())
    worst = worst_input(conv.weight_i8[channel], source, upward, conv.dilation)  # (KH', KW', I/G)
    down, across = (
        pixel * conv.stride - pad
        for pixel, pad in zip(attacked_pixel(conv), conv.shape.margins[:2], strict=True)
    )
    size = worst.shape[2]
    first = channel // (len(conv.weight_i8) // conv.groups) * size
    shape = (down + worst.shape[0], across + worst.shape[1], size * conv.groups)
    codes = np.full(shape, source.min, source.dtype)
    codes[down:, across:, first : first + size] = worst
    return codes, channel, int((bounds.highest if upward else bounds.lowest)[channel])


def attacked_pixel(conv: "Conv") -> tuple[int, int]:
    """Row and column of the first pixel of a convolution whose kernel lies inside its source."""
    top, left, _, _ = conv.shape.margins
    return -(-top // conv.stride), -(-left // conv.stride)


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
    return _UINT8_MAX * worst > _INT16_PAIR_LIMIT
