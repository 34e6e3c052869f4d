"""The shape of a network without its numbers: all that halo, delays and line memory depend on."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from .window import Window


@dataclass(frozen=True)
class Step:
    """One tensor and how it is made.

    Attributes:
        name: Of the tensor.
        sources: Names of the tensors it reads; none for an input.
        window: What it reads of them, and by how much it enlarges.
        channels: Of the result.
        bits: Of one stored code of the result.
    """

    name: str
    sources: tuple[str, ...]
    window: Window
    channels: int
    bits: int


def scales_of(steps: Sequence[Step]) -> dict[str, int]:
    """Size of every tensor relative to the inputs: 2 means twice the height and width."""
    scales: dict[str, int] = {}
    for step in steps:
        scales[step.name] = step.window.grow * (scales[step.sources[0]] if step.sources else 1)
    return scales


def halo(steps: Sequence[Step]) -> int:
    """Input pixels on each side that an output pixel depends on.

    >>> x, up = Step("x", (), Window(), 3, 8), Step("up", ("x",), Window(grow=4), 3, 8)
    >>> halo([x, up, Step("blur", ("up",), Window.around(5), 3, 8)])  # 2 pixels of a quarter
    1
    """
    scales = scales_of(steps)
    reach: dict[str, Fraction] = {}  # in input pixels
    for step in steps:
        farthest = max((reach[source] for source in step.sources), default=Fraction(0))
        size = scales[step.sources[0]] if step.sources else 1
        reach[step.name] = farthest + Fraction(max(step.window.before, step.window.after), size)
    return ceil(max(reach.values()))  # the farthest is an output: what is read reaches less far
