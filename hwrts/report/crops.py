"""Before and after at 1:1, on the piece of each validation photograph that has the most detail.

Letters: H rows, W columns of the piece.
"""

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hwrts.data import PhotoStore, open_store, to_codes, upscale_by_2
from hwrts.data.depth import Codes
from hwrts.data.tiles import DOWNSCALER_HALO
from hwrts.metrics import image_difference_percent, psnr_db
from hwrts.report.stages import StageResult
from hwrts.report.text import fixed
from hwrts.runs.engines import Deployed, open_stage
from hwrts.runs.folder import RunFolder, StageFolder
from hwrts.runs.patterns import amplified

PHOTOGRAPHS = 4
"""At most so many are shown; six PNGs of a piece are about 0.8 MB, and the file should open at once."""

CROP = 288
"""Side of a piece in pixels: four fit side by side into 1280, one into a phone's width."""

SEARCHED = 2048
"""Side of the centre that is searched for detail; 64-bit sums over it take about 200 MiB."""

BICUBIC_HALO = 2
"""Input pixels that bicubic up-scaling by 2 reaches on each side."""


@dataclass(frozen=True)
class Pair:
    """Two pictures of the same piece and their difference, as data URIs."""

    title: str
    before: str
    after: str
    before_label: str
    after_label: str
    difference: str
    caption: str


@dataclass(frozen=True)
class PhotoCrops:
    """What is shown of one photograph."""

    name: str
    place: str
    height: int
    width: int
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class _Shown:
    """The int8 network of a stage."""

    stage: str
    int8: Deployed

    @classmethod
    def open(cls, folder: StageFolder) -> "_Shown":
        return cls(folder.name, open_stage(folder))


@dataclass(frozen=True)
class Piece:
    """A rectangle of a photograph with even sides at an even place, so that LR has the same piece."""

    top: int
    left: int
    height: int
    width: int


def photo_crops(run: RunFolder, kept: StageResult) -> list[PhotoCrops]:
    """Pieces of the first validation photographs through the int8 network of a stage.

    Raises:
        HwrtsError: The photographs or the network are missing or damaged.
    """
    store = open_store(run.root / "data" / "val")
    up, enhancing = (_Shown.open(folder) for folder in (kept.folder, run.enhancing_stage(kept.name)))
    count = min(PHOTOGRAPHS, len(store.names))
    return [_photo(store, i, up, enhancing) for i in range(count)]


def most_detail(pixels: Codes, side: int) -> Piece:
    """The piece with the largest variance of the Laplacian; of equal ones the first by rows.

    In integers throughout, so every machine finds the same one. Of a very large photograph the centre is
    searched.

    Args:
        pixels: A photograph (rows, columns, 3), both even.
        side: Side of the piece, even; a smaller photograph is taken whole in that direction.

    >>> flat = np.zeros((8, 12, 3), np.uint8)
    >>> flat[5, 9] = 255
    >>> most_detail(flat, 4)
    Piece(top=4, left=8, height=4, width=4)
    """
    first_row, first_column = (max(0, (size - SEARCHED) // 4 * 2) for size in pixels.shape[:2])
    pixels = pixels[first_row : first_row + SEARCHED, first_column : first_column + SEARCHED]
    height, width = min(side, pixels.shape[0]), min(side, pixels.shape[1])
    grey = np.pad(pixels.sum(axis=2, dtype=np.int64), 1, mode="edge")  # one pixel wider on each side
    high = 4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    total, squares = _window_sums(high, height, width), _window_sums(high * high, height, width)
    variance = height * width * squares - total * total  # times (height * width)**2; below 2**63 for 288
    top, left = np.unravel_index(int(variance.argmax()), variance.shape)
    return Piece(first_row + 2 * int(top), first_column + 2 * int(left), height, width)


def enhanced_piece(int8: Deployed, original: Codes, piece: Piece) -> Codes:
    """The same-size enhancement of a piece (H, W, 3), the same codes as in the whole picture's."""
    region, inner = with_margin(original, piece, int8.halo, DOWNSCALER_HALO)
    return int8.enhance(region)[inner]


def upscaled_pieces(int8: Deployed, lr: Codes, piece: Piece) -> tuple[Codes, Codes]:
    """Bicubic and S(LR) of a piece given in original pixels, each (H, W, 3), as in the whole pictures."""
    half = Piece(piece.top // 2, piece.left // 2, piece.height // 2, piece.width // 2)
    region, inner = with_margin(lr, half, None if int8.halo is None else max(int8.halo, BICUBIC_HALO))
    doubled = tuple(slice(2 * part.start, 2 * part.stop) for part in inner)
    return to_codes(upscale_by_2(region))[doubled], int8.upscale(region)[doubled]


def _photo(store: PhotoStore, i: int, up: _Shown, enhancing: _Shown) -> PhotoCrops:
    original, lr = np.array(store.array(i, "hr")), np.array(store.array(i, "lr"))
    piece = most_detail(original, CROP)
    bottom, right = piece.top + piece.height, piece.left + piece.width
    hr0 = original[piece.top : bottom, piece.left : right]
    enhanced = enhanced_piece(enhancing.int8, original, piece)
    bicubic, doubled = upscaled_pieces(up.int8, lr, piece)
    percent = image_difference_percent(enhanced, hr0)[0]
    shift = float(enhanced.mean(dtype=np.float64) - hr0.mean(dtype=np.float64))
    pairs = (
        _pair(
            "Enhancement (TV use)",
            hr0,
            enhanced,
            "HR0",
            f"int8, stage {enhancing.stage}",
            f"differs from HR0 by {fixed(percent, 2)} % of full scale, "
            f"mean {fixed(shift, 2, sign=True)} codes",
        ),
        _pair(
            "\u00d72 from LR",
            bicubic,
            doubled,
            "bicubic",
            f"int8, stage {up.stage}",
            f"PSNR against HR0: bicubic {fixed(psnr_db(bicubic, hr0), 2)} dB, "
            f"int8 {fixed(psnr_db(doubled, hr0), 2)} dB",
        ),
    )
    place = (
        f"{original.shape[1]}\u00d7{original.shape[0]} pixels; columns {piece.left}\u2013{right - 1}, "
        f"rows {piece.top}\u2013{bottom - 1}"
    )
    return PhotoCrops(store.names[i], place, piece.height, piece.width, pairs)


def _pair(title: str, before: Codes, after: Codes, before_label: str, after_label: str, caption: str) -> Pair:
    shown = png_uri(before), png_uri(after)
    return Pair(title, *shown, before_label, after_label, png_uri(amplified(before, after)), caption)


def png_uri(pixels: Codes) -> str:
    """A picture (H, W, 3) uint8 as a data URI of its PNG."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _window_sums(values: NDArray[np.int64], height: int, width: int) -> NDArray[np.int64]:
    """Sums over every window at an even place."""
    table = np.zeros((values.shape[0] + 1, values.shape[1] + 1), np.int64)
    table[1:, 1:] = values.cumsum(axis=0).cumsum(axis=1)
    sums: NDArray[np.int64] = (
        table[height:, width:] - table[:-height, width:] - table[height:, :-width] + table[:-height, :-width]
    )
    return sums[::2, ::2]


def with_margin(
    pixels: Codes, piece: Piece, halo: int | None, more: int = 0
) -> tuple[Codes, tuple[slice, slice]]:
    """The piece with as much margin as the picture has, and where the piece is in it; with all if None."""
    margin = max(pixels.shape) if halo is None else halo + more
    top, left = max(0, piece.top - margin), max(0, piece.left - margin)
    region = pixels[top : piece.top + piece.height + margin, left : piece.left + piece.width + margin]
    y, x = piece.top - top, piece.left - left
    return region, (slice(y, y + piece.height), slice(x, x + piece.width))
