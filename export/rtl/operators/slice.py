"""A slice of channels in Verilog: wires."""

from hwrts.export.rtl.design import Module, Place
from hwrts.fixed_point import Slice


def module(layer: Slice, place: Place) -> Module:
    """The lane of the source for each lane of the result (eq. 25)."""
    (source,), made = place.sources, place.made
    return Module(
        None,
        wires=tuple(
            source.lane(row, column, channel)
            for row in range(made.grow)
            for column in range(made.grow)
            for channel in range(layer.start, layer.stop)
        ),
    )
