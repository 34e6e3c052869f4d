"""Transposed convolution: a convolution and a PixelShuffle (eq. 39)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.graph.operators.call import Call
from hwrts.graph.operators.composed import Composed
from hwrts.graph.operators.conv import Conv
from hwrts.graph.operators.conv_facts import conv_numbers, is_own, one_number, pair, refused, unless_centred
from hwrts.graph.operators.depth_to_space import DepthToSpace
from hwrts.networks.transposed import Transposed, as_convolution, phases

if TYPE_CHECKING:
    from hwrts.graph.operators import Node

LARGEST_STRIDE = 16
"""As of a PixelShuffle."""


@dataclass(frozen=True, eq=False)
class TransposedConv(Composed):
    """A transposed convolution that enlarges by its stride.

    Attributes:
        conv: All its phases, as channels.
        block: Its stride.
    """

    MODULES = (nn.ConvTranspose2d,)
    FUNCTIONS = (F.conv_transpose2d, torch.conv_transpose2d)
    SPELLED = "ConvTranspose2d that enlarges by its stride"
    KERNELS = True

    sources: tuple[str]
    conv: Conv
    block: int

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """A module, or a function with its weights."""
        up = call.module
        (source,) = call.sources()
        if isinstance(up, nn.ConvTranspose2d):
            weight, bias = up.weight, up.bias
            given = (up.stride, up.padding, up.output_padding, up.groups, up.dilation)
            if len(call.node.args) > 1 or call.node.kwargs:
                raise refused(call, "its output_size is not supported; give output_padding")
        else:
            names = ("stride", "padding", "output_padding", "groups", "dilation")
            call.only("weight", "bias", *names)
            weight, bias = conv_numbers(call)
            defaults = (1, 0, 0, 1, 1)
            given = tuple(call.argument(3 + i, names[i], defaults[i]) for i in range(len(names)))
        stride, padding, extra, groups, dilation = given
        if one_number(call, "dilation", dilation) != 1:
            raise refused(call, f"dilation {dilation}; only 1 is supported")
        block = one_number(call, "stride", stride)
        if block > LARGEST_STRIDE:
            raise refused(call, f"stride {stride}; at most {LARGEST_STRIDE} is supported")
        shape = _shape(call, block, weight.shape[2:], padding, extra)
        kernels = as_convolution(weight.detach(), int(groups), shape)
        outputs = len(kernels) // block**2
        biases = weight.new_zeros(outputs) if bias is None else bias
        firsts = [phases(block, *each)[0] for each in ((shape[1], shape[3]), (shape[2], shape[4]))]
        top, left = (-first for first in firsts)
        sides = (top, left, kernels.shape[2] - 1 - top, kernels.shape[3] - 1 - left)
        conv = Conv(
            call.name,
            (source,),
            kernels,
            biases.detach().repeat_interleave(block**2),
            groups=int(groups),
            pads=unless_centred(sides, kernels, 1),
            transposed=shape if block > 1 else None,
            frozen=call.is_fixed(weight) and (up is None or is_own(up, weight)),
        )
        return cls(call.name, (source,), conv, block)

    def value(self, *xs: Tensor) -> Tensor:
        """(N, I, H, W) to (N, O, H*S, W*S)."""
        y = self.conv.value(*xs)
        return F.pixel_shuffle(y, self.block) if self.block > 1 else y

    def non_negative(self, sources: bool) -> bool:
        """Never: weights may have any sign."""
        return False

    @property
    def reads(self) -> int:
        """I."""
        return self.conv.reads

    def channels(self, *sources: Fraction) -> Fraction:
        """O."""
        return Fraction(len(self.conv.weight) // self.block**2)

    def scaled(self, gain: Tensor | float, offset: Tensor | None = None) -> Self:
        """As of a convolution: gain and offset of one of O are those of all its phases."""
        phases_of = self.block**2
        gains = torch.as_tensor(gain, dtype=torch.float64)
        spread = gains.repeat_interleave(phases_of) if gains.ndim else gains
        offsets = None if offset is None else offset.repeat_interleave(phases_of)
        return replace(self, conv=self.conv.scaled(spread, offsets))

    def written(self, channels: int, new: Callable[[str], str]) -> "tuple[Node, ...]":
        """The convolution, and what makes pixels of its channels."""
        conv = replace(self.conv, sources=self.sources)
        if self.block == 1:
            return (conv,)
        return conv, DepthToSpace(new(f"{self.name}_pixels"), (self.name,), self.block)


def _shape(call: Call, stride: int, kernel: Any, padding: Any, extra: Any) -> Transposed:
    """Stride, kernel and padding, if the result is as large as its source times the stride."""
    pads, extras = pair(padding), pair(extra)
    if pads is None or extras is None:
        raise refused(call, f"padding {padding}, output_padding {extra}; whole numbers are supported")
    for size, pad, beyond in zip(kernel, pads, extras, strict=True):
        more = size - stride - 2 * pad + beyond
        if more or not 0 <= pad < size:
            made = f"{stride}*H" + (f" {'+' if more > 0 else '-'} {abs(more)}" if more else "")
            raise refused(
                call,
                f"kernel {tuple(kernel)}, stride {stride}, padding {pads} and output_padding {extras} make "
                f"{made} rows or columns of H; {stride}*H are supported, with kernel - stride = "
                "2*padding - output_padding",
            )
    return stride, int(kernel[0]), int(kernel[1]), pads[0], pads[1]
