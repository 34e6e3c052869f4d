"""Average pooling: a convolution of each channel by itself, with constant weights."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.files.read import Text
from hwrts.fixed_point import Padding
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.composed import Composed
from hwrts.graph.operators.conv import Conv
from hwrts.graph.operators.conv_facts import TORCH_MODES, Sides, joined_pad, one_number, pair, unless_centred
from hwrts.graph.operators.lookup import Lookup
from hwrts.graph.operators.multiply import Multiply

if TYPE_CHECKING:
    from hwrts.graph.operators import Node

_DEFAULTS = {"padding": 0, "ceil_mode": False, "count_include_pad": True, "divisor_override": None}


_MOST = 256
"""Pixels of a mean: of more, the weights are coarser than the bound of docs/arithmetic.md, eq. 41, allows."""


@dataclass(frozen=True)
class AveragePool(Composed):
    """The mean of KH*KW pixels of each channel; what is around the picture counts as pixels (eq. 41).

    Attributes:
        kernel: KH and KW.
        stride: Rows and columns from one pixel of the result to the next.
        sides: Pixels around the picture on top, left, at the bottom, right.
        edges: What they are: "zero", "replicate" or "reflect".
        divisor: By what the sum is divided.
        inside: Whether it is divided by the pixels of the picture that a window has, by fewer at the edges.
    """

    MODULES = (nn.AvgPool2d,)
    FUNCTIONS = (F.avg_pool2d,)
    SPELLED = "AvgPool2d"

    sources: tuple[str]
    kernel: tuple[int, int]
    stride: int
    sides: Sides
    edges: Text
    divisor: int
    inside: bool = False

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """A module or a function; every pixel of the result must be the same sum."""
        given: dict[str, Any]
        if isinstance(call.module, nn.AvgPool2d):
            names = ("kernel_size", "stride", *_DEFAULTS)
            given = {name: getattr(call.module, name) for name in names}
        else:
            call.only("kernel_size", "stride", *_DEFAULTS)
            given = {name: call.argument(3 + i, name, old) for i, (name, old) in enumerate(_DEFAULTS.items())}
            given |= {"kernel_size": call.argument(1, "kernel_size"), "stride": call.argument(2, "stride")}
        kernel, padding = pair(given["kernel_size"]), pair(given["padding"])
        stride = one_number(call, "stride", given["stride"] or given["kernel_size"])
        if kernel is None or padding is None or min(kernel) < 1 or min(padding) < 0:
            raise call.refused(
                f"kernel {given['kernel_size']}, padding {given['padding']}; whole numbers are supported"
            )
        count = kernel[0] * kernel[1]
        if count & (count - 1) and count > _MOST:
            raise call.refused(
                f"the mean of {kernel[0]}x{kernel[1]} pixels; {_MOST} pixels are supported, more where their "
                "number is a power of two: use two pools, one behind the other"
            )
        if given["ceil_mode"] and any(
            (size - 2 * pad) % stride for size, pad in zip(kernel, padding, strict=True)
        ):
            raise call.refused(
                "ceil_mode=True divides by fewer pixels at the last edges; leave it out, and pad the picture"
            )
        divisor = given["divisor_override"] or count
        if not isinstance(divisor, int) or divisor < 1:
            raise call.refused(f"divisor_override {divisor}; a whole number above zero is supported")
        inside = any(padding) and not given["count_include_pad"] and not given["divisor_override"]
        if inside and call.pad is not None:
            raise call.refused(
                "count_include_pad=False behind a padding of its own; use one of them, or leave it out"
            )
        around = joined_pad(call, (*padding, *padding), Padding.ZERO)
        edges = around.padding.value
        return cls(call.name, (around.source,), kernel, stride, around.sides, edges, divisor, inside)

    def value(self, *xs: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H', W')."""
        top, left, bottom, right = self.sides
        if self.inside:
            return F.avg_pool2d(xs[0], self.kernel, self.stride, (top, left), count_include_pad=False)
        around = F.pad(xs[0], (left, right, top, bottom), TORCH_MODES[Padding(self.edges)])
        return F.avg_pool2d(around, self.kernel, self.stride, divisor_override=self.divisor)

    def non_negative(self, sources: bool) -> bool:
        """As its source."""
        return sources

    def written(self, channels: int, new: Callable[[str], str]) -> "tuple[Node, ...]":
        """A convolution in as many groups as channels, whose rounded weights keep their sum.

        At the edges its result is divided by the share of pixels that are there: the mean of a plane of 1.
        """
        if not self.inside:
            return (self._mean(self.name, self.sources[0], channels),)
        names = [new(f"{self.name}_{what}") for what in ("sum", "ones", "share", "inverse")]
        total, ones, share, inverse = names
        zeros, one = torch.zeros(1, channels, 1, 1), torch.ones(1)
        return (
            self._mean(total, self.sources[0], channels),
            Conv(ones, self.sources, zeros, one, frozen=True),
            self._mean(share, ones, 1),
            Lookup(inverse, (share,), "reciprocal", low=1 / self.divisor),
            Multiply(self.name, (total, inverse)),
        )

    def _mean(self, name: str, source: str, channels: int) -> Conv:
        weight = torch.full((channels, 1, *self.kernel), 1 / self.divisor)
        return Conv(
            name,
            (source,),
            weight,
            torch.zeros(channels),
            replicate=self.edges == "replicate",
            reflect=self.edges == "reflect",
            groups=channels,
            stride=self.stride,
            pads=unless_centred(self.sides, weight, 1),
            frozen=True,
        )
