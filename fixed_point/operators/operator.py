"""What a network asks of every operator: the only abstraction of this folder.

An operator is a frozen dataclass: its name, the tensors that it reads, its numbers, and for one that
computes the format of its result. Its fields are what the file format stores.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, final, get_origin

import numpy as np
from numpy.typing import NDArray

from ..bounds import Bounds
from ..codes import Codes
from ..errors import HwrtsError
from ..formats import Format
from ..requantize import Rounding, half_lsb, requantize
from ..rows import FloatGrid, RowFunction, Rows, WindowRows, defined, whole_picture
from ..window import Window
from .tensor import Tensor as Tensor
from .tensor import Work as Work

MAX_ENLARGEMENT = 16
"""Largest block or repetition of a layer: more than a display needs; a wrong file can't fill the memory."""


@dataclass(frozen=True, eq=False)
class Operator(ABC):
    """One layer.

    Attributes:
        name: Name of the tensor it makes.
        sources: Names of the tensors it reads.
    """

    name: str

    AS_CONVOLUTIONS: ClassVar[bool] = False
    """Whether its rounding rule is that of convolutions: a weighted sum by constants, which every client can
    compute as one, and products, which LiteRT rounds so. All else takes the rule of additions."""

    if TYPE_CHECKING:  # a property would stand in the way of an operator that has a field of that name

        @property
        def sources(self) -> tuple[str, ...]: ...  # noqa: D102 - an attribute, described above

    def __post_init__(self) -> None:
        """Read-only copies: an array shared with a training framework would change after its proof."""
        for field in fields(self):
            if holds_array(field.type):
                owned = np.array(getattr(self, field.name), order="C")
                owned.flags.writeable = False
                object.__setattr__(self, field.name, owned)

    @property
    def where(self) -> str:
        """How errors name it."""
        return f"layer {self.name!r}"

    @property
    @abstractmethod
    def window(self) -> Window:
        """The rows and columns that it reads, and by how much it enlarges."""

    @abstractmethod
    def check(self) -> None:
        """Check its numbers, without knowing what it reads.

        Raises:
            HwrtsError: The first fact that does not hold, and what is allowed.
        """

    @abstractmethod
    def made(self, *sources: Tensor) -> Tensor:
        """The tensor that it makes of others.

        Raises:
            HwrtsError: It cannot read them.
        """

    @abstractmethod
    def define(self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding) -> Codes:
        """Its codes, in integers: the definition that every other path is compared with.

        Args:
            xs: Codes (H, W, C) of its sources.
            formats: Their formats.
            rounding: The tie rule.

        Raises:
            HwrtsError: Sources of a size that it cannot read.
        """

    @abstractmethod
    def work(self, made: Tensor) -> Work:
        """What it costs, where it makes that tensor."""

    @abstractmethod
    def corrupted(self, xs: Sequence[Codes], codes: Codes) -> "Operator":
        """The same operator with one deliberate error, for the negative controls.

        Args:
            xs: Codes (H, W, C) of its sources.
            codes: What it makes of them; the error is where they are busiest.
        """

    def row_function(self, formats: Sequence[Format], rounding: Rounding) -> RowFunction | None:
        """What computes its rows faster than the definition; None if nobody has made it quick yet."""
        return None

    def rows(self, formats: Sequence[Format], rounding: Rounding, width: int) -> Rows:
        """Itself at work row by row, for sources of ``width`` columns."""
        function = self.row_function(formats, rounding)
        return self.defined_rows(formats, rounding) if function is None else WindowRows(function, self.window)

    def picture(self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding) -> Codes:
        """What :meth:`define` says, on the fast path."""
        function = self.row_function(formats, rounding)
        if function is None:
            return self.define(xs, formats, rounding)
        made = self.made(
            *(Tensor("", x.shape[2], Fraction(1), form) for x, form in zip(xs, formats, strict=True))
        )
        return whole_picture(function, self.window, xs).astype(made.out.dtype)

    @final
    def defined_rows(self, formats: Sequence[Format], rounding: Rounding) -> Rows:
        """The definition, row by row."""
        return WindowRows(defined(lambda xs: self.define(xs, formats, rounding), self.window), self.window)


@dataclass(frozen=True, eq=False)
class OneSource(Operator):
    """An operator that reads one tensor.

    Attributes:
        source: Name of the tensor it reads.
    """

    source: str

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the tensors it reads."""
        return (self.source,)


class Requantised(Operator):
    """An operator that computes: it ends in one requantisation onto the format ``out`` of its own."""

    out: Format

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

    @final
    def define(self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding) -> Codes:
        """Its codes: one requantisation of the exact accumulators (eq. 5)."""
        return requantize(self.accumulate(xs, formats), self.acc_frac(*formats), self.out, rounding)

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


def holds_array(kind: Any) -> bool:
    """Whether a dataclass field of that type is an array: a file keeps it among its arrays."""
    return get_origin(kind) is np.ndarray


def check_name(name: object, known: set[str]) -> None:
    """Refuse what is no name of a tensor, or is known already; else it is known from here on.

    Args:
        name: What is to be one.
        known: Names that are taken; it is added to them.

    Raises:
        HwrtsError: It is none, or is taken.
    """
    if not isinstance(name, str) or not name or not name.isprintable():
        raise HwrtsError(f"network: {name!r} is not a name; use one or more printable characters")
    if name in known:
        raise HwrtsError(f"network: the name {name!r} is used twice; each tensor needs its own")
    known.add(name)


def check_whole(where: str, what: str, value: object, low: int, high: int) -> None:
    """A plain int in a range; NumPy integers are refused because they can't be written to JSON.

    Args:
        where: Whose number it is, for the message.
        what: Which one.
        value: The number.
        low: The least that it may be.
        high: The largest.

    Raises:
        HwrtsError: It is not in that range, or no plain int.
    """
    if type(value) is not int or not low <= value <= high:
        raise HwrtsError(f"{where}: {what} {value!r} is not allowed; use a whole number, {low}..{high}")


def busiest(codes: Codes) -> int:
    """The channel of codes (H, W, C) that varies most: an error in it shows."""
    return int(codes.astype(np.float64).std(axis=(0, 1)).argmax())


def nearer_grid(out: Format) -> Format:
    """A format whose grid is one bit off, the deliberate error of a requantising shift."""
    return replace(out, frac=out.frac - 1 if out.frac > -32 else out.frac + 1)
