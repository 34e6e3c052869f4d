"""Pixel repetition in Verilog: wires, for the pixels of a square stay in one word."""

from hwrts.export.rtl.design import Module, Place
from hwrts.fixed_point import Repeat


def module(layer: Repeat, place: Place) -> Module:
    """The lane of the source for each lane of the result (eq. 8)."""
    (source,), made, factor = place.sources, place.made, layer.factor
    return Module(
        None,
        wires=tuple(
            source.lane(row // factor, column // factor, channel)
            for row in range(made.grow)
            for column in range(made.grow)
            for channel in range(made.channels)
        ),
    )
