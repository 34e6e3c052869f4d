"""Limits inside a format in Verilog: hwrts_clip."""

from hwrts.export.rtl.design import Module, Place
from hwrts.fixed_point import Clip


def module(layer: Clip, place: Place) -> Module:
    """Two comparisons for each code."""
    made = place.made
    return Module(
        "hwrts_clip",
        {
            "LANES": made.lanes,
            "BITS": made.out.bits,
            "SIGNED": int(made.out.signed),
            "LOW": layer.low,
            "HIGH": layer.high,
        },
    )
