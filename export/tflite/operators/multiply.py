"""A product of two tensors in TensorFlow Lite."""

import numpy as np

from hwrts.export.tflite.islands import Island, as_real
from hwrts.export.tflite.schema import MUL
from hwrts.export.tflite.writer import Writer
from hwrts.fixed_point import Multiply, Rounding

_NATIVE = (Rounding.HALF_EVEN, Rounding.DOUBLE)
"""Rules that some runtime has for products: XNNPACK the first, the reference kernels the second."""
_SHIFTS = range(-7, 16)
"""Of which XNNPACK takes the operator: other kernels would round by another rule."""


def write(writer: Writer, layer: Multiply) -> None:
    """MUL where a runtime rounds products as the network does, else products in float32.

    One channel or pixel meets all others by broadcasting.
    """
    name, rounding = layer.name, writer.network.rule_of(layer)
    shift = int(layer.shift(*writer.network.formats_of(layer.sources)))
    if rounding in _NATIVE and shift in _SHIFTS:
        writer.node(MUL, list(layer.sources), writer.wide(name))
        writer.clipped(name)
        return
    island = Island(writer, name, writer.shape(name))
    a, b = (as_real(writer, source) for source in layer.sources)
    product = island.times(island.both(MUL, a, b), float(np.ldexp(1.0, layer.out.frac)))
    island.codes(island.rounded(product, shift, rounding), writer.tensor(name), layer.out)
