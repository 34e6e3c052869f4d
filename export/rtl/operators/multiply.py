"""A product of two tensors in Verilog: hwrts_multiply."""

from hwrts.export.rtl.design import Module, Place, paired, requantised
from hwrts.fixed_point import Multiply


def module(layer: Multiply, place: Place) -> Module:
    """Product and requantisation."""
    operands = paired(place)
    shift = int(layer.shift(*(source.out for source in place.sources)))
    return Module("hwrts_multiply", {**operands, **requantised(place, shift)}, operands=("a", "b"))
