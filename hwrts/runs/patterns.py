"""The test patterns through a network, to be looked at: input, output and their difference."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hwrts.data.depth import Codes
from hwrts.metrics import pattern_pictures

AMPLIFICATION = 8
"""Of a difference around grey 128: a code of 1 becomes just visible, 16 and more saturate."""


@dataclass(frozen=True)
class Pattern:
    """A pattern and what a network makes of it.

    Attributes:
        name: Such as "zone plate".
        given: Codes (H, W, 3), pixels repeated to the size of the output.
        found: Codes (SH, SW, 3).
    """

    name: str
    given: Codes
    found: Codes


def patterns_of(network: Callable[[Codes], Codes]) -> list[Pattern]:
    """Each pattern through a function on codes (H, W, 3) to (SH, SW, 3)."""
    found = []
    for name, picture in pattern_pictures().items():
        out = network(picture)
        rows, columns = (  # the pixel that each new one stands on
            np.arange(made) * have // made for made, have in zip(out.shape[:2], picture.shape, strict=False)
        )
        found.append(Pattern(name, picture[rows][:, columns], out))
    return found


def difference(pattern: Pattern) -> Codes:
    """Output minus input, amplified, around grey 128."""
    return amplified(pattern.given, pattern.found)


def amplified(before: Codes, after: Codes) -> Codes:
    """The difference of two pictures of one shape, times AMPLIFICATION, around grey 128."""
    wide = AMPLIFICATION * (after.astype(np.int16) - before) + 128
    shown: Codes = np.clip(wide, 0, 255).astype(np.uint8)
    return shown
