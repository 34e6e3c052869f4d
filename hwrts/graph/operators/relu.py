"""ReLU on its own, before it is part of the operator in front of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.graph.operators.call import Call
from hwrts.graph.operators.clip import CLAMPS, Clip, given_limits
from hwrts.graph.operators.neighbour import Limits
from hwrts.graph.operators.operator import Fused

if TYPE_CHECKING:
    from hwrts.graph.operators import Node


@dataclass(frozen=True)
class Relu(Fused):
    """max(0, x): saturation of an unsigned code, in the convolution or addition in front of it."""

    MODULES = (nn.ReLU,)
    FUNCTIONS = (F.relu, torch.relu, torch.relu_, "relu", "relu_", *CLAMPS)
    SPELLED = "ReLU"

    sources: tuple[str]

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """Any of its spellings; a clamp that has 0 as its only limit is one."""
        if call.function in CLAMPS and given_limits(call) != (0, None):
            return None
        return cls(call.name, call.sources())

    def value(self, *xs: Tensor) -> Tensor:
        """max(0, x)."""
        return F.relu(xs[0])

    def non_negative(self, sources: bool) -> bool:
        """Always."""
        return True

    @property
    def limits(self) -> Limits:
        """Nothing below 0."""
        return 0, None

    def joined(self, front: "Node") -> "Node | None":
        """The operator in front with a ReLU behind it."""
        return None if front.relu else front.with_relu()

    def alone(self) -> "Node":
        """A clip of codes: what is in front is something else, or is read by others too."""
        return Clip(self.name, self.sources, 0.0, None)
