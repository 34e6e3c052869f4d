"""A concatenation of channels in Verilog: hwrts_concat."""

from collections.abc import Sequence

from hwrts.export.rtl.design import Literal, Module, Place, requantised
from hwrts.fixed_point import Concat


def module(layer: Concat, place: Place) -> Module:
    """Alignment and requantisation of each code, in the order of the result's lanes (eq. 23)."""
    sources, made = place.sources, place.made
    formats = [source.out for source in sources]
    finest = layer.acc_frac(*formats)
    first = [sum(each.bits for each in sources[:number]) for number in range(len(sources))]
    lanes = [
        (at + source.lane(row, column, channel) * source.out.bits, source.out)
        for row in range(made.grow)
        for column in range(made.grow)
        for at, source in zip(first, sources, strict=True)
        for channel in range(source.channels)
    ]
    return Module(
        "hwrts_concat",
        {
            "OPERANDS": len(sources),
            "WORDS": sum(each.bits for each in sources),
            "LANES": made.lanes,
            "AT": _packed([at for at, _ in lanes], 32),
            "BITS": _packed([out.bits for _, out in lanes], 8),
            "SIGNED": _packed([int(out.signed) for _, out in lanes], 1),
            "LEFT": _packed([finest - out.frac for _, out in lanes], 8),
            **requantised(place, int(layer.shift(*formats))),
        },
        operands=tuple(f"s{number}" for number in range(len(sources))),
        joined=True,
    )


def _packed(numbers: Sequence[int], bits: int) -> Literal:
    """Numbers of so many bits as one constant, the first in the low bits."""
    value = sum(number << (place * bits) for place, number in enumerate(numbers))
    return Literal(f"{len(numbers) * bits}'h{value:x}")
