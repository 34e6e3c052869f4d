"""Batch norm in evaluation mode, before it is folded into the convolution in front of it (eq. 18)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Self

from torch import Tensor, nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.conv import Conv
from hwrts.graph.operators.operator import Fused, Rank
from hwrts.graph.operators.transposed_conv import TransposedConv

if TYPE_CHECKING:
    from hwrts.graph.operators import Node


@dataclass(frozen=True, eq=False)
class BatchNorm(Fused):
    """gain * x + offset in each channel.

    Attributes:
        gain: (C,) float64.
        offset: (C,) float64.
        place: Where it stands in a module, for a message.
    """

    MODULES = (nn.BatchNorm2d,)
    SPELLED = "BatchNorm2d behind it"

    sources: tuple[str]
    gain: Annotated[Tensor, Rank(1)]
    offset: Annotated[Tensor, Rank(1)]
    place: str = ""

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """With the mean and variance that it has stored."""
        norm = call.module
        assert isinstance(norm, nn.BatchNorm2d)
        if norm.running_mean is None or norm.running_var is None:
            raise UnsupportedOperatorError(
                f"BatchNorm2d {call.where}: it keeps no statistics; use track_running_stats=True"
            )
        gain = (norm.running_var.detach().double() + norm.eps).rsqrt()
        offset = -norm.running_mean.detach().double() * gain
        if norm.affine:
            gamma, beta = norm.weight.detach().double(), norm.bias.detach().double()
            gain, offset = gain * gamma, offset * gamma + beta
        return cls(call.name, call.sources(), gain, offset, call.where)

    def value(self, *xs: Tensor) -> Tensor:
        """In float64, rounded once."""
        x = xs[0] * self.gain.reshape(-1, 1, 1) + self.offset.reshape(-1, 1, 1)
        return x.to(xs[0].dtype)

    def non_negative(self, sources: bool) -> bool:
        """Never: gain and offset may have any sign."""
        return False

    def joined(self, front: "Node") -> "Node | None":
        """The convolution with the gain in its weights."""
        if isinstance(front, TransposedConv) or (isinstance(front, Conv) and not front.relu):
            return front.scaled(self.gain, self.offset)
        return None

    def alone(self) -> "Node":
        """Nothing: what is in front is no convolution, or is read by others too."""
        raise UnsupportedOperatorError(
            f"BatchNorm2d {self.place or repr(self.name)}: it must be the only reader of a Conv2d, "
            "right behind it"
        )
