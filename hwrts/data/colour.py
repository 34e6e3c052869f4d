"""What the codes of a picture mean: its ICC profile, the conversion to sRGB, and other words on colour in it.

Networks are trained and pictures are measured in sRGB codes. The conversion is relative colorimetric with
black point compensation, as most photo software does by default: a colour that sRGB has keeps its look
exactly and only one outside is clipped, where the perceptual intent would move every colour by a rule of the
profile's maker. Compensation keeps the black of a printing profile black.
"""

import functools
import io
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

_BANDS = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""An ICC colour space -> Pillow's mode of the pixels that such a profile is for."""

_ADVICE = "embed its ICC profile (again), or convert it to sRGB"

_SRGB_TOLERANCE = 1
"""Codes. The sRGB profiles of HP, Google, lcms and cameras differ by rounding: none is worth a conversion."""

_SRGB_GAMMA = 1 / 2.2
_SRGB_CHROMATICITY = (0.3127, 0.329, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)  # white, red, green, blue: x, y
_GAMMA_TOLERANCE, _CHROMATICITY_TOLERANCE = 0.05 * _SRGB_GAMMA, 0.01  # the PNG standard's own: 5 %

_INTEROPERABILITY_IFD, _INTEROPERABILITY_INDEX = 0xA005, 1  # of EXIF

# Code points of ITU-T H.273 that are read as sRGB: unspecified, and the primaries and curves of standard TV.
_STANDARD_PRIMARIES, _STANDARD_CURVES = frozenset({1, 2, 5, 6}), frozenset({1, 2, 6, 13, 14, 15})
_HEAD_BYTES = 1 << 16  # of an AVIF: its colour box is near the start, before the pixels


@dataclass(frozen=True)
class Profile:
    """An ICC profile that lcms reads and that fits the picture.

    Attributes:
        icc: The profile's bytes.
        mode: Pillow's mode of the pixels that it is for: RGB, L or CMYK.
        is_srgb: Its codes are sRGB codes within 1.
    """

    icc: bytes
    mode: str
    is_srgb: bool


def profile_of(image: Image.Image, path: Path, *, grey: bool) -> Profile | None:
    """The profile embedded in a picture that was opened and not decoded yet, or None.

    Args:
        image: The picture.
        path: Its file.
        grey: Whether it has no colours.

    Raises:
        ValueError: It is broken or for pixels of another kind, or another note in the file says that the
            codes are not sRGB; then nobody knows what the colours are.
    """
    _refuse_wide_video(image.format, path)
    if "icc_profile" not in image.info or image.info["icc_profile"] == b"":
        _refuse_other_colours(image)
        return None
    icc = image.info["icc_profile"]
    if not isinstance(icc, bytes):  # Pillow's None: parts are missing or don't unpack
        raise ValueError(f"its ICC profile is damaged; {_ADVICE}")
    mode, is_srgb = _examined(icc)
    pixels = "CMYK" if image.mode == "CMYK" else "L" if grey else "RGB"
    if mode != pixels and (mode, pixels) != ("RGB", "L"):  # grey in RGB is a colour like any other
        raise ValueError(f"its ICC profile is for {mode} pixels, but they are {pixels}; {_ADVICE}")
    return Profile(icc, mode, is_srgb)


def to_srgb(image: Image.Image, profile: Profile) -> Image.Image:
    """A picture of the profile's mode as RGB of sRGB codes; the same codes if the profile is sRGB's."""
    if profile.is_srgb:
        return image.convert("RGB")
    return ImageCms.applyTransform(image, _transform(profile.icc, profile.mode)) or image


def is_srgb(icc: bytes) -> bool:
    """Whether a profile that :func:`profile_of` let through is sRGB's."""
    return _examined(icc)[1]


@functools.lru_cache(maxsize=16)  # the photographs of a folder share one or two
def _transform(icc: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(icc)),
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        # Fine tables: with the usual ones a dark grey was off by 1.5 codes, with these none by more than 1.
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.HIGHRESPRECALC,
    )


@functools.lru_cache(maxsize=16)
def _examined(icc: bytes) -> tuple[str, bool]:
    """Mode of the pixels that a profile is for, and whether it is sRGB's, by what it does to colours."""
    try:
        space = ImageCms.ImageCmsProfile(io.BytesIO(icc)).profile.xcolor_space
        if space not in _BANDS:
            raise ValueError(f"its ICC profile is for '{space.strip()}' pixels; {_ADVICE}")
        mode = _BANDS[space]
        transform = _transform(icc, mode)
        if mode == "CMYK":
            return mode, False
        codes = np.arange(256, dtype=np.uint8)[np.newaxis]  # (1, 256)
        if mode == "RGB":
            steps = np.arange(0, 256, 15, dtype=np.uint8)
            grid = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)  # (1, 5832, 3)
            codes = np.concatenate([grid, np.repeat(codes[:, :, np.newaxis], 3, 2)], 1)  # (1, 6088, 3)
        shown = ImageCms.applyTransform(Image.fromarray(codes), transform)
    except (ImageCms.PyCMSError, OSError, TypeError) as error:
        raise ValueError(f"its ICC profile is damaged ({' '.join(str(error).split())}); {_ADVICE}") from error
    wanted = codes if mode == "RGB" else np.repeat(codes[:, :, np.newaxis], 3, 2)
    return mode, bool(np.abs(np.asarray(shown, np.int16) - wanted).max() <= _SRGB_TOLERANCE)


def _refuse_other_colours(image: Image.Image) -> None:
    """Words on colour other than a profile: PNG's chunks, and the note of cameras set to Adobe RGB."""
    info = image.info
    if "srgb" not in info:
        gamma, points = info.get("gamma"), info.get("chromaticity")
        if gamma is not None and abs(gamma - _SRGB_GAMMA) > _GAMMA_TOLERANCE:
            raise ValueError(f"its gAMA chunk says {gamma:g}, and sRGB is 0.45455; {_ADVICE}")
        if points is not None and np.abs(np.subtract(points, _SRGB_CHROMATICITY)).max() > (
            _CHROMATICITY_TOLERANCE
        ):
            raise ValueError(f"its cHRM chunk names other primaries than sRGB's; {_ADVICE}")
    try:
        index = image.getexif().get_ifd(_INTEROPERABILITY_IFD).get(_INTEROPERABILITY_INDEX)
    except Exception:  # damaged EXIF, of which Pillow raises nearly anything, says nothing on colour
        return
    if isinstance(index, str) and index.startswith("R03"):
        raise ValueError(f"its EXIF says Adobe RGB, without a profile; {_ADVICE}")


def _refuse_wide_video(kind: str | None, path: Path) -> None:
    """Pillow does not hand out the code points by which PNG and AVIF say BT.2020, P3, PQ or HLG."""
    points = None
    if kind == "AVIF":
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        at = head.find(b"colrnclx")
        if 0 <= at <= len(head) - 12:
            points = struct.unpack_from(">HH", head, at + 8)
    elif kind == "PNG":
        points = _png_code_points(path)
    if points is not None and not (points[0] in _STANDARD_PRIMARIES and points[1] in _STANDARD_CURVES):
        raise ValueError(
            f"wide-gamut or HDR colours (H.273 primaries {points[0]}, curve {points[1]}); convert it to sRGB"
        )


def _png_code_points(path: Path) -> tuple[int, int] | None:
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8 and head[4:] != b"IDAT":
            if head[4:] == b"cICP" and len(body := file.read(2)) == 2:
                return body[0], body[1]
            file.seek(int.from_bytes(head[:4], "big") + 4, 1)
    return None
