"""A product with a constant in Verilog: hwrts_scale."""

from hwrts.export.rtl.design import Module, Place, requantised
from hwrts.fixed_point import Scale


def module(layer: Scale, place: Place) -> Module:
    """One product for each code, and its requantisation."""
    (source,) = place.sources
    return Module(
        "hwrts_scale",
        {
            "LANES": place.made.lanes,
            "IN_BITS": source.out.bits,
            "IN_SIGNED": int(source.out.signed),
            "MULTIPLIER": layer.multiplier,
            **requantised(place, int(layer.shift(source.out))),
        },
    )
