"""Image files to (H, W, 3) uint8 codes, or to pictures that keep what they had.

Letters: H rows, W columns. The three channels are R, G, B in 0..255.
"""

import errno
import functools
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from hwrts.data.colour import Profile, profile_of, to_srgb
from hwrts.data.decode import PictureFile, decoded, formats, is_grey, notes_of, open_of_any_size, raw_mode_of
from hwrts.data.exif import read_dpi, read_exif
from hwrts.data.picture import Picture, in_8_bits, over_white
from hwrts.data.tiff import check_tiff, describe_tiff
from hwrts.errors import DataError

_log = logging.getLogger(__name__)

# 32-bit "I" is Pillow's mode for 16-bit greys in these formats, which can't hold more than 16 bits.
_FORMATS_WITH_16_BITS_IN_I = frozenset({"PNG", "PPM"})
# Where 65535 is white. Astronomy and the like also have 16 bits, signed or without a white.
_FORMATS_WITH_16_BIT_GREY = frozenset({"PNG", "PPM", "TIFF", "JPEG2000"})

# PNG of 2 or 4 bits of grey or 16 of each colour: Pillow compares its transparent value with 8-bit codes.
_RAW_MODES_WITHOUT_KEY = ("L;2", "L;4", "RGB;16B")

MAX_MEGAPIXELS = 256
"""Largest picture that is read if nothing else is said: an 8K frame is 33, the largest cameras make 200. A
PNG of 388 KB can unpack to 400, which takes gigabytes to score."""


def read_image(path: Path, max_megapixels: int = MAX_MEGAPIXELS) -> NDArray[np.uint8]:
    """The picture in a file as sRGB codes, upright by its EXIF orientation; of an animation the first frame.

    - Colours of an embedded ICC profile that is not sRGB's are converted (``hwrts.data.colour``); codes
      without one are taken as sRGB. A damaged profile is refused, and so is a file that names other colours
      in another way.
    - Transparency is composited over white: what a viewer or a print shows. Opaque pixels keep their codes.
    - 16 bits become the nearest code (eq. 19). Of 16-bit CMYK and of colours multiplied by alpha Pillow hands
      out the high byte only, within three codes.
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
    with _opened(path, max_megapixels) as image:
        _check_kind(path, image)
        raw_mode = raw_mode_of(image)
        profile = _profile(path, image, raw_mode)
        samples, alpha, profile = decoded(path, image, raw_mode, profile)
        picture = in_8_bits(Picture(samples, alpha))
        own = Image.fromarray(picture.samples if samples.shape[2] == 3 else picture.samples[..., 0])
        shown = own.convert("RGB") if profile is None else to_srgb(own, profile)
        return over_white(replace(picture, samples=np.array(shown))).samples.astype(np.uint8, copy=False)


def read_picture(path: Path, max_megapixels: int = MAX_MEGAPIXELS) -> Picture:
    """A picture to be written again: its own colours and depth, its alpha, upright by its EXIF orientation.

    Refused is what :func:`read_image` refuses. What can't come out as it went in is in the notes:

    - CMYK becomes sRGB; palettes, YCbCr, and grey that has a profile of RGB become RGB; bilevel becomes grey.
    - More than 8 bits are kept of grey in PNG, TIFF, PPM and JPEG 2000, and of RGB in PNG and TIFF, unless it
      is multiplied by alpha or in separate planes; 12 bits become 16.
    - Of several frames the first.

    Raises:
        DataError: As :func:`read_image`.
    """
    with _opened(path, max_megapixels) as image:
        _check_kind(path, image)
        raw_mode = raw_mode_of(image)
        notes = notes_of(path, image, raw_mode)
        profile = _profile(path, image, raw_mode)
        image.load()  # what is damaged is the picture then, and not its EXIF
        dpi = read_dpi(image)
        try:
            exif = read_exif(image)
        except ValueError as error:
            exif, notes = {}, [*notes, f"{error}: left out"]
        samples, alpha, profile = decoded(path, image, raw_mode, profile)
        if profile is not None and profile.mode == "RGB" and is_grey(image, raw_mode):
            notes.append("grey with a profile of RGB: became RGB")
        return Picture(samples, alpha, profile.icc if profile else None, exif, dpi, tuple(notes))


def image_size(path: Path, max_megapixels: int = MAX_MEGAPIXELS) -> tuple[int, int]:
    """(H, W) of an image file from its header alone, same errors as `read_image`; EXIF may swap the two.

    A truncated file passes: only decoding it finds that out.
    """
    with _opened(path, max_megapixels) as image:
        _check_kind(path, image)
        _profile(path, image, raw_mode_of(image))
        return image.height, image.width


def has_one_channel(path: Path, max_megapixels: int = MAX_MEGAPIXELS) -> bool:
    """Whether the file holds grey alone, from its header; same errors as `read_image`, but for the pixels."""
    with _opened(path, max_megapixels) as image:
        return is_grey(image, raw_mode_of(image))


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
            with PictureFile(path) as file, open_of_any_size(file) as image:
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


def _profile(path: Path, image: Image.Image, raw_mode: str | None) -> Profile | None:
    try:
        return profile_of(image, path, grey=is_grey(image, raw_mode))
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def _one_line(error: object) -> str:
    return " ".join(str(error).split()) or type(error).__name__


@functools.cache
def _suffixes() -> frozenset[str]:
    allowed = formats()
    return frozenset(suffix for suffix, kind in Image.registered_extensions().items() if kind in allowed)
