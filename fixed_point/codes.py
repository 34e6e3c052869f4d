"""Codes on their way into a network: what is accepted, and how they are computed with."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .errors import HwrtsError
from .formats import Format
from .window import WHOLE, Window

RunPath = Literal["int64", "fast"]
"""How layers are computed; both give the same codes."""
Codes = NDArray[np.integer]


@dataclass(frozen=True)
class Input:
    """A tensor that is fed from outside: codes (H, W, channels) of a format.

    Attributes:
        name: Its name.
        channels: How many.
        out: Their format.
        whole: Whether it has one pixel (1, 1, channels), whatever the size of the others.
        grow: How many times as large as the first input it is, in height and width.
        shrink: How many times as small; one of the two is 1.
        free: Whether it may have any size, as what a layer that stands alone resizes.
    """

    name: str
    channels: int
    out: Format
    whole: bool = False
    grow: int = 1
    shrink: int = 1
    free: bool = False

    @property
    def window(self) -> Window:
        """How its rows follow those of the first input."""
        return WHOLE if self.whole else Window(grow=self.grow, shrink=self.shrink)


def checked_codes(tensor: Input, x: NDArray[np.generic]) -> Codes:
    """Codes (H, W, C) in the dtype of an input's format.

    Raises:
        HwrtsError: Another shape, no integers, or a code outside that format.
    """
    where = f"input {tensor.name!r}"
    if x.ndim != 3 or x.shape[2] != tensor.channels or 0 in x.shape:
        raise HwrtsError(f"{where}: shape {x.shape} is not (height, width, {tensor.channels})")
    if tensor.whole and x.shape[:2] != (1, 1):
        raise HwrtsError(f"{where}: shape {x.shape}, it is a tensor of one pixel; give (1, 1, {x.shape[2]})")
    if not np.issubdtype(x.dtype, np.integer):
        raise HwrtsError(f"{where}: dtype {x.dtype} is not an integer type; give codes, not values")
    full = tensor.out.bits in (8, 16)  # then every number of the narrowest type is a code
    if not (full and x.dtype == tensor.out.dtype) and (x.min() < tensor.out.min or x.max() > tensor.out.max):
        limits = f"{tensor.out.min}..{tensor.out.max} of {tensor.out}"
        raise HwrtsError(f"{where}: codes {x.min()}..{x.max()} leave {limits}")
    return x.astype(tensor.out.dtype)
