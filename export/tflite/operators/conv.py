"""A convolution in TensorFlow Lite."""

import numpy as np

from hwrts.export.tflite.moves import channels_of, is_same, padded
from hwrts.export.tflite.schema import CONCATENATION, CONV_2D, DEPTHWISE_CONV_2D, SAME, VALID
from hwrts.export.tflite.writer import Writer
from hwrts.fixed_point import Conv, Padding

# Letters of the shape comments: O, I output and input channels; G groups; KH, KW rows and columns of the
# kernel.

_LARGEST_ACCUMULATOR = (1 << 30) - 1
"""Of one that is shifted left: runtimes double it in int32."""


def write(writer: Writer, conv: Conv) -> None:
    """CONV_2D; DEPTHWISE_CONV_2D of one input channel for each group; other groups each by their own.

    Raises:
        HwrtsError: It multiplies accumulators that are too large for it in int32.
    """
    name, shape = conv.name, conv.shape
    _check_left_shift(writer, conv)
    zeros = conv.padding is Padding.ZERO
    same = zeros and is_same(shape, *writer.shape(conv.source)[1:3])
    source = conv.source if same else padded(writer, conv.source, shape.margins, conv.padding)
    order = writer.order.get(name, np.arange(len(conv.weight_i8)))
    options = {
        "padding": SAME if same else VALID,
        "stride_w": shape.stride,
        "stride_h": shape.stride,
        "dilation_w": shape.dilation,
        "dilation_h": shape.dilation,
    }
    if conv.groups > 1 and conv.weight_i8.shape[1] == 1:
        _depthwise(writer, conv, source, order, options)
    elif conv.groups > 1:
        _grouped(writer, conv, source, order, options)
    else:
        inputs = [source, *_numbers(writer, conv, name, order)]
        writer.node(CONV_2D, inputs, writer.wide(name), **options)
    writer.clipped(name)


def _check_left_shift(writer: Writer, conv: Conv) -> None:
    bounds, shift = writer.network.bounds[conv.name], conv.shift(writer.network.formats[conv.source])
    left = np.maximum(-shift, 0)  # (O,)
    largest = np.maximum(np.abs(bounds.lowest), np.abs(bounds.highest)).astype(object) << left.astype(object)
    if bool((left > 0).any()) and max(largest) > _LARGEST_ACCUMULATOR:
        raise writer.refused(
            conv, "its output format is so fine that accumulators leave int32; use a coarser one"
        )


def _numbers(writer: Writer, conv: Conv, name: str, channels: np.ndarray) -> list[str]:
    """Weights (O, KH, KW, I/G) and biases of some output channels, with a grid for each."""
    frac = conv.weight_frac[channels]
    weight = conv.weight_i8[channels].transpose(0, 2, 3, 1)
    acc_frac = conv.acc_frac(writer.network.formats[conv.source])[channels]
    return [
        writer.coefficients(f"{name}.weight", weight, frac, 0),
        writer.coefficients(f"{name}.bias", conv.bias_i32[channels], acc_frac, 0),
    ]


def _depthwise(writer: Writer, conv: Conv, source: str, order: np.ndarray, options: dict[str, int]) -> None:
    """Weights (1, KH, KW, O): those of an input channel beside each other."""
    name, acc_frac = conv.name, conv.acc_frac(writer.network.formats[conv.source])
    plain = bool((order == np.arange(len(order))).all())
    weight = conv.weight_i8.transpose(1, 2, 3, 0)
    inputs = [
        source,
        writer.coefficients(f"{name}.weight", weight, conv.weight_frac, 3),
        writer.coefficients(f"{name}.bias", conv.bias_i32, acc_frac, 0),
    ]
    assert plain, "filters of a depthwise convolution cannot change places"
    writer.node(DEPTHWISE_CONV_2D, inputs, writer.wide(name), multiplier=len(order) // conv.groups, **options)


def _grouped(writer: Writer, conv: Conv, source: str, order: np.ndarray, options: dict[str, int]) -> None:
    """Each group a convolution of its own channels, and their results behind one another."""
    name, each, size = conv.name, len(order) // conv.groups, conv.weight_i8.shape[1]
    source_format, out = (writer.network.formats[tensor] for tensor in (conv.source, name))
    parts = []
    for group in range(conv.groups):
        own = f"{name}.group{group}"
        shape = (*writer.shape_of(source)[:3], size)
        read = writer.codes(f"{own}.source", source_format, shape)
        channels_of(writer, source, read, group * size, (group + 1) * size)
        inputs = [read, *_numbers(writer, conv, own, np.arange(group * each, (group + 1) * each))]
        made = writer.codes(own, out, (*writer.shape(name)[:3], each))
        parts.append(writer.node(CONV_2D, inputs, made, **options))
    writer.node(CONCATENATION, parts, writer.wide(name), axis=3)
    writer.rewritten.append(f"{name}: {conv.groups} groups, each a CONV_2D of its own")
