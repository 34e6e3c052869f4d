"""The samples of an opened picture, as many bits of them as Pillow can be made to hand out.

Letters: H rows, W columns.
"""

import functools
import io
import os
import sys
import threading
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from hwrts.data.colour import Profile, to_srgb
from hwrts.data.depth import Deep, Samples
from hwrts.data.tiff import grey_scale, in_planes

# Not photographs: EPS would start Ghostscript on the user's file, WMF needs Windows, the others are stubs
# without a decoder.
_REFUSED_FORMATS = frozenset({"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG"})

_pillow_limit = threading.Lock()

# Pillow's unpacking of 16-bit colours, which takes the high byte -> the one that takes the low byte. N is the
# machine's own order, and libtiff's.
_LITTLE = sys.byteorder == "little"
_OTHER_BYTE = {
    "RGB;16B": "RGB;16L",
    "RGB;16L": "RGB;16B",
    "RGB;16N": "RGB;16B" if _LITTLE else "RGB;16L",
    "RGBA;16B": "RGBA;16L",
    "RGBA;16L": "RGBA;16B",
    "RGBA;16N": "RGBA;16B" if _LITTLE else "RGBA;16L",
    "RGBX;16B": "RGBX;16L",
    "RGBX;16L": "RGBX;16B",
    "LA;16B": "RGBA",
}

_BECOMES = {
    "1": "bilevel: became grey of 8 bits",
    "P": "palette: became RGB",
    "PA": "palette: became RGB",
    "CMYK": "CMYK: became sRGB",
    "YCbCr": "YCbCr: became RGB",
}
"""Pillow's modes -> what is said of them."""


class PictureFile(io.BufferedReader):
    """Of which no more is read than there is: Python makes room first, for 4 GiB if a header says so."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.open("rb", buffering=0))
        self._bytes = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """As any file; the few large reads are those that need a look."""
        if size is not None and size > 1 << 16:
            size = max(0, min(size, self._bytes - self.tell()))
        return super().read(size)


@functools.cache
def formats() -> tuple[str, ...]:
    """Pillow's names of the formats that are read."""
    Image.init()  # loads Pillow's plugins; without it only a handful of formats is known
    return tuple(sorted(set(Image.OPEN) - _REFUSED_FORMATS))


def open_of_any_size(file: BinaryIO) -> Image.Image:
    """Pillow's own limit is one for the whole process, and below a photograph of 200 megapixels."""
    with _pillow_limit:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(file, formats=formats())
        finally:
            Image.MAX_IMAGE_PIXELS = before


def is_grey(image: Image.Image, raw_mode: str | None) -> bool:
    """Whether a picture has no colours; 16-bit grey with alpha is RGBA to Pillow."""
    return (
        image.mode in ("1", "L", "LA", "La", "I", "F")
        or image.mode.startswith("I;16")
        or raw_mode == "LA;16B"
    )


def _deep_grey(image: Image.Image) -> tuple[int, bool] | None:
    """Of grey with more than 8 bits: the largest value, and whether it is black; else None."""
    if not image.mode.startswith("I"):
        return None
    return grey_scale(image.tag_v2) if isinstance(image, TiffImageFile) else (65535, False)


def decoded(
    path: Path, image: Image.Image, raw_mode: str | None, profile: Profile | None
) -> tuple[Samples, Samples | None, Profile | None]:
    """Samples (H, W, 1 or 3) and alpha (H, W), upright, and the profile that they have then.

    Args:
        path: The file, to be opened a second time for the other half of 16 bits.
        image: Opened, of a kind that is read.
        raw_mode: Of :func:`raw_mode_of`, asked before the profile.
        profile: The picture's; that of CMYK is used, and None comes back.
    """
    grey = is_grey(image, raw_mode)
    scale = _deep_grey(image)
    alpha: Samples | None = None
    if scale is not None:
        samples, alpha = _deep_grey_values(ImageOps.exif_transpose(image), *scale)  # (H, W, 1)
    elif raw_mode is not None:
        values = _deep_colour_values(path, image, raw_mode)  # (H, W, 2 to 4)
        samples = values[..., : 1 if grey else 3]
        alpha = values[..., -1] if values.shape[2] != 3 else None
    else:
        upright = ImageOps.exif_transpose(image)
        if upright.has_transparency_data:
            upright = upright.convert("RGBA")
            alpha = np.array(upright.getchannel("A"))
            if grey:
                upright = upright.getchannel("R")
        if profile is not None and profile.mode == "CMYK":
            upright, profile = to_srgb(upright.convert("CMYK"), profile), None
        samples = np.array(upright.convert("L" if grey else "RGB"), np.uint8)
        samples = samples.reshape(*samples.shape[:2], -1)  # (H, W, C)
    if grey and profile is not None and profile.mode == "RGB":  # grey in RGB is a colour like any other
        samples = samples[..., [0, 0, 0]]
    return samples, alpha, profile


def _deep_grey_values(image: Image.Image, white: int, inverted: bool) -> tuple[Deep, Deep | None]:
    """16-bit values rint(v * 65535 / white), and alpha if a PNG declares one value transparent."""
    stored = np.asarray(image)  # (H, W)
    values = (
        stored.astype(np.uint16) if white == 65535 else np.rint(stored * (65535 / white)).astype(np.uint16)
    )
    transparent = image.info.get("transparency")
    alpha = None
    if isinstance(transparent, int):
        alpha = np.where(stored == transparent, 0, 65535).astype(np.uint16)
    return (65535 - values if inverted else values)[..., np.newaxis], alpha


def raw_mode_of(image: Image.Image) -> str | None:
    """How Pillow will unpack 16-bit colour, or grey with alpha; None of anything else.

    To be asked first: whoever asks a PNG for its EXIF decodes it, and then it is not known any more.
    """
    if not isinstance(image, PngImageFile | TiffImageFile) or not image.tile:
        return None
    if isinstance(image, TiffImageFile) and in_planes(image.tag_v2):  # Pillow unpacks them as it likes
        return None
    raw_mode = _raw_mode(image)
    return raw_mode if raw_mode in _OTHER_BYTE else None


def _deep_colour_values(path: Path, image: Image.Image, raw_mode: str) -> Deep:
    """(H, W, 2 to 4) of what Pillow unpacks to its high byte.

    Pillow's decoders see the whole number and the unpacking behind them drops a byte; so the file is decoded
    twice, once as if the bytes of each number stood in the other order. Grey and alpha are four bytes a
    pixel, as RGBA is.
    """
    with PictureFile(path) as file, open_of_any_size(file) as again:
        if not isinstance(again, ImageFile):
            raise TypeError(f"{type(again).__name__} can't be decoded a second time")
        _unpack_as(again, _OTHER_BYTE[raw_mode])
        other = np.asarray(ImageOps.exif_transpose(again))
    if raw_mode == "LA;16B":
        return other.view(">u2").astype(np.uint16)
    values: Deep = np.array(ImageOps.exif_transpose(image), np.uint16) * np.uint16(256)
    values |= other
    return values


def _raw_mode(image: ImageFile) -> str:
    args = image.tile[0].args
    return str(args[0] if isinstance(args, tuple) else args)


def _unpack_as(image: ImageFile, raw_mode: str) -> None:
    image.tile = [
        tile._replace(args=(raw_mode, *tile.args[1:]) if isinstance(tile.args, tuple) else raw_mode)
        for tile in image.tile
    ]


def notes_of(path: Path, image: Image.Image, raw_mode: str | None) -> list[str]:
    """What of an opened picture will not be what it was."""
    notes = []
    if image.mode in _BECOMES:
        notes.append(_BECOMES[image.mode])
    scale = _deep_grey(image)
    if scale is not None and scale[0] != 65535:
        notes.append(f"{(scale[0] + 1).bit_length() - 1} bits: became 16")
    elif scale is None and raw_mode is None and _has_more_than_8_bits(path, image):
        notes.append("more than 8 bits a sample: became 8")
    frames = _frames(path) if hasattr(image, "n_frames") else 1
    if frames != 1:
        notes.append(f"{frames or 'several'} frames or pages: only the first was read")
    return notes


def _has_more_than_8_bits(path: Path, image: Image.Image) -> bool:
    if image.format in ("JPEG2000", "AVIF"):
        with path.open("rb") as file:
            head = file.read(1 << 16)
        if image.format == "AVIF":  # its av1C box: two bytes, then flags, of which one is high_bitdepth
            at = head.find(b"av1C")
            return 0 <= at < len(head) - 6 and bool(head[at + 6] & 0x40)
        at = head.find(b"\xff\x4f\xff\x51")  # the codestream: 40 bytes on is Ssiz of the first component
        return 0 <= at < len(head) - 42 and (head[at + 42] & 0x7F) + 1 > 8
    if not isinstance(image, ImageFile) or not image.tile:
        return False
    args = image.tile[0].args
    if image.format == "PPM":
        return isinstance(args, tuple) and isinstance(args[-1], int) and args[-1] > 255
    return ";16" in _raw_mode(image)


def _frames(path: Path) -> int:
    """How many pictures a file has; 0 if it has more and they are damaged."""
    with PictureFile(path) as file, open_of_any_size(file) as image:
        try:
            return int(getattr(image, "n_frames", 1))
        except Exception:  # as of any damaged data
            return 0
