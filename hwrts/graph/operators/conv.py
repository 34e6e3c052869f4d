"""Convolution: the operator that has nearly all of a network's numbers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts import fixed_point
from hwrts.fixed_point import Format, Padding, Rounding, room_for_weights, weight_limit
from hwrts.fixed_point.codes import Codes
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.conv_facts import CONV_FUNCTIONS, conv_facts, unless_centred
from hwrts.graph.operators.conv_part import lower_conv, quant_conv
from hwrts.graph.operators.conv_shape import ConvShape
from hwrts.graph.widths import Widths
from hwrts.networks.held import FREE, middle_of
from hwrts.networks.transposed import taps_of

LEAST, MOST = 0.5, 2.0
"""Between these 1 is taken from a tap without rounding (Sterbenz)."""


@dataclass(frozen=True, eq=False)
class Conv(ConvShape):
    """Convolution, with an optional ReLU behind it; its fields are those of :class:`ConvShape`."""

    MODULES = (nn.Conv2d,)
    FUNCTIONS = CONV_FUNCTIONS
    SPELLED = "Conv2d (padding with zeros, replicated or reflected edges)"
    AS_CONVOLUTIONS = True
    PARTS = "convs"
    KERNELS = True

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

    def times(self, factor: float) -> Self | None:
        """In its weights and bias, unless a ReLU stands between."""
        return None if self.relu else self.scaled(factor)

    def with_relu(self) -> Self:
        """Saturation of an unsigned code."""
        return replace(self, relu=True)

    @property
    def linear(self) -> bool:
        """Unless a ReLU stands behind."""
        return not self.relu

    @property
    def filters(self) -> bool:
        """Its kernel is part of any."""
        return self.plain and not self.relu

    @property
    def rows(self) -> Tensor | None:
        """If they are trained and nothing is held of them, but which taps there are."""
        free = self.groups == 1 and not self.frozen and replace(self.held, transposed=None) == FREE
        return self.weight.flatten(1) if free else None

    @property
    def row_taps(self) -> Tensor:
        """Those of the transposed convolution that it is half of, if it is."""
        there = torch.ones_like(self.weight, dtype=torch.bool)
        if self.held.transposed is not None:
            there &= taps_of(self.held.transposed, len(there)).to(there)
        return there.flatten(1)

    def meets_taps(self, x: Tensor) -> Tensor:
        """As torch unfolds it."""
        kernel = tuple(self.weight.shape[2:])
        return F.unfold(self.padded(x), kernel, self.dilation, self.zeros, self.stride)

    @property
    def foldable(self) -> Self | None:
        """If it is trained, with nothing held of its numbers and nothing behind it."""
        return self if not (self.frozen or self.sparse or self.relu) and self.held == FREE else None

    def without_passing(self) -> tuple[Self, tuple[int, ...]] | None:
        """If each row's largest weight is in the middle of a kernel and near 1, less by 1 there.

        Its grid is then finer by a bit at least: for less an addition and its line memory are no bargain.
        """
        linear = replace(self, relu=False)
        if not self.plain or linear.foldable is None:
            return None
        centre = self.weight.shape[-1] // 2
        taps, carried = self.weight[:, :, centre, centre].max(1)  # (O,)
        largest = self.weight.flatten(1).abs().amax(1)  # (O,)
        if not bool(((taps >= LEAST) & (taps <= MOST) & (taps == largest)).all()):
            return None
        weight = self.weight.clone()
        weight[torch.arange(len(carried)), carried, centre, centre] -= 1
        if bool((weight.flatten(1).abs().amax(1) > largest / 2).any()):
            return None
        return replace(linear, weight=weight), tuple(carried.tolist())

    def branch(self, sign: int, channels: int, like: "Conv") -> Self | None:
        """Itself, turned around if it is subtracted."""
        if self.foldable is None:
            return None
        return self.scaled(float(sign)) if sign < 0 else self

    def with_factors(self, made: Tensor | None, read: Tensor | None) -> Self | None:
        """In its kernels, if nothing is held of them."""
        if self.groups != 1 or self.frozen or self.held != FREE:
            return None
        scaled = self if made is None else self.scaled(made)
        return scaled if read is None else replace(scaled, weight=scaled.weight / read.reshape(-1, 1, 1))

    def without_channels(self, kept: Tensor) -> Self | None:
        """With less input channels, if nothing is held of their weights."""
        if self.groups != 1 or self.held != FREE:
            return None
        return replace(self, weight=self.weight[:, kept.to(self.weight.device)])

    def identity(self, channels: int, gain: float) -> "Conv":
        """A number times x: a convolution of 1x1 in as many groups as channels, not named yet."""
        weight = self.weight.new_full((channels, 1, 1, 1), gain)
        return Conv("", self.sources, weight, self.bias.new_zeros(channels), groups=channels)

    def silent(self, x: Tensor) -> Self:
        """By its bias, before a ReLU."""
        answer = replace(self, relu=False).value(x)
        return replace(self, bias=self.bias - middle_of(answer).flatten())

    def silent_integers(
        self, layer: fixed_point.Layer, xs: Sequence[Codes], formats: Sequence[Format]
    ) -> fixed_point.Conv:
        """By the bias of its integers."""
        assert isinstance(layer, fixed_point.Conv)  # as it is lowered
        answer = layer.accumulate(xs, formats)
        middle = answer[answer.shape[0] // 2, answer.shape[1] // 2]  # (O,)
        return replace(layer, bias_i32=(layer.bias_i32 - middle).astype(np.int32))

    def part(self, formats: Mapping[str, Format], widths: Widths | None, rounding: Rounding) -> nn.Module:
        """Brevitas' convolution."""
        assert widths is not None  # every convolution has them
        return quant_conv(self, widths, formats[self.sources[0]])

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
        self, formats: Mapping[str, Format], channels: Mapping[str, int], widths: Widths | None, end: int
    ) -> fixed_point.Layer:
        """Every weight at its largest or at its smallest, or as many as the accumulator has room for."""
        assert widths is not None  # every convolution has them
        layer = self.integers(end * weight_limit(widths.weight), formats[self.name], widths.weight)
        if widths.accumulator is None:
            return layer
        room = room_for_weights(widths.accumulator, formats[self.sources[0]], np.zeros(1, np.int64))
        codes = layer.weight_i8.reshape(len(layer.weight_i8), -1).astype(np.int64)  # (O, I*KH*KW)
        before = np.abs(codes).cumsum(1) - np.abs(codes)
        kept = end * np.clip(room - before, 0, np.abs(codes))
        return replace(layer, weight_i8=kept.astype(np.int8).reshape(layer.weight_i8.shape))

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
