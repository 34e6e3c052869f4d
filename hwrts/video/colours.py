"""A clip's planes for a network of red, green and blue, and what it makes of them back in the planes.

The network sees codes of its own bits (V1, V2). Its correction is what goes back, and not the picture: where
it changes no code the planes keep all of theirs, with 10 bits and what is whiter than white (V3 to V5).

Letters: H and W rows and columns of Y, S how much the network enlarges.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from hwrts.data.matrix import CHROMA, SHIFT
from hwrts.data.resample import Interpolation, Sums, averaged, between, enlarged
from hwrts.video.layout import Layout, Pixels, Plane, Planes

_BAND = 64
"""Rows of Y at a time, even: what is computed of them stays in a core's cache."""


class Conversion(Protocol):
    """What a kind of network sees of a frame, and what its output makes of the planes."""

    @property
    def kind(self) -> Interpolation:
        """How planes become larger."""

    def seen(self, planes: Planes) -> Pixels:
        """The network's input (H, W, C) of planes."""

    def made(self, planes: Planes, seen: Pixels, result: Pixels) -> Planes:
        """The planes of the enhanced frame, of the network's output (SH, SW, C)."""

    def kept(self, planes: Planes) -> Planes:
        """The planes of a frame that no network saw, at the size of the others."""


@dataclass(frozen=True)
class Rgb:
    """For networks of three channels: all of a clip's frames are converted by its own matrix and range.

    Attributes:
        layout: Of the clip.
        scale: S.
        bits: Of the network's pixels, whatever the clip's are.
    """

    layout: Layout
    scale: int
    bits: int = 8
    kind: ClassVar[Interpolation] = "bilinear"

    def seen(self, planes: Planes) -> Pixels:
        """Red, green and blue of planes, (H, W, 3) in the network's bits: (V1) of the chroma of (V2)."""
        layout, of = self.layout, self.layout.coefficients(self.bits)
        height, width = layout.height, layout.width
        out = np.empty((3, height, width), np.uint8 if self.bits == 8 else np.uint16)  # as ONNX takes it
        y_black = CHROMA * of.black
        shift = of.shift + 3  # CHROMA is 2^3
        half, most = 1 << (shift - 1), (1 << self.bits) - 1
        for top in range(0, height, _BAND):
            bottom = min(height, top + _BAND)
            luma = planes[0][top:bottom].astype(np.int32)  # (rows, W)
            luma *= CHROMA
            luma -= y_black
            luma *= of.luma
            luma += half
            if not layout.across:
                out[:, top:bottom] = _code(luma, shift, most)
                continue
            cb, cr = (_at_luma(plane, top, bottom, layout) for plane in planes[1:])  # (rows, W), eighths
            out[0, top:bottom] = _code(luma + cr * of.red, shift, most)
            out[1, top:bottom] = _code(luma + cb * of.green[0] + cr * of.green[1], shift, most)
            out[2, top:bottom] = _code(luma + cb * of.blue, shift, most)
        return out.transpose(1, 2, 0)  # (H, W, 3)

    def made(self, planes: Planes, seen: Pixels, result: Pixels) -> Planes:
        """The planes, enlarged by S, with the correction of the network added: (V3) to (V5)."""
        layout, scale = self.layout, self.scale
        out = tuple(np.empty(shape, layout.dtype) for shape in layout.shapes(scale))
        colours = result.transpose(2, 0, 1)  # (3, SH, SW)
        before = seen.transpose(2, 0, 1)
        for top in range(0, layout.height * scale, _BAND):
            bottom = min(layout.height * scale, top + _BAND)
            self._rows(planes, before, colours, (top, bottom), out)
        return out

    def kept(self, planes: Planes) -> Planes:
        """The planes, enlarged by S: what :meth:`made` returns where nothing is corrected."""
        return tuple(larger(plane, i, self.layout, self.scale) for i, plane in enumerate(planes))

    def _rows(
        self, planes: Planes, before: Pixels, colours: Pixels, rows: tuple[int, int], out: tuple[Plane, ...]
    ) -> None:
        """Rows of Y of the result, and the rows of chroma that lie there."""
        layout, scale, of = self.layout, self.scale, self.layout.coefficients(self.bits)
        top, bottom = rows
        width = layout.width * scale
        changes, parts = [], 1
        for new, old in zip(colours, before, strict=True):
            sums, parts = enlarged(old, rows, width, scale, bits=self.bits, cosited=False)
            changes.append(np.multiply(new[top:bottom], parts, dtype=np.int32) - sums)  # (rows, SW)
        self._add(planes[0], 0, of.shares[0], changes, parts, rows, out[0])
        if not layout.across:
            return
        averages = [averaged(change, layout.down, layout.across) for change in changes]
        parts *= averages[0][1]
        lines = (top // layout.down, -(-bottom // layout.down))
        for index in (1, 2):
            sums_of = [sums for sums, _ in averages]
            self._add(planes[index], index, of.shares[index], sums_of, parts, lines, out[index])

    def _add(
        self,
        plane: Plane,
        index: int,
        shares: tuple[int, int, int],
        changes: list[Sums],
        parts: int,
        rows: tuple[int, int],
        out: Plane,
    ) -> None:
        """Rows of one plane: its codes, enlarged, and the shares of the colours' changes; one rounding."""
        cosited = _cosited(self.layout, index)
        base, total = enlarged(plane, rows, out.shape[1], self.scale, bits=self.layout.bits, cosited=cosited)
        wide: Any = np.int32 if self._fits(parts) else np.int64
        change: Sums = changes[0].astype(wide) * shares[0]
        change += changes[1].astype(wide, copy=False) * wide(shares[1])
        change += changes[2].astype(wide, copy=False) * wide(shares[2])
        # The plane's own share is whole in units of 2^14, so that a floor of the rest first loses nothing.
        change += parts << (SHIFT - 1)
        change >>= SHIFT
        change += base.astype(wide, copy=False) * wide(parts // total)
        if parts & (parts - 1):
            change //= parts
        else:
            change >>= parts.bit_length() - 1
        out[rows[0] : rows[1]] = clipped(change, self.layout)

    def _fits(self, parts: int) -> bool:
        """Whether every sum is below 2^31: the absolute shares of a plane add up to its range at most."""
        most = max(sum(map(abs, row)) for row in self.layout.coefficients(self.bits).shares)
        return (((1 << self.bits) - 1) * most + (1 << SHIFT)) * parts < 1 << 31


def _at_luma(plane: Plane, top: int, bottom: int, layout: Layout) -> NDArray[np.int32]:
    """Chroma at the places of luma's rows, without its grey, in eighths (V2)."""
    of = layout.coefficients()
    made, down = between(plane, 0, top, bottom, 1, layout.down, bits=layout.bits, cosited=False)
    made, across = between(made, 1, 0, layout.width, 1, layout.across, bits=layout.bits, cosited=True)
    made = made.astype(np.int32, copy=False)
    made = made * (CHROMA // (down * across))
    made -= CHROMA * of.grey
    return made


def _code(sums: NDArray[np.int32], shift: int, most: int) -> NDArray[np.int32]:
    sums = sums >> shift
    return np.clip(sums, 0, most, out=sums)


def larger(plane: Plane, index: int, layout: Layout, scale: int, kind: Interpolation = "bilinear") -> Plane:
    """A plane of a layout, 0 that of Y, S times larger: u of (V5), rounded once, half up."""
    if scale == 1:
        return plane
    rows, columns = layout.shapes(scale)[index]
    out = np.empty((rows, columns), layout.dtype)
    for top in range(0, rows, _BAND):
        band = (top, min(rows, top + _BAND))
        cosited = _cosited(layout, index)
        sums, total = enlarged(plane, band, columns, scale, bits=layout.bits, cosited=cosited, kind=kind)
        out[top : top + _BAND] = clipped((sums + total // 2) // total, layout)
    return out


def _cosited(layout: Layout, index: int) -> bool:
    return index > 0 and layout.across == 2


def clipped(values: Sums, layout: Layout) -> Plane:
    """Pixels of a plane: what is below the least or above the largest becomes that."""
    return np.clip(values, 0, layout.most).astype(layout.dtype)
