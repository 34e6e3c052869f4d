"""Image files to (H, W, 3) uint8 codes and back.

Letters: H rows, W columns. The three channels are R, G, B in 0..255.
"""

import errno
import functools
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from hwrts.data.colour import Profile, is_grey, is_srgb, profile_of, to_srgb
from hwrts.data.tiff import check_tiff, describe_tiff, grey_scale
from hwrts.errors import DataError
from hwrts.files.atomic import atomic_file

_log = logging.getLogger(__name__)

# Not photographs: EPS would start Ghostscript on the user's file, WMF needs Windows, the others are stubs
# without a decoder.
_REFUSED_FORMATS = frozenset({"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG"})

# 32-bit "I" is Pillow's mode for 16-bit greys in these formats, which can't hold more than 16 bits.
_FORMATS_WITH_16_BITS_IN_I = frozenset({"PNG", "PPM"})
# Where 65535 is white. Astronomy and the like also have 16 bits, signed or without a white.
_FORMATS_WITH_16_BIT_GREY = frozenset({"PNG", "PPM", "TIFF", "JPEG2000"})

# PNG of 2 or 4 bits of grey or 16 of each colour: Pillow compares its transparent value with 8-bit codes.
_RAW_MODES_WITHOUT_KEY = ("L;2", "L;4", "RGB;16B")

MAX_MEGAPIXELS = 256
"""Largest picture that is read if nothing else is said: an 8K frame is 33, the largest cameras make 200. A
PNG of 388 KB can unpack to 400, which takes gigabytes to score."""

_pillow_limit = threading.Lock()

# Suffix -> (Pillow format, options). A closed list, for Pillow would write a GIF with 256 colours without a
# word. JPEG is the one lossy format: 95 is the highest quality Pillow recommends, subsampling 0 keeps colour
# at full size.
_WRITERS: dict[str, tuple[str, dict[str, int | bool]]] = {
    ".png": ("PNG", {}),
    ".tif": ("TIFF", {}),
    ".tiff": ("TIFF", {}),
    ".bmp": ("BMP", {}),
    ".ppm": ("PPM", {}),
    ".webp": ("WEBP", {"lossless": True}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
}
_WITHOUT_PROFILE = frozenset({".bmp", ".ppm"})


def read_image(path: Path, max_megapixels: int = MAX_MEGAPIXELS) -> NDArray[np.uint8]:
    """The picture in a file as sRGB codes, upright by its EXIF orientation; of an animation the first frame.

    - Colours of an embedded ICC profile that is not sRGB's are converted (``hwrts.data.colour``); codes
      without one are taken as sRGB. A damaged profile is refused, and so is a file that names other colours
      in another way.
    - Transparency is composited over white: what a viewer or a print shows. Opaque pixels keep their codes.
    - 16-bit grey becomes rint(v * 255 / 65535), ties to even. Of 16-bit *colour* Pillow hands out the high
      byte only; that is within one code of the exact value, and within three where it is transparent or CMYK.
    - 32-bit integer, signed and float pictures are refused: nothing says which value is white.
    - CMYK without a profile, YCbCr, grey, palette and 1-bit pictures are converted to RGB by formula.

    Args:
        path: The file; what it is follows from its content, not its suffix.
        max_megapixels: A picture with more is refused before it is decoded.

    Returns:
        (H, W, 3) uint8, writable.

    Raises:
        DataError: No such file, not readable, not an image, truncated, too many pixels, or a refused kind.
    """
    return _read(path, max_megapixels, own_colours=False)[0]


def read_with_profile(
    path: Path, max_megapixels: int = MAX_MEGAPIXELS
) -> tuple[NDArray[np.uint8], bytes | None]:
    """As :func:`read_image`, but RGB codes stay those of the picture's own profile, which is returned too.

    Grey and CMYK with a profile of their own become sRGB, and the profile None: it would not fit RGB codes.
    """
    return _read(path, max_megapixels, own_colours=True)


def _read(path: Path, max_megapixels: int, *, own_colours: bool) -> tuple[NDArray[np.uint8], bytes | None]:
    with _opened(path, max_megapixels) as image:
        _check_kind(path, image)
        profile = _profile(path, image)
        deep = _deep_grey(image)
        upright = ImageOps.exif_transpose(image)
        if deep is not None:
            upright = _codes_of_deep_grey(upright, *deep)
        see_through = upright.has_transparency_data
        if see_through:
            upright = upright.convert("RGBA")
        keep = own_colours and profile is not None and profile.mode == "RGB"
        if profile is None or keep:
            shown = upright.convert("RGB")
        else:
            shown = to_srgb(upright.convert(profile.mode), profile)
        if see_through:
            shown.putalpha(upright.getchannel("A"))
            shown = Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown).convert("RGB")
        pixels = np.array(shown, dtype=np.uint8)  # (H, W, 3)
        return pixels, profile.icc if profile is not None and keep else None


def image_size(path: Path, max_megapixels: int = MAX_MEGAPIXELS) -> tuple[int, int]:
    """(H, W) of an image file from its header alone, same errors as `read_image`; EXIF may swap the two.

    A truncated file passes: only decoding it finds that out.
    """
    with _opened(path, max_megapixels) as image:
        _check_kind(path, image)
        _profile(path, image)
        return image.height, image.width


def has_one_channel(path: Path, max_megapixels: int = MAX_MEGAPIXELS) -> bool:
    """Whether the file holds grey alone, from its header; same errors as `read_image`, but for the pixels."""
    with _opened(path, max_megapixels) as image:
        return is_grey(image)


def list_images(folder: Path) -> list[Path]:
    """The image files directly in a folder, sorted by name: not hidden, with a suffix that Pillow can open.

    Whatever has such a name and is no folder counts, whether it can be read or not. Upper and lower case
    suffixes count alike. Sub-folders are not searched.

    Raises:
        DataError: The folder is missing or a file, can't be listed, or has no images.
    """
    suffixes = _suffixes()
    try:
        # A link that leads nowhere or in a circle counts, and so does a pipe: reading it names it, where
        # nobody would notice that a picture is gone.
        found = [
            entry
            for entry in folder.iterdir()
            if not entry.name.startswith(".") and entry.suffix.lower() in suffixes and not entry.is_dir()
        ]
    except FileNotFoundError as error:
        raise DataError(
            f"{folder}: no such folder; give a folder with photographs (.png, .jpg, ...)"
        ) from error
    except NotADirectoryError as error:
        raise DataError(
            f"{folder}: is a file, not a folder; give the folder that holds the photographs"
        ) from error
    except OSError as error:
        raise DataError(
            f"{folder}: can't be listed ({error.strerror or error}); check its permissions"
        ) from error
    if not found:
        raise DataError(
            f"{folder}: no images in it (sub-folders don't count); put .png, .jpg or .tif files there"
        )
    return sorted(found, key=lambda entry: entry.name)


def check_suffix(path: Path) -> None:
    """Raise DataError if :func:`write_image` knows no format for the suffix of ``path``."""
    if path.suffix.lower() not in _WRITERS:
        allowed = " ".join(_WRITERS)
        raise DataError(f"{path}: can't write the suffix '{path.suffix}'; use one of {allowed}")


def check_target(path: Path, profile: bytes | None) -> None:
    """As :func:`check_suffix`, and raise DataError if that format would lose the colours of a profile."""
    check_suffix(path)
    if profile is not None and path.suffix.lower() in _WITHOUT_PROFILE and not is_srgb(profile):
        raise DataError(f"{path}: {path.suffix} can't hold its ICC profile; use .png, .tif, .webp or .jpg")


def write_image(path: Path, pixels: NDArray[np.uint8], profile: bytes | None = None) -> None:
    """Write RGB codes in the format that the suffix names; the file appears complete or not at all.

    All formats are lossless except .jpg and .jpeg (quality 95, full-size colour).

    Args:
        path: Its folder must exist; an existing file is replaced.
        pixels: (H, W, 3) uint8.
        profile: ICC profile of the codes; None leaves them untagged, which is sRGB to readers.

    Raises:
        DataError: Another shape or dtype, an unknown suffix, one that can't hold the profile, a missing or
            read-only folder, or a full disk.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise DataError(f"{path}: pixels are {pixels.dtype} {pixels.shape}; give uint8 (height, width, 3)")
    check_target(path, profile)
    kind, options = _WRITERS[path.suffix.lower()]
    tag = {} if profile is None or path.suffix.lower() in _WITHOUT_PROFILE else {"icc_profile": profile}
    with atomic_file(path) as file:
        try:
            Image.fromarray(pixels).save(file, format=kind, **options, **tag)
        except (ValueError, SystemError) as error:  # e.g. more pixels a side than the format's header can say
            raise DataError(f"{path}: can't be written as {kind} ({_one_line(error)}); use .png") from error


@contextmanager
def _opened(path: Path, max_megapixels: int) -> Iterator[Image.Image]:
    """An open image whose errors, including those of decoding it within the block, become DataErrors."""
    with warnings.catch_warnings(record=True) as caught:
        # What Pillow warns of (such as damaged EXIF) must not stop a program that turns warnings into errors.
        warnings.simplefilter("always")
        try:
            # By file, not by name: Pillow maps a file that it knows by name into memory, and mixes up the
            # rows of an uncompressed TIFF that its orientation turns by 90 degrees.
            if not (path.is_file() or path.is_dir()) and path.exists():  # opening a pipe would wait for ever
                raise DataError(f"{path}: a device or a pipe, not a file; give an image file")
            with path.open("rb") as file, _open_of_any_size(file) as image:
                _check_size(path, image.size, max_megapixels)
                yield image
        except (DataError, MemoryError):
            raise
        except IsADirectoryError as error:
            raise DataError(f"{path}: is a folder, not an image; give an image file") from error
        except FileNotFoundError as error:
            if path.is_symlink():
                raise DataError(
                    f"{path}: a link to {path.readlink()!s:.80}, which is not there; replace or remove it"
                ) from error
            raise DataError(f"{path}: no such file; check the name") from error
        except PermissionError as error:
            raise DataError(f"{path}: not readable ({error.strerror}); check its permissions") from error
        except UnidentifiedImageError as error:
            raise DataError(f"{path}: {_why_not_identified(path)}") from error
        # Pillow's decoders raise nearly anything on damaged data: OSError, SyntaxError, ValueError,
        # struct.error, ...
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.ELOOP:
                raise DataError(f"{path}: a link that leads to itself; replace or remove it") from error
            if "raw mode" in str(error):  # not damaged: Pillow lacks a decoder of what the header says
                raise DataError(f"{path}: {_why_not_identified(path)}") from error
            raise DataError(f"{path}: damaged image ({_one_line(error)}); replace or remove it") from error
    for warning in caught:
        if not issubclass(warning.category, Image.DecompressionBombWarning):
            _log.warning("%s: %s", path, _one_line(warning.message))


def _open_of_any_size(file: BinaryIO) -> Image.Image:
    """Pillow's own limit is one for the whole process, and below a photograph of 200 megapixels."""
    with _pillow_limit:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(file, formats=_formats())
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _check_size(path: Path, size: tuple[int, int], max_megapixels: int) -> None:
    width, height = size
    megapixels = width * height / 1e6
    if megapixels > max_megapixels:
        raise DataError(
            f"{path}: {width}x{height} is {megapixels:,.1f} megapixels, more than the limit of "
            f"{max_megapixels}; raise it with --max-megapixels if it is meant, memory grows with it"
        )


def _why_not_identified(path: Path) -> str:
    if path.stat().st_size == 0:
        return "an empty file; replace or remove it"
    tiff = describe_tiff(path)
    if tiff is not None:
        return f"{tiff}, is not read; save it as grey or RGB with 8 or 16 bits"
    return "not an image in a format Pillow reads; replace or remove it"


def _check_kind(path: Path, image: Image.Image) -> None:
    """Refuse by name what has no exact way to sRGB codes, or what Pillow gets wrong."""
    kind, mode = image.format, image.mode
    deep = mode == "F" or mode.startswith("I")
    known = mode.startswith("I;16") and kind in _FORMATS_WITH_16_BIT_GREY
    try:
        if isinstance(image, TiffImageFile):
            check_tiff(image.tag_v2, mode)
        if deep and not known and not (mode == "I" and kind in _FORMATS_WITH_16_BITS_IN_I):
            what = {"F": "float", "I": "32-bit integer"}.get(mode, f"{kind} 16-bit")
            raise ValueError(f"{what} pixels (mode {mode}) have no known white; save it with 8 or 16 bits")
        if (
            "transparency" in image.info
            and isinstance(image, ImageFile)
            and image.tile[0][3] in _RAW_MODES_WITHOUT_KEY
        ):
            raise ValueError("one transparent value of 2, 4 or 48 bits; save it with an alpha channel")
        if mode in ("LAB", "HSV", "La"):
            raise ValueError(f"{mode} pixels are not read; save it as RGB")
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def _profile(path: Path, image: Image.Image) -> Profile | None:
    try:
        return profile_of(image, path)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def _deep_grey(image: Image.Image) -> tuple[int, bool] | None:
    """Of grey with more than 8 bits: the largest value, and whether it is black; else None."""
    if not image.mode.startswith("I"):
        return None
    return grey_scale(image.tag_v2) if isinstance(image, TiffImageFile) else (65535, False)


def _codes_of_deep_grey(image: Image.Image, white: int, inverted: bool) -> Image.Image:
    """Codes rint(v * 255 / white) of grey with more than 8 bits; with alpha if one value is transparent."""
    values = np.asarray(image)  # (H, W)
    # White is odd, so v * 255 / white is never half way between two codes: any rounding to nearest will do.
    codes = np.rint(values * (255.0 / white)).astype(np.uint8)  # (H, W)
    grey = Image.fromarray(255 - codes if inverted else codes)
    transparent = image.info.get("transparency")  # a PNG may declare one grey value transparent
    if isinstance(transparent, int):
        grey.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return grey


def _one_line(error: object) -> str:
    return " ".join(str(error).split()) or type(error).__name__


@functools.cache
def _formats() -> tuple[str, ...]:
    Image.init()  # loads Pillow's plugins; without it only a handful of formats is known
    return tuple(sorted(set(Image.OPEN) - _REFUSED_FORMATS))


@functools.cache
def _suffixes() -> frozenset[str]:
    formats = _formats()
    return frozenset(suffix for suffix, kind in Image.registered_extensions().items() if kind in formats)
