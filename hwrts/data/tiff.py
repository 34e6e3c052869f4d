"""TIFF pictures that Pillow would read wrongly without a word, and words for those that it does not read.

A TIFF says by a dozen tags how its numbers become colours. Pillow knows 140 combinations of them; what is
refused here is what it was seen to get wrong (tests/data/test_kinds.py compares with the numbers written).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import TiffImagePlugin

_SUBFILE_TYPE, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 254, 258, 259, 262, 266
_PLANAR, _COLOUR_MAP, _INK_SET, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 284, 320, 332, 338, 339
_YCBCR_COEFFICIENTS, _YCBCR_SUBSAMPLING, _REFERENCE_BLACK_WHITE, _DNG_VERSION = 529, 530, 532, 50706

_WHITE_IS_ZERO, _PALETTE, _SEPARATED, _YCBCR = 0, 3, 5, 6
_PHOTOMETRICS = {
    0: "grey, white is 0",
    1: "grey",
    2: "RGB",
    3: "palette",
    5: "CMYK",
    6: "YCbCr",
    8: "Lab",
    32803: "sensor data",
    34892: "sensor data",
}
_SAMPLE_FORMATS = {1: "unsigned", 2: "signed", 3: "float", 4: "undefined", 5: "complex", 6: "complex"}


def check_tiff(tags: Mapping[int, Any], mode: str) -> None:
    """Refuse what Pillow opens and misreads.

    Args:
        tags: Of the first picture in the file.
        mode: Pillow's mode of it.

    Raises:
        ValueError: With the reason and what to do.
    """
    if _DNG_VERSION in tags:
        raise ValueError("a raw photograph (DNG); develop it first")
    if tags.get(_SUBFILE_TYPE, 0) & 1:
        raise ValueError("its first picture is a reduced copy of another one in it; save that one alone")
    if 2 in _tuple(tags.get(_SAMPLE_FORMAT, 1)):
        raise ValueError("signed pixels have no known black; save it with 8 or 16 bits, unsigned")
    if tags.get(_PHOTOMETRIC) == _PALETTE and 0 < max(tags.get(_COLOUR_MAP, (0,))) < 256:
        raise ValueError("its palette has 8-bit entries where 16 bits belong; save it as RGB")
    if tags.get(_PHOTOMETRIC) == _SEPARATED and tags.get(_INK_SET, 1) != 1:
        raise ValueError("its inks are not cyan, magenta, yellow and black; save it as RGB")
    if in_planes(tags) and not _planes_are_read(tags, mode):
        raise ValueError(f"{_described(tags)} in separate planes; save it interleaved (contiguous samples)")
    if tags.get(_PHOTOMETRIC) == _YCBCR and tags.get(_COMPRESSION, 1) == 1 and not _plain_ycbcr(tags):
        raise ValueError("uncompressed YCbCr other than full-range BT.601 4:4:4; save it as RGB")


def grey_scale(tags: Mapping[int, Any]) -> tuple[int, bool]:
    """Of deep grey: the largest value, and whether it is black."""
    bits = _tuple(tags.get(_BITS, 16))[0]
    return 2**bits - 1, tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO


def in_planes(tags: Mapping[int, Any]) -> bool:
    """Whether all of one colour stands before all of the next."""
    return bool(tags.get(_PLANAR, 1) == 2)


def describe_tiff(path: Path) -> str | None:
    """What kind of pixels a file has that Pillow does not open; None if it is no TIFF, or a damaged one."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
            if head[:4] not in (b"II*\0", b"MM\0*"):
                return None
            tags = TiffImagePlugin.ImageFileDirectory_v2(head)
            file.seek(tags.next)
            tags.load(file)
            return _described(tags)
    except Exception:  # damaged tags raise nearly anything
        return None


def _planes_are_read(tags: Mapping[int, Any], mode: str) -> bool:
    bits = _tuple(tags.get(_BITS, 1))
    if tags.get(_COMPRESSION, 1) != 1:  # libtiff puts the planes together
        return mode in ("RGB", "RGBA", "CMYK") or len(bits) == 1
    # Pillow takes plane k for codes of 8 bits of channel k, not multiplied by alpha
    return (
        set(bits) == {8}
        and tags.get(_FILL_ORDER, 1) == 1
        and tags.get(_PHOTOMETRIC) != _WHITE_IS_ZERO
        and 1 not in _tuple(tags.get(_EXTRA_SAMPLES, 0))
        and mode in ("L", "P", "RGB", "RGBA", "CMYK")
    )


def _plain_ycbcr(tags: Mapping[int, Any]) -> bool:
    """Whether it is what Pillow takes all uncompressed YCbCr for."""
    coefficients = [round(float(x), 3) for x in tags.get(_YCBCR_COEFFICIENTS, (0.299, 0.587, 0.114))]
    reference = [float(x) for x in tags.get(_REFERENCE_BLACK_WHITE, (0, 255, 128, 255, 128, 255))]
    return (
        tuple(tags.get(_YCBCR_SUBSAMPLING, (2, 2))) == (1, 1)
        and coefficients == [0.299, 0.587, 0.114]
        and reference == [0, 255, 128, 255, 128, 255]
    )


def _described(tags: Mapping[int, Any]) -> str:
    """Such as "TIFF of RGB with 3 x 32 bits, float"."""
    photometric = tags.get(_PHOTOMETRIC, -1)
    kind = _PHOTOMETRICS.get(photometric, f"photometric interpretation {photometric}")
    bits = _tuple(tags.get(_BITS, 1))
    formats = {_SAMPLE_FORMATS.get(each, "unknown") for each in _tuple(tags.get(_SAMPLE_FORMAT, 1))}
    depth = f"{len(bits)} x {bits[0]}" if len(bits) > 1 else str(bits[0])
    return f"TIFF of {kind} with {depth} bits, {' and '.join(sorted(formats))}"


def _tuple(value: Any) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple) else (value,)
