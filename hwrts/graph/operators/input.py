"""A picture, or another tensor that no operator makes, such as the state of the frame before."""

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from hwrts.files.read import Text


@dataclass(frozen=True)
class Input:
    """A tensor that is fed, (N, channels, H, W); a picture is on the pixel grid.

    Attributes:
        name: Of the tensor.
        channels: Of it.
        signed: Whether it has negative values.
    """

    name: Text
    channels: Annotated[int, Field(ge=1, le=1 << 16)]
    signed: bool = field(default=False, metadata={"later": True})

    @property
    def sources(self) -> tuple[str, ...]:
        """Nothing."""
        return ()
