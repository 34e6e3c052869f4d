"""Integer convolution: exact sums, no rounding."""

import numpy as np
from numpy.typing import NDArray

# Letters of the shape comments: H, W rows and columns; I, O input and output channels; K kernel size.


def conv_accumulate(
    x: NDArray[np.integer], weight_i8: NDArray[np.int8], bias_i32: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Sum of products plus bias, stride 1, the picture's size kept by code-0 padding (eq. 2).

    acc[y, x, o] = bias[o] + sum over i, ky, kx of weight[o, i, ky, kx] * x[y + ky - K//2, x + kx - K//2, i]

    Args:
        x: Codes (H, W, I). Code 0 is value 0 in every format, so padding needs no zero point.
        weight_i8: Codes (O, I, K, K), K odd.
        bias_i32: Codes (O,) on the accumulator's grid.

    Returns:
        Accumulators (H, W, O), int64; the caller's proof is that they fit int32.

    >>> x = np.array([[[3], [5]]], np.uint8)
    >>> w = np.array([[[[0, 0, 0], [1, 2, 4], [0, 0, 0]]]], np.int8)
    >>> conv_accumulate(x, w, np.array([-1], np.int32))[0, :, 0].tolist()
    [25, 12]
    """
    height, width, _ = x.shape
    out_channels, _, kernel, _ = weight_i8.shape
    margin = kernel // 2
    padded = np.pad(x.astype(np.int64), ((margin, margin), (margin, margin), (0, 0)))  # (H+K-1, W+K-1, I)
    taps = weight_i8.astype(np.int64).transpose(2, 3, 1, 0)  # (K, K, I, O)
    acc = np.broadcast_to(bias_i32.astype(np.int64), (height, width, out_channels)).copy()
    for ky in range(kernel):
        for kx in range(kernel):
            acc += padded[ky : ky + height, kx : kx + width] @ taps[ky, kx]
    return acc
