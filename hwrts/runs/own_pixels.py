"""What is asked of the pixels of a user's module: their bits, and which luma an input of one channel sees."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np

from hwrts.data import Photo, load_photo
from hwrts.data.dataset import load_deep
from hwrts.data.degrade import downscale_by_2, to_codes
from hwrts.data.depth import Samples, on_grid
from hwrts.data.luma import OWN, Luma, MatrixName, Range
from hwrts.errors import ConfigError, UnsupportedOperatorError
from hwrts.graph import Graph
from hwrts.graph.pixel_bits import with_pixel_bits
from hwrts.runs.own_check import Checked
from hwrts.runs.own_ends import Own

# Letters of the shape comments: H rows, W columns.


def luma_asked(matrix: str | None, range_: str | None) -> Luma | None:
    """The luma that two flags name; None if neither is given. What one leaves open is that of ``OWN``.

    Raises:
        ConfigError: A matrix or range that there is not.

    >>> luma_asked("bt709", "limited").said
    'BT.709, limited range'
    """
    for flag, given, allowed in (("--matrix", matrix, MatrixName), ("--range", range_, Range)):
        if given is not None and given not in get_args(allowed):
            raise ConfigError(f"{flag} {given}: is none of luma; use {' or '.join(get_args(allowed))}")
    said: dict[str, Any] = {"matrix": matrix, "range": range_}
    given_ones = {key: value for key, value in said.items() if value is not None}
    return replace(OWN, **given_ones) if given_ones else None


def with_pixels(own: Own, bits: int, luma: Luma | None) -> Own:
    """A module of pixels of so many bits, whose input of one channel sees that luma.

    Raises:
        UnsupportedOperatorError: Its pixels have negative codes, which have 8 bits alone.
    """
    if bits > 8 and own.pixels.out.signed:
        raise UnsupportedOperatorError(
            f"--pixel-bits {bits}: value_range ({own.pixels.low:g}, {own.pixels.high:g}) has negative "
            "codes, which are of 8 bits alone; let the module take pixels from 0 on, or use --pixel-bits 8"
        )
    return replace(own, pixels=own.pixels.of_bits(bits), luma=luma or own.luma)


def check_pixels(checked: Checked, deployed: Graph, luma: Luma | None) -> str:
    """Refuse what the module cannot have, before a photograph is read.

    Args:
        checked: With the pixels that are asked for.
        deployed: The form that is quantised, of 8 bits.
        luma: What is asked for; None if nothing is.

    Returns:
        Which bits of the picture the module has, if that is worth a line.

    Raises:
        ConfigError: A luma of a module that sees none.
        UnsupportedOperatorError: Pixels of more than 8 bits: as :func:`.with_pixel_bits`, or of a module of
            several inputs, or of an input that is no picture.
    """
    own, feeder = checked.feeder.own, checked.feeder
    if luma is not None:
        _check_luma(checked, luma)
    if own.bits == 8:
        return ""
    asked = f"--pixel-bits {own.bits}"
    if len(feeder.names) > 1:
        raise UnsupportedOperatorError(
            f"{asked}: is for modules of one picture, and this one has {len(feeder.names)} inputs "
            f"({', '.join(feeder.names)}); use --pixel-bits 8"
        )
    if feeder.names[0] not in checked.pictures:
        raise UnsupportedOperatorError(
            f"{asked}: what inputs() makes is no picture: its values leave "
            f"{own.pixels.low:g}..{own.pixels.high:g}; use --pixel-bits 8"
        )
    wide = with_pixel_bits(deployed, own.bits)
    if wide.uses(wide.input.name) > 1:
        return (
            f"pixels of {own.bits} bits: layers read the picture rounded to 8, the last sum has all of them"
        )
    return (
        f"pixels of {own.bits} bits: no sum in the end has the picture itself, layers read it rounded to 8 "
        f"and the last makes {own.bits}: what a picture has below 8 bits is lost"
    )


def _check_luma(checked: Checked, luma: Luma) -> None:
    feeder, flags = checked.feeder, "--matrix, --range"
    if feeder.own.inputs is not None:
        raise ConfigError(f"{flags}: the file's inputs() says what the module sees; leave them out")
    if feeder.channels != (1,):
        taken = " and ".join(map(str, feeder.channels))
        raise ConfigError(
            f"{flags}: are of luma, for modules of one channel; this one takes {taken}; leave them out"
        )
    if luma.range != "full" and (not isinstance(checked.scale, int) or any(checked.sizes.lacks)):
        raise ConfigError(
            f"--range {luma.range}: the module makes pictures of another size than whole times, whose grey "
            "is its output as it is; use --range full"
        )


def material(photo: Photo, bits: int) -> Sequence[Samples]:
    """What a photograph is to a module of pixels of so many bits, (H, W, 3) each; the first is measured on.

    Of one of 8 bits the picture at half the size, which has codes between, and the picture itself, uint8;
    of one of 16 its upper bits.

    Raises:
        DataError: As :func:`.load_photo`.
    """
    if bits == 8:
        return (load_photo(photo),)
    pixels = load_deep(photo)
    if pixels.dtype == np.uint16:
        return (on_grid(pixels, bits),)
    even = pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2]
    return to_codes(downscale_by_2(np.ascontiguousarray(even, np.uint8), "lanczos"), bits), pixels
