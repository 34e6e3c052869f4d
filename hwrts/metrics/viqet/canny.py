"""Edges: Canny's detector in integers, L1 norm, thresholds 40 and 80, the rule of OpenCV's Canny.

Letters: H rows, W columns.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_LOW, _HIGH = 40, 80  # of |dx| + |dy|: an edge's weakest and, somewhere along it, its strongest pixel

_TAN_BITS = 15
_TAN_22 = 13573  # tan(22.5 degrees) in units of 2**-15


def canny(smooth: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a smoothed picture has edges.

    A pixel is a crest if m = |dx| + |dy| exceeds 40 and both neighbours across the edge (one of four
    directions); on the second neighbour of a horizontal or vertical comparison equality suffices. Edges are
    the 8-connected components of crests with one above 80.

    Args:
        smooth: (H, W) uint8.

    Returns:
        (H, W) bool.
    """
    dx, dy = _sobel(smooth)  # (H, W) int16 each
    magnitude = np.pad(np.abs(dx) + np.abs(dy), 1).ravel()  # ((H+2) (W+2)), 0 outside the picture
    stride = smooth.shape[1] + 2
    row, column = np.nonzero(magnitude.reshape(-1, stride)[1:-1, 1:-1] > _LOW)
    here = (row + 1) * stride + column + 1
    gx, gy = dx[row, column].astype(np.int32), dy[row, column].astype(np.int32)
    slope = np.abs(gy) << _TAN_BITS
    tan_22 = np.abs(gx) * _TAN_22
    tan_67 = tan_22 + (np.abs(gx) << (_TAN_BITS + 1))  # tan(67.5) = tan(22.5) + 2
    flat, steep = slope < tan_22, slope > tan_67
    lean = np.where((gx ^ gy) < 0, -1, 1)
    step = np.where(flat, 1, np.where(steep, stride, stride + lean))  # to the second neighbour
    value = magnitude[here]
    crest = (value > magnitude[here - step]) & (value + (flat | steep) > magnitude[here + step])
    crests = np.zeros(smooth.shape, np.bool_)
    crests[row[crest], column[crest]] = True
    labels, count = ndimage.label(crests, np.ones((3, 3)))
    strong = np.zeros(count + 1, np.bool_)
    strong[labels[row, column][crest & (value > _HIGH)]] = True
    edges: NDArray[np.bool_] = strong[labels]
    return edges


def _sobel(picture: NDArray[np.uint8]) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """3x3 Sobel derivatives along the width and along the height, border replicated, -1020..1020."""
    p = np.pad(picture, 1, mode="edge").astype(np.int16)  # (H+2, W+2)
    tall = p[:-2] + 2 * p[1:-1] + p[2:]  # (H, W+2)
    wide = p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:]  # (H+2, W)
    return tall[:, 2:] - tall[:, :-2], wide[2:] - wide[:-2]
