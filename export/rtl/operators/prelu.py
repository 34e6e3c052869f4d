"""A leaky ReLU in Verilog: hwrts_prelu."""

from hwrts.export.rtl.design import Literal, Module, Place, requantised
from hwrts.export.vectors import packed
from hwrts.fixed_point import PRelu


def module(layer: PRelu, place: Place) -> Module:
    """A shift or a product for each code, and its requantisation."""
    (source,), made = place.sources, place.made
    (slopes,) = packed(layer.slope_i8[None], 8)
    all_slopes = sum(slopes << (pixel * made.channels * 8) for pixel in range(made.grow**2))
    return Module(
        "hwrts_prelu",
        {
            "LANES": made.lanes,
            "IN_BITS": source.out.bits,
            "IN_SIGNED": int(source.out.signed),
            "SLOPES": Literal(f"{made.lanes * 8}'h{all_slopes:x}"),
            "FRAC": layer.slope_frac,
            **requantised(place, int(layer.shift(source.out))),
        },
    )
