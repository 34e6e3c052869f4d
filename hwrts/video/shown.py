"""Frames as they are looked at: beside the original, in the clip's own planes."""

from hwrts.data.looking import Grid, Look
from hwrts.video.colours import Conversion
from hwrts.video.frames import Frame
from hwrts.video.layout import Layout, Planes
from hwrts.video.source import Clip

_WHITE = 235
"""Of limited range and 8 bits."""


def grid_of(layout: Layout, scale: int) -> Grid:
    """Pixels and chroma of a clip that becomes S times larger."""
    return Grid(layout.height, layout.width, scale, layout.down or 1, layout.across or 1)


class Shown:
    """What is written of each frame.

    Attributes:
        layout: Of what is written.
        notes: What is where, in a line each.
    """

    def __init__(self, clip: Clip, conversion: Conversion, scale: int, look: Look) -> None:
        """Prepare.

        Args:
            clip: Whose frames they are.
            conversion: Its :meth:`~.colours.Conversion.kept` is the original.
            scale: S.
            look: How they are shown.

        Raises:
            DataError: A piece that the frames do not have.
        """
        layout = clip.layout
        self._conversion, self._look, self._unit = conversion, look, clip.time_base
        self._grid = grid_of(layout, scale)
        look.check(clip.path, self._grid)
        self.layout = layout.sized(*look.size(self._grid))
        self.notes = look.said(self._grid, f"{conversion.kind} interpolation")
        of = layout.coefficients()
        chroma = len(layout.shapes()) - 1
        white = layout.most if layout.full else _WHITE << (layout.bits - 8)
        self._black, self._white = ((code, *[of.grey] * chroma) for code in (of.black, white))
        self._begun: int | None = None

    def of(self, frame: Frame, made: Planes) -> Planes:
        """The planes of a frame, as they are written."""
        if self._begun is None:
            self._begun = frame.time
        original = self._conversion.kept(frame.planes) if self._look.beside else made
        seconds = float((frame.time - self._begun) * self._unit)
        return self._look.planes(original, made, self._grid, self._white, self._black, seconds)
