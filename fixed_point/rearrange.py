"""Operators that only move codes: depth-to-space and pixel repetition."""

import numpy as np
from numpy.typing import NDArray

# Letters of the shape comments: H, W rows and columns; C channels of the result; R block size.


def depth_to_space(x: NDArray[np.integer], block: int) -> NDArray[np.integer]:
    """Channels become pixels, ONNX mode CRD as in PixelShuffle (eq. 7).

    Channel c*R*R + i*R + j at (y, x) goes to channel c at (y*R + i, x*R + j).

    Args:
        x: Codes (H, W, C*R*R).
        block: R, the factor by which height and width grow.

    >>> depth_to_space(np.arange(4).reshape(1, 1, 4), 2)[..., 0].tolist()
    [[0, 1], [2, 3]]
    """
    height, width, channels = x.shape
    split = x.reshape(height, width, channels // block**2, block, block)  # (H, W, C, R, R)
    return split.transpose(0, 3, 1, 4, 2).reshape(height * block, width * block, -1)  # (H*R, W*R, C)


def repeat(x: NDArray[np.integer], factor: int) -> NDArray[np.integer]:
    """Each pixel becomes a square of ``factor`` by ``factor`` equal pixels (eq. 8).

    Args:
        x: Codes (H, W, C).
        factor: How often each row and column is repeated.

    >>> repeat(np.array([[[7], [9]]]), 2)[..., 0].tolist()
    [[7, 7, 9, 9], [7, 7, 9, 9]]
    """
    return x.repeat(factor, axis=0).repeat(factor, axis=1)
