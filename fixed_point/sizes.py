"""The picture that a network takes in the place of one of any size: larger, its edge repeated."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .errors import HwrtsError

Kind = TypeVar("Kind", bound=np.generic)


def legal_sides(multiple: int, smallest: tuple[int, int], height: int, width: int) -> tuple[int, int]:
    """The least rows and columns that a network takes and that are as many or more.

    Args:
        multiple: What its sides must be a multiple of.
        smallest: Rows and columns that it must have, multiples themselves.
        height: Rows that there are.
        width: Columns.

    >>> legal_sides(4, (8, 4), 5, 5)
    (8, 8)
    """
    rows, columns = (
        max(-(-side // multiple) * multiple, least)
        for side, least in zip((height, width), smallest, strict=True)
    )
    return rows, columns


def check_sides(multiple: int, smallest: tuple[int, int], height: int, width: int) -> None:
    """Refuse a picture that a network cannot take; arguments as of :func:`legal_sides`.

    Raises:
        HwrtsError: Its sides are no multiples of ``multiple``, or below ``smallest``.
    """
    if height % multiple or width % multiple:
        raise HwrtsError(
            f"network: a picture of {height}x{width} does not divide by {multiple}, by which layers shrink "
            f"it; pad its sides to multiples of {multiple}"
        )
    if height < smallest[0] or width < smallest[1]:
        raise HwrtsError(
            f"network: a picture of {height}x{width} is too small for its layers, which need "
            f"{smallest[0]}x{smallest[1]} at least; pad it"
        )


def edge_padded(x: NDArray[Kind], rows: int, columns: int) -> NDArray[Kind]:
    """Codes (H, W, C) with the lower and the right edge repeated: (rows, columns, C); themselves if they are.

    Args:
        x: Codes (H, W, C), of any dtype, which is kept.
        rows: H at least.
        columns: W at least.

    >>> edge_padded(np.array([[[1], [2], [3]]], np.uint8), 2, 4)[:, :, 0].tolist()
    [[1, 2, 3, 3], [1, 2, 3, 3]]
    """
    height, width = x.shape[:2]
    if (rows, columns) == (height, width):
        return x
    return np.pad(x, ((0, rows - height), (0, columns - width), (0, 0)), "edge")  # (rows, columns, C)
