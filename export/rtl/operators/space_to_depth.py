"""Space-to-depth in Verilog: hwrts_space_to_depth."""

from hwrts.export.rtl.design import Module, Place
from hwrts.fixed_point import SpaceToDepth


def module(layer: SpaceToDepth, place: Place) -> Module:
    """A window whose pixels are taken apart (eq. 31)."""
    (source,) = place.sources
    return Module(
        "hwrts_space_to_depth",
        {"CHANNELS": source.channels, "BLOCK": layer.block, "BITS": source.out.bits},
        window_rows=layer.block - 1,
    )
