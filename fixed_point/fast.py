"""Integer convolution at BLAS speed, used only where float arithmetic is proved exact."""

from collections.abc import Iterator
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

_TILE_BYTES = 2 << 20
"""Size of a tile's stacked input. It is read K times and should stay in cache; 1 to 4 MB measured alike."""
_TILE_COLUMNS = 128
"""Width of a tile. Full-width bands of a 960-pixel picture were one row high and 20 % slower."""


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
    acc_frac = source.frac + conv.weight_frac.astype(np.int64)
    half_lsb = _half_lsb(acc_frac - conv.out.frac, rounding)  # (O,)
    largest = int((conv_bounds(conv, source).partial_sum + half_lsb).max())
    dtype: type[np.floating] = np.float32 if largest < FLOAT32_LIMIT else np.float64
    scale = np.ldexp(1.0, conv.out.frac - acc_frac).astype(dtype)  # (O,) powers of two
    bias = (conv.bias_i32 + half_lsb).astype(dtype)
    taps = conv.weight_i8.transpose(2, 3, 1, 0).astype(dtype)  # (K, K, I, O)
    taps = taps.reshape(kernel, kernel * in_channels, out_channels)  # (K, K*I, O)

    columns = min(width, _TILE_COLUMNS)
    row_bytes = columns * kernel * in_channels * np.dtype(dtype).itemsize
    rows = max(1, min(height, _TILE_BYTES // row_bytes - 2 * margin))
    framed = np.empty((rows + 2 * margin, columns + 2 * margin, in_channels), dtype)
    stacked = np.empty((rows + 2 * margin) * columns * kernel * in_channels, dtype)
    acc = np.empty((rows * columns, out_channels), dtype)
    summand = np.empty_like(acc)
    out = np.empty((height, width, out_channels), conv.out.dtype)
    for top, left, h, w in _tiles(height, width, rows, columns):
        frame = framed[: h + 2 * margin, : w + 2 * margin]  # (h+2M, w+2M, I)
        _fill_frame(frame, x, top - margin, left - margin)
        # The K horizontal taps side by side: K products of depth K*I in place of K*K products of depth I.
        tile = stacked[: (h + 2 * margin) * w * kernel * in_channels]
        tile = tile.reshape(h + 2 * margin, w, kernel, in_channels)  # (h+2M, w, K, I)
        for kx in range(kernel):
            tile[:, :, kx] = frame[:, kx : kx + w]
        total = acc[: h * w]  # (h*w, O)
        for ky in range(kernel):
            lines = tile[ky : ky + h].reshape(h * w, kernel * in_channels)  # (h*w, K*I)
            if ky == 0:
                np.matmul(lines, taps[ky], out=total)
            else:
                total += np.matmul(lines, taps[ky], out=summand[: h * w])
        total += bias
        codes = _round(total, scale, acc_frac, conv.out, rounding)
        out[top : top + h, left : left + w] = codes.reshape(h, w, out_channels)
    return out


def _half_lsb(shift: NDArray[np.int64], rounding: Rounding) -> NDArray[np.int64]:
    """What half-up adds before it drops bits: half an LSB of the result, 2**(shift-1) (eq. 5)."""
    if rounding is not Rounding.HALF_UP:
        return np.zeros_like(shift)
    return np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)


def _round(
    total: NDArray[np.floating], scale: NDArray[np.floating], acc_frac: NDArray[np.int64],
    out: Format, rounding: Rounding,
) -> NDArray[np.generic]:  # fmt: skip
    """Requantise exact float accumulators in place; half an LSB is in them already for half-up (eq. 5)."""
    if rounding is Rounding.HALF_AWAY:  # no float primitive has this tie rule
        return requantize(total.astype(np.int64), acc_frac, out, rounding)
    total *= scale
    (np.rint if rounding is Rounding.HALF_EVEN else np.floor)(total, out=total)
    return np.clip(total, out.min, out.max, out=total)


def _tiles(height: int, width: int, rows: int, columns: int) -> Iterator[tuple[int, int, int, int]]:
    """Top, left, height and width of the tiles that cover a picture once."""
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield top, left, min(rows, height - top), min(columns, width - left)


def _fill_frame(frame: NDArray[np.floating], x: NDArray[np.integer], top: int, left: int) -> None:
    """Copy the picture's window that starts at (top, left); what lies outside the picture is code 0."""
    bottom, right = min(top + frame.shape[0], x.shape[0]), min(left + frame.shape[1], x.shape[1])
    inside = x[max(top, 0) : bottom, max(left, 0) : right]
    above, before = max(-top, 0), max(-left, 0)
    if inside.shape != frame.shape:
        frame[...] = 0
    frame[above : above + inside.shape[0], before : before + inside.shape[1]] = inside
