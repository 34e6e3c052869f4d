"""Layers that no integer operator of the format rounds by the network's rule: float32, exact at every step.

Numbers on the way are whole multiples of 2**-s of which float32 holds every one, and rounding is said by
FLOOR and limits, which all runtimes compute alike.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hwrts.export.tflite.schema import ADD, DEQUANTIZE, FLOOR, MAXIMUM, MINIMUM, MUL, QUANTIZE, ROUND, SUB, Op
from hwrts.export.tflite.writer import Writer
from hwrts.fixed_point import Add, Concat, Format, Rounding

# Letters of the shape comments: H, W rows and columns; C channels.


_RATIOS = range(-10, 8)
"""Bits by which an operand's LSB may differ from the sum's in XNNPACK; its stand-in computes nonsense."""
_FARTHEST = 15
"""Most bits between the grids of two operands whose sum of 8-bit codes float32 holds."""


def adds_natively(operands: Sequence[Format], out: Format) -> bool:
    """Whether every runtime computes a sum onto that format by integers, or 0 added to one operand."""
    return all(out.frac - each.frac in _RATIOS for each in operands)


def added(
    writer: Writer, layer: Add | Concat, sources: Sequence[str], target: str, *, negated: bool = False
) -> None:
    """A sum or difference in float32, or a single operand brought to the layer's format.

    Raises:
        HwrtsError: Operands whose grids are too far apart.
    """
    formats = writer.network.formats_of(sources)
    finest = max(each.frac for each in formats)
    if finest - min(each.frac for each in formats) > _FARTHEST:
        raise writer.refused(layer, f"grids of operands more than {_FARTHEST} bits apart; use nearer ones")
    island = Island(writer, target, writer.shape_of(target))
    reals = [as_real(writer, source) for source in sources]
    total = reals[0] if len(reals) == 1 else island.both(SUB if negated else ADD, *reals)
    x = island.times(total, float(np.ldexp(1.0, layer.out.frac)))
    rounded = island.rounded(x, finest - layer.out.frac, writer.network.rule_of(layer))
    island.codes(rounded, target, layer.out)


def as_real(writer: Writer, source: str) -> str:
    """The values of a tensor's codes."""
    name = f"{source}.real"
    if name in writer.numbers:
        return name
    return writer.node(DEQUANTIZE, [source], writer.real(name, writer.shape_of(source)))


class Island:
    """Steps on float32 of one layer.

    Args:
        writer: Of the file.
        name: What it makes; steps are called after it.
        shape: (1, H, W, C) of all steps.
    """

    def __init__(self, writer: Writer, name: str, shape: tuple[int, ...]) -> None:
        self.writer, self.name, self.shape = writer, name, shape
        self._steps = 0

    def _step(self, *inputs: str) -> tuple[list[str], str]:
        self._steps += 1
        return list(inputs), self.writer.real(f"{self.name}.step{self._steps}", self.shape)

    def plus(self, x: str, number: float) -> str:
        """A constant added."""
        return self._with(ADD, x, number) if number else x

    def plus_each(self, x: str, numbers: NDArray[np.float32]) -> str:
        """Constants (1, 1, 1, C) added."""
        constant = self.writer.real_constant(f"{self.name}.each", numbers)
        return self.both(ADD, x, constant)

    def times(self, x: str, number: float) -> str:
        """The product with a constant."""
        return self._with(MUL, x, number) if number != 1 else x

    def _with(self, op: Op, x: str, number: float) -> str:
        constant = self.writer.real_constant(f"{self.name}.{number!r}", number)
        inputs, target = self._step(x, constant)
        return self.writer.node(op, inputs, target)

    def between(self, x: str, low: float, high: float) -> str:
        """The number, or the limit that it is beyond."""
        return self._with(MINIMUM, self._with(MAXIMUM, x, low), high)

    def both(self, op: Op, x: str, y: str) -> str:
        """An operator on two tensors."""
        inputs, target = self._step(x, y)
        return self.writer.node(op, inputs, target)

    def rounded(self, x: str, shift: int, rounding: Rounding, middle: int = 0) -> str:
        """Values in units of the result's LSB, rounded once (eq. 5).

        Args:
            x: Whole multiples of 2**-shift, of which ``middle`` was left out.
            shift: Bits to drop; nothing is left to round without any.
            rounding: The rule.
            middle: A number of codes, an even one.
        """
        if shift <= 0:
            return self.plus(x, middle)
        unit = float(np.ldexp(1.0, -shift))
        match rounding:
            case Rounding.HALF_EVEN:
                inputs, target = self._step(x)
                return self.plus(self.writer.node(ROUND, inputs, target), middle)
            case Rounding.FLOOR:
                raised = x
            case Rounding.HALF_UP:
                raised = self.plus(x, 0.5)
            case Rounding.HALF_AWAY:  # a unit less where it is negative
                below = self.between(self.plus(x, middle), -unit, 0.0)
                raised = self.both(ADD, self.plus(x, 0.5), below)
            case Rounding.DOUBLE:  # a unit away from zero, where it rounds twice
                raised = self.plus(x, 0.5)
                if shift > 1:
                    beside = self.between(self.plus(x, middle), -unit, unit)
                    raised = self.both(ADD, raised, beside)
            case _:
                raise AssertionError(rounding)
        inputs, target = self._step(raised)
        return self.plus(self.writer.node(FLOOR, inputs, target), middle)

    def codes(self, x: str, target: str, out: Format) -> None:
        """Whole numbers saturated to a format, and stored."""
        value = self.times(self.between(x, out.min, out.max), float(np.ldexp(1.0, -out.frac)))
        self.writer.node(QUANTIZE, [value], target)
        self.writer.rewritten.append(f"{self.name}: in float32, exact, rounded by FLOOR or ROUND")
