"""Interpolation by fixed taps in TensorFlow Lite: a convolution, and channels to pixels."""

import numpy as np

from hwrts.export.tflite.channels import depth_first
from hwrts.export.tflite.moves import convolved, padded, spread_out
from hwrts.export.tflite.schema import DEPTH_TO_SPACE
from hwrts.export.tflite.writer import Flavour, Writer
from hwrts.fixed_point import Padding, Upsample, upsample_taps, weight_limit

# Letters of the shape comments: F factor; K taps; C channels.


def write(writer: Writer, layer: Upsample) -> None:
    """A convolution whose kernels read one channel each; new pixels of a square are its channels.

    Raises:
        HwrtsError: Taps whose products do not fit int8.
    """
    name, factor, network = layer.name, layer.factor, writer.network
    taps, frac = upsample_taps(layer.kind, factor)  # (F, K)
    products = taps[:, None, :, None] * taps[:, None]  # (F, F, K, K)
    if np.abs(products).max() > weight_limit(8):
        raise writer.refused(
            layer, f"products of the taps of {layer.kind} by {factor} do not fit int8; use bilinear by 2 or 4"
        )
    channels, margin = network.channels[name], layer.window.before
    source = padded(writer, layer.source, (margin,) * 4, Padding.REPLICATE)
    weight = np.zeros((channels, factor, factor, taps.shape[1], taps.shape[1], channels), np.int8)
    for channel in range(channels):
        weight[channel, ..., channel] = products
    weight = weight.reshape(channels * factor**2, *weight.shape[3:])  # (C*F*F, K, K, C)
    deep = (*writer.shape(layer.source)[:3], len(weight))
    phases = writer.codes(f"{name}.phases", layer.out, deep)
    if writer.flavour is Flavour.ETHOS_U:
        convolved(writer, source, phases, weight, frac=2 * frac)
        eye = np.eye(len(weight), dtype=np.int8).reshape(channels, factor, factor, -1)
        spread_out(writer, phases, writer.wide(name), eye)
    else:
        convolved(writer, source, phases, weight[depth_first(channels, factor)], frac=2 * frac)
        writer.node(DEPTH_TO_SPACE, [phases], writer.wide(name), block=factor)
    writer.clipped(name)
    writer.rewritten.append(f"{name}: {layer.kind} by {factor} as a CONV_2D of {len(weight)} channels")
