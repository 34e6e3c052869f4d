"""Convolution: the operator that has nearly all of a network's numbers."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from typing import Annotated, Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from hwrts import fixed_point
from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import Format, Padding, Rounding, Window, weight_limit
from hwrts.fixed_point.convolution import Shape
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.conv_facts import CONV_FUNCTIONS, TORCH_MODES, Sides, conv_facts
from hwrts.graph.operators.conv_part import lower_conv, quant_conv
from hwrts.graph.operators.operator import Operator, Rank
from hwrts.networks.held import Held, Tie
from hwrts.networks.transposed import Transposed, taps_of

_Side = Annotated[int, Field(ge=0, le=1 << 12)]
_Sides = Annotated[tuple[_Side, _Side, _Side, _Side], Field(strict=False)]  # JSON has lists
_Number = Annotated[int, Field(ge=1, le=1 << 16)]


@dataclass(frozen=True, eq=False)
class Conv(Operator):
    """Convolution, with an optional ReLU behind it.

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

    MODULES = (nn.Conv2d,)
    FUNCTIONS = CONV_FUNCTIONS
    SPELLED = "Conv2d (padding with zeros, replicated or reflected edges)"
    AS_CONVOLUTIONS = True
    PARTS = "convs"

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

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """A module, or a function with its weights."""
        facts = conv_facts(call)
        return cls(
            call.name,
            (facts.source,),
            facts.weight,
            facts.bias,
            replicate=facts.padding is Padding.REPLICATE,
            reflect=facts.padding is Padding.REFLECT,
            groups=facts.groups,
            stride=facts.stride,
            dilation=facts.dilation,
            pads=unless_centred(facts.pads, facts.weight, facts.dilation),
            frozen=facts.frozen,
            sparse=facts.frozen and bool((facts.weight == 0).any()),
            **asdict(facts.held),
        )

    def value(self, *xs: Tensor) -> Tensor:
        """(N, I, H, W) to (N, O, H', W')."""
        x = F.conv2d(
            self.padded(xs[0]), self.weight, self.bias, self.stride, self.zeros, self.dilation, self.groups
        )
        return F.relu(x) if self.relu else x

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

    def non_negative(self, sources: bool) -> bool:
        """Behind a ReLU, or where no number that is trained could make it negative."""
        numbers = self.frozen and bool((self.weight >= 0).all()) and bool((self.bias >= 0).all())
        return self.relu or (sources and numbers)

    def lowest(self, *sources: float) -> float:
        """Of weights that are not trained and not negative, that of the least they may be given."""
        if not self.frozen or bool((self.weight < 0).any()):
            return -math.inf
        low = min(sources[0], 0.0) if any(self.sides) and self.padding is Padding.ZERO else sources[0]
        return float((self.weight.flatten(1).double().sum(1) * low + self.bias).min())

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

    def scaled(self, gain: Tensor | float, offset: Tensor | None = None) -> Self:
        """The convolution with gain * y + offset behind it, in float64, rounded once (eq. 18).

        Args:
            gain: One, or (O,).
            offset: (O,); None for nothing.
        """
        gains = torch.as_tensor(gain, dtype=torch.float64, device=self.weight.device)
        weight, bias = self.weight.double() * gains.reshape(-1, 1, 1, 1), self.bias.double() * gains
        if offset is not None:
            bias = bias + offset
        return replace(self, weight=weight.to(self.weight.dtype), bias=bias.to(self.bias.dtype))

    def part(self, formats: Mapping[str, Format], weight_bits: int | None, rounding: Rounding) -> nn.Module:
        """Brevitas' convolution."""
        assert weight_bits is not None  # every convolution has a width
        return quant_conv(self, weight_bits, formats[self.sources[0]])

    def quantised(self, part: Any, *sources: Any) -> Tensor:
        """As Brevitas computes it: a ReLU is the saturation of an unsigned code."""
        (x,) = sources
        padded = self.padded(x.value)
        value: Tensor = part(x if padded is x.value else x.set(value=padded)).value
        return value

    def fine_tuned(self, part: Any) -> Self:
        """With the weights and biases of its module."""
        weight, bias = part.weight.detach(), part.bias.detach()
        return replace(self, weight=self.held.projected(weight), bias=bias)

    def lower(
        self, part: Any, formats: Mapping[str, Format], channels: Mapping[str, int]
    ) -> fixed_point.Layer:
        """Brevitas' own codes."""
        source = self.sources[0]
        return self.placed(lower_conv(part, self.name, source, formats[source], formats[self.name]))

    def extreme(
        self, formats: Mapping[str, Format], channels: Mapping[str, int], weight_bits: int | None, end: int
    ) -> fixed_point.Layer:
        """Every weight at its largest or at its smallest."""
        assert weight_bits is not None  # every convolution has a width
        return self.integers(end * weight_limit(weight_bits), formats[self.name], weight_bits)

    def placed(self, layer: fixed_point.Conv) -> fixed_point.Conv:
        """Integers of its weights and bias with all else that it is.

        Weights of 0 are looked for in the integers: a graph that was read from a file has no others.
        """
        absent = torch.from_numpy(layer.weight_i8 == 0) if self.sparse else self.absent
        return replace(
            layer,
            padding=self.padding,
            groups=self.groups,
            stride=self.stride,
            dilation=self.dilation,
            pads=self.pads,
            idle=0 if absent is None else int(absent.expand_as(self.weight).sum()),
        )

    def integers(self, weight: int, out: Format, bits: int) -> fixed_point.Conv:
        """The integer convolution all whose weights have one code, no bias."""
        codes = np.full(tuple(self.weight.shape), weight, np.int8)
        absent = self.absent
        if absent is not None:
            codes[absent.expand_as(self.weight).cpu().numpy()] = 0
        zeros = np.zeros(len(codes), np.int32)
        return self.placed(fixed_point.Conv(self.name, self.sources[0], codes, zeros, zeros, out, bits))

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


def centred(weight: Tensor, dilation: int) -> Sides:
    """Half a kernel (O, I, KH, KW) on each side."""
    rows, columns = ((size - 1) * dilation // 2 for size in weight.shape[2:])
    return rows, columns, rows, columns


def unless_centred(sides: Sides, weight: Tensor, dilation: int) -> Sides | None:
    """Pads as a node has them: None where they are half a kernel on each side."""
    odd = all((size - 1) * dilation % 2 == 0 for size in weight.shape[2:])
    return None if odd and sides == centred(weight, dilation) else sides
