"""A table in Verilog: hwrts_lookup."""

from hwrts.export.rtl.design import Module, Place
from hwrts.export.vectors import packed, words_text
from hwrts.fixed_point import Lookup


def module(layer: Lookup, place: Place) -> Module:
    """A memory for each lane, all of one content."""
    (source,), made = place.sources, place.made
    name = f"{made.signal}_table.mem"
    return Module(
        "hwrts_lookup",
        {
            "LANES": made.lanes,
            "IN_BITS": source.out.bits,
            "IN_SIGNED": int(source.out.signed),
            "OUT_BITS": layer.out.bits,
            "TABLE": name,
        },
        memories={name: words_text(packed(layer.table_i16[:, None], layer.out.bits), layer.out.bits)},
    )
