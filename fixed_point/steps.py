"""The shape of a network without its numbers: all that sizes, halo, delays and line memory depend on."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from .errors import HwrtsError
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


def scales_of(steps: Sequence[Step]) -> dict[str, Fraction]:
    """Size of every tensor relative to the inputs: 2 means twice the height and width, 1/2 half of them.

    0 is a single pixel for a whole picture; it meets all pixels of another tensor.
    """
    scales: dict[str, Fraction] = {}
    for step in steps:
        source = max((scales[source] for source in _sized(step)), default=Fraction(1))
        scales[step.name] = (
            Fraction(0) if step.window.whole else source * step.window.grow / step.window.shrink
        )
    return scales


def _sized(step: Step) -> tuple[str, ...]:
    """The sources that say how large a tensor is."""
    return step.sources if step.window.like is None else (step.sources[step.window.like],)


def registers_of(steps: Sequence[Step]) -> frozenset[str]:
    """Names of the tensors of one pixel that are there before a picture begins.

    They are the inputs of one pixel beside a picture, and what is made of those alone: in hardware registers
    that somebody sets between two pictures. A network whose first input is one pixel has no picture.

    >>> picture, gain = Step("x", (), Window(), 3, 8), Step("gain", (), Window(whole=True), 1, 6)
    >>> sorted(registers_of([picture, gain, Step("less", ("gain",), Window(), 1, 7)]))
    ['gain', 'less']
    """
    found: set[str] = set()
    for step in steps[1:]:
        if set(step.sources) <= found and (step.sources or step.window.whole):
            found.add(step.name)
    return frozenset(found) if steps and not steps[0].window.whole else frozenset()


def whole_frame(steps: Sequence[Step]) -> tuple[str, ...]:
    """Names of the tensors that are made of a whole picture: a network that has any cannot be streamed.

    Registers (:func:`registers_of`) are made of none.
    """
    registers = registers_of(steps)
    return tuple(step.name for step in steps if step.window.unbounded and step.name not in registers)


def lacks_of(steps: Sequence[Step]) -> dict[str, tuple[int, int]]:
    """Rows and columns that every tensor lacks against scale * size (``Window.lacking``)."""
    lacks: dict[str, tuple[int, int]] = {}
    for step in steps:  # one pixel lacks less than none
        source = max((lacks[source] for source in _sized(step)), default=(0, 0))
        lacks[step.name] = step.window.lacking(source)
    return lacks


def multiple_of(steps: Sequence[Step]) -> int:
    """What the sides of a picture must be a multiple of: then no layer that shrinks has a rest.

    >>> picture, half = Step("x", (), Window(), 3, 8), Step("half", ("x",), Window(after=1, shrink=2), 3, 8)
    >>> multiple_of([picture, half, Step("quarter", ("half",), Window(after=1, shrink=2), 3, 8)])
    4
    """
    return _multiple(scales_of(steps))


def _multiple(scales: Mapping[str, Fraction]) -> int:
    return math.lcm(*(scale.denominator for scale in scales.values()))


def smallest_of(steps: Sequence[Step]) -> tuple[int, int]:
    """Rows and columns that a picture must have, at least: multiples of :func:`multiple_of`."""
    scales, lacks = scales_of(steps), lacks_of(steps)
    multiple = _multiple(scales)
    need = [Fraction(1), Fraction(1)]
    for step in steps:
        for source in step.sources:
            for axis in (0, 1) if scales[source] else ():  # one pixel is there of every picture
                size = step.window.smallest(axis) + lacks[source][axis]
                need[axis] = max(need[axis], size / scales[source])
    rows, columns = (math.ceil(each / multiple) * multiple for each in need)
    return rows, columns


def halo(steps: Sequence[Step]) -> int:
    """Input pixels on each side that an output pixel depends on.

    Of a part of a picture that begins and ends at multiples of :func:`multiple_of`.

    Raises:
        HwrtsError: It depends on the whole picture (:func:`whole_frame`).

    >>> x, up = Step("x", (), Window(), 3, 8), Step("up", ("x",), Window(grow=4), 3, 8)
    >>> halo([x, up, Step("blur", ("up",), Window.around(5), 3, 8)])  # 2 pixels of a quarter
    1
    """
    for name in whole_frame(steps):
        raise HwrtsError(
            f"layer {name!r}: made of the whole picture, so a part of it with a margin is not enough; "
            "run whole pictures"
        )
    return max(*_reach(steps, 0), *_reach(steps, 1))


def receptive_field(steps: Sequence[Step]) -> int:
    """Side of the square of input pixels that an output pixel depends on.

    Of what shrinks pictures it is counted around the middle, for pixels differ in what lies on which side.

    Raises:
        HwrtsError: As :func:`halo`.

    >>> x = Step("x", (), Window(), 3, 8)
    >>> receptive_field([x, Step("valid", ("x",), Window(after=2, cut=2), 3, 8)])
    3
    """
    margin = halo(steps)
    if any(step.window.shrink > 1 for step in steps):
        return 2 * margin + 1
    return 1 + max(sum(_reach(steps, axis)) for axis in (0, 1))


def _reach(steps: Sequence[Step], axis: int) -> tuple[int, int]:
    """Input pixels before and behind along rows (0) or columns (1), found from the output back."""
    reach = {
        step.name: (0, 0) for step in steps
    }  # pixels of its own that are read, before and behind a part's
    for step in reversed(steps):  # any of them may be an output
        before, after, _ = step.window.axes[axis]
        first, last = (-(-pixels // step.window.grow) * step.window.shrink for pixels in reach[step.name])
        for source in step.sources:
            old = reach[source]
            behind = last + after - (step.window.shrink - 1)
            reach[source] = max(old[0], first + before), max(old[1], behind)
    scales = scales_of(steps)
    inputs = [step.name for step in steps if not step.sources and scales[step.name]]
    before, after = (max(math.ceil(reach[name][side] / scales[name]) for name in inputs) for side in (0, 1))
    return before, after
