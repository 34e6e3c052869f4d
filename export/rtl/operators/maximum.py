"""The largest code of a pixel's channels in Verilog: hwrts_maximum."""

from hwrts.export.rtl.design import Module, Place
from hwrts.fixed_point import HwrtsError, Maximum, Over


def module(layer: Maximum, place: Place) -> Module:
    """A tree of comparisons for each pixel of a word (eq. 37).

    Raises:
        HwrtsError: Over more than one pixel.
    """
    if layer.over is not Over.CHANNELS:
        raise HwrtsError(
            f"rtl: layer {layer.name!r}: a maximum over {layer.over.value} has no Verilog, for rows come one "
            "after the other; take it over channels, or use MaxPool"
        )
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
