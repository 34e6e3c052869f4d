"""What benchmarks of an enhancement share: their photographs, means of figures, and pieces side by side."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from hwrts.data import list_images, open_store, read_image
from hwrts.data.depth import Codes
from hwrts.data.pieces import most_detail
from hwrts.runs.folder import RunFolder

Enhance = Callable[[Codes], Codes]


def photographs(run: RunFolder, folder: Path | None) -> list[Codes]:
    """Those of a folder, or the run's validation photographs."""
    if folder is None:
        return [np.array(picture) for picture in open_store(run.root / "data" / "val").pictures("hr")]
    return [read_image(path) for path in list_images(folder)]


def means(names: Sequence[str], rows: Iterable[Sequence[float | None]]) -> dict[str, float]:
    """Of each figure over the pictures that have it."""
    columns = zip(*rows, strict=True)
    return {
        name: float(np.mean([value for value in column if value is not None]))
        for name, column in zip(names, columns, strict=True)
    }


def piece_of(original: Codes, side: int) -> tuple[slice, slice]:
    """Rows and columns of the piece with the most detail."""
    piece = most_detail(original, side)
    return slice(piece.top, piece.top + piece.height), slice(piece.left, piece.left + piece.width)


def side_by_side(pieces: Mapping[str, Codes], columns: int, side: int) -> Image.Image:
    """Pieces with their names below, one pixel a pixel."""
    height = -(-len(pieces) // columns) * (side + 20)
    page = Image.new("RGB", (columns * (side + 4), height), "white")
    draw = ImageDraw.Draw(page)
    for i, (name, pixels) in enumerate(pieces.items()):
        at = ((i % columns) * (side + 4), (i // columns) * (side + 20))
        page.paste(Image.fromarray(np.ascontiguousarray(pixels)), at)
        draw.text((at[0] + 2, at[1] + side + 4), name, fill="black")
    return page
