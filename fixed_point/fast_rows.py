"""Every operator but the convolution on rows of codes, in float arithmetic where it is proved exact."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bounds import layer_bounds
from .codes import Codes
from .fast import FloatRow, round_and_saturate
from .formats import Format
from .layers import Add, PRelu, Scale, Upsample
from .requantize import Rounding, half_lsb
from .upsample import upsample_taps

# Letters of the shape comments: W columns of a row; C channels; F factor; K rows of a window.

RowLayer = Add | Scale | PRelu | Upsample
Window = Sequence[NDArray[Any]]
"""K rows (W, C) of a source; those outside the picture have been filled in."""
RowFunction = Callable[[Sequence[Window]], list[FloatRow]]
"""The windows of all sources to the F new rows (F*W, C'). A row may also be a picture of rows (H, W, C)."""


def row_function(layer: RowLayer, formats: Mapping[str, Format], rounding: Rounding) -> RowFunction:
    """The function that computes a layer's rows.

    All factors are scaled by 2**-shift beforehand, which is exact; every product and partial sum is then an
    integer below 2**24 times that power of two, or float64 is used, exact for every int32 (eq. 10).

    Args:
        layer: The layer.
        formats: Formats of its sources by name.
        rounding: The tie rule.
    """
    operands = [formats[source] for source in layer.sources]
    acc_frac = layer.acc_frac(*operands)
    shift = acc_frac - layer.out.frac
    half = int(half_lsb(shift, rounding))
    exact = layer_bounds(layer, operands, rounding).exact_in_float32
    dtype: type[np.floating] = np.float32 if exact else np.float64
    unit = np.ldexp(1.0, -shift)  # what 1 in the accumulator is worth in output codes

    def requantised(acc: FloatRow) -> FloatRow:
        if rounding is Rounding.HALF_UP:
            acc += dtype(half * unit)
        if shift > 0:
            round_and_saturate(acc, acc, layer.out, rounding)
        else:  # whole numbers already
            np.clip(acc, layer.out.min, layer.out.max, out=acc)
        return acc

    if isinstance(layer, Add):
        factors = [dtype(np.ldexp(unit, acc_frac - operand.frac)) for operand in operands]

        def add(windows: Sequence[Window]) -> list[FloatRow]:
            (a,), (b,) = windows
            scaled = (
                x if factor == 1 else np.multiply(x, factor, dtype=dtype)
                for x, factor in zip((a, b), factors, strict=True)
            )
            return [requantised(np.add(*scaled, dtype=dtype))]

        return add
    if isinstance(layer, Scale):
        factor = dtype(layer.multiplier * unit)
        return lambda windows: [requantised(np.multiply(windows[0][0], factor, dtype=dtype))]
    if isinstance(layer, PRelu):
        above = dtype(np.ldexp(unit, layer.slope_frac))
        below = (layer.slope_i8 * unit).astype(dtype)  # (C,)

        def prelu(windows: Sequence[Window]) -> list[FloatRow]:
            x = windows[0][0].astype(dtype, copy=False)
            return [requantised(np.where(x >= 0, x * above, x * below))]

        return prelu
    taps, _ = upsample_taps(layer.kind, layer.factor)  # (F, K)
    vertical, horizontal = taps.astype(dtype), (taps * unit).astype(dtype)

    def upsample(windows: Sequence[Window]) -> list[FloatRow]:
        rows = [_weighted(windows[0], weights) for weights in vertical]
        return [requantised(_along_columns(row, horizontal)) for row in rows]

    return upsample


def fast_layer(
    layer: RowLayer, tensors: Mapping[str, Codes], formats: Mapping[str, Format], rounding: Rounding
) -> Codes:
    """The codes of a layer for a whole picture, by :func:`row_function`."""
    windows: list[Window] = [[tensors[source]] for source in layer.sources]
    if isinstance(layer, Upsample):
        x, size = tensors[layer.source], upsample_taps(layer.kind, layer.factor)[0].shape[1]
        padded = np.pad(x, ((size // 2, size // 2), (0, 0), (0, 0)), mode="edge")  # (H + K - 1, W, C)
        windows = [[padded[ky : ky + len(x)] for ky in range(size)]]
    rows = np.stack(row_function(layer, formats, rounding)(windows), axis=1)  # (H, F, F*W, C)
    return rows.reshape(-1, *rows.shape[2:]).astype(layer.out.dtype)


def _weighted(rows: Window, weights: FloatRow) -> FloatRow:
    """The sum of rows times weights, (K,); without those of weight 0."""
    return reduce(np.add, [row * weight for row, weight in zip(rows, weights, strict=True) if weight])


def _along_columns(row: FloatRow, taps: FloatRow) -> FloatRow:
    """Interpolate a row (..., W, C) to (..., F*W, C); columns outside equal the nearest inside."""
    factor, size = taps.shape
    width, margin = row.shape[-2], [(0, 0)] * row.ndim
    margin[-2] = (size // 2, size // 2)
    padded = np.pad(row, margin, mode="edge")
    shifted = [padded[..., kx : kx + width, :] for kx in range(size)]
    phases = np.stack([_weighted(shifted, weights) for weights in taps], axis=-2)  # (..., W, F, C)
    return phases.reshape(*row.shape[:-2], factor * width, row.shape[-1])
