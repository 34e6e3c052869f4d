"""Pictures in colour through networks that see luma alone: Y', and its correction put back (eq. 22, 50).

Letters: B pictures, H and W rows and columns, S how much a network enlarges.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hwrts.data.matrix import Matrix, matrix_of
from hwrts.data.resample import Interpolation, enlarged

MatrixName = Literal["bt709", "bt601"]
Range = Literal["limited", "full"]

POINT = 16
"""Bits behind the point of a share: the shares of BT.601 are those that everyone has, 19595, 38470, 7471."""

CHROMA_HALO = 2
"""Pixels around one that its chroma depends on: those that bicubic reads on each side."""

_BAND = 128
"""Rows that are computed at a time: int64 sums of a whole 8K picture would take 2 GB."""


@dataclass(frozen=True)
class Luma:
    """What a network of one channel sees of a picture, and what becomes of the colours.

    Attributes:
        matrix: How much of red, green and blue is in Y'.
        range: Codes of Y' are 16..235, or 0..255.
        chroma: How colours become larger, of a network that enlarges.
    """

    matrix: MatrixName = "bt709"
    range: Range = "limited"
    chroma: Interpolation = "bicubic"

    @property
    def said(self) -> str:
        """In a few words: "BT.709, limited range".

        >>> Luma().said
        'BT.709, limited range'
        """
        return f"{self.matrix[:2].upper()}.{self.matrix[2:]}, {self.range} range"

    def as_json(self, bits: int = 8) -> dict[str, str]:
        """What a hand-over says of it, the integers among it; of pixels of so many bits.

        >>> Luma().as_json()["seen"]
        "Y' = (11966 R + 40254 G + 4064 B + 1081344) >> 16"
        """
        of = self._coefficients(bits)
        sums = " + ".join(f"{share} {name}" for share, name in zip(of.shares[0], "RGB", strict=True))
        back = f"R, G, B = sat{bits}(floor(u(R, G, B) + {of.luma}/{1 << POINT} (Y'made - u(Y')) + 1/2))"
        return {
            "matrix": self.matrix,
            "range": self.range,
            "chroma": self.chroma,
            "seen": f"Y' = ({sums} + {(of.black << POINT) + (1 << (POINT - 1))}) >> {POINT}",
            "put_back": f"{back}, u enlarges by S, {self.chroma}; u(x) = x for S = 1",
        }

    def of(self, pixels: NDArray[Any], bits: int = 8) -> NDArray[Any]:
        """Y' of pixels (..., 3) of so many bits: (..., 1), as many, rounded half up (eq. 22).

        >>> codes = np.array([[[0, 0, 0], [7, 7, 7], [255, 0, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
        >>> Luma().of(codes).ravel().tolist(), Luma("bt601", "full").of(codes).ravel().tolist()
        ([16, 22, 63, 32, 235], [0, 7, 76, 29, 255])
        >>> Luma().of(np.array([[[0, 0, 0], [512, 512, 512], [1023] * 3]], np.uint16), 10).ravel().tolist()
        [64, 502, 940]
        """
        of = self._coefficients(bits)
        start = (of.black << POINT) + (1 << (POINT - 1))
        out = np.empty((*pixels.shape[:-1], 1), pixels.dtype)
        rows = pixels.reshape(-1, *pixels.shape[-2:])  # of crops those of all of them
        made = out.reshape(*rows.shape[:-1])
        for top in range(0, len(rows), _BAND):
            total = np.full(made[top : top + _BAND].shape, start, np.uint32)
            for colour, share in enumerate(of.shares[0]):
                total += np.uint32(share) * rows[top : top + _BAND, :, colour]
            made[top : top + _BAND] = total >> POINT
        return out

    def coloured(
        self, pixels: NDArray[Any], seen: NDArray[Any], made: NDArray[Any], scale: int, bits: int = 8
    ) -> NDArray[Any]:
        """The picture with the correction of its Y' added to red, green and blue (eq. 50).

        Where Y' is what interpolation makes of it the picture is what interpolation makes of it: of a network
        that keeps the size and changes no code, bit for bit.

        Args:
            pixels: (H, W, 3) uint8, or uint16 of more bits.
            seen: Their Y', (H, W, 1).
            made: What the network made of it, (SH, SW, 1): of the pixels' type, or float32 in units of 8-bit
                codes and maybe beyond 0..255.
            scale: S.
            bits: Of the pixels and their Y'.

        Returns:
            (SH, SW, 3): of the pixels' type, rounded once, half up, and saturated; or float32 in units of
            8-bit codes, neither.
        """
        height, width, _ = made.shape
        out = np.empty((height, width, 3), made.dtype)
        most, of, unit = (1 << bits) - 1, self._coefficients(bits).luma, 1 << (bits - 8)
        for top in range(0, height, _BAND):
            rows = (top, min(height, top + _BAND))
            base, total = enlarged(pixels, rows, width, scale, bits=bits, cosited=False, kind=self.chroma)
            before, _ = enlarged(seen, rows, width, scale, bits=bits, cosited=False, kind=self.chroma)
            band = made[top : top + _BAND]
            if made.dtype == pixels.dtype:
                codes = (band.astype(np.int64) * total - before) * of
                sums = (base.astype(np.int64) << POINT) + (codes + (total << (POINT - 1)))  # (rows, SW, 3)
                out[top : top + _BAND] = np.clip((sums >> POINT) // total, 0, most)
            else:
                change = band.astype(np.float64) * (total * unit) - before
                out[top : top + _BAND] = (base + of / (1 << POINT) * change) / (total * unit)
        return out

    def _coefficients(self, bits: int) -> Matrix:
        return matrix_of(self.matrix, full=self.range == "full", bits=bits, point=POINT, colours=bits)


OWN = Luma("bt601", "full")
"""Of grey pictures, and of modules of one channel of which nobody says more: Y' of a grey is its code."""


def through(
    luma: Luma | None,
    pixels: NDArray[Any],
    network: Callable[[Any], NDArray[Any]],
    scale: int,
    bits: int = 8,
) -> NDArray[Any]:
    """What a network makes of a picture (H, W, 3), of which it may see the luma alone; (SH, SW, 3)."""
    if luma is None:
        return network(pixels)
    seen = luma.of(pixels, bits)
    return luma.coloured(pixels, seen, network(seen), scale, bits)
