"""Operators that torch has one name for, and the graph two nodes, or one that depends on channel counts."""

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

from hwrts.graph.operators.operator import Fused

if TYPE_CHECKING:
    from hwrts.graph.operators import Node


class Composed(Fused):
    """An operator that is written as others as soon as the channels of the whole graph are known."""

    @abstractmethod
    def written(self, channels: int, new: Callable[[str], str]) -> "tuple[Node, ...]":
        """The nodes that it is, in order; the last makes what it makes.

        Args:
            channels: Of its source.
            new: Makes a name for a tensor, like the one wanted, that the graph does not use yet.
        """

    def alone(self) -> "Node":
        """It is written as others before anything is fused."""
        raise AssertionError(f"{type(self).__name__} {self.name!r}: it is not written as others yet")
