"""Up-scaling measured as papers on super-resolution do, with the kernel, borders and colours of MATLAB.

The original is cropped to a multiple of the scale, LR is ``imresize(original, 1/scale)`` in codes, and PSNR
and SSIM are on Y of BT.601 (16..235) with as many pixels shaved at each border as the scale. A file of one
channel is measured on its own codes, as MATLAB's scripts do: its PSNR is 1.3 dB below that of its Y.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hwrts.data import MAX_MEGAPIXELS, crop, enlarge, has_one_channel, list_images, read_image, shrink
from hwrts.data.depth import Codes
from hwrts.errors import DataError
from hwrts.metrics import psnr_db, ssim
from hwrts.progress import Progress

LrKernel = Literal["bicubic", "bilinear"]

BASELINES: tuple[Literal["bicubic", "lanczos"], ...] = ("bicubic", "lanczos")
"""What costs nothing, and every network is beside."""

GREY_DB = 20 * math.log10(255 / 219)
"""How much more a picture of one channel has on Y, which has 219 steps for its 255."""

Enlarge = Callable[[Codes], Codes]
"""Codes (H, W, 3) uint8 to codes (SH, SW, 3) uint8."""


@dataclass(frozen=True)
class Scored:
    """A picture of the benchmark, and how near each method comes to it.

    Attributes:
        name: Of the original's file.
        grey: It has one channel.
        psnr_y_db: By method.
        ssim_y: By method.
    """

    name: str
    height: int
    width: int
    grey: bool
    psnr_y_db: Mapping[str, float]
    ssim_y: Mapping[str, float]


def benchmark(
    originals: Path,
    methods: Mapping[str, Enlarge],
    scale: int,
    lr: LrKernel | Path,
    progress: Progress,
    max_megapixels: int = MAX_MEGAPIXELS,
) -> list[Scored]:
    """Every picture of a folder through every method and the baselines.

    A mean of fewer pictures would be another figure under the same name, so a picture that can't be read ends
    it.

    Args:
        originals: Folder of pictures.
        methods: By name.
        scale: How much they enlarge.
        lr: Kernel that makes LR, or a folder that holds it: files of the originals' names, or of these with
            x2 or _x2 (the scale) behind.
        progress: Where to say how far it is.
        max_megapixels: Larger pictures are refused before they are decoded.

    Raises:
        DataError: A picture that can't be read or is too small, or whose LR is missing or of another size.
    """
    files = list_images(originals)
    given = _lr_files(files, lr, scale) if isinstance(lr, Path) else {}
    found = []
    with progress.task("up-scaling", len(files)) as advance:
        for i, file in enumerate(files):
            original = crop(read_image(file, max_megapixels), scale)
            if min(original.shape[:2]) == 0:
                raise DataError(f"{file}: is smaller than the scale, {scale}; leave it out")
            if isinstance(lr, Path):
                low = read_image(given[file], max_megapixels)
                _check_lr(given[file], low, original, scale)
            else:
                low = shrink(original, scale, lr)
            made: dict[str, Codes] = {name: enlarge(low, scale, name) for name in BASELINES}
            made |= {name: method(low) for name, method in methods.items()}
            grey = has_one_channel(file, max_megapixels)
            try:
                found.append(_scored(file.name, original, made, scale, grey))
            except DataError as error:  # too small to be compared
                raise DataError(f"{file}: {error}") from error
            advance(i + 1, file.name)
    return found


def means(scored: Sequence[Scored]) -> dict[str, dict[str, float]]:
    """The mean of each measure over the pictures, by method."""
    return {
        measure: {name: float(np.mean([getattr(each, measure)[name] for each in scored])) for name in names}
        for measure, names in (("psnr_y_db", scored[0].psnr_y_db), ("ssim_y", scored[0].ssim_y))
    }


def as_json(scored: Sequence[Scored]) -> dict[str, Any]:
    """Pictures and means as a document."""
    return {"pictures": [dict(vars(each)) for each in scored], "mean": means(scored)}


def _scored(name: str, original: Codes, made: Mapping[str, Codes], scale: int, grey: bool) -> Scored:
    height, width = original.shape[:2]
    how: dict[str, Any] = {"shave": scale, "luma": True, "full_range": grey}
    return Scored(
        name,
        height,
        width,
        grey,
        {method: psnr_db(picture, original, **how) for method, picture in made.items()},
        {method: ssim(picture, original, **how) for method, picture in made.items()},
    )


def _lr_files(files: Sequence[Path], folder: Path, scale: int) -> dict[Path, Path]:
    """The LR file of each original."""
    there = {path.stem: path for path in list_images(folder)}
    found = {}
    for file in files:
        names = [f"{file.stem}{end}" for end in ("", f"x{scale}", f"_x{scale}")]
        name = next((each for each in names if each in there), None)
        if name is None:
            raise DataError(
                f"{folder}: has no LR picture of {file.name}; name it {names[0]}, {names[1]} or {names[2]}, "
                "with any suffix of a picture"
            )
        found[file] = there[name]
    return found


def _check_lr(file: Path, low: Codes, original: Codes, scale: int) -> None:
    height, width = original.shape[0] // scale, original.shape[1] // scale
    if low.shape[:2] != (height, width):
        raise DataError(
            f"{file}: is {low.shape[1]}x{low.shape[0]}, and LR of its original is {width}x{height}; make it "
            f"of the original cropped to a multiple of {scale}"
        )
