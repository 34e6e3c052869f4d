"""The picture, the one tensor that no operator makes."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from hwrts.files.read import Text


@dataclass(frozen=True)
class Input:
    """The picture, (N, channels, H, W), on the pixel grid."""

    name: Text
    channels: Annotated[int, Field(ge=1, le=1 << 16)]

    @property
    def sources(self) -> tuple[str, ...]:
        """Nothing."""
        return ()
