"""The largest code of a pixel's channels in Verilog: hwrts_maximum, or hwrts_reduce."""

from hwrts.export.rtl.design import Module, Place
from hwrts.export.rtl.operators import reduce
from hwrts.fixed_point import Maximum, Over


def module(layer: Maximum, place: Place) -> Module:
    """A tree of comparisons for each pixel of a word (eq. 37), or what goes over all words.

    Raises:
        HwrtsError: Over columns.
    """
    if layer.over is not Over.CHANNELS:
        return reduce.largest(layer, place)
    (source,) = place.sources
    return Module(
        "hwrts_maximum",
        {
            "PIXELS": source.grow**2,
            "CHANNELS": source.channels,
            "BITS": source.out.bits,
            "SIGNED": int(source.out.signed),
        },
    )
