"""Image files to (H, W, 3) uint8 codes and back.

Letters: H rows, W columns. The three channels are R, G, B in 0..255.
"""

import functools
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from hwrts.atomic import atomic_file
from hwrts.errors import DataError

_log = logging.getLogger(__name__)

# Not photographs: EPS would start Ghostscript on the user's file, WMF needs Windows, the others are stubs
# without a decoder.
_REFUSED_FORMATS = frozenset({"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG"})

# 32-bit "I" is Pillow's mode for 16-bit greys in these formats, which can't hold more than 16 bits.
_FORMATS_WITH_16_BITS_IN_I = frozenset({"PNG", "PPM"})

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


def read_image(path: Path) -> NDArray[np.uint8]:
    """The picture in a file as RGB codes, upright by its EXIF orientation; of an animation the first frame.

    - Transparency is composited over white: what a viewer or a print shows. Opaque pixels keep their codes.
    - 16-bit grey becomes rint(v * 255 / 65535), ties to even. Of 16-bit *colour* Pillow hands out the high
      byte only; that is within one code of the exact value.
    - 32-bit integer and float pictures are refused: nothing says which value is white.
    - CMYK, YCbCr, grey, palette and 1-bit pictures are converted to RGB without colour management.
    - Up to 178,956,970 pixels (two times Pillow's ``MAX_IMAGE_PIXELS``) are read: 8K frames and 100-megapixel
      photographs are ordinary here. Above it the file may be a decompression bomb and is refused.

    Args:
        path: The file; what it is follows from its content, not its suffix.

    Returns:
        (H, W, 3) uint8, writable.

    Raises:
        DataError: No such file, not readable, not an image, truncated, or one of the refused kinds.
    """
    with _opened(path) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I") or upright.mode == "F":
            return _from_deep_grey(path, upright, image.format)
        if upright.has_transparency_data:
            rgba = upright.convert("RGBA")
            white = Image.new("RGBA", rgba.size, "white")
            upright = Image.alpha_composite(white, rgba)
        return np.array(upright.convert("RGB"), dtype=np.uint8)  # (H, W, 3)


def image_size(path: Path) -> tuple[int, int]:
    """(H, W) of an image file from its header alone, before EXIF rotation; same errors as `read_image`.

    A truncated file passes: only decoding it finds that out.
    """
    with _opened(path) as image:
        return image.height, image.width


def list_images(folder: Path) -> list[Path]:
    """The image files directly in a folder, sorted by name: not hidden, with a suffix that Pillow can open.

    Upper and lower case suffixes count alike. Sub-folders are not searched.

    Raises:
        DataError: The folder is missing or a file, can't be listed, or has no images.
    """
    suffixes = _suffixes()
    try:
        found = [
            entry
            for entry in folder.iterdir()
            if not entry.name.startswith(".")
            and entry.suffix.lower() in suffixes
            # A dangling link counts, so that reading it reports it instead of nobody noticing that it is
            # gone.
            and (entry.is_file() or (entry.is_symlink() and not entry.exists()))
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


def write_image(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write RGB codes in the format that the suffix names; the file appears complete or not at all.

    All formats are lossless except .jpg and .jpeg (quality 95, full-size colour).

    Args:
        path: Its folder must exist; an existing file is replaced.
        pixels: (H, W, 3) uint8.

    Raises:
        DataError: Another shape or dtype, an unknown suffix, a missing or read-only folder, or a full disk.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise DataError(f"{path}: pixels are {pixels.dtype} {pixels.shape}; give uint8 (height, width, 3)")
    check_suffix(path)
    kind, options = _WRITERS[path.suffix.lower()]
    with atomic_file(path) as file:
        try:
            Image.fromarray(pixels).save(file, format=kind, **options)
        except (ValueError, SystemError) as error:  # e.g. more pixels a side than the format's header can say
            raise DataError(f"{path}: can't be written as {kind} ({_one_line(error)}); use .png") from error


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """An open image whose errors, including those of decoding it within the block, become DataErrors."""
    with warnings.catch_warnings(record=True) as caught:
        # Above MAX_IMAGE_PIXELS Pillow only warns, above twice that it raises: the first is let through on
        # purpose. What else it warns of (such as damaged EXIF) must not stop a program that turns warnings
        # into errors.
        warnings.simplefilter("always")
        try:
            with Image.open(path, formats=_formats()) as image:
                yield image
        except (DataError, MemoryError):
            raise
        except IsADirectoryError as error:
            raise DataError(f"{path}: is a folder, not an image; give an image file") from error
        except FileNotFoundError as error:
            raise DataError(f"{path}: no such file; check the name") from error
        except PermissionError as error:
            raise DataError(f"{path}: not readable ({error.strerror}); check its permissions") from error
        except UnidentifiedImageError as error:
            what = "an empty file" if path.stat().st_size == 0 else "not an image in a format Pillow reads"
            raise DataError(f"{path}: {what}; replace or remove it") from error
        except Image.DecompressionBombError as error:
            limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
            raise DataError(
                f"{path}: more than {limit:,} pixels; scale it down or cut it into pieces"
            ) from error
        # Pillow's decoders raise nearly anything on damaged data: OSError, SyntaxError, ValueError,
        # struct.error, ...
        except Exception as error:
            raise DataError(f"{path}: damaged image ({_one_line(error)}); replace or remove it") from error
    for warning in caught:
        if not issubclass(warning.category, Image.DecompressionBombWarning):
            _log.warning("%s: %s", path, _one_line(warning.message))


def _from_deep_grey(path: Path, image: Image.Image, kind: str | None) -> NDArray[np.uint8]:
    """16-bit grey as RGB codes, ties to even; other deep modes are refused by name."""
    if not (image.mode.startswith("I;16") or (image.mode == "I" and kind in _FORMATS_WITH_16_BITS_IN_I)):
        what = "float" if image.mode == "F" else "32-bit integer"
        raise DataError(
            f"{path}: {what} pixels (mode {image.mode}) have no known white; save it with 8 or 16 bits"
        )
    values = np.asarray(image)  # (H, W)
    # 65535 = 257 * 255, so the code is v / 257. An odd divisor has no ties: any rounding to nearest gives the
    # same.
    codes = np.rint(values / 257.0).astype(np.uint8)  # (H, W)
    transparent = image.info.get("transparency")  # a PNG may declare one grey value transparent
    if isinstance(transparent, int):
        codes[values == transparent] = 255
    return np.repeat(codes[:, :, np.newaxis], 3, axis=2)  # (H, W, 3)


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
