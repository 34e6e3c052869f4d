"""An addition in Verilog: hwrts_add."""

from hwrts.export.rtl.design import Module, Place, paired, requantised
from hwrts.fixed_point import Add


def module(layer: Add, place: Place) -> Module:
    """Alignment, sum and requantisation."""
    operands = paired(place)
    a, b = (source.out for source in place.sources)
    finer = layer.acc_frac(a, b)
    return Module(
        "hwrts_add",
        {
            **operands,
            "A_LEFT": finer - a.frac,
            "B_LEFT": finer - b.frac,
            "NEGATED": int(layer.negated),
            **requantised(place, int(layer.shift(a, b))),
        },
        operands=("a", "b"),
    )
