"""What is asked of an operator that computes: exact accumulators, their proof, and one requantisation."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from ..bounds import Bounds
from ..codes import Codes
from ..formats import Format
from ..requantize import Rounding, count_saturated, half_lsb, requantize
from ..rows import FloatGrid
from .operator import Operator
from .tensor import Tensor, Worst


class Requantised(Operator):
    """An operator that computes: it ends in one requantisation onto the format ``out`` of its own."""

    out: Format

    EVERY_CODE: ClassVar[bool] = False
    """Whether a picture of all codes of its sources, each with each, shows how it rounds; noise may not."""

    @abstractmethod
    def acc_frac(self, *formats: Format) -> int | NDArray[np.int64]:
        """Fraction bits of the accumulators for sources of those formats, a number or one per channel."""

    @abstractmethod
    def accumulate(self, xs: Sequence[Codes], formats: Sequence[Format]) -> NDArray[np.int64]:
        """The exact accumulators; arguments as in :meth:`define`."""

    @abstractmethod
    def reach(self, *formats: Format) -> Bounds:
        """What the accumulators can be over all inputs of those formats: the proof (eq. 9, 10)."""

    @abstractmethod
    def attack(self, *formats: Format) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The smallest and largest accumulators, found by running :meth:`accumulate` on the worst inputs.

        Nothing of the arithmetic of :meth:`reach` is used but the choice of the input.
        """

    @abstractmethod
    def worst(self, *sources: Tensor) -> Sequence[Worst]:
        """Frames of every source that reach both ends of :meth:`reach`; none where no picture does."""

    @final
    def define(self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding) -> Codes:
        """Its codes: one requantisation of the exact accumulators (eq. 5)."""
        return requantize(self.accumulate(xs, formats), self.acc_frac(*formats), self.out, rounding)

    @final
    def define_counted(
        self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding
    ) -> tuple[Codes, tuple[int, int]]:
        """The sums once for both: they are what takes the time."""
        acc, frac = self.accumulate(xs, formats), self.acc_frac(*formats)
        return requantize(acc, frac, self.out, rounding), count_saturated(acc, frac, self.out, rounding)

    @final
    def sums(self, xs: Sequence[Codes], formats: Sequence[Format]) -> NDArray[np.int64]:
        """As :meth:`accumulate`."""
        return self.accumulate(xs, formats)

    @final
    def rounds(self, *formats: Format) -> NDArray[np.bool_]:
        """Where bits are dropped."""
        return np.asarray(self.shift(*formats) > 0)

    @final
    def unrounded(
        self, xs: Sequence[Codes], formats: Sequence[Format]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Accumulators over the bits that are dropped."""
        shift = self.shift(*formats)
        return self.accumulate(xs, formats) << np.maximum(-shift, 0), np.int64(1) << np.maximum(shift, 0)

    @final
    def shift(self, *formats: Format) -> NDArray[np.int64]:
        """Bits that requantising drops, a number or one per channel; negative ones are added (eq. 4)."""
        return np.asarray(self.acc_frac(*formats) - self.out.frac, np.int64)

    @final
    def float_grid(self, formats: Sequence[Format], rounding: Rounding) -> FloatGrid:
        """Its accumulators in float, for a row function; of operators that drop the same bits everywhere."""
        bounds = layer_bounds(self, formats, rounding)
        return FloatGrid(int(self.shift(*formats)), bounds, self.out, rounding)


def layer_bounds(layer: Requantised, sources: Sequence[Format], rounding: Rounding) -> Bounds:
    """Bounds over all inputs of given formats: exact reach (eq. 9) and any-order partial sums (eq. 10).

    Args:
        layer: The layer.
        sources: Formats of the tensors it reads, in its order.
        rounding: The tie rule; what it may add to an accumulator is part of the partial sums.
    """
    bounds = layer.reach(*sources)
    return replace(bounds, partial_sum=bounds.partial_sum + half_lsb(layer.shift(*sources), rounding))


def ends_of(names: Sequence[str], sources: Sequence[Tensor]) -> list[Worst]:
    """Every source at the ends of its range and at 0, all over and all with all: of codes that meet.

    Args:
        names: Of what an operator reads; one that it reads twice is one of them.
        sources: What they are.

    >>> from fractions import Fraction
    >>> x = Tensor("x", 1, Fraction(1), Format(False, 8, 8))
    >>> ends_of(("x", "x"), (x, x))
    [{'x': 0}, {'x': 255}]
    """
    formats = {name: each.out for name, each in zip(names, sources, strict=True)}
    met = product(*(sorted({out.min, 0, out.max}) for out in formats.values()))
    return [dict(zip(formats, codes, strict=True)) for codes in met]
