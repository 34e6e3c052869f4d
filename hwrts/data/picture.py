"""A picture with all that is to come out again: depth, grey, alpha, colours, what it says of itself."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hwrts.data.depth import Samples, corrected, enlarge_bilinear, on_grid, reduce, to_bytes
from hwrts.data.exif import Tags
from hwrts.data.luma import OWN


@dataclass(frozen=True)
class Picture:
    """Samples in the picture's own colours, upright.

    Attributes:
        samples: (H, W, C), uint8 or uint16: C is 1 for grey, 3 for R, G, B.
        alpha: (H, W) of the same type, 0 where nothing is seen; colours are not multiplied by it. Or None.
        profile: ICC profile of the samples; None means sRGB.
        exif: Tags to keep.
        dpi: Pixels per inch, across and down, if the file says so.
        notes: What of the file could not be kept, or had to become something else.
    """

    samples: Samples
    alpha: Samples | None = None
    profile: bytes | None = None
    exif: Tags = field(default_factory=dict)
    dpi: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Such as "grey 8 bits" or "RGBA 16 bits"."""
        name = "RGB" if self.samples.shape[2] == 3 else "grey"
        alpha = "" if self.alpha is None else "A" if name == "RGB" else " and alpha"
        return f"{name}{alpha} {8 * self.samples.itemsize} bits"


def codes_of(picture: Picture, bits: int = 8) -> NDArray[Any]:
    """What a network sees, (H, W, 3): codes of its bits (eq. 19, 52), of a grey R = G = B.

    A pixel of alpha 0 has the colour of the nearest one that is seen: what a file holds there is an accident,
    often black, and sharpening against it would draw an outline around what is seen.
    """
    codes = on_grid(_filled(picture), bits)
    return codes if codes.shape[2] == 3 else codes[..., [0, 0, 0]]


def with_result(picture: Picture, result: NDArray[Any], scale: int | None, bits: int = 8) -> Picture:
    """The picture that a network made of ``codes_of(picture)``, with all that the picture had.

    Args:
        picture: (H, W).
        result: (SH, SW, 3), codes of the network's bits; a picture of 8 bits gets the nearest of those.
        scale: S; None if the result has another size, then it has 8 bits and no alpha.
        bits: Of the network's pixels.
    """
    notes = picture.notes
    if picture.samples.shape[2] == 1:
        spread = int((result.max(2) - result.min(2)).max())
        if spread:
            notes += (f"the network coloured the grey by up to {spread} codes; its luma is written",)
        result = OWN.of(result)
    samples: Samples = to_bytes(result, bits)
    if scale is None:
        if picture.alpha is not None or picture.samples.dtype == np.uint16:
            notes += ("written in 8 bits without alpha: the network makes a picture of another size",)
        return replace(picture, samples=samples, alpha=None, notes=notes)
    if picture.samples.dtype == np.uint16:
        samples = corrected(_filled(picture), result, scale, bits)
    hidden = _hidden(picture)
    if hidden is not None and scale == 1:
        samples = np.where(hidden[..., np.newaxis], picture.samples, samples)
    alpha = None if picture.alpha is None else enlarge_bilinear(picture.alpha, scale)
    return replace(picture, samples=samples, alpha=alpha, notes=notes)


def in_8_bits(picture: Picture) -> Picture:
    """The picture in the nearest 8-bit codes (eq. 19)."""
    if picture.samples.dtype == np.uint8:
        return picture
    alpha = None if picture.alpha is None else reduce(picture.alpha)
    return replace(picture, samples=reduce(picture.samples), alpha=alpha)


def over_white(picture: Picture) -> Picture:
    """The picture in 8 bits as it looks on white paper, without alpha."""
    picture = in_8_bits(picture)
    if picture.alpha is None:
        return picture
    grey = picture.samples.shape[2] == 1
    shown = Image.fromarray(picture.samples[..., [0, 0, 0]] if grey else picture.samples)
    shown.putalpha(Image.fromarray(picture.alpha))
    flat = np.array(Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown))  # (H, W, 4)
    return replace(picture, samples=flat[..., : 1 if grey else 3].copy(), alpha=None)


def _hidden(picture: Picture) -> NDArray[np.bool_] | None:
    """Where nothing is seen, (H, W); None if that is nowhere or everywhere."""
    if picture.alpha is None:
        return None
    hidden = picture.alpha == 0
    return hidden if hidden.any() and not hidden.all() else None


def _filled(picture: Picture) -> Samples:
    hidden = _hidden(picture)
    if hidden is None:
        return picture.samples
    from scipy.ndimage import distance_transform_edt  # here: reading pictures must not wait for SciPy

    rows, columns = distance_transform_edt(hidden, return_distances=False, return_indices=True)
    filled: Samples = picture.samples[rows, columns]
    return filled
