"""A picture, or another tensor that no operator makes, such as the state of the frame before."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

from pydantic import Field

from hwrts import fixed_point
from hwrts.files.read import Text
from hwrts.fixed_point import Format
from hwrts.graph.operators.neighbour import Neighbour

Times = Annotated[int, Field(ge=1, le=64)]


@dataclass(frozen=True)
class Input(Neighbour):
    """A tensor that is fed, (N, channels, H, W); a picture is on the pixel grid.

    Attributes:
        name: Of the tensor.
        channels: Of it.
        signed: Whether it has negative values.
        grow: How many times as large as the first input it is, in height and width.
        shrink: How many times as small; one of the two is 1.
        bits: Of a pixel, if it is a picture.
    """

    AS_CONVOLUTIONS: ClassVar[bool] = True
    """Numbers that are fed are rounded as those of convolutions, which a picture has no need of."""

    name: Text
    channels: Annotated[int, Field(ge=1, le=1 << 16)]
    signed: bool = field(default=False, metadata={"later": True})
    grow: Times = field(default=1, metadata={"later": True})
    shrink: Times = field(default=1, metadata={"later": True})
    bits: Annotated[int, Field(ge=8, le=16)] = field(default=8, metadata={"later": True})

    @property
    def sources(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def reading(self, renamed: Mapping[str, str]) -> Self:
        """Itself, whatever has been renamed: it reads nothing."""
        return self

    def lower(self, out: Format) -> fixed_point.Input:
        """The same tensor of codes."""
        return fixed_point.Input(self.name, self.channels, out, grow=self.grow, shrink=self.shrink)
