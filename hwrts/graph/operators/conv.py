"""Convolution: the operator that has nearly all of a network's numbers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from typing import Annotated, Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts import fixed_point
from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import Format, HwrtsError, Padding, Rounding, Window, weight_limit
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.operator import Operator, Rank
from hwrts.graph.rounding import HeldWeights, check_finite, log2_of, round_keeping_sums
from hwrts.graph.weight_range import SMALLEST_WEIGHT_RANGE, WeightRange
from hwrts.networks.held import FREE, Held, HeldConv2d, Tie


@dataclass(frozen=True, eq=False)
class Conv(Operator):
    """Convolution of stride 1 that keeps the picture's size by padding, with an optional ReLU behind it.

    Attributes:
        weight: (O, I, K, K), K odd.
        bias: (O,).
        relu: Whether max(0, .) follows.
        replicate: Whether pixels outside the picture equal the nearest inside; else they are 0.
        zero_sums: As of ``hwrts.networks.held.Held``, and so are the next two.
        zero_on_flat: The bias is then 0 in training, and found when the integers are.
        tie: Which kernels are equal.
    """

    MODULES = (nn.Conv2d,)
    SPELLED = "Conv2d (stride 1, padding with zeros or replicated edges that keeps the size)"
    PARTS = "convs"

    sources: tuple[str]
    weight: Annotated[Tensor, Rank(4)]
    bias: Annotated[Tensor, Rank(1)]
    relu: bool = False
    replicate: bool = field(default=False, metadata={"later": True})
    zero_sums: bool = field(default=False, metadata={"later": True})
    zero_on_flat: bool = field(default=False, metadata={"later": True})
    tie: Tie = field(default="none", metadata={"later": True})

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """A Conv2d that keeps the size."""
        conv = call.module
        assert isinstance(conv, nn.Conv2d)
        kernel, pad = conv.kernel_size, call.pad
        sources = call.sources() if pad is None else (pad.source,)
        margin = tuple(size // 2 for size in kernel)
        if pad is None:
            same, replicate = conv.padding in ("same", margin), conv.padding_mode == "replicate"
        else:
            same, replicate = conv.padding in ("valid", (0, 0)), pad.replicate
        facts: list[tuple[bool, str]] = [
            (conv.stride == (1, 1), f"stride {conv.stride}; only 1 is supported"),
            (conv.dilation == (1, 1), f"dilation {conv.dilation}; only 1 is supported"),
            (conv.groups == 1, f"groups {conv.groups}; only 1 is supported"),
            (kernel[0] == kernel[1] and kernel[0] % 2 == 1, f"kernel {kernel}; it must be square and odd"),
            (
                same and conv.padding_mode in ("zeros", "replicate"),
                f"padding {conv.padding} {conv.padding_mode!r}{'' if pad is None else ' behind a padding'}; "
                "'zeros' or 'replicate' that keep the size only",
            ),
            (
                pad is None or margin == (pad.margin, pad.margin),
                f"kernel {kernel} behind a padding by {pad.margin if pad else 0}; it must keep the size",
            ),
        ]
        for holds, message in facts:
            if not holds:
                raise UnsupportedOperatorError(f"Conv2d {call.where}: {message}")
        bias = conv.bias if conv.bias is not None else conv.weight.new_zeros(conv.out_channels)
        held = conv.held if isinstance(conv, HeldConv2d) else FREE
        weight = conv.weight.detach()
        return cls(call.name, sources, weight, bias.detach(), replicate=replicate, **asdict(held))

    def value(self, *xs: Tensor) -> Tensor:
        """(N, I, H, W) to (N, O, H, W)."""
        x = F.conv2d(self._padded(xs[0]), self.weight, self.bias, padding=self._zeros)
        return F.relu(x) if self.relu else x

    def _padded(self, x: Tensor) -> Tensor:
        """What it reads (N, I, H, W), with its edges replicated if it replicates them."""
        margin = self.window.after
        return F.pad(x, [margin] * 4, mode="replicate") if self.replicate and margin else x

    @property
    def _zeros(self) -> int:
        """Zeros that are put around what it reads."""
        return 0 if self.replicate else self.window.after

    def non_negative(self, sources: bool) -> bool:
        """Behind a ReLU."""
        return self.relu

    @property
    def window(self) -> Window:
        """K rows and columns."""
        return Window.around(
            self.weight.shape[-1], padding=Padding.REPLICATE if self.replicate else Padding.ZERO
        )

    @property
    def reads(self) -> int:
        """I."""
        return self.weight.shape[1]

    def channels(self, *sources: Fraction) -> Fraction:
        """O."""
        return Fraction(self.weight.shape[0])

    @property
    def held(self) -> Held:
        """What is held of its numbers."""
        return Held(self.zero_sums, self.zero_on_flat, self.tie)

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
        value: Tensor = part(x.set(value=self._padded(x.value)) if self.replicate else x).value
        return value

    def fine_tuned(self, part: Any) -> Self:
        """With the weights and biases of its module."""
        return replace(self, weight=self.held.projected(part.weight.detach()), bias=part.bias.detach())

    def lower(
        self, part: Any, formats: Mapping[str, Format], channels: Mapping[str, int]
    ) -> fixed_point.Layer:
        """Brevitas' own codes."""
        source = self.sources[0]
        lowered = lower_conv(part, self.name, source, formats[source], formats[self.name])
        return replace(lowered, padding=self.padding)

    def extreme(
        self, formats: Mapping[str, Format], channels: Mapping[str, int], weight_bits: int | None, end: int
    ) -> fixed_point.Layer:
        """Every weight at its largest or at its smallest."""
        assert weight_bits is not None  # every convolution has a width
        weight = np.full(tuple(self.weight.shape), end * weight_limit(weight_bits), np.int8)
        zeros = np.zeros(len(weight), np.int32)
        out = formats[self.name]
        extreme = fixed_point.Conv(self.name, self.sources[0], weight, zeros, zeros, out, weight_bits)
        return replace(extreme, padding=self.padding)

    @property
    def padding(self) -> Padding:
        """As the integers name it."""
        return Padding.REPLICATE if self.replicate else Padding.ZERO


def quant_conv(node: Conv, bits: int, source: Format) -> nn.Module:
    """Brevitas' convolution with the weights of a node, rounded so that the sums of kernels are kept.

    Scales are powers of two, one per output channel, from its largest weight: they follow the training, and
    are coarser where float32 would not be exact. Biases are int32 on the accumulator's grid.

    Args:
        node: Its starting weights.
        bits: Width of the weights, 2..8.
        source: Format of the tensor that it reads.
    """
    import brevitas.nn as qnn  # 2 s, and tracing, cost and the float training do without
    from brevitas.quant.fixed_point import Int8WeightPerChannelFixedPoint
    from brevitas.quant.scaled_int import Int32Bias

    ranges = WeightRange(bits, source, node.held)

    class WeightQuant(Int8WeightPerChannelFixedPoint):  # type: ignore[misc]
        bit_width = bits
        scaling_stats_impl = ranges
        scaling_min_val = SMALLEST_WEIGHT_RANGE
        if node.held != FREE:
            float_to_int_impl = HeldWeights(node.held, weight_limit(bits))

    out_channels, in_channels, kernel, _ = node.weight.shape
    conv = qnn.QuantConv2d(
        in_channels,
        out_channels,
        kernel,
        padding=0 if node.replicate else kernel // 2,
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
        scale = conv.quant_weight().scale.reshape(-1).expand(out_channels)
        if node.zero_sums:  # its quantiser keeps them
            conv.weight.copy_(conv.quant_weight().value)
        else:
            kept = round_keeping_sums(conv.weight.detach(), scale, weight_limit(bits))
            conv.weight.copy_(node.held.projected(kept))
        _hold_range(conv, scale)
    return conv  # type: ignore[no-any-return]


def _hold_range(conv: Any, lsb: Tensor) -> None:
    """Make the quantiser compute with the weights as they were rounded.

    The range follows the largest weight. Where rounding left that on a power of two, the grid would become
    finer by a bit and end one LSB below it: 2 bits could never hold a code but 0 at full size. A quarter of
    an LSB more keeps the range, and rounds to the same code.

    Args:
        conv: QuantConv2d whose weights (O, I, K, K) have just been rounded.
        lsb: What they were rounded to, (O,).
    """
    lost = (conv.quant_weight().value != conv.weight).flatten(1).any(1)  # (O,)
    flat = conv.weight.flatten(1)  # (O, I*K*K), the same memory
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
    codes = weight.int(float_datatype=True).cpu().numpy()  # (O, I, K, K)
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
