"""Interpolation by fixed taps in TensorFlow Lite: a convolution, and channels to pixels."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from hwrts.export.depth_first import depth_first
from hwrts.export.tflite.islands import Island, as_real
from hwrts.export.tflite.moves import convolved, padded
from hwrts.export.tflite.pixels import to_pixels
from hwrts.export.tflite.schema import CONV_2D, VALID
from hwrts.export.tflite.writer import Writer
from hwrts.fixed_point import Padding, Upsample, upsample_taps, weight_limit

# Letters of the shape comments: F factor; K taps; C channels.


def write(writer: Writer, layer: Upsample) -> None:
    """A convolution whose kernels read one channel each; new pixels of a square are its channels.

    Where products of two taps do not fit int8 it is computed in float32, exact in units of the taps' LSB.

    Raises:
        HwrtsError: A format that is too coarse for float32.
    """
    name, factor, network = layer.name, layer.factor, writer.network
    taps, frac = upsample_taps(layer.kind, factor)  # (F, K)
    products = taps[:, None, :, None] * taps[:, None]  # (F, F, K, K)
    channels, size = network.channels[name], taps.shape[1]
    kernels = np.zeros((channels, factor**2, size, size, channels), np.int64)
    for channel in range(channels):
        kernels[channel, ..., channel] = products.reshape(-1, size, size)
    weight = kernels.reshape(-1, size, size, channels)  # (C*F*F, K, K, C)
    source = padded(writer, layer.source, (layer.window.before,) * 4, Padding.REPLICATE)
    phases = writer.codes(f"{name}.phases", layer.out, (*writer.shape(layer.source)[:3], len(weight)))
    weight = weight[depth_first(channels, factor)]
    if np.abs(products).max() <= weight_limit(8):
        convolved(writer, source, phases, weight.astype(np.int8), frac=2 * frac)
    else:
        _in_float(writer, layer, source, phases, weight)
    to_pixels(writer, phases, writer.wide(name), factor)
    writer.clipped(name)
    writer.rewritten.append(f"{name}: {layer.kind} by {factor} as a CONV_2D of {len(weight)} channels")


def _in_float(writer: Writer, layer: Upsample, source: str, phases: str, weight: NDArray[np.int64]) -> None:
    """Around the middle of unsigned codes, where float32 holds all sums (eq. 35)."""
    name, network = layer.name, writer.network
    form, shape = network.formats[layer.source], writer.shape_of(source)
    shift, taps_frac = int(layer.shift(form)), 2 * upsample_taps(layer.kind, layer.factor)[1]
    left_out = 0 if form.signed or layer.reach(form).exact_in_float32 else 1 << (form.bits - 1)
    middle = Fraction(left_out << taps_frac) / Fraction(2) ** shift  # in codes of the result
    if middle.denominator > 1 or middle % 2:
        raise writer.refused(layer, f"its format {layer.out} is too coarse for {form}; use a finer one")
    real = as_real(writer, source)
    if left_out:
        moved = Island(writer, f"{name}.around", shape)
        real = moved.plus(real, -float(np.ldexp(float(left_out), -form.frac)))
    kernels = np.ldexp(weight.astype(np.float32), layer.out.frac - taps_frac)
    inputs = [
        real,
        writer.real_constant(f"{name}.kernels", kernels),
        writer.real_constant(f"{name}.kernels.bias", np.zeros(len(weight), np.float32)),
    ]
    sums = writer.real(f"{name}.sums", writer.shape_of(phases))
    writer.node(CONV_2D, inputs, sums, padding=VALID, stride_w=1, stride_h=1)
    island = Island(writer, name, writer.shape_of(phases))
    island.codes(island.rounded(sums, shift, network.rule_of(layer), int(middle)), phases, layer.out)
