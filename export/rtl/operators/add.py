"""An addition in Verilog: hwrts_add."""

from hwrts.export.rtl.design import Module, Place, requantised
from hwrts.fixed_point import Add, HwrtsError


def module(layer: Add, place: Place) -> Module:
    """Alignment, sum and requantisation.

    Raises:
        HwrtsError: An operand of one channel or of one pixel that meets all of the other.
    """
    a, b = place.sources
    if (a.grow, a.channels) != (b.grow, b.channels):
        raise HwrtsError(
            f"rtl: layer {layer.name!r}: adds {a.channels} and {b.channels} channels; operands of different "
            "shapes have no Verilog yet"
        )
    finer = layer.acc_frac(a.out, b.out)
    return Module(
        "hwrts_add",
        {
            "LANES": place.made.lanes,
            "A_BITS": a.out.bits,
            "A_SIGNED": int(a.out.signed),
            "A_LEFT": finer - a.out.frac,
            "B_BITS": b.out.bits,
            "B_SIGNED": int(b.out.signed),
            "B_LEFT": finer - b.out.frac,
            "NEGATED": int(layer.negated),
            **requantised(place, int(layer.shift(a.out, b.out))),
        },
        operands=("a", "b"),
    )
