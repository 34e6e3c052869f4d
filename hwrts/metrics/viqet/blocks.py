"""Blocks of a picture, their cosine transform, and the zigzag order of its coefficients.

Letters: H rows, W columns; N whole blocks, n the side of a block.
"""

import functools

import numpy as np
from numpy.typing import NDArray


def whole_blocks(x: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The whole n x n blocks from the top left, row by row, without the remainder: (H, W) to (N, n, n)."""
    down, across = x.shape[0] // side, x.shape[1] // side
    tiled = x[: down * side, : across * side].reshape(down, side, across, side)
    return tiled.swapaxes(1, 2).reshape(down * across, side, side)


@functools.cache
def zigzag(side: int) -> NDArray[np.int64]:
    """Flat positions of an n x n block in JPEG's zigzag order.

    >>> zigzag(3).tolist()
    [0, 1, 3, 6, 4, 2, 5, 7, 8]
    """
    row, column = np.divmod(np.arange(side * side), side)
    diagonal = row + column
    along = np.where(diagonal % 2 == 0, column, row)  # even diagonals run up to the right, odd ones down
    return np.lexsort((along, diagonal))
