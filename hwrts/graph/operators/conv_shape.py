"""The fields of a convolution, and what follows from them alone: window, padding, taps."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Annotated

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import Padding, Window
from hwrts.fixed_point.convolution import Shape
from hwrts.graph.operators.conv_facts import TORCH_MODES, Sides, centred
from hwrts.graph.operators.operator import Operator, Rank
from hwrts.networks.held import Held, Tie
from hwrts.networks.transposed import Transposed, taps_of

_Side = Annotated[int, Field(ge=0, le=1 << 12)]
_Sides = Annotated[tuple[_Side, _Side, _Side, _Side], Field(strict=False)]  # JSON has lists
_Number = Annotated[int, Field(ge=1, le=1 << 16)]


@dataclass(frozen=True, eq=False)
class ConvShape(Operator):
    """A convolution as its numbers, before anybody computes with them.

    Attributes:
        weight: (O, I/groups, KH, KW).
        bias: (O,).
        relu: Whether max(0, .) follows.
        replicate: Whether pixels outside the picture equal the nearest inside; else they are 0.
        zero_sums: As of ``hwrts.networks.held.Held``, and so are the next two.
        zero_on_flat: The bias is then 0 in training, and found when the integers are.
        tie: Which kernels are equal.
        reflect: Whether pixels outside the picture are mirrored at its edge.
        groups: Parts of the channels that know nothing of each other; each makes O/groups of the result.
        stride: Rows and columns from one pixel of the result to the next.
        dilation: Rows and columns from one tap to the next.
        pads: Pixels around the picture on top, left, at the bottom, right; None for half a kernel on each
            side, which keeps the size.
        transposed: The transposed convolution that it is half of; taps that this has not are 0.
        frozen: Whether its numbers are not to be trained.
        sparse: Whether weights of 0 are no taps: no weights, and no multipliers.
        one_grid: Whether all channels of the result have one grid of weights, for clients that know no more.
    """

    sources: tuple[str]
    weight: Annotated[Tensor, Rank(4)]
    bias: Annotated[Tensor, Rank(1)]
    relu: bool = False
    replicate: bool = field(default=False, metadata={"later": True})
    zero_sums: bool = field(default=False, metadata={"later": True})
    zero_on_flat: bool = field(default=False, metadata={"later": True})
    tie: Tie = field(default="none", metadata={"later": True})
    reflect: bool = field(default=False, metadata={"later": True})
    groups: _Number = field(default=1, metadata={"later": True})
    stride: _Number = field(default=1, metadata={"later": True})
    dilation: _Number = field(default=1, metadata={"later": True})
    pads: _Sides | None = field(default=None, metadata={"later": True})
    transposed: Transposed | None = field(default=None, metadata={"later": True})
    frozen: bool = field(default=False, metadata={"later": True})
    sparse: bool = field(default=False, metadata={"later": True})
    one_grid: bool = field(default=False, metadata={"later": True})

    def padded(self, x: Tensor) -> Tensor:
        """What it reads (N, I, H, W), with all around it that a convolution of torch cannot put there."""
        top, left, bottom, right = self.sides
        if not any(self.sides) or self.zeros != (0, 0):
            return x
        return F.pad(x, (left, right, top, bottom), TORCH_MODES[self.padding])

    @property
    def sides(self) -> Sides:
        """Pixels around the picture on top, left, at the bottom, right."""
        return centred(self.weight, self.dilation) if self.pads is None else self.pads

    @property
    def zeros(self) -> tuple[int, int]:
        """Zeros above and below, left and right, that a convolution of torch puts around what it reads."""
        top, left, bottom, right = self.sides
        even = self.padding is Padding.ZERO and (top, left) == (bottom, right)
        return (top, left) if even else (0, 0)

    @property
    def plain(self) -> bool:
        """Whether rewrites may change it: square, odd, centred, of stride 1, of one group, trained."""
        rows, columns = self.weight.shape[2:]
        one = (self.groups, self.stride, self.dilation) == (1, 1, 1)
        trained = self.transposed is None and not self.frozen
        return one and trained and rows == columns and rows % 2 == 1 and self.pads is None

    @property
    def window(self) -> Window:
        """KH rows and KW columns."""
        rows, columns = self.weight.shape[2:]
        return Shape(rows, columns, self.stride, self.dilation, self.pads, self.padding).window

    @property
    def reads(self) -> int:
        """I."""
        return self.weight.shape[1] * self.groups

    def channels(self, *sources: Fraction) -> Fraction:
        """O."""
        return Fraction(self.weight.shape[0])

    @property
    def held(self) -> Held:
        """What is held of its numbers."""
        return Held(self.zero_sums, self.zero_on_flat, self.tie, self.transposed)

    @property
    def absent(self) -> Tensor | None:
        """Whether there is no such tap: 0 by construction, with no multiplier; None where all are there."""
        if self.transposed is None:
            return self.weight == 0 if self.sparse else None
        return ~taps_of(self.transposed, len(self.weight)).to(self.weight.device)

    @property
    def padding(self) -> Padding:
        """As the integers name it.

        Raises:
            UnsupportedOperatorError: Both are asked for.
        """
        match self.replicate, self.reflect:
            case False, False:
                return Padding.ZERO
            case True, False:
                return Padding.REPLICATE
            case False, True:
                return Padding.REFLECT
            case _:
                raise UnsupportedOperatorError(
                    f"convolution {self.name!r}: its edges are both replicated and reflected; use one of them"
                )
