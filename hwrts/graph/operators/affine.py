"""Constants: added to a tensor, subtracted of it, multiplied by it, one for all channels or one for each."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import torch
from torch import Tensor

from hwrts.errors import UnsupportedOperatorError
from hwrts.graph.operators.add import MINUS, PLUS
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.composed import Composed
from hwrts.graph.operators.conv import Conv
from hwrts.graph.operators.operator import Rank
from hwrts.graph.operators.scale import OVER, TIMES, Scale, is_factor
from hwrts.graph.operators.transposed_conv import TransposedConv

if TYPE_CHECKING:
    from hwrts.graph.operators import Node


PERIODS = (2, 3, 4, 6, 8)
"""Of patterns that ``hwrts.graph.patterns`` reads: those of colour filters, and of ordered dither."""


@dataclass(frozen=True, eq=False)
class Affine(Composed):
    """gain * x + offset in each channel.

    Attributes:
        gain: (C,) float64, or (1,) for all channels.
        offset: As ``gain``.
        place: Where it stands in a module, for a message.
        fixed: Whether its numbers are not to be trained.
    """

    FUNCTIONS: ClassVar[tuple[Any, ...]] = (*PLUS, *MINUS, *TIMES, *OVER)
    SPELLED = "constants added, subtracted and multiplied, one or one for each channel"

    sources: tuple[str]
    gain: Annotated[Tensor, Rank(1)]
    offset: Annotated[Tensor, Rank(1)]
    place: str = ""
    fixed: bool = False

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """A tensor of the picture and a constant, on either side; a factor that is a number is a Scale."""
        a, b = call.argument(0, "input"), call.argument(1, "other")
        if call.is_picture(a) == call.is_picture(b):
            return None
        constant, x = (b, a) if call.is_picture(a) else (a, b)
        held = call.constant(constant)
        if held is None and not isinstance(constant, int | float):
            return None
        if call.function in (*TIMES, *OVER) and is_factor(call, constant):
            return None
        value = _of_each_channel(call, torch.tensor(float(constant)) if held is None else held)
        one, none = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
        added = (call.function in PLUS) == (call.node.kwargs.get("alpha", 1) == 1)
        if call.function in TIMES:
            gain, offset = value, none
        elif call.function in OVER:
            if x is not a:
                return None
            gain, offset = 1 / value, none
        elif added:
            gain, offset = one, value
        else:
            gain, offset = (one, -value) if x is a else (-one, value)
        if not bool(torch.isfinite(gain).all() and torch.isfinite(offset).all()):
            raise call.refused("a constant is not finite, or divides by 0; give finite numbers")
        fixed = held is None or call.is_fixed(held)
        return cls(call.name, (call.tensor(x),), gain, offset, call.where, fixed)

    def value(self, *xs: Tensor) -> Tensor:
        """In float64, rounded once."""
        gain, offset = (each.to(xs[0].device).reshape(-1, 1, 1) for each in (self.gain, self.offset))
        return (xs[0] * gain + offset).to(xs[0].dtype)

    def non_negative(self, sources: bool) -> bool:
        """Where no number is below 0 and none is trained."""
        return sources and self.fixed and bool((self.gain >= 0).all() and (self.offset >= 0).all())

    @property
    def reads(self) -> int | None:
        """C, if it has a number for each channel."""
        count = max(len(self.gain), len(self.offset))
        return count if count > 1 else None

    def scaled(self, gain: Tensor | float, offset: Tensor | None = None) -> Self:
        """With gain * y + offset behind it."""
        return replace(
            self, gain=self.gain * gain, offset=self.offset * gain + (0 if offset is None else offset)
        )

    def spread(self, count: int) -> Self:
        """The same in front of a PixelShuffle that makes one channel of so many."""
        gain, offset = (
            each.repeat_interleave(count) if len(each) > 1 else each for each in (self.gain, self.offset)
        )
        return replace(self, gain=gain, offset=offset)

    def joined(self, front: "Node") -> "Node | None":
        """The operator in front with this behind it: a convolution, a factor, or another of these."""
        if isinstance(front, Scale):
            return replace(self, name=front.name, sources=front.sources, gain=self.gain * front.factor)
        if isinstance(front, Affine):
            return replace(front.scaled(self.gain, self.offset), fixed=front.fixed and self.fixed)
        if isinstance(front, TransposedConv):
            return front.scaled(*self._of(len(front.conv.weight) // front.block**2))
        if not isinstance(front, Conv) or front.relu or front.zero_on_flat:
            return None
        return replace(front.scaled(*self._of(len(front.weight))), frozen=front.frozen and self.fixed)

    def times(self, factor: float) -> Self:
        """Both numbers of each channel times the factor."""
        return self.scaled(factor)

    def within(self, reader: "Node") -> "Conv | None":
        """The convolution behind it with this in front: None where padding is 0 and this makes it another.

        Zeros stand for what this makes of no picture; copies of pixels are what it makes of these copies.
        """
        if not isinstance(reader, Conv):
            return None
        zeros = any(reader.sides) and not (reader.replicate or reader.reflect)
        if reader.zero_on_flat or (zeros and bool(self.offset.any())):
            return None
        gain, offset = self._of(reader.reads)
        per_group = reader.weight.shape[1]
        gains, offsets = (
            each.reshape(reader.groups, per_group).repeat_interleave(len(reader.weight) // reader.groups, 0)
            for each in (gain, offset)
        )  # (O, I/groups)
        weight = reader.weight.double()
        bias = reader.bias.double() + (weight.sum((2, 3)) * offsets).sum(1)
        weight = weight * gains[:, :, None, None]
        return replace(
            reader,
            sources=self.sources,
            weight=weight.to(reader.weight.dtype),
            bias=bias.to(reader.bias.dtype),
            frozen=reader.frozen and self.fixed,
        )

    def _of(self, channels: int) -> tuple[Tensor, Tensor]:
        """Gain and offset of each of so many channels."""
        if max(len(self.gain), len(self.offset)) not in (1, channels):
            raise UnsupportedOperatorError(
                f"node {self.name!r}: a constant of {max(len(self.gain), len(self.offset))} channels meets a "
                f"tensor of {channels}; as many are supported, or one (inputs() says what a picture has)"
            )
        return self.gain.expand(channels), self.offset.expand(channels)

    def written(self, channels: int, new: Callable[[str], str]) -> "tuple[Node, ...]":
        """A convolution of 1x1 in as many groups as channels (eq. 33)."""
        gain, offset = (each.float() for each in self._of(channels))
        weight = gain.reshape(-1, 1, 1, 1).clone()
        conv = Conv(self.name, self.sources, weight, offset.clone(), groups=channels, frozen=self.fixed)
        return (conv,)


def _of_each_channel(call: Call, value: Tensor) -> Tensor:
    """A constant as float64, (1,) or (C,).

    Raises:
        UnsupportedOperatorError: It has a number for each pixel.
    """
    shape, found = tuple(value.shape), value.detach().double().cpu()
    if found.numel() == 1:
        return found.reshape(1)
    if found.dim() < 3 or found.dim() > 4 or shape[-2:] != (1, 1) or found.numel() != shape[-3]:
        if len(shape) > 1 and min(shape[-2:]) > 1:
            raise call.refused(
                f"takes a constant of shape {shape}, another number for each pixel; one number, one for each "
                f"channel, and what repeats every {', '.join(map(str, PERIODS))} rows and columns is "
                "supported; give what is different everywhere as an input of its own, by inputs()"
            )
        raise call.refused(
            f"takes a constant of shape {shape}; one number, or one for each channel, (1, C, 1, 1), is "
            "supported"
        )
    return found.reshape(-1)
