"""Pictures as they are looked at: the original beside what a network made of it."""

from dataclasses import replace

import numpy as np

from hwrts.data.degrade import Kernel, to_codes, upscale
from hwrts.data.looking import Grid, Look
from hwrts.data.picture import Picture, codes_of, with_result

METHOD: Kernel = "bicubic"
"""How the original is enlarged beside what enlarges."""


def shown(picture: Picture, made: Picture, scale: int, look: Look) -> Picture:
    """What a network made of a picture, as it is looked at.

    Args:
        picture: The original, (H, W).
        made: The result, (SH, SW).
        scale: S.
        look: How it is shown; checked.
    """
    if look.plain:
        return made
    height, width = picture.samples.shape[:2]
    grid = Grid(height, width, scale)
    original = picture
    if not look.beside:
        original = made
    elif scale > 1:
        enlarged = to_codes(upscale(codes_of(picture), scale, METHOD))
        original = with_result(picture, enlarged, scale)
    most = int(np.iinfo(made.samples.dtype).max)
    notes = (*made.notes, *look.said(grid, f"{METHOD} interpolation"))
    if made.alpha is None or original.alpha is None:
        (samples,) = look.planes((original.samples,), (made.samples,), grid, (most,), (0,))
        return replace(made, samples=samples, notes=notes)
    before, after = (original.samples, original.alpha), (made.samples, made.alpha)
    samples, alpha = look.planes(before, after, grid, (most, most), (0, most))
    return replace(made, samples=samples, alpha=alpha, notes=notes)
