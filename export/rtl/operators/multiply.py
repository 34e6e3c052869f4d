"""A product of two tensors in Verilog: hwrts_multiply."""

from hwrts.export.rtl.design import Module, Place, requantised
from hwrts.fixed_point import HwrtsError, Multiply


def module(layer: Multiply, place: Place) -> Module:
    """Product and requantisation.

    Raises:
        HwrtsError: An operand of one channel or of one pixel that meets all of the other.
    """
    a, b = place.sources
    if (a.grow, a.channels) != (b.grow, b.channels):
        raise HwrtsError(
            f"rtl: layer {layer.name!r}: multiplies {a.channels} and {b.channels} channels; operands of "
            "different shapes have no Verilog yet"
        )
    return Module(
        "hwrts_multiply",
        {
            "LANES": place.made.lanes,
            "A_BITS": a.out.bits,
            "A_SIGNED": int(a.out.signed),
            "B_BITS": b.out.bits,
            "B_SIGNED": int(b.out.signed),
            **requantised(place, int(layer.shift(a.out, b.out))),
        },
        operands=("a", "b"),
    )
