"""A clip's plane of Y' for a network of luma, which sees its codes as they are; chroma passes beside it.

Letters: H and W rows and columns of Y, S how much the network enlarges.
"""

from dataclasses import dataclass

import numpy as np

from hwrts.data.depth import Codes
from hwrts.data.luma import OWN, Luma
from hwrts.data.resample import Interpolation, enlarged
from hwrts.video.colours import clipped, larger
from hwrts.video.layout import Layout, Plane, Planes

_BAND = 64
"""Rows at a time: what is computed of them stays in a core's cache."""


@dataclass(frozen=True)
class OfLuma:
    """For networks of one channel: Y' goes through, and chroma passes, or becomes larger (V6).

    Attributes:
        layout: Of the clip.
        scale: S.
        luma: What the network has learnt from, and how planes become larger.
    """

    layout: Layout
    scale: int
    luma: Luma

    @property
    def kind(self) -> Interpolation:
        """How planes become larger."""
        return self.luma.chroma

    def seen(self, planes: Planes) -> Codes:
        """The codes of Y', (H, W, 1) uint8: of 8 bits as they are, of 10 the nearest 8, 255 at most."""
        plane, drop = planes[0], self.layout.bits - 8
        if not drop:
            return plane[..., np.newaxis]
        near = (plane + np.uint16(1 << (drop - 1))) >> drop
        codes: Codes = np.minimum(near, 255).astype(np.uint8)[..., np.newaxis]
        return codes

    def made(self, planes: Planes, seen: Codes, result: Codes) -> Planes:
        """The planes, enlarged by S, with the correction of the network added to that of Y'."""
        chroma = (self._larger(plane, i) for i, plane in enumerate(planes) if i)
        if self.layout.bits == 8:  # the correction is added to what it was counted from
            return (result[..., 0], *chroma)
        return (self._corrected(planes[0], seen[..., 0], result[..., 0]), *chroma)

    def kept(self, planes: Planes) -> Planes:
        """The planes, enlarged by S: what :meth:`made` returns where nothing is corrected."""
        return tuple(self._larger(plane, i) for i, plane in enumerate(planes))

    def _larger(self, plane: Plane, index: int) -> Plane:
        return larger(plane, index, self.layout, self.scale, self.luma.chroma)

    def _corrected(self, plane: Plane, seen: Plane, result: Plane) -> Plane:
        """The codes of Y' of more than 8 bits, (SH, SW)."""
        out, step = np.empty(result.shape, self.layout.dtype), self.layout.bits - 8
        columns, scale, kind = result.shape[1], self.scale, self.luma.chroma
        for top in range(0, len(result), _BAND):
            rows = (top, min(len(result), top + _BAND))
            base, total = enlarged(plane, rows, columns, scale, cosited=False, kind=kind)
            before, _ = enlarged(seen, rows, columns, scale, cosited=False, kind=kind)
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
