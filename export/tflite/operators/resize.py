"""Resizing to any size in TensorFlow Lite: the size is known, so places and weights are constants."""

import numpy as np
from numpy.typing import NDArray

from hwrts.export.tflite.islands import Island, as_real
from hwrts.export.tflite.schema import ADD, GATHER, MUL
from hwrts.export.tflite.writer import Writer
from hwrts.fixed_point import Places, Resize
from hwrts.fixed_point.operators.resize import FRACTION, resize_taps

_ROWS, _COLUMNS = 1, 2
"""Axes of (1, H, W, C)."""


def write(writer: Writer, layer: Resize) -> None:
    """Rows and columns by GATHER, weighed in float32: sums of 8-bit codes with 14 fraction bits are exact."""
    name, source, network = layer.name, layer.sources[0], writer.network
    if layer.places is Places.NEAREST and network.formats[source] == layer.out:
        rows = _taken(writer, source, f"{name}.rows", _ROWS, _taps(writer, layer, _ROWS)[0])
        _taken(writer, rows, name, _COLUMNS, _taps(writer, layer, _COLUMNS)[0])
        return
    x = as_real(writer, source)
    for axis in (_ROWS, _COLUMNS):
        x = _along(writer, x, layer, axis)
    island = Island(writer, name, writer.shape(name))
    x = island.times(x, float(np.ldexp(1.0, layer.out.frac)))
    shift = int(layer.shift(*network.formats_of(layer.sources)))
    island.codes(island.rounded(x, shift, network.rule_of(layer)), writer.tensor(name), layer.out)


def _taps(writer: Writer, layer: Resize, axis: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First rows, or columns, and the weights of the second in 1/128."""
    return resize_taps(writer.shape(layer.sources[0])[axis], writer.shape(layer.name)[axis], layer.places)


def _along(writer: Writer, x: str, layer: Resize, axis: int) -> str:
    """Two rows, or columns, of each place times what they weigh."""
    first, weight = _taps(writer, layer, axis)
    second = np.minimum(first + 1, writer.shape(layer.sources[0])[axis] - 1)
    products = []
    for number, (places, factor) in enumerate(((first, (1 << FRACTION) - weight), (second, weight))):
        step, shape = f"{layer.name}.axis{axis}.{number}", [1, 1, 1, 1]
        shape[axis] = len(factor)
        values = np.ldexp(factor.astype(np.float32), -FRACTION).reshape(shape)
        taken = _taken(writer, x, step, axis, places)
        inputs = [taken, writer.real_constant(f"{step}.weight", values)]
        products.append(
            writer.node(MUL, inputs, writer.like(taken, f"{step}.product", writer.shape_of(taken)))
        )
    target = writer.like(products[0], f"{layer.name}.axis{axis}", writer.shape_of(products[0]))
    return writer.node(ADD, products, target)


def _taken(writer: Writer, x: str, name: str, axis: int, places: NDArray[np.int64]) -> str:
    """Rows, or columns, of a tensor."""
    shape = list(writer.shape_of(x))
    shape[axis] = len(places)
    numbers = writer.constant(f"{name}.places", places)
    return writer.node(GATHER, [x, numbers], writer.like(x, name, tuple(shape)), axis=axis)
