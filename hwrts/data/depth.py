"""Pictures of 16 bits, grey and alpha around a network of 8-bit codes: the integer rules (eq. 19 to 21).

Letters: H rows, W columns, C channels, S the scale of a network.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint8]
Deep = NDArray[np.uint16]
Samples = Codes | Deep

_STEP = 257
"""65535 / 255: 16-bit values from one 8-bit code to the next."""

_BAND = 256
"""Rows that are computed at a time: int64 sums of an 8K picture would take 800 MB."""


def reduce(values: Samples) -> Codes:
    """8-bit codes of 16-bit values: floor((v + 128) / 257), the nearest code (eq. 19); there are no ties.

    What has 8 bits is given back.

    >>> reduce(np.array([0, 128, 129, 385, 386, 65406, 65407, 65535], np.uint16)).tolist()
    [0, 0, 1, 1, 2, 254, 255, 255]
    """
    if values.dtype == np.uint8:
        return values.astype(np.uint8, copy=False)
    out = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), _BAND):
        band = values[top : top + _BAND].astype(np.uint32)
        out[top : top + _BAND] = (band + 128) // _STEP
    return out


def on_grid(values: Samples, bits: int) -> NDArray[Any]:
    """Codes of so many bits: of 8-bit codes with zeros behind them, of 16-bit values the upper bits (eq. 52).

    >>> on_grid(np.array([0, 1, 255], np.uint8), 10).tolist()
    [0, 4, 1020]
    >>> on_grid(np.array([0, 63, 64, 65535], np.uint16), 10).tolist()
    [0, 0, 1, 1023]
    """
    if bits == 8:
        return reduce(values)
    deep: Deep = values.astype(np.uint16)
    return np.left_shift(deep, bits - 8) if values.dtype == np.uint8 else np.right_shift(deep, 16 - bits)


def to_bytes(codes: Samples, bits: int) -> Codes:
    """8-bit codes nearest to codes of so many bits, ties to even, saturated: what a body reads (eq. 51).

    >>> to_bytes(np.array([0, 1, 2, 3, 6, 1021, 1022, 1023], np.uint16), 10).tolist()
    [0, 0, 0, 1, 2, 255, 255, 255]
    """
    if bits == 8:
        return codes.astype(np.uint8, copy=False)
    bytes_: Codes = np.rint(in_units(codes, bits)).clip(0, 255).astype(np.uint8)
    return bytes_


def in_units(codes: Samples, bits: int) -> NDArray[np.float32]:
    """Codes of so many bits in units of 8-bit codes, exact."""
    return codes.astype(np.float32) * np.float32(2.0 ** (8 - bits))


def enlarge_bilinear(samples: Samples, scale: int) -> Samples:
    """S times larger, bilinear, rounded once, half to even (eq. 20); the border repeats itself outside.

    Args:
        samples: (H, W) or (H, W, C), uint8 or uint16.
        scale: S, 1 or more; 1 gives the samples back.

    >>> enlarge_bilinear(np.array([[0, 4, 255]], np.uint8), 2).tolist()
    [[0, 1, 3, 67, 192, 255], [0, 1, 3, 67, 192, 255]]
    """
    if scale == 1:
        return samples
    height, width = samples.shape[:2]
    out = np.empty((height * scale, width * scale, *samples.shape[2:]), samples.dtype)
    for top in range(0, height, _BAND):
        bottom = min(height, top + _BAND)
        _enlarge_rows(samples, scale, top, bottom, out[top * scale : bottom * scale])
    return out  # (SH, SW, ...)


def corrected(deep: Samples, result: Samples, scale: int, bits: int = 8) -> Deep:
    """u(x16) + 257 (y8 - u(x8)), saturated to 0..65535: an unchanged code changes no value (eq. 21).

    Of more bits 2**(16 - bits) in place of 257 (eq. 52).

    Args:
        deep: x16, (H, W, C) uint16.
        result: y, what the network made of ``on_grid(deep, bits)``, (SH, SW, C).
        scale: S.
        bits: Of the network's pixels.

    >>> x = np.array([[[1000], [1001], [30000]]], np.uint16)
    >>> corrected(x, reduce(x), 1).ravel().tolist()
    [1000, 1001, 30000]
    >>> corrected(x, reduce(x) + np.array([[[1], [0], [255 - 117]]], np.uint8), 1).ravel().tolist()
    [1257, 1001, 65466]
    >>> corrected(x, on_grid(x, 10) + np.array([[[1], [0], [1023 - 468]]], np.uint16), 1, 10).ravel().tolist()
    [1064, 1001, 65520]
    """
    step = _STEP if bits == 8 else 1 << (16 - bits)
    out = np.empty(result.shape, np.uint16)
    for top in range(0, len(deep), _BAND):
        first, last = max(0, top - 1), min(len(deep), top + _BAND + 1)  # a row more on each side
        bottom = min(len(deep), top + _BAND)
        rows = slice(top * scale, bottom * scale)
        inside = slice((top - first) * scale, (bottom - first) * scale)
        band = deep[first:last]
        value = enlarge_bilinear(band, scale)[inside].astype(np.int32)
        before = enlarge_bilinear(on_grid(band, bits), scale)[inside].astype(np.int32)
        out[rows] = np.clip(value + step * (result[rows].astype(np.int32) - before), 0, 65535)
    return out  # (SH, SW, C)


def _enlarge_rows(samples: Samples, scale: int, top: int, bottom: int, out: Samples) -> None:
    """Output rows of the input rows ``top`` to ``bottom``."""
    height, width = samples.shape[:2]
    across: list[NDArray[np.int64]] = []
    first, last = max(0, top - 1), min(height, bottom + 1)
    band = samples[first:last].astype(np.int64)
    columns = np.arange(width)
    for step, own in _taps(scale):
        near = band[:, np.clip(columns + step, 0, width - 1)]
        across.append(own * band + (2 * scale - own) * near)  # (rows, W, ...)
    rows, bits = np.arange(top, bottom), (2 * scale) ** 2
    for i, (step, own) in enumerate(_taps(scale)):
        near_rows = np.clip(rows + step, 0, height - 1) - first
        for j, sums in enumerate(across):
            total = own * sums[rows - first] + (2 * scale - own) * sums[near_rows]
            low, rest = np.divmod(total, bits)
            up = (2 * rest > bits) | ((2 * rest == bits) & (low % 2 == 1))  # half to even
            out[i::scale, j::scale] = low + up


def _taps(scale: int) -> list[tuple[int, int]]:
    """For each new position: on which side its other neighbour is, and how much of 2S its own one counts."""
    offsets = [2 * i + 1 - scale for i in range(scale)]  # from the own centre, in units of 1 / 2S
    return [(int(np.sign(offset)), 2 * scale - abs(offset)) for offset in offsets]
