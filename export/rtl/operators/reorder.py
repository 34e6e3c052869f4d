"""Channels in another order in Verilog: wires."""

from hwrts.export.rtl.design import Module, Place
from hwrts.fixed_point import Reorder


def module(layer: Reorder, place: Place) -> Module:
    """The lane of the source for each lane of the result (eq. 25b)."""
    (source,), made = place.sources, place.made
    return Module(
        None,
        wires=tuple(
            source.lane(row, column, int(channel))
            for row in range(made.grow)
            for column in range(made.grow)
            for channel in layer.order_i32
        ),
    )
