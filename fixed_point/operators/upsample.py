"""Interpolation by fixed taps: exact sums, then one requantisation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..bounds import Bounds, linear_reach
from ..codes import Codes
from ..errors import HwrtsError
from ..formats import Format
from ..interpolation import upsample_taps
from ..requantize import Rounding
from ..rows import FloatRow, Row, RowFunction
from ..window import Padding, Window
from .checks import check_whole
from .operator import MAX_ENLARGEMENT, OneSource, Tensor, Work, nearer_grid
from .requantised import Requantised
from .tensor import Constant, Worst, plain

# Letters of the shape comments: H, W rows and columns; C channels; F factor; K taps, M = K // 2 the margin.

_TAP_BITS = 16
"""Of a tap in a file: what every kind and factor fits."""


def upsample_accumulate(x: NDArray[np.integer], kind: str, factor: int) -> NDArray[np.int64]:
    """Interpolated accumulators; pixels outside the picture equal the nearest one inside (eq. 17).

    acc[F*y + i, F*x + j] = sum over u, v of t[i, u] * t[j, v] * x[clamp(y + u - M), clamp(x + v - M)]
    on the grid of x with twice the taps' fraction bits more

    Args:
        x: Codes (H, W, C).
        kind: One of UPSAMPLE_KINDS.
        factor: F.

    Returns:
        Accumulators (F*H, F*W, C), int64; of codes of 8 bits they stay below 2**25.

    >>> from ..formats import PIXEL
    >>> from ..requantize import Rounding, requantize
    >>> acc = upsample_accumulate(np.array([[[0], [2]]], np.uint8), "bilinear", 2)  # 0, 1/2, 3/2, 2
    >>> requantize(acc, 8 + 4, PIXEL, Rounding.HALF_EVEN)[..., 0].tolist()
    [[0, 0, 2, 2], [0, 0, 2, 2]]
    """
    taps, _ = upsample_taps(kind, factor)
    rows = _along_rows(x.astype(np.int64), taps)  # (F*H, W, C)
    return _along_rows(rows.swapaxes(0, 1), taps).swapaxes(0, 1)  # (F*H, F*W, C)


def _along_rows(x: NDArray[np.int64], taps: NDArray[np.int64]) -> NDArray[np.int64]:
    """One direction: (H, W, C) to (F*H, W, C)."""
    margin = taps.shape[1] // 2
    padded = np.pad(x, ((margin, margin), (0, 0), (0, 0)), mode="edge")  # (H + K - 1, W, C)
    windows = np.lib.stride_tricks.sliding_window_view(padded, taps.shape[1], axis=0)  # (H, W, C, K)
    phases = windows @ taps.T  # (H, W, C, F)
    return np.moveaxis(phases, 3, 1).reshape(-1, *x.shape[1:])  # (F*H, W, C)


@dataclass(frozen=True)
class Upsample(OneSource, Requantised):
    """Interpolation by fixed dyadic taps, edges replicated, requantised once (eq. 17).

    Attributes:
        kind: One of UPSAMPLE_KINDS.
        factor: By which height and width grow, 2..8.
        out: Format of the result.
    """

    kind: str
    factor: int
    out: Format

    AS_CONVOLUTIONS = True

    @property
    def window(self) -> Window:
        """K rows and columns, edges replicated, and a square of new pixels for each."""
        taps, _ = upsample_taps(self.kind, self.factor)
        return Window.around(taps.shape[1], self.factor, padding=Padding.REPLICATE)

    def check(self) -> None:
        """A kind and factor that there is."""
        check_whole(self.where, "factor", self.factor, 2, MAX_ENLARGEMENT)
        if not isinstance(self.kind, str):
            raise HwrtsError(f"{self.where}: kind {self.kind!r} is not a string")
        upsample_taps(self.kind, self.factor)

    def made(self, *sources: Tensor) -> Tensor:
        """F times the height and width."""
        (x,) = sources
        return x.seen(self.window, self.name, x.channels, self.out)

    def acc_frac(self, *formats: Format) -> int:
        """Fraction bits of the accumulator."""
        (x,) = formats
        return x.frac + 2 * upsample_taps(self.kind, self.factor)[1]

    def accumulate(self, xs: Sequence[Codes], formats: Sequence[Format]) -> NDArray[np.int64]:
        """Interpolated accumulators (F*H, F*W, C) (eq. 17)."""
        (x,) = xs
        return upsample_accumulate(x, self.kind, self.factor)

    def reach(self, *formats: Format) -> Bounds:
        """For all channels, of each new pixel F*i + j of the square that a pixel becomes, (F*F,)."""
        return linear_reach(self._kernels(), formats)

    def attack(self, *formats: Format) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of each new pixel of the square, (F*F,), for its own worst inputs."""
        (source,) = formats
        kernels = self._kernels()
        size = math.isqrt(kernels.shape[1])
        reached = np.empty((2, len(kernels)), np.int64)
        for phase, kernel in enumerate(kernels.reshape(-1, size, size, 1)):
            y, x = (size // 2 * self.factor + offset for offset in divmod(phase, self.factor))
            for end, pushes in enumerate((kernel < 0, kernel > 0)):
                codes = np.where(pushes, source.max, source.min)  # (K, K, 1)
                reached[end, phase] = upsample_accumulate(codes, self.kind, self.factor)[y, x, 0]
        return reached[0], reached[1]

    def worst(self, *sources: Tensor) -> Sequence[Worst]:
        """Each code at the end of its range that its tap pushes with: of the new pixel that goes farthest."""
        (x,) = sources
        taps, _ = upsample_taps(self.kind, self.factor)  # (F, K)
        bounds = self.reach(x.out)
        frames = []
        for phase, sign in ((int(bounds.lowest.argmin()), -1), (int(bounds.highest.argmax()), 1)):
            down, along = divmod(phase, self.factor)
            kernel = sign * np.outer(taps[down], taps[along])  # (K, K)
            codes = np.where(kernel > 0, x.out.max, x.out.min).astype(x.out.dtype)
            frames.append({self.source: np.repeat(codes[:, :, None], x.channels, axis=2)})  # (K, K, C)
        return frames

    def stored(self) -> dict[str, Constant]:
        """Its taps, of columns and rows alike."""
        taps, _ = upsample_taps(self.kind, self.factor)
        return {"taps": Constant(taps, ("phase", "tap"), _TAP_BITS, True)}

    def _kernels(self) -> NDArray[np.int64]:
        """The kernel behind each new pixel of a square, (F*F, K*K)."""
        taps, _ = upsample_taps(self.kind, self.factor)  # (F, K)
        products = taps[:, None, :, None] * taps[:, None]  # (F, F, K, K)
        return products.reshape(self.factor**2, -1)

    def work(self, made: Tensor) -> Work:
        """Taps that are not zero: once down each column, then F times along the row."""
        taps = int(np.count_nonzero(upsample_taps(self.kind, self.factor)[0]))
        pixels = (made.scale / self.factor) ** 2  # of the source
        return Work(multiplications=plain((1 + self.factor) * taps * made.channels * pixels))

    def corrupted(self, xs: Sequence[Codes], codes: Codes) -> Self:
        """Shifted by one bit too few, or too many."""
        return replace(self, out=nearer_grid(self.out))

    def row_function(self, formats: Sequence[Format], rounding: Rounding) -> RowFunction:
        """Sums of rows, then of columns, in float."""
        grid = self.float_grid(formats, rounding)
        taps, _ = upsample_taps(self.kind, self.factor)  # (F, K)
        vertical, horizontal = taps.astype(grid.dtype), (taps * grid.unit).astype(grid.dtype)

        def upsample(windows: Sequence[Sequence[Row]]) -> list[Row]:
            rows = [_weighted(windows[0], weights) for weights in vertical]
            return [grid.requantised(_along_columns(row, horizontal)) for row in rows]

        return upsample


def _weighted(rows: Sequence[Row], weights: FloatRow) -> FloatRow:
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
