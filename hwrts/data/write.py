"""Pictures to files: what each format can hold, and what is said where it can't."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hwrts.data.colour import is_srgb
from hwrts.data.deep_files import write_png16, write_tiff16
from hwrts.data.depth import Samples
from hwrts.data.exif import exif_bytes, full_tags
from hwrts.data.picture import Picture, in_8_bits, over_white
from hwrts.errors import DataError
from hwrts.files.atomic import atomic_file

_EXIF_NAME = b"Exif\0\0"
_LONGEST_JPEG_SEGMENT = 65533


@dataclass(frozen=True)
class _Format:
    """What a format holds, and Pillow's name and options for it."""

    name: str
    holds: str
    options: dict[str, Any] = field(default_factory=dict)


# A closed list, for Pillow would write a GIF with 256 colours without a word. JPEG is the one lossy format:
# 95 is the highest quality Pillow recommends, subsampling 0 keeps colour at full size. WebP has no grey; it
# is told to keep the colours that are not seen.
_PNG = _Format("PNG", "16 bits, alpha, grey, profile, EXIF, dpi")
_TIFF = _Format("TIFF", "16 bits, alpha, grey, profile, EXIF, dpi")
_JPEG = _Format("JPEG", "grey, profile, EXIF, dpi", {"quality": 95, "subsampling": 0})
_FORMATS = {
    ".png": _PNG,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".bmp": _Format("BMP", "grey, dpi"),
    ".ppm": _Format("PPM", "grey"),
    ".webp": _Format("WEBP", "alpha, profile, EXIF, dpi", {"lossless": True, "exact": True}),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
}


def check_suffix(path: Path) -> None:
    """Raise DataError if :func:`write_picture` knows no format for the suffix of ``path``."""
    if path.suffix.lower() not in _FORMATS:
        allowed = " ".join(_FORMATS)
        raise DataError(f"{path}: can't write the suffix '{path.suffix}'; use one of {allowed}")


def fit_to(path: Path, picture: Picture) -> Picture:
    """The picture as the format that the suffix names can hold it, with a note on all that is left out.

    Raises:
        DataError: No such format, or one that would lose the colours of the picture's profile.
    """
    check_suffix(path)
    suffix, lost = path.suffix.lower(), []
    holds = _FORMATS[suffix].holds
    if picture.profile is not None and "profile" not in holds:
        if not is_srgb(picture.profile):
            raise DataError(f"{path}: {suffix} can't hold its ICC profile; use .png, .tif, .webp or .jpg")
        picture = replace(picture, profile=None)  # codes without a profile are sRGB
    deep = picture.samples.dtype == np.uint16
    if picture.alpha is not None and "alpha" not in holds:
        picture = over_white(picture)
        lost.append("alpha (it is over white)")
    if deep and "16 bits" not in holds:
        picture = in_8_bits(picture)
        lost.append("16 bits (they became 8)")
    if picture.samples.shape[2] == 1 and "grey" not in holds and picture.profile is not None:
        raise DataError(f"{path}: {suffix} can't hold a profile of grey; use .png, .tif or .jpg")
    if picture.samples.shape[2] == 1 and ("grey" not in holds or _is_unread_tiff(path, picture)):
        lost.append("one channel of grey (it became R = G = B)")
    height, width = picture.samples.shape[:2]
    too_long = "JPEG" in _FORMATS[suffix].name and (
        len(exif_bytes(picture.exif, width, height, picture.dpi)) > _LONGEST_JPEG_SEGMENT
    )
    if picture.exif and ("EXIF" not in holds or too_long):
        picture = replace(picture, exif={})
        lost.append("EXIF")
    if picture.dpi is not None and "dpi" not in holds:
        picture = replace(picture, dpi=None)
        lost.append("dpi")
    if lost:
        picture = replace(picture, notes=(*picture.notes, f"{suffix} can't hold {', '.join(lost)}"))
    return picture


def write_picture(path: Path, picture: Picture) -> None:
    """Write a picture in the format that the suffix names; the file appears complete or not at all.

    All formats are lossless except .jpg and .jpeg (quality 95, full-size colour).

    Args:
        path: Its folder must exist; an existing file is replaced.
        picture: What the format can't hold is left out (:func:`fit_to`).

    Raises:
        DataError: An unknown suffix, one that can't hold the profile, a missing or read-only folder, or a
            full disk.
    """
    picture = fit_to(path, picture)
    kind = _FORMATS[path.suffix.lower()]
    height, width = picture.samples.shape[:2]
    tags = full_tags(picture.exif, width, height, picture.dpi)
    exif = exif_bytes(picture.exif, width, height, picture.dpi) if tags else None
    with atomic_file(path) as file, _named(path, kind.name):
        if _is_unread_tiff(path, picture):
            picture = replace(picture, samples=picture.samples[..., [0, 0, 0]])
        if picture.samples.dtype == np.uint16:
            values = _joined(picture)
            if kind is _PNG:
                bare = exif.removeprefix(_EXIF_NAME) if picture.exif and exif else None
                write_png16(file, values, picture.profile, bare, picture.dpi)
            else:
                write_tiff16(file, values, tags, picture.profile)
        else:
            _write_8_bits(file, picture, kind, exif)


def write_image(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write sRGB codes (H, W, 3) uint8 as :func:`write_picture` does.

    Raises:
        DataError: As :func:`write_picture`, or another shape or dtype.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise DataError(f"{path}: pixels are {pixels.dtype} {pixels.shape}; give uint8 (height, width, 3)")
    write_picture(path, Picture(pixels))


def _is_unread_tiff(path: Path, picture: Picture) -> bool:
    """Whether it would be a TIFF of 16-bit grey and alpha, which Pillow, and so this package, can't read."""
    deep = picture.alpha is not None and picture.samples.dtype == np.uint16
    return deep and picture.samples.shape[2] == 1 and _FORMATS[path.suffix.lower()] is _TIFF


def _joined(picture: Picture) -> Samples:
    """(H, W, 1 to 4), alpha last."""
    if picture.alpha is None:
        return picture.samples
    joined: Samples = np.concatenate([picture.samples, picture.alpha[..., np.newaxis]], 2)
    return joined


def _write_8_bits(file: BinaryIO, picture: Picture, kind: _Format, exif: bytes | None) -> None:
    values = _joined(picture)
    image = Image.fromarray(values[..., 0] if values.shape[2] == 1 else values)
    if values.shape[2] == 2 and "grey" not in kind.holds:
        image = image.convert("RGBA")
    more = dict(kind.options)
    if picture.profile is not None:
        more["icc_profile"] = picture.profile
    if "EXIF" in kind.holds and exif is not None and (picture.exif or kind.name == "WEBP"):
        more["exif"] = exif
    if "dpi" in kind.holds and kind.name != "WEBP" and picture.dpi is not None:
        more["dpi"] = picture.dpi
    image.save(file, format=kind.name, **more)


@contextmanager
def _named(path: Path, kind: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, SystemError, OverflowError) as error:  # e.g. more pixels a side than a header can say
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: can't be written as {kind} ({reason}); use .png") from error
