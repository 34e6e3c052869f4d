"""A clip's plane of Y' for a network of luma, which sees its codes as they are; chroma passes beside it.

Letters: H and W rows and columns of Y, S how much the network enlarges.
"""

from dataclasses import dataclass

import numpy as np

from hwrts.data.luma import OWN, Luma
from hwrts.data.resample import Interpolation, enlarged
from hwrts.video.colours import clipped, larger
from hwrts.video.layout import Layout, Pixels, Plane, Planes

_BAND = 64
"""Rows at a time: what is computed of them stays in a core's cache."""


@dataclass(frozen=True)
class OfLuma:
    """For networks of one channel: Y' goes through, and chroma passes, or becomes larger (V6).

    Attributes:
        layout: Of the clip.
        scale: S.
        luma: What the network has learnt from, and how planes become larger.
        bits: Of the network's pixels.
    """

    layout: Layout
    scale: int
    luma: Luma
    bits: int = 8

    @property
    def kind(self) -> Interpolation:
        """How planes become larger."""
        return self.luma.chroma

    @property
    def _drop(self) -> int:
        """Bits that the clip has more than the network."""
        return self.layout.bits - self.bits

    def seen(self, planes: Planes) -> Pixels:
        """The codes of Y', (H, W, 1): as they are, or with zeros behind, or the nearest of fewer bits."""
        plane, drop = planes[0], self._drop
        codes: Pixels = plane
        if drop < 0:
            codes = plane.astype(np.uint16) << -drop
        elif drop > 0:
            codes = _rounded(plane, drop, self.bits)
        return codes[..., np.newaxis]

    def made(self, planes: Planes, seen: Pixels, result: Pixels) -> Planes:
        """The planes, enlarged by S, with the correction of the network added to that of Y'."""
        chroma = (self._larger(plane, i) for i, plane in enumerate(planes) if i)
        if self._drop <= 0:  # all of the plane was seen: the correction is added to what it was counted from
            made = result[..., 0]
            return (_rounded(made, -self._drop, self.layout.bits) if self._drop else made, *chroma)
        return (self._corrected(planes[0], seen[..., 0], result[..., 0]), *chroma)

    def kept(self, planes: Planes) -> Planes:
        """The planes, enlarged by S: what :meth:`made` returns where nothing is corrected."""
        return tuple(self._larger(plane, i) for i, plane in enumerate(planes))

    def _larger(self, plane: Plane, index: int) -> Plane:
        return larger(plane, index, self.layout, self.scale, self.luma.chroma)

    def _corrected(self, plane: Plane, seen: Plane, result: Plane) -> Plane:
        """The codes of Y' of more bits than the network has, (SH, SW)."""
        out, step = np.empty(result.shape, self.layout.dtype), self._drop
        columns, scale, kind = result.shape[1], self.scale, self.luma.chroma
        for top in range(0, len(result), _BAND):
            rows = (top, min(len(result), top + _BAND))
            base, total = enlarged(
                plane, rows, columns, scale, bits=self.layout.bits, cosited=False, kind=kind
            )
            before, _ = enlarged(seen, rows, columns, scale, bits=self.bits, cosited=False, kind=kind)
            change = (result[top : top + _BAND].astype(np.int64) * total - before) << step
            out[top : top + _BAND] = clipped((change + base + total // 2) // total, self.layout)
        return out

    def differs(self) -> str | None:
        """Where the clip's luma is another than the network has learnt from, in a line; None if it is not."""
        layout, luma = self.layout, self.luma
        matrix = layout.matrix if layout.across else luma.matrix  # a grey clip has none
        range_ = "full" if layout.full else "limited"
        if (matrix, range_) == (luma.matrix, luma.range):
            return None
        # of a module of a user's own nobody said it; a run whose settings say the same has one of its own
        how = "is assumed to have learnt" if luma is OWN else "has learnt"
        return (
            f"the clip's luma is {matrix}, {range_} range, and the network {how} from {luma.matrix}, "
            f"{luma.range} range: its codes go through as they are"
        )


def _rounded(codes: Plane, drop: int, bits: int) -> Plane:
    """The nearest codes of so many bits, half up; what would be beyond them is the largest.

    >>> _rounded(np.array([0, 1, 2, 1021, 1022, 1023], np.uint16), 2, 8).tolist()
    [0, 0, 1, 255, 255, 255]
    """
    near = (codes.astype(np.uint16, copy=False) + np.uint16(1 << (drop - 1))) >> drop
    made: Plane = np.minimum(near, (1 << bits) - 1).astype(np.uint8 if bits == 8 else np.uint16)
    return made
