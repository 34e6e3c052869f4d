"""A convolution during QAT: Brevitas' module of it, and the integers that this computes with."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from hwrts import fixed_point
from hwrts.fixed_point import Format, HwrtsError, weight_limit
from hwrts.graph.fitted import FittedWeights
from hwrts.graph.rounding import HeldWeights, check_finite, log2_of, round_keeping_sums
from hwrts.graph.weight_range import SMALLEST_WEIGHT_RANGE, WeightRange
from hwrts.graph.widths import Widths
from hwrts.networks.held import FREE

if TYPE_CHECKING:
    from hwrts.graph.operators.conv import Conv

# Letters of the shape comments: O output channels, I input channels of a group, KH and KW kernel size.


def quant_conv(node: "Conv", widths: Widths, source: Format) -> nn.Module:
    """Brevitas' convolution with the weights of a node, rounded so that the sums of kernels are kept.

    Those that settle or are to fit a register are not rounded: what their codes are is found in training.

    Scales are powers of two, one per output channel, from its largest weight, or one for all from the largest
    of all: they follow the training, and are coarser where float32 would not be exact. Biases are int32 on
    the accumulator's grid.

    Args:
        node: Its starting weights.
        widths: Of its weights and of its sums.
        source: Format of the tensor that it reads.
    """
    # 0.3 s, and tracing, cost and the float training do without
    from hwrts.graph.brevitas_layers import Int8WeightPerChannelFixedPoint, Int32Bias, qnn

    bits, out_channels = widths.weight, len(node.weight)
    ranges: WeightRange | FittedWeights
    rounds: nn.Module | None = None if node.held == FREE else HeldWeights(node.held, weight_limit(bits))
    if widths.accumulator is None and not widths.settled:
        ranges = WeightRange(bits, source, node.held, frozen=node.frozen, one_grid=node.one_grid)
    else:
        ranges = rounds = FittedWeights(out_channels, widths, source, node.held, one_grid=node.one_grid)

    class WeightQuant(Int8WeightPerChannelFixedPoint):  # type: ignore[misc]
        bit_width = bits
        scaling_stats_impl = ranges.ranges if isinstance(ranges, FittedWeights) else ranges
        scaling_min_val = SMALLEST_WEIGHT_RANGE
        if rounds is not None:
            float_to_int_impl = rounds

    conv = qnn.QuantConv2d(
        node.reads,
        out_channels,
        tuple(node.weight.shape[2:]),
        stride=node.stride,
        padding=node.zeros,
        dilation=node.dilation,
        groups=node.groups,
        weight_quant=WeightQuant,
        bias_quant=Int32Bias,
        return_quant_tensor=True,
    )
    with torch.no_grad():
        conv.weight.copy_(node.held.projected(node.weight))
        if node.zero_on_flat:
            conv.bias.zero_().requires_grad_(False)
        else:
            conv.bias.copy_(node.held.projected_bias(node.bias))
        ranges.watch(conv)
        if isinstance(ranges, FittedWeights):
            ranges.choose()
            if not node.frozen:  # the training decides between two codes: of the float weights no one is lost
                return conv  # type: ignore[no-any-return]
        scale = conv.quant_weight().scale.reshape(-1).expand(out_channels)
        if node.zero_sums:  # its quantiser keeps them
            conv.weight.copy_(conv.quant_weight().value)
        else:
            kept = round_keeping_sums(conv.weight.detach(), scale, weight_limit(bits))
            conv.weight.copy_(node.held.projected(kept))
        if node.frozen:  # its range has room for them
            conv.requires_grad_(False)
        else:
            _hold_range(conv, scale)
    return conv  # type: ignore[no-any-return]


@torch.no_grad()
def put_rounded(conv: Any, weight: Tensor) -> None:
    """Give a QuantConv2d other weights (O, I, KH, KW) on the grid that it has."""
    scale = conv.quant_weight().scale.reshape(-1).expand(conv.out_channels)
    conv.weight.copy_(weight)
    _hold_range(conv, scale)


def range_and_rounding(conv: Any) -> tuple[nn.Module, nn.Module]:
    """What gives a QuantConv2d's weights (O, I*KH*KW) their ranges, (O,), and what rounds them in LSB."""
    quantiser = conv.weight_quant.tensor_quant
    statistics = quantiser.scaling_impl.parameter_list_stats.stats
    return statistics.stats_impl, quantiser.int_quant.float_to_int_impl


def _hold_range(conv: Any, lsb: Tensor) -> None:
    """Make the quantiser compute with the weights as they were rounded.

    The range follows the largest weight. Where rounding left that on a power of two, the grid would become
    finer by a bit and end one LSB below it: 2 bits could never hold a code but 0 at full size. A quarter of
    an LSB more keeps the range, and rounds to the same code.

    Args:
        conv: QuantConv2d whose weights (O, I, KH, KW) have just been rounded.
        lsb: What they were rounded to, (O,).
    """
    lost = (conv.quant_weight().value != conv.weight).flatten(1).any(1)  # (O,)
    flat = conv.weight.flatten(1)  # (O, I*KH*KW), the same memory
    place = flat.abs().argmax(1, keepdim=True)  # (O, 1)
    largest = flat.gather(1, place)
    outward = largest + largest.sign() * lsb[:, None] / 4
    flat.scatter_(1, place, torch.where(lost[:, None], outward, largest))


@torch.no_grad()
def lower_conv(module: Any, name: str, source: str, source_format: Format, out: Format) -> fixed_point.Conv:
    """The integers that a ``brevitas.nn.QuantConv2d`` computes with.

    Weights and scales are read from Brevitas' own quantiser; the bias is rounded half to even onto the
    accumulator's grid, as Brevitas does when it runs (eq. 3). Nothing is quantised a second time.

    Args:
        module: QuantConv2d with per-channel power-of-two weight scales.
        name: Name of the tensor it makes.
        source: Name of the tensor it reads.
        source_format: Format of that tensor.
        out: Format of its result.

    Raises:
        HwrtsError: A scale that is not a power of two, a value that is not finite, or a bias beyond int32.
    """
    check_finite(name, "weight", module.weight)
    check_finite(name, "bias", module.bias)
    weight = module.quant_weight()
    weight_frac = -log2_of(weight.scale.reshape(-1).expand(module.out_channels), name)  # (O,)
    codes = weight.int(float_datatype=True).cpu().numpy()  # (O, I, KH, KW)
    bias = module.bias.detach().cpu().double().numpy()
    bias_codes = np.rint(np.ldexp(bias, source_format.frac + weight_frac))
    largest = float(np.abs(bias_codes).max())
    if largest > np.iinfo(np.int32).max:
        raise HwrtsError(
            f"layer {name!r}: a bias of {np.abs(bias).max():g} is code {largest:.0f}, beyond int32, "
            "beside weights so small; enlarge the weights or shrink the bias (a diverged training has such)"
        )
    return fixed_point.Conv(
        name=name,
        source=source,
        weight_i8=codes.astype(np.int8),
        weight_frac=weight_frac.astype(np.int32),
        bias_i32=bias_codes.astype(np.int32),
        out=out,
        weight_bits=int(weight.bit_width),
    )
