"""What an operator of the graph says of itself: all that tracing, QAT, lowering and cost ask of a node."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from hwrts.errors import HwrtsError
from hwrts.files.read import Text
from hwrts.fixed_point import POINT, Format, Layer, Rounding, Window
from hwrts.fixed_point.codes import Codes
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.neighbour import Neighbour
from hwrts.graph.widths import Widths

if TYPE_CHECKING:
    from hwrts.graph.operators import Node

# Letters of the shape comments of this folder: N pictures, C channels, O output channels, I input channels,
# K kernel size.


class Rank(NamedTuple):
    """How many dimensions a tensor has: of a tensor a file's note holds the shape alone."""

    dimensions: int


Factor = Annotated[int, Field(ge=2, le=16)]
"""By how much height and width grow, and what a note of it may be."""


@dataclass(frozen=True)
class Operator(Neighbour, ABC):
    """A node that makes one tensor of others.

    Its dataclass fields are what a file's note holds (``hwrts.graph.note``), with the limits that their types
    name. Whoever makes a node of another uses ``dataclasses.replace``, so that no field is ever dropped.

    Attributes:
        name: Name of the tensor it makes.
        sources: Names of the tensors it reads.
    """

    MODULES: ClassVar[tuple[type[nn.Module], ...]] = ()
    """Modules of torch that may be this operator; a subclass is taken for one if it has the same forward."""
    FUNCTIONS: ClassVar[tuple[Any, ...]] = ()
    """Functions, and methods by their name, that may be this operator."""
    SPELLED: ClassVar[str]
    """What a message calls its spellings, with their limits."""

    PARTS: ClassVar[str | None] = None
    """Name, in files, of the QAT modules of all nodes of this kind; None if it has nothing to train."""
    MOVES: ClassVar[bool] = False
    """Whether codes only change places: such a tensor has its source's format and no quantiser."""
    AS_CONVOLUTIONS: ClassVar[bool] = False
    """Whether its rounding rule is that of convolutions, as that of the operator that it becomes."""
    KEEPS_PICTURES: ClassVar[bool] = False
    """Whether it makes a picture of a picture, which then stays on the pixel grid."""
    JOINS: ClassVar[bool] = False
    """Whether it only puts the values of its sources side by side, on a grid of its own."""
    TABLED: ClassVar[bool] = False
    """Whether its integers are a table, so that its result has no more levels than its source has codes."""

    name: Text
    sources: tuple[str, ...]

    @classmethod
    @abstractmethod
    def read(cls, call: Call) -> Self | None:
        """The node that a call of one of MODULES or FUNCTIONS is; None if it is no such operator.

        Raises:
            UnsupportedOperatorError: It is, in a form that is not supported.
        """

    @abstractmethod
    def value(self, *xs: Tensor) -> Tensor:
        """The tensor it makes of its sources (N, C, H, W), in float."""

    @abstractmethod
    def non_negative(self, sources: bool) -> bool:
        """Whether its result is stored unsigned.

        Args:
            sources: Whether all its sources are.
        """

    def lowest(self, *sources: float) -> float:
        """A value that its result never falls below, -inf if there is none.

        Args:
            sources: Those of its sources.
        """
        return -math.inf

    @property
    def only_rounds(self) -> bool:
        """Whether it gives the values of its source, and is there for its own grid alone."""
        return False

    @property
    def window(self) -> Window:
        """The rows and columns that it reads, and by how much it enlarges."""
        return POINT

    @property
    def reads(self) -> int | None:
        """Channels that its source must have; None if any number will do."""
        return None

    def channels(self, *sources: Fraction) -> Fraction:
        """Channels of its result for those of its sources; of a single channel it may be a part."""
        return sources[0]

    def joined(self, front: "Node") -> "Node | None":
        """One operator that is the one in front and then this; None if there is none."""
        return None

    def meets(self, *sources: Fraction) -> bool:
        """Whether it can read sources of so many channels together, as far as that is known of it."""
        return True

    def knowing(self, *lows: float) -> Self:
        """The same for sources that never fall below these values, -inf if nothing is known of one."""
        return self

    def multiplier_of(self, source: str, values: Mapping[str, Tensor]) -> Tensor | None:
        """What it multiplies one of its sources by, if it makes nothing else of that.

        Args:
            source: Which one.
            values: Of every tensor.
        """
        return None

    def silent(self, x: Tensor) -> Self:
        """The same with 0 in the middle of what it makes of ``x``, of a flat picture.

        Only of a node that is ``zero_on_flat``, as the next.
        """
        raise NotImplementedError(type(self).__name__)

    def silent_integers(self, layer: Layer, xs: Sequence[Codes], formats: Sequence[Format]) -> Layer:
        """Its integers with 0 in the middle of what they make of a flat picture.

        Args:
            layer: As it was lowered.
            xs: Codes of its sources.
            formats: Their formats.
        """
        raise NotImplementedError(type(self).__name__)

    @property
    def real_numbers(self) -> NDArray[np.float64] | None:
        """What of it but weights and biases is rounded: slopes, a factor, limits."""
        return None

    def part(self, formats: Mapping[str, Format], widths: Widths | None, rounding: Rounding) -> nn.Module:
        """The module that holds its numbers during QAT and computes with them on their grids.

        Only of a kind that has PARTS.

        Args:
            formats: Of every tensor.
            widths: Those of its weights and sums, if it is a layer that has them.
            rounding: Its tie rule.
        """
        raise NotImplementedError(type(self).__name__)

    def quantised(self, part: Any, *sources: Any) -> Tensor:
        """Its value during QAT, before its own quantiser.

        Args:
            part: Its module of :meth:`part`.
            sources: Brevitas' QuantTensor of each source.
        """
        return self.value(*(source.value for source in sources))

    def fine_tuned(self, part: Any) -> Self:
        """The node with the numbers that QAT ended with, not on their grids."""
        return self

    @abstractmethod
    def lower(self, part: Any, formats: Mapping[str, Format], channels: Mapping[str, int]) -> Layer:
        """The integers that it computes with.

        Args:
            part: Its module of :meth:`part`.
            formats: Of every tensor.
            channels: Of every tensor.

        Raises:
            HwrtsError: Numbers that have none.
        """

    def extreme(
        self, formats: Mapping[str, Format], channels: Mapping[str, int], widths: Widths | None, end: int
    ) -> Layer:
        """The integers that training could make of it at the far end of their range, no bias.

        Args:
            formats: Of every tensor.
            channels: Of every tensor.
            widths: As in :meth:`part`.
            end: 1 for the upper end, -1 for the lower.
        """
        return self.lower(None, formats, channels)  # nothing in it is trained

    def reading(self, renamed: Mapping[str, str]) -> Self:
        """The same node, for tensors that have been renamed."""
        return replace(self, sources=tuple(renamed.get(source, source) for source in self.sources))


class Fused(Operator):
    """An operator that is part of the one in front of it before anything is quantised."""

    @abstractmethod
    def alone(self) -> "Node":
        """What it becomes if there is none in front that it could be part of.

        Raises:
            UnsupportedOperatorError: Nothing; it cannot stand alone.
        """

    def lower(self, part: Any, formats: Mapping[str, Format], channels: Mapping[str, int]) -> Layer:
        """It has no integers of its own."""
        raise HwrtsError(f"{type(self).__name__} {self.name!r} stands alone; fuse it first (fused_form)")
