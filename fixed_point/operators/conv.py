"""Convolution: exact sums of products, then one requantisation per channel."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..attacks import attack_input
from ..bounds import Bounds, linear_reach
from ..codes import Codes
from ..convolution import Pads, Shape, conv_accumulate, worst_input
from ..errors import HwrtsError
from ..fast import ConvRows, conv_picture
from ..formats import Format, weight_limit
from ..requantize import Rounding
from ..rows import Rows
from ..taps import TapRows
from ..window import Padding, Window
from .checks import check_whole
from .operator import Constant, OneSource, Tensor, Work, busiest
from .requantised import Requantised, layer_bounds
from .tensor import Worst, plain

# Letters of the shape comments: H, W rows and columns of the source, H', W' of the result; I, O input and
# output channels; G groups; KH, KW rows and columns of the kernel.

_MAX_KERNEL = 255
"""Largest side of a kernel; the largest that anyone trains have 51."""
_MAX_REACH = 1024
"""Pixels from the first tap to the last; a wrong file can't fill the memory with padding."""
_MAX_STRIDE = 16
"""As far as a layer may enlarge."""


@dataclass(frozen=True, eq=False)
class Conv(OneSource, Requantised):
    """Convolution, then one requantisation per channel (eq. 2, 28).

    Attributes:
        weight_i8: Codes (O, I/G, KH, KW) int8, symmetric.
        weight_frac: Fraction bits of each output channel's weights, (O,) int32.
        bias_i32: Codes (O,) int32 on the accumulator's grid, fraction bits source.frac + weight_frac (eq. 3).
        out: Format of the result; unsigned means that a ReLU is part of it.
        weight_bits: Width that the weight codes fit in, 2..8.
        padding: What it sees outside the picture.
        groups: G; output channel o reads the I/G channels of group o // (O/G).
        stride: Pixels of the source from one pixel of the result to the next, in both directions.
        dilation: Pixels of the source from one tap to the next, in both directions.
        pads: Pixels around the source, (top, left, bottom, right); None is half of the kernel's reach on
            each side, which keeps the size at stride 1.
        idle: How many weights are 0 by construction, such as those that a transposed convolution has not (eq.
            39): a circuit needs neither memory nor multipliers for them, and they are not counted.
    """

    weight_i8: NDArray[np.int8]
    weight_frac: NDArray[np.int32]
    bias_i32: NDArray[np.int32]
    out: Format
    weight_bits: int = 8
    padding: Padding = field(default=Padding.ZERO, metadata={"later": True})
    groups: int = field(default=1, metadata={"later": True})
    stride: int = field(default=1, metadata={"later": True})
    dilation: int = field(default=1, metadata={"later": True})
    pads: Pads | None = field(default=None, metadata={"later": True})
    idle: int = field(default=0, metadata={"later": True})

    AS_CONVOLUTIONS = True

    @property
    def shape(self) -> Shape:
        """Which taps it has, and where."""
        rows, columns = self.weight_i8.shape[2:]
        return Shape(rows, columns, self.stride, self.dilation, self.pads, self.padding)

    @property
    def window(self) -> Window:
        """KH rows and KW columns."""
        return self.shape.window

    def check(self) -> None:
        """Dtypes, shapes and the range of the weights."""
        weight = self.weight_i8
        if weight.dtype != np.int8 or self.bias_i32.dtype != np.int32 or self.weight_frac.dtype != np.int32:
            dtypes = f"{weight.dtype}, {self.bias_i32.dtype}, {self.weight_frac.dtype}"
            raise HwrtsError(f"{self.where}: weight, bias, weight_frac are {dtypes}; use int8, int32, int32")
        if weight.ndim != 4 or 0 in weight.shape or max(weight.shape[2:]) > _MAX_KERNEL:
            raise HwrtsError(
                f"{self.where}: weight shape {weight.shape} is not (O, I/groups, KH, KW) with all at "
                f"least 1 and KH, KW at most {_MAX_KERNEL}"
            )
        if self.bias_i32.shape != weight.shape[:1] or self.weight_frac.shape != weight.shape[:1]:
            raise HwrtsError(
                f"{self.where}: bias {self.bias_i32.shape} and weight_frac {self.weight_frac.shape} need one "
                f"entry for each of {weight.shape[0]} output channels"
            )
        check_whole(self.where, "weight_bits", self.weight_bits, 2, 8)
        self._check_shape()
        largest = weight_limit(self.weight_bits)
        if int(np.abs(weight.astype(np.int64)).max()) > largest:
            raise HwrtsError(
                f"{self.where}: a weight code is outside -{largest}..{largest}, "
                f"the range of {self.weight_bits} bits"
            )

    def _check_shape(self) -> None:
        """Groups, stride, dilation and what is put around the source."""
        if not isinstance(self.padding, Padding):
            raise HwrtsError(f"{self.where}: padding {self.padding!r} is not a member of Padding")
        zeros = self.weight_i8.size - int(np.count_nonzero(self.weight_i8))
        check_whole(self.where, "the number of idle weights, which are zeros,", self.idle, 0, zeros)
        check_whole(self.where, "groups", self.groups, 1, len(self.weight_i8))
        if len(self.weight_i8) % self.groups:
            raise HwrtsError(
                f"{self.where}: {len(self.weight_i8)} output channels do not divide into "
                f"{self.groups} groups; use a divisor"
            )
        check_whole(self.where, "stride", self.stride, 1, _MAX_STRIDE)
        check_whole(self.where, "dilation", self.dilation, 1, _MAX_REACH)
        down, across = self.shape.reach
        if max(down, across) > _MAX_REACH:
            raise HwrtsError(
                f"{self.where}: its kernel reaches over {down + 1}x{across + 1} pixels; "
                f"use at most {_MAX_REACH + 1} on a side"
            )
        if self.pads is None:
            if down % 2 or across % 2:
                raise HwrtsError(
                    f"{self.where}: a kernel over {down + 1}x{across + 1} pixels has no middle; "
                    "give pads (top, left, bottom, right)"
                )
            return
        if type(self.pads) is not tuple or len(self.pads) != 4:
            raise HwrtsError(f"{self.where}: pads {self.pads!r} are not (top, left, bottom, right)")
        for side, pad, reach in zip(
            ("top", "left", "bottom", "right"), self.pads, (down, across) * 2, strict=True
        ):
            check_whole(self.where, f"a pad of the {side} side", pad, 0, reach)

    def made(self, *sources: Tensor) -> Tensor:
        """O channels."""
        (x,) = sources
        in_channels = self.weight_i8.shape[1] * self.groups
        if x.channels != in_channels:
            raise HwrtsError(
                f"{self.where}: takes {in_channels} channels, {x.name!r} has {x.channels}; "
                f"give weights for {x.channels} of them, or another source"
            )
        return x.seen(self.window, self.name, len(self.weight_i8), self.out)

    def acc_frac(self, *formats: Format) -> NDArray[np.int64]:
        """Fraction bits of each output channel's accumulator, (O,) (eq. 3)."""
        (x,) = formats
        return x.frac + self.weight_frac.astype(np.int64)

    def accumulate(self, xs: Sequence[Codes], formats: Sequence[Format]) -> NDArray[np.int64]:
        """Sums of products (H', W', O) (eq. 2, 28)."""
        (x,) = xs
        self.window.check_source(self.where, *x.shape[:2])
        return conv_accumulate(
            x,
            self.weight_i8,
            self.bias_i32,
            self.padding,
            groups=self.groups,
            stride=self.stride,
            dilation=self.dilation,
            pads=self.pads,
        )

    def reach(self, *formats: Format) -> Bounds:
        """Of each output channel, (O,)."""
        weight = self.weight_i8.reshape(len(self.weight_i8), -1).astype(np.int64)  # (O, I/G*KH*KW)
        return linear_reach(weight, formats, self.bias_i32.astype(np.int64))

    def attack(self, *formats: Format) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of each output channel, (O,), for its own worst inputs."""
        (x,) = formats
        reached = np.empty((2, len(self.bias_i32)), np.int64)
        for channel in range(reached.shape[1]):
            one = slice(channel, channel + 1)
            for end, upward in enumerate((False, True)):
                codes = worst_input(self.weight_i8[channel], x, upward, self.dilation)
                acc = conv_accumulate(
                    codes, self.weight_i8[one], self.bias_i32[one], dilation=self.dilation, pads=(0, 0, 0, 0)
                )
                reached[end, channel] = acc.item()
        return reached[0], reached[1]

    def worst(self, *sources: Tensor) -> Sequence[Worst]:
        """The worst input of the channel that goes lowest, and that of the one that goes highest."""
        (x,) = sources
        bounds = self.reach(x.out)
        ends = (int(bounds.lowest.argmin()), False), (int(bounds.highest.argmax()), True)
        frames = [attack_input(self, x.out, channel, upward)[0] for channel, upward in ends]
        if not x.scale and frames[0].shape[:2] != (1, 1):
            return ()  # a single pixel meets one tap of a kernel alone
        return [{self.source: codes} for codes in frames]

    def stored(self) -> dict[str, Constant]:
        """A word of weights for each tap; the shift says what of their fraction bits counts."""
        weight = self.weight_i8.astype(np.int64).transpose(0, 2, 3, 1)  # (O, KH, KW, I/G)
        axes = ("output channel", "kernel row", "kernel column", "input channel of the group")
        return {
            "weight": Constant(weight, axes, self.weight_bits, True),
            "bias": Constant.of_channels(self.bias_i32),
        }

    def work(self, made: Tensor) -> Work:
        """Each weight once for each pixel of the result, but those that are 0 by construction."""
        weights = self.weight_i8.size - self.idle
        return Work(weights, self.weight_bits, self.bias_i32.size, macs=plain(weights * made.scale**2))

    def corrupted(self, xs: Sequence[Codes], codes: Codes) -> Self:
        """Bit 0 of one weight flipped, at the kernel's centre, where the codes are busiest."""
        (x,) = xs
        channel, (_, size, rows, columns) = busiest(codes), self.weight_i8.shape
        read = np.abs(x.astype(np.int64)).sum(axis=(0, 1)).reshape(self.groups, size)
        busiest_in = int(read[channel // (len(self.weight_i8) // self.groups)].argmax())
        weight = self.weight_i8.copy()
        limit = weight_limit(self.weight_bits)
        place = (channel, busiest_in, rows // 2, columns // 2)
        flipped = int(weight[place]) ^ 1
        weight[place] = flipped if abs(flipped) <= limit else flipped - 2 * np.sign(flipped)
        return replace(self, weight_i8=weight, idle=0)  # the error may be in one of those

    def picture(self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding) -> Codes:
        """By matrix products, a part of the rows for each core.

        >>> one = np.ones(1, np.int32)  # weight 1 * 2**-1, bias 1 * 2**-9: (2 + 1) / 2 is a tie
        >>> u8 = Format(False, 8, 8)
        >>> half = Conv("c", "x", np.ones((1, 1, 1, 1), np.int8), one, one, u8)
        >>> half.picture([np.array([[[2]]], np.uint8)], [u8], Rounding.HALF_EVEN).tolist()
        [[[2]]]
        """
        (x,) = xs
        self.window.check_source(self.where, *x.shape[:2])
        out = np.empty((*self.window.made_of(*x.shape[:2]), len(self.weight_i8)), self.out.dtype)
        conv_picture(x, self.window, lambda: self.rows(formats, rounding, x.shape[1]), out)
        return out

    def rows(self, formats: Sequence[Format], rounding: Rounding, width: int) -> Rows:
        """By matrix products in place; where its shape is another one, tap by tap."""
        dtype = layer_bounds(self, formats, rounding).float_dtype
        numbers = self.weight_i8, self.bias_i32, self.shift(*formats), dtype, self.out, rounding, width
        if self.groups == 1 and self.shape.keeps_size and self.padding is not Padding.REFLECT:
            return ConvRows(*numbers, self.padding is Padding.REPLICATE)
        return TapRows(self.shape, self.groups, *numbers)
