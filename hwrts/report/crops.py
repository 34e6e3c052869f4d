"""Before and after at 1:1, on the piece of each validation photograph that has the most detail.

Letters: H rows, W columns of the piece.
"""

import base64
import io
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from hwrts.data import PhotoStore, open_store, to_codes
from hwrts.data.degrade import downscale, upscale
from hwrts.data.depth import Codes
from hwrts.data.pieces import Piece, most_detail, with_margin
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

BICUBIC_HALO = 2
"""Input pixels that bicubic up-scaling reaches on each side."""


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


def photo_crops(run: RunFolder, kept: StageResult) -> list[PhotoCrops]:
    """Pieces of the first validation photographs through the int8 network of a stage.

    Raises:
        HwrtsError: The photographs or the network are missing or damaged.
    """
    store = open_store(run.root / "data" / "val")
    up, enhancing = (_Shown.open(folder) for folder in (kept.folder, run.enhancing_stage(kept.name)))
    count = min(PHOTOGRAPHS, len(store.names))
    return [_photo(store, i, up, enhancing) for i in range(count)]


def low_of(store: PhotoStore, i: int, scale: int) -> Codes:
    """A photograph smaller by a factor (H/S, W/S, 3): by 2 as the store has it, else bicubic and clean."""
    if scale == 2:
        return np.array(store.array(i, "lr"))
    original = store.array(i, "hr")
    rows, columns = (size // scale * scale for size in original.shape[:2])
    return to_codes(downscale(original[:rows, :columns], scale, "bicubic"))


def enhanced_piece(int8: Deployed, original: Codes, piece: Piece) -> Codes:
    """The same-size enhancement of a piece (H, W, 3), the same codes as in the whole picture's."""
    region, inner = with_margin(original, piece, int8.halo, DOWNSCALER_HALO, int8.sizes.multiple)
    return int8.enhance(region)[inner]


def upscaled_pieces(int8: Deployed, lr: Codes, piece: Piece) -> tuple[Codes, Codes]:
    """Bicubic and S(LR) of a piece given in original pixels, each (H, W, 3), as in the whole pictures.

    Args:
        int8: A network that enlarges by a whole number S.
        lr: The photograph smaller by S.
        piece: Its place and sides are multiples of S.
    """
    scale = int8.enlargement or 1
    halo = None if int8.halo is None else max(int8.halo, BICUBIC_HALO)
    region, inner = with_margin(lr, piece.smaller(scale), halo, multiple=int8.sizes.multiple)
    enlarged = tuple(slice(scale * part.start, scale * part.stop) for part in inner)
    return to_codes(upscale(region, scale, "bicubic"))[enlarged], int8.upscale(region)[enlarged]


def _photo(store: PhotoStore, i: int, up: _Shown, enhancing: _Shown) -> PhotoCrops:
    scale = up.int8.enlargement or 1
    original = np.array(store.array(i, "hr"))
    piece = most_detail(original, CROP).on(math.lcm(2, scale))
    hr0 = original[piece.inside]
    enhanced = enhanced_piece(enhancing.int8, original, piece)
    percent = image_difference_percent(enhanced, hr0)[0]
    shift = float(enhanced.mean(dtype=np.float64) - hr0.mean(dtype=np.float64))
    pairs = [
        _pair(
            "Enhancement (TV use)",
            hr0,
            enhanced,
            "HR0",
            f"int8, stage {enhancing.stage}",
            f"differs from HR0 by {fixed(percent, 2)} % of full scale, "
            f"mean {fixed(shift, 2, sign=True)} codes",
        )
    ]
    if scale > 1:
        bicubic, made = upscaled_pieces(up.int8, low_of(store, i, scale), piece)
        caption = (
            f"PSNR against HR0: bicubic {fixed(psnr_db(bicubic, hr0), 2)} dB, "
            f"int8 {fixed(psnr_db(made, hr0), 2)} dB"
        )
        pairs.append(
            _pair(f"\u00d7{scale} from LR", bicubic, made, "bicubic", f"int8, stage {up.stage}", caption)
        )
    size = f"{original.shape[1]}\u00d7{original.shape[0]} pixels"
    return PhotoCrops(store.names[i], f"{size}; {piece}", piece.height, piece.width, tuple(pairs))


def _pair(title: str, before: Codes, after: Codes, before_label: str, after_label: str, caption: str) -> Pair:
    shown = png_uri(before), png_uri(after)
    return Pair(title, *shown, before_label, after_label, png_uri(amplified(before, after)), caption)


def png_uri(pixels: Codes) -> str:
    """A picture (H, W, 3) uint8 as a data URI of its PNG."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
