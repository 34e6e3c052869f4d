"""A convolution in ONNX."""

from dataclasses import replace

import numpy as np

from hwrts.export.forms import Forms, Less, always, no_zero_point, signed
from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused, Writer
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.fixed_point import Conv, Network, Padding


def _reads_bytes(network: Network, conv: Conv) -> bool:
    """Its result may have more than 8 bits: ConvInteger makes int32, but of bytes."""
    return network.formats[conv.source].bits <= 8


FUSED = Fused(qdq="QLinearConv", integer="ConvInteger", islands=("Conv", "FusedConv"), wide=_reads_bytes)


def _around_zero(network: Network, conv: Conv, less: Less) -> Conv:
    """What its source's codes are less goes into the biases, and so does what its own are."""
    made, source = less.get(conv.name, 0), network.formats[conv.source]
    shift = conv.shift(source)
    if made and shift.min() < 0:
        raise no_zero_point(conv)
    sums = conv.weight_i8.astype(np.int64).sum(axis=(1, 2, 3))
    bias = conv.bias_i32 + less.get(conv.source, 0) * sums - (made << np.maximum(shift, 0))
    if np.abs(bias).max() >= 1 << 31:
        raise no_zero_point(conv)
    return replace(conv, bias_i32=bias.astype(np.int32), out=signed(conv.out, made))


def _made_turned(conv: Conv) -> bool:
    """Filters can stand in any order, but those of groups stay with their group."""
    return conv.groups == 1


FORMS = Forms(_around_zero, always, half=True, made_turned=_made_turned)


def qdq(writer: QdqWriter, conv: Conv) -> None:
    """Conv on real values, of dequantised weights and biases."""
    acc_frac = conv.acc_frac(writer.network.formats[conv.source])
    order = writer.turned.get(conv.name, slice(None))  # of its filters
    weight = writer.coefficients(f"{conv.name}.weight", conv.weight_i8[order], conv.weight_frac[order])
    bias = writer.coefficients(f"{conv.name}.bias", conv.bias_i32[order], acc_frac[order])
    attributes = _shape(conv)
    around = dict(writer.options.edges).get(conv.source)
    if around is not None and conv.padding is Padding.ZERO and any(conv.shape.margins):
        codes, attributes["pads"] = writer.edged(conv.source, conv.shape.margins, around), [0] * 4
    else:
        codes = _padded(writer, conv)
    source = writer.real(conv.source, codes)
    exact, apart = f"{conv.name}.exact", writer.options.bias_apart and has_one_bias(conv)
    writer.node("Conv", [source, weight, bias], f"{conv.name}.with_bias" if apart else exact, **attributes)
    if apart:
        writer.node("LeakyRelu", [f"{conv.name}.with_bias"], exact, alpha=1.0)
    writer.quantize(conv.name)


def integer(writer: IntegerWriter, conv: Conv) -> None:
    """ConvInteger on stored codes, then the bias (eq. 2)."""
    weight = writer.constant(f"{conv.name}.weight", conv.weight_i8)
    zeros = [writer.stored_zero(conv.source), writer.constant(f"{conv.name}.no_offset", np.array(0, np.int8))]
    inputs = [_padded(writer, conv), weight, *zeros]
    products = writer.node("ConvInteger", inputs, f"{conv.name}.products", **_shape(conv))
    bias = writer.constant(f"{conv.name}.bias", conv.bias_i32.reshape(1, -1, 1, 1))
    writer.node("Add", [products, bias], f"{conv.name}.acc")
    writer.requantize(conv)


def has_one_bias(conv: Conv) -> bool:
    """Whether all channels have one bias, on one grid, that is not 0."""
    first, frac = int(conv.bias_i32[0]), conv.weight_frac[0]
    values = np.ldexp(conv.bias_i32.astype(np.float64), frac - conv.weight_frac)
    return first != 0 and bool((values == first).all())


def _padded(writer: Writer, conv: Conv) -> str:
    """The stored codes that it reads, with what a convolution of ONNX cannot put around them (eq. 2)."""
    if conv.padding is Padding.ZERO or not any(conv.shape.margins):
        return conv.source
    return writer.padded(conv.source, conv.shape.margins, conv.padding)


def _shape(conv: Conv) -> dict[str, object]:
    """Attributes of a convolution on what :func:`_padded` gives it (eq. 28)."""
    shape = conv.shape
    pads = list(shape.margins) if conv.padding is Padding.ZERO else [0] * 4
    attributes: dict[str, object] = {
        "kernel_shape": [shape.rows, shape.columns],
        "pads": pads,
        "strides": [shape.stride] * 2,
    }
    if shape.dilation > 1:  # both are 1 where nothing is said
        attributes["dilations"] = [shape.dilation] * 2
    if conv.groups > 1:
        attributes["group"] = conv.groups
    return attributes
