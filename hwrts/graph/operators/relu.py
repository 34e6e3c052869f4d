"""ReLU on its own, before it is part of the operator in front of it."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.graph.operators.add import Add
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.conv import Conv
from hwrts.graph.operators.operator import Fused

if TYPE_CHECKING:
    from hwrts.graph.operators import Node


@dataclass(frozen=True)
class Relu(Fused):
    """max(0, x): saturation of an unsigned code, in the convolution or addition in front of it.

    Attributes:
        place: Where it stands in a module, for a message.
    """

    MODULES = (nn.ReLU,)
    FUNCTIONS = (F.relu, torch.relu, torch.relu_, "relu", "relu_")
    SPELLED = "ReLU"

    sources: tuple[str]
    place: str = ""

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """Any of its spellings."""
        return cls(call.name, call.sources(), call.where)

    def value(self, *xs: Tensor) -> Tensor:
        """max(0, x)."""
        return F.relu(xs[0])

    def non_negative(self, sources: bool) -> bool:
        """Always."""
        return True

    def joined(self, front: "Node") -> "Node | None":
        """The operator in front with a ReLU behind it."""
        return replace(front, relu=True) if isinstance(front, Conv | Add) and not front.relu else None

    def refused(self) -> UnsupportedOperatorError:
        """What is in front is something else, or is read by others too."""
        return UnsupportedOperatorError(
            f"{self.place or repr(self.name)}: this ReLU must be the only reader of a convolution or "
            "an addition"
        )
