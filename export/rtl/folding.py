"""How a convolution is folded onto multipliers: PE output channels by SIMD inputs at a time."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from hwrts.export.rtl.stream import Streams, streams_of
from hwrts.fixed_point import Conv, HwrtsError, Network


@dataclass(frozen=True)
class Folding:
    """Multipliers of one convolution.

    Attributes:
        pe: Output channels of a group that are summed up at once.
        simd: Inputs of each that are multiplied at once.
    """

    pe: int
    simd: int

    @property
    def multipliers(self) -> int:
        """How many there are."""
        return self.pe * self.simd

    def cycles(self, conv: Conv) -> int:
        """Clocks for a pixel."""
        outputs, inputs = _sums(conv)
        return conv.groups * -(-outputs // self.pe) * -(-inputs // self.simd)


def _sums(conv: Conv) -> tuple[int, int]:
    """Output channels of a group, and inputs of each."""
    outputs, *inputs = conv.weight_i8.shape
    return outputs // conv.groups, inputs[0] * inputs[1] * inputs[2]


def clocks_between(grid: Fraction, cycles: int) -> Fraction:
    """Clocks from one word of a tensor to the next, where a pixel of the input takes so many.

    A smaller one has its words in some of the rows alone, in which they come as fast as its columns are far
    apart; a larger one has more rows, too.
    """
    return cycles / grid if grid <= 1 else cycles / grid**2


def folded(conv: Conv, cycles: int) -> Folding:
    """The fewest multipliers that need at most so many clocks for a pixel; of equals those with fewest sums.

    Args:
        conv: The convolution.
        cycles: Clocks for each pixel that it makes.

    Raises:
        HwrtsError: Each group needs a clock.
    """
    outputs, inputs = _sums(conv)
    if cycles < conv.groups:
        raise HwrtsError(
            f"rtl: layer {conv.name!r} has {conv.groups} groups, which take a clock each, not {cycles}; "
            "allow more clocks for a pixel"
        )
    own = cycles // conv.groups
    best = Folding(outputs, inputs)
    for turns in range(1, min(own, outputs) + 1):
        folding = Folding(-(-outputs // turns), -(-inputs // (own // turns)))
        if (folding.multipliers, folding.pe) < (best.multipliers, best.pe):
            best = folding
    return best


def total_multipliers(foldings: Mapping[str, Folding]) -> int:
    """Of all convolutions."""
    return sum(each.multipliers for each in foldings.values())


def foldings_of(network: Network, cycles: int) -> dict[str, Folding]:
    """That of every convolution by its name, for so many clocks for a pixel of the input.

    Raises:
        HwrtsError: As :func:`folded`, or as :func:`streams_of`; more pixels than clocks.
    """
    made, foldings = streams_of(network).made, {}
    for conv in network.convs:
        grid = made[conv.name].grid
        if made[conv.name].whole:  # a pixel of a whole frame has time
            foldings[conv.name] = Folding(1, 1)
            continue
        own = math.floor(clocks_between(grid, cycles))
        if own < 1:
            raise HwrtsError(
                f"rtl: layer {conv.name!r} makes {math.ceil(grid**2)} pixels for each of the input, which "
                f"take a clock each, not {cycles}; allow more clocks for a pixel"
            )
        foldings[conv.name] = folded(conv, own)
    return foldings


def cycles_of(network: Network, streams: Streams, foldings: Mapping[str, Folding]) -> int | None:
    """Clocks for a pixel of the input: those of the slowest convolution; None without any."""
    clocks = [
        foldings[conv.name].cycles(conv) / clocks_between(streams.made[conv.name].grid, 1)
        for conv in network.convs
        if not streams.made[conv.name].whole
    ]
    return math.ceil(max(clocks)) if clocks else None
