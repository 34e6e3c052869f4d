"""Max pooling."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from hwrts import fixed_point
from hwrts.fixed_point import Format, Window
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.conv_facts import pair
from hwrts.graph.operators.operator import Operator

Side = Annotated[int, Field(ge=1, le=32)]
"""Of a window, or its stride."""
Margin = Annotated[int, Field(ge=0, le=31)]
"""By how much a window may reach beyond the picture."""
_Kernel = Annotated[tuple[Side, Side], Field(strict=False)]  # JSON has lists
_Margins = Annotated[tuple[Margin, Margin, Margin, Margin], Field(strict=False)]


@dataclass(frozen=True)
class MaxPool(Operator):
    """The largest value under each window; codes are chosen, none is computed.

    Attributes:
        kernel: Rows and columns of the window.
        stride: Of both directions.
        pads: By how much windows reach beyond the picture, (top, left, bottom, right).
    """

    MODULES = (nn.MaxPool2d,)
    FUNCTIONS = (F.max_pool2d, torch.max_pool2d)
    SPELLED = "MaxPool2d with one stride and without dilation"
    MOVES = True

    sources: tuple[str]
    kernel: _Kernel
    stride: Side
    pads: _Margins

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """Any of its spellings."""
        pool = call.module
        if isinstance(pool, nn.MaxPool2d):
            given = pool.kernel_size, pool.stride, pool.padding, pool.dilation
            rounds_up, indices = pool.ceil_mode, pool.return_indices
        else:
            kernel = call.argument(1, "kernel_size")
            stride = call.argument(2, "stride")
            given = kernel, stride, call.argument(3, "padding", 0), call.argument(4, "dilation", 1)
            rounds_up = call.argument(5, "ceil_mode", False)
            indices = call.argument(6, "return_indices", False)
        kernel, padding, dilation = (_numbers(call, each) for each in (given[0], given[2], given[3]))
        stride = _numbers(call, given[1]) if given[1] else kernel
        facts = [
            (stride[0] == stride[1], f"strides {stride}; use the same in both directions"),
            (dilation == (1, 1), f"dilation {dilation}; only 1 is supported"),
            (not indices, "return_indices=True; leave it out"),
            (max(*kernel, *stride) <= 32, f"window {kernel} with stride {stride}; use at most 32"),
        ]
        for holds, message in facts:
            if not holds:
                raise call.refused(message)
        (top, left), step = padding, stride[0]
        left_over = [(side - 2 * pad) % step for side, pad in zip(kernel, padding, strict=True)]
        below, behind = (  # rounding up is a window more for what is left over, if it begins before the end
            pad + (more if rounds_up and more < side - pad else 0)
            for side, pad, more in zip(kernel, padding, left_over, strict=True)
        )
        return cls(call.name, call.sources(), kernel, step, (top, left, below, behind))

    def value(self, *xs: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H', W')."""
        top, left, bottom, right = self.pads
        padded = F.pad(xs[0], (left, right, top, bottom), value=-torch.inf)
        return F.max_pool2d(padded, self.kernel, self.stride)

    def non_negative(self, sources: bool) -> bool:
        """As its source."""
        return sources

    @property
    def window(self) -> Window:
        """As its integers have it."""
        return self._integers().window

    def lower(
        self, part: Any, formats: Mapping[str, Format], channels: Mapping[str, int]
    ) -> fixed_point.Layer:
        """The same windows."""
        return self._integers()

    def _integers(self) -> fixed_point.MaxPool:
        return fixed_point.MaxPool(self.name, self.sources[0], self.kernel, self.stride, self.pads)


def _numbers(call: Call, value: Any) -> tuple[int, int]:
    """A number for both directions, or one for each; what is computed of the picture's size is none yet."""
    found = pair(value)
    if found is None:
        raise call.refused(
            f"takes {value}; whole numbers are supported, and the picture's own size for its largest value"
        )
    return found
