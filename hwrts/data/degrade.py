"""From an original to its degraded half-size version, without shifting its brightness.

Pillow resizes uint8 images in two passes and rounds half UP after each. Halving makes ties in every second
value, so its BOX brightens a photograph by almost half a code (0.48 on average over the embedded ones), its
BILINEAR by 0.13. A network trained on such pairs learns to darken by as much, and recurrent training applies
that once more in every stage: the picture drifts and the differences between stages never settle. Hence:
resize in float (Pillow's mode "F", no rounding to codes inside), then round once, half to even.

Letters: H rows, W columns.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from hwrts.data.depth import in_units, on_grid, to_bytes
from hwrts.errors import DataError

Kernel = Literal["box", "bilinear", "hamming", "bicubic", "lanczos"]

_RESAMPLING: dict[Kernel, Image.Resampling] = {
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def downscale_by_2(pixels: NDArray[np.uint8] | NDArray[np.float32], kernel: Kernel) -> NDArray[np.float32]:
    """Half-size picture in float: :func:`downscale` by 2.

    This is THE down-scaler: it makes the LR input and is the D of recurrent training. A band cut at an even
    offset with 8 extra rows or columns gives the identical bytes inside.

    Args:
        pixels: (H, W, 3) uint8, or float32 in the same unit (codes). H and W even.
        kernel: "box" averages 2x2 pixels; "bilinear" is a triangle, "lanczos" the sharpest and may overshoot.

    Returns:
        (H/2, W/2, 3) float32, not clipped.

    Raises:
        DataError: Another shape or dtype, an odd size, or an unknown kernel.

    >>> downscale_by_2(np.array([[[0] * 3, [1] * 3], [[0] * 3, [1] * 3]], np.uint8), "box").tolist()
    [[[0.5, 0.5, 0.5]]]
    """
    return downscale(pixels, 2, kernel)  # (H/2, W/2, 3)


def downscale(
    pixels: NDArray[np.uint8] | NDArray[np.float32], factor: int, kernel: Kernel
) -> NDArray[np.float32]:
    """Smaller picture in float: out[y] = sum over rows r of w[y, r] * in[r], and the same along the width.

    The weights for a factor F are w[y, r] = kernel((r + 0.5 - F (y + 0.5)) / F), normalised to sum 1: the
    kernel is stretched by F against aliases, has half-pixel centres, and is renormalised at the borders.

    An output depends on at most 3 F input pixels either side (lanczos has 3 lobes), computed in the same
    order wherever it is: along the width, rounded to float32, along the height. So a band cut at a multiple
    of F with 4 F extra rows or columns gives the identical bytes inside.

    Args:
        pixels: (H, W, 3) uint8, or float32 in the same unit (codes). H and W are multiples of the factor.
        factor: F, 1 or more.
        kernel: As of :func:`downscale_by_2`.

    Returns:
        (H/F, W/F, 3) float32, not clipped.

    Raises:
        DataError: Another shape or dtype, a size that F does not divide, or an unknown kernel.
    """
    check_divisible(pixels, factor)
    height, width = pixels.shape[:2]
    return _resize(pixels, height // factor, width // factor, kernel)  # (H/F, W/F, 3)


def upscale_by_2(
    pixels: NDArray[np.uint8] | NDArray[np.float32], kernel: Kernel = "bicubic"
) -> NDArray[np.float32]:
    """Double-size picture in float: :func:`upscale` by 2; by default the bicubic baseline of a run."""
    return upscale(pixels, 2, kernel)  # (2H, 2W, 3)


def upscale(
    pixels: NDArray[np.uint8] | NDArray[np.float32], factor: int, kernel: Kernel
) -> NDArray[np.float32]:
    """Larger picture in float, half-pixel centres, weights renormalised at the borders.

    Args:
        pixels: (H, W, 3) uint8, or float32 in the same unit (codes).
        factor: F, 1 or more.
        kernel: Interpolation; "box" repeats pixels.

    Returns:
        (FH, FW, 3) float32, not clipped.

    Raises:
        DataError: Another shape or dtype, or an unknown kernel.
    """
    _check_picture(pixels)
    height, width = pixels.shape[:2]
    return _resize(pixels, factor * height, factor * width, kernel)  # (FH, FW, 3)


def to_codes(x: NDArray[Any], bits: int = 8) -> NDArray[Any]:
    """Pixel codes of a float picture: clip to the codes, then round half to even; codes are given back.

    The one place where pictures are rounded.

    Args:
        x: Of any shape, in units of 8-bit codes, whatever the bits; or codes already, uint8 or uint16.
        bits: Of a code: uint8 of 8, uint16 of more.

    Raises:
        DataError: A value is NaN or infinite.

    >>> to_codes(np.array([-3.0, 0.5, 1.5, 2.5, 254.5, 300.0])).tolist()
    [0, 0, 2, 2, 254, 255]
    >>> to_codes(np.array([-3.0, 0.5, 0.125, 254.5, 300.0]), 10).tolist()
    [0, 2, 0, 1018, 1023]
    """
    if x.dtype in (
        np.uint8,
        np.uint16,
    ):  # of an integer network: a tenth of the time of a small one, for nothing
        return x
    # Clipping would hide an infinity, and NaN has no code: either means that the values before are wrong.
    if not np.isfinite(x).all():
        raise DataError(
            "a picture has NaN or infinite values; the network that made it diverged, lower its step size"
        )
    largest, dtype = (1 << bits) - 1, np.uint8 if bits == 8 else np.uint16
    codes: NDArray[Any] = np.rint(np.clip(x * 2.0 ** (bits - 8), 0.0, largest)).astype(dtype)
    return codes


Subsampling = Literal["4:2:0", "4:4:4", "either"]
"""Size of the colour planes in a JPEG: half, as in cameras and broadcasting, full, or drawn each time."""


@dataclass(frozen=True)
class Footage:
    """What LR pictures have of footage besides their size, while targets stay clean; by default nothing.

    A network that sees it learns what not to sharpen. Every pair is the range that a value is drawn from,
    once for each picture; a pair of equals is fixed.

    Attributes:
        read_noise: Standard deviation, in codes, of what a sensor adds everywhere.
        shot_noise: That of what light adds, at white; its variance is proportional to the level.
        jpeg: Quality of a compression of the LR picture itself, whose blocks are as large as those of
            footage (those of a compression at full size are 4x4 here); None leaves it out.
        times: How many times it is compressed, each with a quality of its own; 0 is none.
        subsampling: Of these compressions.
    """

    read_noise: tuple[float, float] = (0.0, 0.0)
    shot_noise: tuple[float, float] = (0.0, 0.0)
    jpeg: tuple[int, int] | None = None
    times: tuple[int, int] = (1, 1)
    subsampling: Subsampling = "4:2:0"

    @property
    def draws(self) -> bool:
        """Whether two pictures made of one original can differ."""
        noise = any(high > 0 for _, high in (self.read_noise, self.shot_noise))
        if self.jpeg is None or self.times[1] == 0:
            return noise
        return (
            noise
            or self.times[0] < self.times[1]
            or self.jpeg[0] < self.jpeg[1]
            or self.subsampling == "either"
        )


CLEAN = Footage()
"""Nothing."""


def degrade(
    pixels: NDArray[Any],
    *,
    jpeg: int | tuple[int, int] | None,
    kernel: Kernel | tuple[Kernel, ...],
    seed: int | Sequence[int],
    blur: float | tuple[float, float] = 0.0,
    footage: Footage = CLEAN,
    bits: int = 8,
) -> NDArray[Any]:
    """The LR picture of an original: compressed at full size, blurred, halved, with noise, compressed again.

    The first JPEG has Pillow's default chroma subsampling 4:2:0 (colour at half size), as cameras and
    broadcast material do. A JPEG has 8 bits: of a picture of more it takes the rounded ones; what is computed
    behind it has all again.

    Args:
        pixels: Codes (H, W, 3), H and W even: uint8, or uint16 of more bits.
        jpeg: Quality 1..95 (Pillow advises against more), or a range (low, high) from which one quality is
            drawn uniformly, both ends included; None leaves JPEG out.
        kernel: Of `downscale_by_2`, or several of which one is drawn.
        seed: Decides what is drawn: one, or several that make one together.
        blur: Standard deviation in pixels of a Gaussian before the down-scaling, or a range of it; 0 leaves
            it out. A network trained to undo a wider kernel sharpens more.
        footage: Noise and compression of the LR picture.
        bits: Of a code, of both pictures.

    Returns:
        (H/2, W/2, 3), of the type of ``pixels``.

    Raises:
        DataError: As `downscale_by_2`; or a quality outside 1..95; or a side too long for JPEG (65,535).
    """
    wanted = np.dtype(np.uint8 if bits == 8 else np.uint16)
    if pixels.dtype != wanted:
        raise DataError(f"pixels to degrade are {pixels.dtype}; give {wanted} codes")
    whole: NDArray[np.uint8] | NDArray[np.float32] = pixels if bits == 8 else in_units(pixels, bits)
    _check_picture(whole)
    quality = _draw_quality(jpeg, seed)
    if quality is not None:
        whole = through_jpeg(to_bytes(pixels, bits), quality)
    # A generator of its own: what is drawn of these must not depend on whether the quality above is.
    rng = np.random.default_rng([*np.atleast_1d(seed).tolist(), _FOOTAGE])
    blurred = whole
    blur = float(rng.uniform(*blur)) if isinstance(blur, tuple) else blur
    kernel = kernel[int(rng.integers(len(kernel)))] if isinstance(kernel, tuple) else kernel
    if blur:
        from scipy.ndimage import gaussian_filter  # here: reading pictures must not wait for SciPy

        # Cut at four deviations; pixels beyond the border repeat the last one.
        blurred = gaussian_filter(whole.astype(np.float32), (blur, blur, 0), mode="nearest")
    return _as_footage(downscale_by_2(blurred, kernel), footage, rng, bits)  # (H/2, W/2, 3)


_FOOTAGE = 0xF007A6E
"""Keeps the draws of footage apart from those of a quality."""


def _as_footage(
    x: NDArray[np.float32], footage: Footage, rng: np.random.Generator, bits: int
) -> NDArray[Any]:
    """Codes (H, W, 3) of a float picture, with what footage has."""
    read, shot = rng.uniform(*footage.read_noise), rng.uniform(*footage.shot_noise)
    if read or shot:
        deviation = np.sqrt(read**2 + shot**2 * np.clip(x, 0, 255) / 255)
        x = x + (rng.standard_normal(x.shape, np.float32) * deviation).astype(np.float32)
    codes = to_codes(x, bits)
    if footage.jpeg is not None:
        for _ in range(int(rng.integers(*footage.times, endpoint=True))):
            quality = int(rng.integers(*footage.jpeg, endpoint=True))
            half = (
                bool(rng.integers(2)) if footage.subsampling == "either" else footage.subsampling == "4:2:0"
            )
            small = through_jpeg(to_bytes(codes, bits), quality, "4:2:0" if half else "4:4:4")
            codes = on_grid(small, bits)
    return codes


def _resize(
    pixels: NDArray[np.uint8] | NDArray[np.float32], height: int, width: int, kernel: Kernel
) -> NDArray[np.float32]:
    resampling = _RESAMPLING.get(kernel)
    if resampling is None:
        raise DataError(f"kernel '{kernel}' is unknown; use one of {', '.join(get_args(Kernel))}")
    out = np.empty((height, width, pixels.shape[2]), np.float32)
    for channel in range(pixels.shape[2]):  # mode "F" has one channel
        plane = Image.fromarray(np.ascontiguousarray(pixels[:, :, channel], dtype=np.float32))  # (H, W)
        # Width first, then height, in two calls. In one call Pillow 13 takes the order that is cheaper for
        # the shape (github.com/python-pillow/Pillow/pull/9549); float32 is rounded between the passes, so the
        # last bit of a band would differ from that of the whole picture.
        rows = plane.resize((width, plane.height), resampling)  # (H, width)
        out[:, :, channel] = np.asarray(rows.resize((width, height), resampling))
    return out


def check_divisible(pixels: NDArray[np.uint8] | NDArray[np.float32], factor: int) -> None:
    """Raise DataError if these are no pixels, or the factor does not divide their size."""
    _check_picture(pixels)
    height, width = pixels.shape[:2]
    if height % factor or width % factor:
        raise DataError(
            f"a picture of {width}x{height} can't be divided by {factor}; crop it to multiples of {factor}"
        )


def _check_picture(pixels: NDArray[np.uint8] | NDArray[np.float32]) -> None:
    if (
        pixels.dtype not in (np.uint8, np.float32)
        or pixels.ndim != 3
        or pixels.shape[2] not in (1, 3)
        or pixels.size == 0
    ):
        raise DataError(
            f"a picture is {pixels.dtype} {pixels.shape}; give uint8 or float32 (height, width, 3), or "
            "(height, width, 1) of luma"
        )


def _draw_quality(jpeg: int | tuple[int, int] | None, seed: int | Sequence[int]) -> int | None:
    if jpeg is None:
        return None
    low, high = (jpeg, jpeg) if isinstance(jpeg, int) else jpeg
    if not 1 <= low <= high <= 95:
        raise DataError(f"JPEG quality {jpeg} is not allowed; give 1..95, a range (low, high) of it, or none")
    return int(np.random.default_rng(seed).integers(low, high, endpoint=True))


def through_jpeg(
    pixels: NDArray[np.uint8], quality: int, subsampling: str | None = None
) -> NDArray[np.uint8]:
    """What is left of a picture (H, W, 3) after JPEG.

    Args:
        pixels: Codes.
        quality: 1..95.
        subsampling: "4:2:0" or "4:4:4"; None is what Pillow takes, 4:2:0.

    Raises:
        DataError: A side of more than 65,535 pixels.
    """
    height, width = pixels.shape[:2]
    if max(height, width) > 65_535:  # 16-bit fields in the JPEG header
        raise DataError(
            f"a picture of {width}x{height} is too large for JPEG; use sides up to 65535 or no JPEG"
        )
    buffer = io.BytesIO()
    settings = {} if subsampling is None else {"subsampling": subsampling}
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=quality, **settings)
    buffer.seek(0)
    # Not Image.open: it warns of a decompression bomb at 89 megapixels, and this file is our own.
    with JpegImagePlugin.JpegImageFile(buffer) as image:
        return np.array(image, dtype=np.uint8)  # (H, W, 3)
