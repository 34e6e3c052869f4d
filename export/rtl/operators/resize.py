"""Resizing by a whole factor in Verilog: hwrts_upsample, with taps of its own."""

from fractions import Fraction

import numpy as np

from hwrts.export.rtl.design import UNREAD, Literal, Module, Place, requantised, slow
from hwrts.export.vectors import packed
from hwrts.fixed_point import HwrtsError, Places, Resize

_FRACTION = 7
"""Bits of a tap (eq. 42)."""
_TAP_BITS = 10


def module(layer: Resize, place: Place) -> Module:
    """The three rows and columns around each pixel, whose taps are the same all over (eq. 42).

    Raises:
        HwrtsError: Taps that depend on the size of the picture.
    """
    source, made = place.sources[0], place.made
    factor = Fraction(made.grid * made.grow, source.grid or 1)
    corners = layer.places is Places.CORNERS and factor != 1
    if source.whole or factor.denominator != 1 or any((*source.lacks, *made.lacks)) or corners:
        raise HwrtsError(
            f"rtl: layer {layer.name!r}: this Resize has no Verilog, for which rows it reads depends on the "
            "size of the picture; resize by a whole factor, by centres or to the nearest, what no "
            "convolution without padding has made smaller"
        )
    taps = [tap for phase in range(int(factor)) for tap in phase_taps(phase, int(factor), layer.places)]
    (values,) = packed(np.array([taps]), _TAP_BITS)
    return Module(
        "hwrts_upsample",
        {
            "CHANNELS": source.channels,
            "FACTOR": int(factor),
            "TAPS": 3,
            "TAP_BITS": _TAP_BITS,
            "VALUES": Literal(f"{len(taps) * _TAP_BITS}'h{values:x}"),
            "IN_BITS": source.out.bits,
            "IN_SIGNED": int(source.out.signed),
            "SLOW": slow(place),
            **requantised(place, int(layer.shift(source.out))),
        },
        operands=("s", UNREAD)[: len(layer.sources)],
        window_rows=2,
    )


def phase_taps(phase: int, factor: int, places: Places) -> tuple[int, int, int]:
    """In 1/128, of the pixel before, the one in which a new pixel lies, and the one behind it.

    >>> [phase_taps(phase, 2, Places.CENTRES) for phase in (0, 1)]
    [(32, 96, 0), (0, 96, 32)]
    >>> phase_taps(1, 2, Places.NEAREST)
    (0, 128, 0)
    """
    one = 1 << _FRACTION
    if places is not Places.CENTRES or factor == 1:
        return 0, one, 0
    numerator, denominator = 2 * phase + 1 - factor, 2 * factor
    at = ((numerator << (_FRACTION + 1)) + denominator) // (2 * denominator)  # a half upward
    first, weight = at >> _FRACTION, at & (one - 1)
    return (one - weight, weight, 0) if first < 0 else (0, one - weight, weight)
