"""Average pooling: a convolution of each channel by itself, with constant weights."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.graph.operators.call import Call
from hwrts.graph.operators.composed import Composed
from hwrts.graph.operators.conv import Conv, unless_centred
from hwrts.graph.operators.conv_facts import one_number, pair

if TYPE_CHECKING:
    from hwrts.graph.operators import Node

_DEFAULTS = {"padding": 0, "ceil_mode": False, "count_include_pad": True, "divisor_override": None}


@dataclass(frozen=True)
class AveragePool(Composed):
    """The mean of KH*KW pixels of each channel.

    Attributes:
        kernel: KH and KW; their product is a power of two, so that the weights are exact.
        stride: Rows and columns from one pixel of the result to the next.
    """

    MODULES = (nn.AvgPool2d,)
    FUNCTIONS = (F.avg_pool2d,)
    SPELLED = "AvgPool2d of 2 and 4"

    sources: tuple[str]
    kernel: tuple[int, int]
    stride: int

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """A module or a function; what it says of edges must not matter."""
        given: dict[str, Any]
        if isinstance(call.module, nn.AvgPool2d):
            names = ("kernel_size", "stride", *_DEFAULTS)
            given = {name: getattr(call.module, name) for name in names}
        else:
            call.only("kernel_size", "stride", *_DEFAULTS)
            given = {name: call.argument(3 + i, name, old) for i, (name, old) in enumerate(_DEFAULTS.items())}
            given |= {"kernel_size": call.argument(1, "kernel_size"), "stride": call.argument(2, "stride")}
        kernel = pair(given["kernel_size"])
        stride = one_number(call, "stride", given["stride"] or given["kernel_size"])
        if kernel is None or min(kernel) < 1:
            raise call.refused(f"kernel {given['kernel_size']}; whole numbers are supported")
        count = kernel[0] * kernel[1]
        if count & (count - 1):
            raise call.refused(
                f"the mean of {kernel[0]}x{kernel[1]} pixels divides by {count}, which no power of two is; "
                "use kernels of 2 and 4, or a Conv2d of as many groups as channels, which is trained"
            )
        if pair(given["padding"]) != (0, 0) or given["ceil_mode"] or given["divisor_override"] is not None:
            raise call.refused(
                f"padding {given['padding']}, ceil_mode {given['ceil_mode']} and divisor_override "
                f"{given['divisor_override']} are not supported; leave them out"
            )
        return cls(call.name, call.sources(), kernel, stride)

    def value(self, *xs: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H', W')."""
        return F.avg_pool2d(xs[0], self.kernel, self.stride)

    def non_negative(self, sources: bool) -> bool:
        """As its source."""
        return sources

    def written(self, channels: int, new: Callable[[str], str]) -> "tuple[Node, ...]":
        """A convolution in as many groups as channels."""
        weight = torch.full((channels, 1, *self.kernel), 1 / (self.kernel[0] * self.kernel[1]))
        return (
            Conv(
                self.name,
                self.sources,
                weight,
                torch.zeros(channels),
                groups=channels,
                stride=self.stride,
                pads=unless_centred((0, 0, 0, 0), weight, 1),
                frozen=True,
            ),
        )
