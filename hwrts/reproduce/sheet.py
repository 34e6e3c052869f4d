"""Fig. 5: pieces of the validation photographs at 1:1, original, unsharp masks and every stage side by side.

Letters: H rows, W columns.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from hwrts.data.depth import Codes
from hwrts.data.pieces import most_detail
from hwrts.reproduce.measure import Pictures

PHOTOGRAPHS = 3
"""At most so many rows: more would not be compared by eye."""

SIDE = 192
"""Of a piece in pixels: ten of them side by side are a wide screen."""

_LABEL = 16  # rows of the line above each piece; the font has 11
_GAP = 4


def sheet(originals: Pictures, columns: Sequence[Pictures]) -> Codes:
    """One row a photograph, one column a set of pictures, on white, (H, W, 3) uint8.

    Args:
        originals: Decide which piece is shown: the one with the most detail.
        columns: What is shown, from left to right.
    """
    rows = []
    for i in range(min(PHOTOGRAPHS, originals.count)):
        piece = most_detail(originals.make(i), SIDE)
        place = (slice(piece.top, piece.top + piece.height), slice(piece.left, piece.left + piece.width))
        rows.append([_labelled(column.name, column.make(i)[place]) for column in columns])
    height = sum(row[0].shape[0] + _GAP for row in rows)
    width = max(sum(cell.shape[1] + _GAP for cell in row) for row in rows)
    page = np.full((height, width, 3), 255, np.uint8)  # (H, W, 3)
    top = 0
    for row in rows:
        left = 0
        for cell in row:
            page[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
            left += cell.shape[1] + _GAP
        top += row[0].shape[0] + _GAP
    return page


def _labelled(name: str, piece: Codes) -> Codes:
    label = Image.new("RGB", (piece.shape[1], _LABEL), "white")
    ImageDraw.Draw(label).text((2, 2), name, fill="black")
    return np.vstack([np.asarray(label), piece])
