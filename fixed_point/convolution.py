"""The definition of a convolution of any shape, in int64, and what its shape says."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .codes import Codes
from .formats import Format
from .window import MODES, Padding, Window

# Letters of the shape comments: H, W rows and columns of the source, H', W' of the result; I, O input and
# output channels; G groups; KH, KW rows and columns of the kernel.

Pads = tuple[int, int, int, int]
"""Rows above, columns to the left, rows below, columns to the right, as ONNX counts them."""


@dataclass(frozen=True)
class Shape:
    """Which taps a convolution has, and where.

    Attributes:
        rows: KH.
        columns: KW.
        stride: Rows and columns of the source from one pixel of the result to the next.
        dilation: Rows and columns of the source from one tap to the next.
        pads: What is put around the source; None keeps its size at stride 1.
        padding: What stands there.

    >>> Shape(4, 4, stride=2, pads=(1, 1, 1, 1)).window == Window(before=1, after=2, shrink=2, cut=1)
    True
    """

    rows: int
    columns: int
    stride: int = 1
    dilation: int = 1
    pads: Pads | None = None
    padding: Padding = Padding.ZERO

    @property
    def reach(self) -> tuple[int, int]:
        """Rows and columns from the first tap to the last."""
        return (self.rows - 1) * self.dilation, (self.columns - 1) * self.dilation

    @property
    def margins(self) -> Pads:
        """The pads; by default as many on both sides."""
        down, right = (reach // 2 for reach in self.reach)
        return (down, right, down, right) if self.pads is None else self.pads

    @property
    def window(self) -> Window:
        """What is read for one pixel: more than the kernel where a reflected row lies farther away."""
        (top, left, bottom, right), (down, across) = self.margins, self.reach
        (before, after, cut), columns = self._axis(top, bottom, down), self._axis(left, right, across)
        other = None if columns == (before, after, cut) else columns
        return Window(before, after, 1, self.padding, self.stride, cut, other)

    def _axis(self, first: int, last: int, reach: int) -> tuple[int, int, int]:
        """(before, after, cut) of one axis."""
        after = reach - first
        cut = after - last
        if self.padding is Padding.REFLECT:  # the first pixel reads as far below as it reads above
            return max(first, 2 * last - after), max(after, first), cut
        return first, after, cut

    @property
    def keeps_size(self) -> bool:
        """Whether it is the convolution of a picture onto itself, its pixel in the middle of a square."""
        same = Shape(self.rows, self.columns, padding=self.padding)
        return self.rows == self.columns and self.rows % 2 == 1 and self.window == same.window

    def made_of(self, height: int, width: int) -> tuple[int, int]:
        """H' and W'; none or fewer if the source is too small."""
        top, left, bottom, right = self.margins
        down, across = self.reach
        return (
            (height + top + bottom - down - 1) // self.stride + 1,
            (width + left + right - across - 1) // self.stride + 1,
        )

    def seen(self, size: int, tap: int) -> slice:
        """The rows, or columns, of a padded source that a tap sees, for ``size`` of the result."""
        first = tap * self.dilation
        return slice(first, first + (size - 1) * self.stride + 1, self.stride)


def conv_accumulate(
    x: NDArray[np.integer],
    weight_i8: NDArray[np.int8],
    bias_i32: NDArray[np.int32],
    padding: Padding = Padding.ZERO,
    *,
    groups: int = 1,
    stride: int = 1,
    dilation: int = 1,
    pads: Pads | None = None,
) -> NDArray[np.int64]:
    """Sum of products plus bias (eq. 2, 28).

    acc[y, x, o] = bias[o] + sum over i, ky, kx of
        weight[o, i, ky, kx] * x[y*stride - top + ky*dilation, x*stride - left + kx*dilation, g(o)*I/G + i]

    Args:
        x: Codes (H, W, I). Code 0 is value 0 in every format, so padding needs no zero point.
        weight_i8: Codes (O, I/G, KH, KW).
        bias_i32: Codes (O,) on the accumulator's grid.
        padding: What x is outside the picture.
        groups: G; output channel o reads the I/G channels of group g(o) = o // (O/G).
        stride: Of both directions.
        dilation: Of both directions.
        pads: (top, left, bottom, right); None is half of the kernel's reach on each side.

    Returns:
        Accumulators (H', W', O), int64; the caller's proof is that they fit int32.

    Raises:
        HwrtsError: A source that is smaller than the kernel, or than what is reflected.

    >>> x = np.array([[[3], [5]]], np.uint8)
    >>> w = np.array([[[[0, 0, 0], [1, 2, 4], [0, 0, 0]]]], np.int8)
    >>> conv_accumulate(x, w, np.array([-1], np.int32))[0, :, 0].tolist()
    [25, 12]
    >>> conv_accumulate(x, w, np.array([-1], np.int32), Padding.REPLICATE)[0, :, 0].tolist()
    [28, 32]
    >>> row, pair = np.array([[[1], [2], [4], [8]]]), np.array([[[[1, 10]]]], np.int8)
    >>> zero = np.array([0], np.int32)
    >>> conv_accumulate(row, pair, zero, stride=2, pads=(0, 0, 0, 0)).ravel().tolist()
    [21, 84]
    >>> conv_accumulate(row, pair, zero, Padding.REFLECT, pads=(0, 1, 0, 0)).ravel().tolist()
    [12, 21, 42, 84]
    """
    shape = Shape(weight_i8.shape[2], weight_i8.shape[3], stride, dilation, pads, padding)
    shape.window.check_source("convolution", *x.shape[:2])
    height, width = shape.made_of(*x.shape[:2])
    top, left, bottom, right = shape.margins
    padded = np.pad(x.astype(np.int64), ((top, bottom), (left, right), (0, 0)), MODES[padding])
    split = padded.reshape(*padded.shape[:2], groups, -1)  # (H + top + bottom, W + left + right, G, I/G)
    weights = weight_i8.astype(np.int64).reshape(groups, -1, *weight_i8.shape[1:])  # (G, O/G, I/G, KH, KW)
    acc = np.zeros((height, width, groups, weights.shape[1]), np.int64)
    for ky in range(shape.rows):
        for kx in range(shape.columns):
            tap = split[shape.seen(height, ky), shape.seen(width, kx)]  # (H', W', G, I/G)
            if groups == 1:
                acc[:, :, 0] += tap[:, :, 0] @ weights[0, ..., ky, kx].T
            else:
                acc += np.einsum("hwgi,goi->hwgo", tap, weights[..., ky, kx])
    return acc.reshape(height, width, -1) + bias_i32.astype(np.int64)  # (H', W', O)


def worst_input(kernel_i8: NDArray[np.int8], source: Format, upward: bool, dilation: int) -> Codes:
    """Codes under a kernel (I, KH, KW): the largest where a weight pushes toward the bound, else smallest.

    Args:
        kernel_i8: Weight codes of one output channel.
        source: Format of the codes.
        upward: Whether the bound is the upper one.
        dilation: Pixels from one tap to the next.

    Returns:
        Codes (H, W, I) of all pixels from the first tap to the last.
    """
    kernel = kernel_i8.transpose(1, 2, 0)  # (KH, KW, I)
    pushes = kernel > 0 if upward else kernel < 0
    rows, columns, size = pushes.shape
    codes = np.full(((rows - 1) * dilation + 1, (columns - 1) * dilation + 1, size), source.min, source.dtype)
    codes[::dilation, ::dilation] = np.where(pushes, source.max, source.min)
    return codes
