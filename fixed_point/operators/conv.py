"""Convolution: exact sums of products, then one requantisation per channel."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from ..bounds import Bounds, linear_reach
from ..codes import Codes
from ..errors import HwrtsError
from ..fast import ConvRows, conv_picture
from ..formats import Format, weight_limit
from ..requantize import Rounding
from ..window import Padding, Window
from .operator import OneSource, Requantised, Tensor, Work, busiest, check_whole, layer_bounds

# Letters of the shape comments: H, W rows and columns; I, O input and output channels; K kernel size.

_MAX_KERNEL = 255
"""Largest side of a kernel; the largest that anyone trains have 51."""
_UINT8_MAX = 255
"""Largest stored activation, whatever the format: signed codes are stored with zero point 128 (eq. 11)."""
_INT16_PAIR_LIMIT = (1 << 15) - 1
"""x86 without VNNI adds two u8*s8 products into int16, which saturates above this (eq. 14)."""


def conv_accumulate(
    x: NDArray[np.integer],
    weight_i8: NDArray[np.int8],
    bias_i32: NDArray[np.int32],
    padding: Padding = Padding.ZERO,
) -> NDArray[np.int64]:
    """Sum of products plus bias, stride 1, the picture's size kept by padding (eq. 2).

    acc[y, x, o] = bias[o] + sum over i, ky, kx of weight[o, i, ky, kx] * x[y + ky - K//2, x + kx - K//2, i]

    Args:
        x: Codes (H, W, I). Code 0 is value 0 in every format, so padding needs no zero point.
        weight_i8: Codes (O, I, K, K), K odd.
        bias_i32: Codes (O,) on the accumulator's grid.
        padding: What x is outside the picture.

    Returns:
        Accumulators (H, W, O), int64; the caller's proof is that they fit int32.

    >>> x = np.array([[[3], [5]]], np.uint8)
    >>> w = np.array([[[[0, 0, 0], [1, 2, 4], [0, 0, 0]]]], np.int8)
    >>> conv_accumulate(x, w, np.array([-1], np.int32))[0, :, 0].tolist()
    [25, 12]
    >>> conv_accumulate(x, w, np.array([-1], np.int32), Padding.REPLICATE)[0, :, 0].tolist()
    [28, 32]
    """
    height, width, _ = x.shape
    out_channels, _, kernel, _ = weight_i8.shape
    margin = kernel // 2
    mode: Literal["edge", "constant"] = "edge" if padding is Padding.REPLICATE else "constant"
    margins = ((margin, margin), (margin, margin), (0, 0))
    padded = np.pad(x.astype(np.int64), margins, mode)  # (H+K-1, W+K-1, I)
    taps = weight_i8.astype(np.int64).transpose(2, 3, 1, 0)  # (K, K, I, O)
    acc = np.broadcast_to(bias_i32.astype(np.int64), (height, width, out_channels)).copy()
    for ky in range(kernel):
        for kx in range(kernel):
            acc += padded[ky : ky + height, kx : kx + width] @ taps[ky, kx]
    return acc


@dataclass(frozen=True, eq=False)
class Conv(OneSource, Requantised):
    """Convolution, stride 1, size kept by padding, then one requantisation per channel.

    Attributes:
        weight_i8: Codes (O, I, K, K) int8, symmetric.
        weight_frac: Fraction bits of each output channel's weights, (O,) int32.
        bias_i32: Codes (O,) int32 on the accumulator's grid, fraction bits source.frac + weight_frac (eq. 3).
        out: Format of the result; unsigned means that a ReLU is part of it.
        weight_bits: Width that the weight codes fit in, 2..8.
        padding: What it sees outside the picture.
    """

    weight_i8: NDArray[np.int8]
    weight_frac: NDArray[np.int32]
    bias_i32: NDArray[np.int32]
    out: Format
    weight_bits: int = 8
    padding: Padding = field(default=Padding.ZERO, metadata={"later": True})

    @property
    def window(self) -> Window:
        """K rows and columns."""
        return Window.around(self.weight_i8.shape[2], replicate=self.padding is Padding.REPLICATE)

    def check(self) -> None:
        """Dtypes, shapes and the range of the weights."""
        weight = self.weight_i8
        if weight.dtype != np.int8 or self.bias_i32.dtype != np.int32 or self.weight_frac.dtype != np.int32:
            dtypes = f"{weight.dtype}, {self.bias_i32.dtype}, {self.weight_frac.dtype}"
            raise HwrtsError(f"{self.where}: weight, bias, weight_frac are {dtypes}; use int8, int32, int32")
        square = weight.ndim == 4 and weight.shape[2] == weight.shape[3]
        if not square or 0 in weight.shape or weight.shape[2] % 2 == 0 or weight.shape[2] > _MAX_KERNEL:
            raise HwrtsError(
                f"{self.where}: weight shape {weight.shape} is not (O, I, K, K) with O, I at least 1 and "
                f"K odd, at most {_MAX_KERNEL}"
            )
        if self.bias_i32.shape != weight.shape[:1] or self.weight_frac.shape != weight.shape[:1]:
            raise HwrtsError(
                f"{self.where}: bias {self.bias_i32.shape} and weight_frac {self.weight_frac.shape} need one "
                f"entry for each of {weight.shape[0]} output channels"
            )
        check_whole(self.where, "weight_bits", self.weight_bits, 2, 8)
        if not isinstance(self.padding, Padding):
            raise HwrtsError(f"{self.where}: padding {self.padding!r} is not a member of Padding")
        largest = weight_limit(self.weight_bits)
        if int(np.abs(weight.astype(np.int64)).max()) > largest:
            raise HwrtsError(
                f"{self.where}: a weight code is outside -{largest}..{largest}, "
                f"the range of {self.weight_bits} bits"
            )

    def made(self, *sources: Tensor) -> Tensor:
        """O channels."""
        (x,) = sources
        out_channels, in_channels, _, _ = self.weight_i8.shape
        if x.channels != in_channels:
            raise HwrtsError(f"{self.where}: takes {in_channels} channels, {x.name!r} has {x.channels}")
        return Tensor(self.name, out_channels, x.scale, self.out)

    def acc_frac(self, *formats: Format) -> NDArray[np.int64]:
        """Fraction bits of each output channel's accumulator, (O,) (eq. 3)."""
        (x,) = formats
        return x.frac + self.weight_frac.astype(np.int64)

    def accumulate(self, xs: Sequence[Codes], formats: Sequence[Format]) -> NDArray[np.int64]:
        """Sums of products (H, W, O) (eq. 2)."""
        (x,) = xs
        return conv_accumulate(x, self.weight_i8, self.bias_i32, self.padding)

    def reach(self, *formats: Format) -> Bounds:
        """Of each output channel, (O,)."""
        weight = self.weight_i8.reshape(len(self.weight_i8), -1).astype(np.int64)  # (O, I*K*K)
        return linear_reach(weight, formats, self.bias_i32.astype(np.int64))

    def attack(self, *formats: Format) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of each output channel, (O,), at the centre of its own worst inputs."""
        (x,) = formats
        reached = np.empty((2, len(self.bias_i32)), np.int64)
        for channel in range(reached.shape[1]):
            one = slice(channel, channel + 1)
            for end, upward in enumerate((False, True)):
                codes = _worst_input(self.weight_i8[channel], x, upward)
                centre = len(codes) // 2
                acc = conv_accumulate(codes, self.weight_i8[one], self.bias_i32[one])
                reached[end, channel] = acc[centre, centre, 0]
        return reached[0], reached[1]

    def work(self, made: Tensor) -> Work:
        """Each weight once for each pixel of the result."""
        weights = self.weight_i8.size
        return Work(weights, self.weight_bits, self.bias_i32.size, macs=weights * made.scale**2)

    def corrupted(self, xs: Sequence[Codes], codes: Codes) -> Self:
        """Bit 0 of one weight flipped, at the kernel's centre, where the codes are busiest."""
        (x,) = xs
        busiest_in = int(np.abs(x.astype(np.int64)).sum(axis=(0, 1)).argmax())
        weight = self.weight_i8.copy()
        centre = weight.shape[2] // 2
        limit = weight_limit(self.weight_bits)
        place = (busiest(codes), busiest_in, centre, centre)
        flipped = int(weight[place]) ^ 1
        weight[place] = flipped if abs(flipped) <= limit else flipped - 2 * np.sign(flipped)
        return replace(self, weight_i8=weight)

    def picture(self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding) -> Codes:
        """By matrix products, a part of the rows for each core.

        >>> one = np.ones(1, np.int32)  # weight 1 * 2**-1, bias 1 * 2**-9: (2 + 1) / 2 is a tie
        >>> u8 = Format(False, 8, 8)
        >>> half = Conv("c", "x", np.ones((1, 1, 1, 1), np.int8), one, one, u8)
        >>> half.picture([np.array([[[2]]], np.uint8)], [u8], Rounding.HALF_EVEN).tolist()
        [[[2]]]
        """
        (x,) = xs
        out = np.empty((*x.shape[:2], len(self.weight_i8)), self.out.dtype)
        conv_picture(x, self.window, lambda: self.rows(formats, rounding, x.shape[1]), out)
        return out

    def rows(self, formats: Sequence[Format], rounding: Rounding, width: int) -> ConvRows:
        """By matrix products in place."""
        dtype = layer_bounds(self, formats, rounding).float_dtype
        shift = self.shift(*formats)
        replicate = self.window.replicate
        return ConvRows(self.weight_i8, self.bias_i32, shift, dtype, self.out, rounding, width, replicate)


def attack_input(
    conv: Conv, source: Format, channel: int | None = None, upward: bool = True
) -> tuple[NDArray[np.integer], int, int]:
    """The K x K input whose centre accumulator reaches the extreme of a channel (eq. 9).

    Args:
        conv: The layer.
        source: Format of its input.
        channel: Output channel; None takes the one with the largest extreme, and its direction.
        upward: Toward the highest accumulator, else the lowest.

    Returns:
        codes (K, K, I), the channel, and the accumulator that the centre pixel must show.
    """
    bounds = conv.reach(source)
    if channel is None:
        upward = int(bounds.highest.max()) >= -int(bounds.lowest.min())
        channel = int(bounds.highest.argmax() if upward else bounds.lowest.argmin())
    codes = _worst_input(conv.weight_i8[channel], source, upward)
    return codes, channel, int((bounds.highest if upward else bounds.lowest)[channel])


def _worst_input(kernel_i8: NDArray[np.int8], source: Format, upward: bool) -> Codes:
    """Codes (K, K, I): the largest where a weight (I, K, K) pushes toward the bound, else the smallest."""
    kernel = kernel_i8.transpose(1, 2, 0)  # (K, K, I)
    pushes = kernel > 0 if upward else kernel < 0
    return np.where(pushes, source.max, source.min).astype(source.dtype)


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
    return _UINT8_MAX * worst > _INT16_PAIR_LIMIT
