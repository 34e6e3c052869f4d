"""Max pooling in Verilog: hwrts_max_pool."""

from hwrts.export.rtl.design import Module, Place, looking
from hwrts.fixed_point import MaxPool


def module(layer: MaxPool, place: Place) -> Module:
    """A window and a tree of comparisons for each channel (eq. 30)."""
    (source,) = place.sources
    return Module(
        "hwrts_max_pool",
        {
            "CHANNELS": source.channels,
            **looking(layer.window, place),
            "BITS": source.out.bits,
            "SIGNED": int(source.out.signed),
        },
        window_rows=layer.window.kernel - 1,
    )
