"""Depth-to-space in Verilog: wires, for the pixels of a square stay in one word."""

from hwrts.export.rtl.design import Module, Place
from hwrts.fixed_point import DepthToSpace


def module(layer: DepthToSpace, place: Place) -> Module:
    """The lane of the source for each lane of the result (eq. 7)."""
    (source,), made, block = place.sources, place.made, layer.block
    wires = []
    for row in range(made.grow):
        for column in range(made.grow):
            for channel in range(made.channels):
                inner = row % block * block + column % block
                wires.append(source.lane(row // block, column // block, channel * block**2 + inner))
    return Module(None, wires=tuple(wires))
