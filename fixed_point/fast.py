"""Integer convolution at BLAS speed, used only where float arithmetic is proved exact."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .bounds import FLOAT32_LIMIT, conv_bounds
from .formats import Format
from .requantize import Rounding, requantize

if TYPE_CHECKING:
    from .network import Conv

# Letters of the shape comments: H, W rows and columns of the picture; h, w of a tile; I, O input and output
# channels; K kernel size; M = K // 2, the margin.

_TILE_PIXELS = 2048
"""Pixels of a tile: few enough for a core's caches, enough to make Python's share of the time small."""
_TILE_COLUMNS = 16, 256
"""Narrowest and widest tile; a matrix product of fewer than 16 rows wastes the processor's vector units."""
_PRODUCT_SIZE = 1 << 18
"""Largest w * I * O of one matrix product. OpenBLAS computes such a product in the calling thread; larger
ones it splits over its own threads, which wait for each other: ten times slower on a busy machine."""


def conv_requantized(
    x: NDArray[np.integer], conv: "Conv", source: Format, rounding: Rounding
) -> NDArray[np.integer]:
    """The codes of ``requantize(conv_accumulate(x))``, computed with float matrix products.

    Every partial sum is an integer below 2**24 in magnitude (eq. 10), which float32 holds exactly in any
    order of summation; a layer that could exceed it is computed in float64, exact for every int32. The
    scaling by 2**-shift is exact as well, so the one rounding is the only step that loses anything.

    Args:
        x: Codes (H, W, I).
        conv: The layer.
        source: Format of ``x``.
        rounding: The tie rule.

    Returns:
        Codes (H, W, O) of ``conv.out``.

    >>> from .formats import PIXEL
    >>> from .network import Conv
    >>> one = np.ones(1, np.int32)  # weight 1 * 2**-1, bias 1 * 2**-9: (2 + 1) / 2 is a tie
    >>> half = Conv("c", "x", np.ones((1, 1, 1, 1), np.int8), one, one, PIXEL)
    >>> conv_requantized(np.array([[[2]]], np.uint8), half, PIXEL, Rounding.HALF_EVEN).tolist()
    [[[2]]]
    """
    height, width, in_channels = x.shape
    out_channels, _, kernel, _ = conv.weight_i8.shape
    margin = kernel // 2
    acc_frac = conv.acc_frac(source)
    half_lsb = _half_lsb(acc_frac - conv.out.frac, rounding)  # (O,)
    largest = int((conv_bounds(conv, source).partial_sum + half_lsb).max())
    dtype: type[np.floating] = np.float32 if largest < FLOAT32_LIMIT else np.float64
    scale = np.ldexp(1.0, conv.out.frac - acc_frac).astype(dtype)  # (O,) powers of two
    bias = (conv.bias_i32 + half_lsb).astype(dtype)
    taps = np.ascontiguousarray(conv.weight_i8.transpose(2, 3, 1, 0), dtype)  # (K, K, I, O)

    narrow, wide = _TILE_COLUMNS
    columns = min(width, wide, max(narrow, _PRODUCT_SIZE // (in_channels * out_channels)))
    rows = min(height, max(1, _TILE_PIXELS // columns))
    tiles = [(top, left) for top in range(0, height, rows) for left in range(0, width, columns)]
    out = np.empty((height, width, out_channels), conv.out.dtype)

    def compute(tiles: list[tuple[int, int]]) -> None:
        framed = np.empty((rows + 2 * margin, columns + 2 * margin, in_channels), dtype)
        sums, products = np.empty((2, rows * columns, out_channels), dtype)
        for top, left in tiles:
            h, w = min(rows, height - top), min(columns, width - left)
            frame = framed[: h + 2 * margin, : w + 2 * margin]  # (h+2M, w+2M, I)
            _fill_frame(frame, x, top - margin, left - margin)
            acc = sums[: h * w].reshape(h, w, out_channels)  # (h, w, O)
            product = products[: h * w].reshape(h, w, out_channels)  # (h, w, O)
            acc[...] = bias
            for ky in range(kernel):
                for kx in range(kernel):  # one product (w, I) @ (I, O) for each row of the tile
                    acc += np.matmul(frame[ky : ky + h, kx : kx + w], taps[ky, kx], out=product)
            out[top : top + h, left : left + w] = _round(acc, scale, acc_frac, conv.out, rounding)

    workers = min(_cores(), len(tiles))
    if workers == 1:
        compute(tiles)
    else:  # NumPy releases the interpreter lock in products and in whole-array operations
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(compute, [tiles[k::workers] for k in range(workers)]))
    return out


def _half_lsb(shift: NDArray[np.int64], rounding: Rounding) -> NDArray[np.int64]:
    """What half-up adds before it drops bits: half an LSB of the result, 2**(shift-1) (eq. 5)."""
    if rounding is not Rounding.HALF_UP:
        return np.zeros_like(shift)
    return np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)


def _round(
    acc: NDArray[np.floating], scale: NDArray[np.floating], acc_frac: NDArray[np.int64],
    out: Format, rounding: Rounding,
) -> NDArray[np.generic]:  # fmt: skip
    """Requantise exact float accumulators in place; half an LSB is in them already for half-up (eq. 5)."""
    if rounding is Rounding.HALF_AWAY:  # no float primitive has this tie rule
        return requantize(acc.astype(np.int64), acc_frac, out, rounding)
    acc *= scale
    (np.rint if rounding is Rounding.HALF_EVEN else np.floor)(acc, out=acc)
    return np.clip(acc, out.min, out.max, out=acc)


def _fill_frame(frame: NDArray[np.floating], x: NDArray[np.integer], top: int, left: int) -> None:
    """Copy the picture's window that starts at (top, left); what lies outside the picture is code 0."""
    bottom, right = min(top + frame.shape[0], x.shape[0]), min(left + frame.shape[1], x.shape[1])
    inside = x[max(top, 0) : bottom, max(left, 0) : right]
    above, before = max(-top, 0), max(-left, 0)
    if inside.shape != frame.shape:
        frame[...] = 0
    frame[above : above + inside.shape[0], before : before + inside.shape[1]] = inside


def _cores() -> int:
    """Cores that this process may use; not every system can say, then all of them."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1
