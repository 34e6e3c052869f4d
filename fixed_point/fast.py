"""Integer convolution at BLAS speed, used only where float arithmetic is proved exact."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .bounds import conv_bounds
from .formats import Format
from .requantize import Rounding, requantize

if TYPE_CHECKING:
    from .network import Conv

# Letters of the shape comments: B rows of a band, W columns; I, O input and output channels; K kernel size.

_BAND_BYTES = 1 << 20
"""Size of a band's stacked input. It is read K times: it should stay in a core's second-level cache."""


def conv_requantized(
    x: NDArray[np.integer], conv: "Conv", source: Format, rounding: Rounding
) -> NDArray[np.integer]:
    """The codes of ``requantize(conv_accumulate(x))``, computed with float GEMMs.

    The accumulators are integers below 2**24 in magnitude in any order of summation (eq. 10), so float32
    holds each of them exactly; otherwise float64 is used, which holds every int32 exactly. Multiplying by
    2**-shift is exact too, and ``rint`` is half to even; the other rules take the integer requantiser.

    Args:
        x: Codes (H, W, I).
        conv: The layer.
        source: Format of ``x``.
        rounding: The tie rule.

    Returns:
        Codes (H, W, O) of ``conv.out``.
    """
    dtype = np.float32 if conv_bounds(conv, source).exact_in_float32 else np.float64
    height, width, in_channels = x.shape
    out_channels, _, kernel, _ = conv.weight_i8.shape
    margin = kernel // 2
    acc_frac = source.frac + conv.weight_frac.astype(np.int64)
    scale = np.ldexp(1.0, conv.out.frac - acc_frac).astype(dtype)  # (O,) powers of two
    bias = conv.bias_i32.astype(dtype)
    taps = (
        conv.weight_i8.transpose(2, 3, 1, 0).reshape(kernel, kernel * in_channels, out_channels).astype(dtype)
    )

    padded = np.pad(x, ((margin, margin), (margin, margin), (0, 0)))  # (H+K-1, W+K-1, I)
    out = np.empty((height, width, out_channels), conv.out.dtype)
    row_bytes = width * kernel * in_channels * np.dtype(dtype).itemsize
    band = max(1, min(height, _BAND_BYTES // row_bytes))
    stacked = np.empty((band + kernel - 1, width, kernel * in_channels), dtype)
    acc = np.empty((band * width, out_channels), dtype)
    product = np.empty_like(acc)
    for top in range(0, height, band):
        rows = min(band, height - top)
        for kx in range(
            kernel
        ):  # the K horizontal taps side by side: K GEMMs of depth K*I in place of K*K of I
            stacked[: rows + kernel - 1, :, kx * in_channels : (kx + 1) * in_channels] = padded[
                top : top + rows + kernel - 1, kx : kx + width
            ]
        part, summand = acc[: rows * width], product[: rows * width]  # (B*W, O)
        for ky in range(kernel):
            lines = stacked[ky : ky + rows].reshape(rows * width, -1)  # (B*W, K*I)
            np.matmul(lines, taps[ky], out=summand if ky else part)
            if ky:
                part += summand
        part += bias
        if rounding is Rounding.HALF_EVEN:
            part *= scale
            np.rint(part, out=part)
            np.clip(part, conv.out.min, conv.out.max, out=part)
            codes: NDArray[np.generic] = part
        else:
            codes = requantize(part.astype(np.int64), acc_frac, conv.out, rounding)
        out[top : top + rows] = codes.reshape(rows, width, out_channels)
    return out
