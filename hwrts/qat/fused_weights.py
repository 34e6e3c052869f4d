"""A convolution's weights and biases on their grids: Brevitas' values and gradients in fewer operators.

Brevitas takes fifty small operators forward and as many back for each convolution, whatever its size: a fifth
of the step of a small network. The range of each channel, and how weights are rounded, are asked of the
layer's own modules; what Brevitas does with these two is written out here, step by step, so that no bit
differs.
"""

import math
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from hwrts.fixed_point import Format, weight_limit
from hwrts.graph import Conv
from hwrts.graph.operators.conv_part import range_and_rounding
from hwrts.graph.weight_range import SMALLEST_WEIGHT_RANGE
from hwrts.networks.held import Held

_LARGEST_BIAS = 2.0**31
"""Brevitas' ends of int32, as float32 has them."""

_LN2 = math.log(2.0)

_EACH = (-1, 1, 1, 1)
"""Shape of a number for each channel beside weights."""

# Letters of the shape comments: O output channels, I input channels of a group, K kernel size.


@dataclass(frozen=True)
class ConvGrid:
    """The quantiser of a convolution's numbers.

    Attributes:
        ranges: Weights (O, I*K*K) to the range of each channel, (O,).
        rounding: Weights (O, I, K, K) in LSB to codes.
        held: What that holds of them.
        bits: Width of the weights.
        source: Format of the tensor that is read.
    """

    ranges: nn.Module
    rounding: nn.Module
    held: Held
    bits: int
    source: Format

    @classmethod
    def of(cls, node: Conv, module: Any, bits: int, source: Format) -> Self:
        """That of Brevitas' module of a node."""
        return cls(*range_and_rounding(module), node.held, bits, source)

    @property
    def source_lsb(self) -> float:
        """Of the tensor that is read."""
        return 2.0**-self.source.frac

    def __call__(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Weights (O, I, K, K) and biases (O,) on their grids, the codes of the weights, their LSB (O,)."""
        ranges = self.ranges(weight.flatten(1))  # (O,)
        return _Quantise.apply(weight, bias, ranges, self)  # type: ignore[no-untyped-call, no-any-return]


class _Quantise(torch.autograd.Function):
    """Straight-through; the gradient of a scale, a power of two, is that of its logarithm before rounding."""

    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, bias: Tensor, ranges: Tensor, grid: ConvGrid
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        wide = ranges.clamp(min=SMALLEST_WEIGHT_RANGE)
        power = torch.pow(2.0, wide.log2().ceil_())
        lsb = power * 2.0 ** (1 - grid.bits)  # (O,)
        limit = weight_limit(grid.bits)
        exact, bias_lsb = weight / lsb.reshape(_EACH), lsb * grid.source_lsb
        codes = grid.rounding(exact).clamp(-limit, limit)  # (O, I, K, K)
        bias_exact = bias / bias_lsb
        bias_codes = bias_exact.round()
        ctx.save_for_backward(exact, codes, bias_exact, bias_codes, wide, power, lsb)
        ctx.grid = grid
        ctx.mark_non_differentiable(codes, lsb)
        on_grid = bias_codes.clamp(-_LARGEST_BIAS, _LARGEST_BIAS) * bias_lsb
        return codes * lsb.reshape(_EACH), on_grid, codes, lsb

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor | None, None]:
        of_weight, of_bias = gradients[:2]
        exact, codes, bias_exact, bias_codes, wide, power, lsb = ctx.saved_tensors
        grid, each = ctx.grid, lsb.reshape(_EACH)
        of_exact = grid.held.projected(of_weight * each)
        fits = bias_codes.abs() <= _LARGEST_BIAS
        to_weight, to_bias = of_exact / each, of_bias * fits
        if not ctx.needs_input_grad[2]:
            return to_weight, to_bias, None, None
        of_lsb = (
            of_bias * bias_codes.clamp(-_LARGEST_BIAS, _LARGEST_BIAS) - to_bias * bias_exact
        ) * grid.source_lsb
        of_lsb = (
            of_lsb + (of_weight * codes).sum((1, 2, 3)) - (of_exact * (exact / each)).sum((1, 2, 3))
        )  # (O,)
        of_power = of_lsb * 2.0 ** (1 - grid.bits)
        return to_weight, to_bias, of_power * (power * _LN2) / (wide * _LN2), None
