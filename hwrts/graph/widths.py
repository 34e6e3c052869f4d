"""Of how many bits the numbers of a layer are."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Widths:
    """Widths of a convolution.

    Attributes:
        weight: Of its weights, 2..8.
        accumulator: Of the register that its sums must fit in, whatever the input; None for the widest in
            which float32 computes them exactly.
        settled: Whether its weights are on grids that are chosen once, and come to rest on them as the
            training ends.
    """

    weight: int
    accumulator: int | None = None
    settled: bool = False
