"""Codes that change their place in TensorFlow Lite: pads, channels, and convolutions that move codes."""

import numpy as np
from numpy.typing import NDArray

from hwrts.export.tflite.schema import (
    CONV_2D,
    GATHER,
    MIRROR_PAD,
    PAD,
    REFLECT,
    SLICE,
    SYMMETRIC,
    TRANSPOSE_CONV,
    VALID,
)
from hwrts.export.tflite.writer import Flavour, Writer
from hwrts.fixed_point import Padding
from hwrts.fixed_point.convolution import Pads, Shape

# Letters of the shape comments: O, I output and input channels; KH, KW rows and columns of the kernel; R the
# factor.

_CHANNELS = 3
"""The axis of them."""


def is_same(shape: Shape, height: int, width: int) -> bool:
    """Whether the format's padding SAME is that of a window on a source of that size.

    It gives size / stride pixels, rounded up, and puts the larger half of what that takes behind.

    >>> is_same(Shape(3, 3), 5, 5), is_same(Shape(3, 3, stride=2), 5, 5), is_same(Shape(3, 3, stride=2), 6, 6)
    (True, True, False)
    """
    top, left, bottom, right = shape.margins
    axes = zip(
        (height, width),
        shape.reach,
        ((top, bottom), (left, right)),
        shape.made_of(height, width),
        strict=True,
    )
    for size, reach, pads, made in axes:
        wanted = -(-size // shape.stride)
        total = max((wanted - 1) * shape.stride + reach + 1 - size, 0)
        if made != wanted or pads != (total // 2, total - total // 2):
            return False
    return True


def padded(writer: Writer, source: str, margins: Pads, padding: Padding) -> str:
    """A tensor with something around it; replicated edges are mirrored pixel by pixel, edge included."""
    top, left, bottom, right = margins
    if not any(margins):
        return source
    if padding is not Padding.REPLICATE:
        return _padded_once(writer, source, margins, padding)
    while any((top, left, bottom, right)):
        source = _padded_once(writer, source, (top > 0, left > 0, bottom > 0, right > 0), padding)
        top, left, bottom, right = (max(side - 1, 0) for side in (top, left, bottom, right))
    return source


def _padded_once(writer: Writer, source: str, margins: Pads, padding: Padding) -> str:
    top, left, bottom, right = (int(side) for side in margins)
    name = f"{source}.{padding.value}{top}x{left}x{bottom}x{right}"
    if name in writer.numbers:
        return name
    old = writer.tensors[writer.numbers[source]]
    _, height, width, channels = old.shape
    sides = writer.constant(f"{name}.pads", np.array([[0, 0], [top, bottom], [left, right], [0, 0]]))
    target = writer.like(source, name, (1, height + top + bottom, width + left + right, channels))
    if padding is Padding.ZERO:
        return writer.node(PAD, [source, sides], target)
    mode = REFLECT if padding is Padding.REFLECT else SYMMETRIC
    return writer.node(MIRROR_PAD, [source, sides], target, mode=mode)


def channels_of(writer: Writer, source: str, target: str, start: int, stop: int) -> None:
    """The channels start .. stop - 1 of a tensor."""
    begin = writer.constant(f"{target}.begin", np.array([0, 0, 0, start]))
    size = writer.constant(f"{target}.size", np.array([*writer.shape_of(target)[:3], stop - start]))
    writer.node(SLICE, [source, begin, size], target)


def gathered(writer: Writer, source: str, name: str, order: NDArray[np.integer]) -> str:
    """Channel c of the result is channel order[c]; for Ethos-U by a convolution of one tap."""
    target = writer.like(source, name, (*writer.shape_of(source)[:3], len(order)))
    if writer.flavour is Flavour.ETHOS_U:
        taps = np.eye(writer.shape_of(source)[3], dtype=np.int8)[order]  # (O, I)
        convolved(writer, source, target, taps[:, None, None])
        writer.rewritten.append(f"{name}: order of channels as a CONV_2D that moves codes")
        return target
    numbers = writer.constant(f"{name}.order", np.asarray(order))
    return writer.node(GATHER, [source, numbers], target, axis=_CHANNELS)


def convolved(
    writer: Writer, source: str, target: str, weight: NDArray[np.int8], *, stride: int = 1, frac: int = 0
) -> None:
    """A convolution without padding or bias, of weights (O, KH, KW, I) on one grid."""
    codes, bias = _numbers(writer, source, target, weight, frac)
    writer.node(CONV_2D, [source, codes, bias], target, padding=VALID, stride_w=stride, stride_h=stride)


def spread_out(writer: Writer, source: str, target: str, weight: NDArray[np.int8]) -> None:
    """Each pixel becomes a square of R*R by weights (O, R, R, I), of which one is 1 and the others 0."""
    factor = weight.shape[1]
    size = writer.constant(f"{target}.shape", np.array(writer.shape_of(target)))
    codes, _ = _numbers(writer, source, target, weight, 0)
    options = {"padding": VALID, "stride_w": factor, "stride_h": factor}
    writer.node(TRANSPOSE_CONV, [size, codes, source], target, **options)


def _numbers(writer: Writer, source: str, name: str, weight: NDArray[np.int8], frac: int) -> tuple[str, str]:
    grids = np.full(len(weight), frac)
    source_frac = -int(np.log2(writer.tensors[writer.numbers[source]].scales[0]))
    return (
        writer.coefficients(f"{name}.taps", weight, grids, 0),
        writer.coefficients(f"{name}.no_bias", np.zeros(len(weight), np.int32), grids + source_frac, 0),
    )
