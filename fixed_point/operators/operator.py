"""What a network asks of every operator: the only abstraction of this folder.

An operator is a frozen dataclass: its name, the tensors that it reads, its numbers, and for one that
computes the format of its result. Its fields are what the file format stores.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, final, get_origin

import numpy as np
from numpy.typing import NDArray

from ..codes import Codes
from ..convolution import Shape
from ..formats import Format
from ..requantize import Rounding
from ..rows import RowFunction, Rows, WindowRows, defined, whole_picture
from ..window import Window
from .tensor import Constant as Constant
from .tensor import Tensor as Tensor
from .tensor import Work as Work
from .tensor import Worst

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

    WIRES: ClassVar[bool] = False
    """Whether a circuit has none but wires for it: its codes are there as soon as those that it reads."""

    TIES_IN_LINES: ClassVar[bool] = False
    """Whether its weights are products of those of lines: noise has no ties then, lines of one code have."""

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

    @abstractmethod
    def rounds(self, *formats: Format) -> NDArray[np.bool_]:
        """Whether only the rounding rule says what some of its codes are, one for all channels or one each.

        Args:
            formats: Of its sources.
        """

    @abstractmethod
    def unrounded(
        self, xs: Sequence[Codes], formats: Sequence[Format]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """What it rounds, exactly: numerators (H', W', C) and denominators, one or one for each channel.

        None where nothing is rounded; arguments as in :meth:`define`.
        """

    @property
    def format_of(self) -> str | None:
        """The source whose format its result has, whatever that is; None where it has its own, ``out``."""
        return None if any(each.name == "out" for each in fields(self)) else self.sources[0]

    @property
    def shape(self) -> Shape | None:
        """Taps and margins that its numbers say; None of what has no kernel of its own."""
        return None

    def stored(self) -> dict[str, Constant]:
        """The arrays that a circuit stores, by part: those of its fields, each of a number a channel."""
        arrays = {each.name: getattr(self, each.name) for each in fields(self) if holds_array(each.type)}
        assert all(array.ndim == 1 for array in arrays.values()), f"{self.where}: say what its axes are"
        return {part_of(name): Constant.of_channels(array) for name, array in arrays.items()}

    def shift(self, *formats: Format) -> NDArray[np.int64] | None:
        """Bits that requantising drops; None of what does not end in a requantisation."""
        return None

    def sums(self, xs: Sequence[Codes], formats: Sequence[Format]) -> NDArray[np.int64] | None:
        """The accumulators that it requantises, as in :meth:`define`; None of what has none."""
        return None

    def define_counted(
        self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding
    ) -> tuple[Codes, tuple[int, int] | None]:
        """:meth:`define`, and how many codes it clamps below and above; None of what requantises nothing."""
        return self.define(xs, formats, rounding), None

    def worst(self, *sources: Tensor) -> Sequence[Worst]:
        """Frames that reach both ends of what is proved of its accumulators; none of what has none.

        Args:
            sources: What it reads.
        """
        return ()

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


class Moves(OneSource):
    """An operator that gives codes of its source, in other places or within limits, on the same format."""

    @final
    def rounds(self, *formats: Format) -> NDArray[np.bool_]:
        """Nothing is computed."""
        return np.zeros(1, np.bool_)

    @final
    def unrounded(self, xs: Sequence[Codes], formats: Sequence[Format]) -> None:
        """Nothing is computed."""


def holds_array(kind: Any) -> bool:
    """Whether a dataclass field of that type is an array: a file keeps it among its arrays."""
    return get_origin(kind) is np.ndarray


def part_of(name: str) -> str:
    """What files call an array of that field: its name without its representation.

    >>> part_of("weight_i8"), part_of("weight_frac")
    ('weight', 'weight_frac')
    """
    return re.sub(r"_[iu]\d+$", "", name)


def busiest(codes: Codes) -> int:
    """The channel of codes (H, W, C) that varies most: an error in it shows."""
    return int(codes.astype(np.float64).std(axis=(0, 1)).argmax())


def nearer_grid(out: Format) -> Format:
    """A format whose grid is one bit off, the deliberate error of a requantising shift."""
    return replace(out, frac=out.frac - 1 if out.frac > -32 else out.frac + 1)
