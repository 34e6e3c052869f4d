"""Interpolation by fixed taps in Verilog: hwrts_upsample."""

from hwrts.export.rtl.design import Literal, Module, Place, requantised, slow
from hwrts.export.vectors import packed
from hwrts.fixed_point import Upsample, upsample_taps

_TAP_BITS = 10
"""Of -128 to 256 and beyond, two's complement; what is not needed becomes no gate."""


def module(layer: Upsample, place: Place) -> Module:
    """A window, sums down its columns and along its rows, and their requantisation (eq. 17)."""
    (source,) = place.sources
    taps, _ = upsample_taps(layer.kind, layer.factor)  # (F, K)
    assert abs(taps).max() < 1 << (_TAP_BITS - 1)
    (values,) = packed(taps.reshape(1, -1), _TAP_BITS)
    return Module(
        "hwrts_upsample",
        {
            "CHANNELS": source.channels,
            "FACTOR": layer.factor,
            "TAPS": taps.shape[1],
            "TAP_BITS": _TAP_BITS,
            "VALUES": Literal(f"{taps.size * _TAP_BITS}'h{values:x}"),
            "IN_BITS": source.out.bits,
            "IN_SIGNED": int(source.out.signed),
            "SLOW": slow(place),
            **requantised(place, int(layer.shift(source.out))),
        },
        window_rows=taps.shape[1] - 1,
    )
