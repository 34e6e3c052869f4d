"""Files of 16 bits a sample, of which Pillow writes grey alone: PNG and TIFF of grey or RGB, and alpha.

Letters: H rows, W columns, C samples of a pixel (grey, grey and alpha, RGB, RGB and alpha).
"""

import struct
import zlib
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from hwrts.data.depth import Samples
from hwrts.data.exif import Tags

_PNG_COLOUR = {1: 0, 2: 4, 3: 2, 4: 6}  # samples -> colour type
_BAND_BYTES = 1 << 22
"""Of rows that are filtered and packed at a time."""

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _STRIP_OFFSETS = 256, 257, 258, 259, 262, 273
_SAMPLES, _ROWS_PER_STRIP, _STRIP_BYTES, _PLANAR, _EXTRA_SAMPLES, _ICC = 277, 278, 279, 284, 338, 34675
_LONG = 4  # the type of a tag
_UNASSOCIATED_ALPHA = 2
_LARGEST_TIFF = 2**32 - 2**24  # offsets have 32 bits; some room for the tags


def write_png16(
    file: BinaryIO,
    values: Samples,
    profile: bytes | None = None,
    exif: bytes | None = None,
    dpi: tuple[float, float] | None = None,
) -> None:
    """Write a PNG of 16 bits a sample, not interlaced, each row by the filter that leaves the least.

    Args:
        file: Where to.
        values: (H, W, C) uint16, C 1 to 4.
        profile: ICC profile.
        exif: Without the six bytes of its name in JPEG.
        dpi: Pixels per inch, across and down.

    Source: PNG, third edition (W3C 2025), chapters 9 (filters) and 11 (chunks).
    """
    height, width, samples = values.shape
    file.write(b"\x89PNG\r\n\x1a\n")
    _chunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, 16, _PNG_COLOUR[samples], 0, 0, 0))
    if profile is not None:
        _chunk(file, b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile))
    if dpi is not None:
        _chunk(file, b"pHYs", struct.pack(">IIB", *(round(each / 0.0254) for each in dpi), 1))
    if exif is not None:
        _chunk(file, b"eXIf", exif)
    packer = zlib.compressobj(6)
    above = np.zeros((1, width * samples * 2), np.uint8)
    rows = max(1, _BAND_BYTES // above.size)
    for top in range(0, height, rows):
        band = values[top : top + rows].astype(">u2").reshape(-1, width * samples).view(np.uint8)
        if data := packer.compress(_filtered(band, above, samples * 2).tobytes()):
            _chunk(file, b"IDAT", data)
        above = band[-1:]
    _chunk(file, b"IDAT", packer.flush())
    _chunk(file, b"IEND", b"")


def write_tiff16(file: BinaryIO, values: Samples, tags: Tags, profile: bytes | None = None) -> None:
    """Write a TIFF of 16 bits a sample, uncompressed, little-endian, in one strip.

    Args:
        file: At its start.
        values: (H, W, C) uint16, C 1 to 4.
        tags: Of EXIF, the resolution included.
        profile: ICC profile.

    Raises:
        ValueError: More than the 4 GiB that a TIFF can address.
    """
    height, width, samples = values.shape
    if values.nbytes > _LARGEST_TIFF:
        raise ValueError("more than 4 GiB")
    ifd = ImageFileDirectory_v2(prefix=b"II")
    for tag, value in tags.items():
        ifd[tag] = value
    ifd[_WIDTH], ifd[_HEIGHT], ifd[_ROWS_PER_STRIP] = width, height, height
    ifd[_BITS], ifd[_SAMPLES] = (16,) * samples, samples
    ifd[_COMPRESSION], ifd[_PLANAR] = 1, 1
    ifd[_PHOTOMETRIC] = 2 if samples > 2 else 1  # RGB, or grey with black at 0
    if samples in (2, 4):
        ifd[_EXTRA_SAMPLES] = _UNASSOCIATED_ALPHA
    if profile is not None:
        ifd[_ICC] = profile
    ifd[_STRIP_OFFSETS], ifd[_STRIP_BYTES] = 0, values.nbytes  # from the end of the tags
    ifd.tagtype[_STRIP_OFFSETS] = ifd.tagtype[_STRIP_BYTES] = _LONG
    ifd.save(file)
    rows = max(1, _BAND_BYTES // (width * samples * 2))
    for top in range(0, height, rows):
        file.write(values[top : top + rows].astype("<u2").tobytes())


def _filtered(band: NDArray[np.uint8], above: NDArray[np.uint8], pixel: int) -> NDArray[np.uint8]:
    """Rows of bytes (rows, B), each behind the number of its filter: (rows, 1 + B)."""
    up = np.concatenate([above, band[:-1]]).astype(np.int16)
    here = band.astype(np.int16)
    left, corner = np.zeros_like(here), np.zeros_like(here)
    left[:, pixel:], corner[:, pixel:] = here[:, :-pixel], up[:, :-pixel]
    # Paeth: of the three neighbours the nearest to left + up - corner; ties in the order left, up, corner
    to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    by_left = (to_left <= to_up) & (to_left <= to_corner)
    paeth = np.where(by_left, left, np.where(to_up <= to_corner, up, corner))
    guesses = (np.zeros_like(here), left, up, (left + up) >> 1, paeth)  # numbered 0 to 4 in the standard
    best = np.zeros((len(band), 1 + band.shape[1]), np.uint8)
    least = np.full(len(band), np.iinfo(np.int64).max)
    for number, guess in enumerate(guesses):
        rest = (here - guess).astype(np.uint8)  # modulo 256
        cost = np.abs(rest.view(np.int8).astype(np.int16)).sum(1, dtype=np.int64)
        won = cost < least
        best[won, 0], best[won, 1:], least[won] = number, rest[won], cost[won]
    return best


def _chunk(file: BinaryIO, kind: bytes, body: bytes) -> None:
    file.write(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))
