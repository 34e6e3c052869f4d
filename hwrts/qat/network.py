"""Quantisation-aware training modules, derived from the graph with Brevitas layers.

Scales are powers of two everywhere: weights one per output channel (from the largest weight, so they follow
the training, and coarser where float32 would not be exact), activations one per tensor (fixed by
calibration), biases int32 on the accumulator's grid.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import brevitas.nn as qnn
import torch
from brevitas.inject.enum import RestrictValueType, ScalingImplType
from brevitas.quant.fixed_point import (
    Int8ActPerTensorFixedPoint,
    Int8WeightPerChannelFixedPoint,
    Uint8ActPerTensorFixedPoint,
)
from brevitas.quant.scaled_int import Int32Bias
from torch import Tensor, nn

from hwrts import fixed_point
from hwrts.fixed_point import Format, Layer, Network, Rounding, weight_limit
from hwrts.graph import (
    Add,
    Conv,
    DepthToSpace,
    Graph,
    Node,
    PRelu,
    Repeat,
    Scale,
    Upsample,
    apply_node,
    graph_steps,
)
from hwrts.graph.rounding import StraightThrough, dyadic_factor, dyadic_slopes
from hwrts.graph.weight_bits import NO_OWN_WIDTHS, check_layers, conv_names, layer_widths
from hwrts.qat.calibrate import round_keeping_sums
from hwrts.qat.lower import lower_conv, lower_prelu
from hwrts.qat.weight_range import SMALLEST_WEIGHT_RANGE, WeightRange


class QuantNetwork(nn.Module):
    """A graph with every tensor and weight fake-quantised.

    Args:
        graph: The deploy form of a network; it gives the topology and the starting weights.
        formats: Format of each tensor that has a quantiser: all but those whose codes were only moved.
        weight_bits: Width of the weights, 2..8.
        rounding: The tie rule of every requantisation. Weights and biases are rounded to nearest, always.
        layer_weight_bits: Width of the weights of single convolutions, 2..8, by name; the others have
            ``weight_bits``.

    Raises:
        ConfigError: A width of a layer that is no convolution of the graph.
    """

    def __init__(
        self, graph: Graph, formats: dict[str, Format], weight_bits: int = 8,
        rounding: Rounding = Rounding.HALF_EVEN, layer_weight_bits: Mapping[str, int] = NO_OWN_WIDTHS,
    ) -> None:  # fmt: skip
        super().__init__()
        check_layers(layer_weight_bits, conv_names(graph))
        self.graph = graph
        self.formats = formats
        self.weight_bits = weight_bits
        self.layer_weight_bits = dict(layer_weight_bits)
        self.rounding = rounding
        widths = layer_widths(conv_names(graph), weight_bits, layer_weight_bits)
        self.convs = _ByTensor(
            {
                node.name: _quant_conv(node, widths[node.name], formats[self._origin(node.sources[0])])
                for node in graph.nodes
                if isinstance(node, Conv)
            }
        )
        self.slopes = _ByTensor(
            {node.name: QuantSlope(node) for node in graph.nodes if isinstance(node, PRelu)}
        )
        self.quantisers = _ByTensor({name: _quantiser(out, rounding) for name, out in formats.items()})

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, C, H, W) in 0..1 to fake-quantised pictures on the pixel grid."""
        return self.values(x)[self.graph.output]

    def values(self, x: Tensor) -> dict[str, Tensor]:
        """The fake-quantised value of every tensor by name; value * 2**frac is its integer code."""
        quantised: dict[str, Any] = {self.graph.input.name: self.quantisers[self.graph.input.name](x)}
        for node in self.graph.nodes[1:]:
            quantised[node.name] = self.quantised(node, [quantised[source] for source in node.sources])
        return {name: tensor.value for name, tensor in quantised.items()}

    def single(self, name: str, operands: dict[str, Tensor]) -> Tensor:
        """The fake-quantised value of one tensor, fed with given values of its sources."""
        node = self.graph.node(name)
        quantised = [self.quantisers[self._origin(source)](operands[source]) for source in node.sources]
        return self.quantised(node, quantised).value  # type: ignore[no-any-return]

    def unquantised(self) -> Graph:
        """The same network without a single quantiser: the weights that the training ended with, in float."""
        nodes: list[Node] = []
        for node in self.graph.nodes:
            if isinstance(node, Conv):
                conv: Any = self.convs[node.name]
                node = replace(node, weight=conv.weight.detach(), bias=conv.bias.detach())
            elif isinstance(node, PRelu):
                slopes: Any = self.slopes[node.name]
                node = replace(node, slope=slopes.slope.detach())
            nodes.append(node)
        return Graph(tuple(nodes))

    def signed_convs(self) -> dict[nn.Module, Format]:
        """The convolutions whose result is stored signed, with its format: these may need to stay small."""
        signed = [name for name in conv_names(self.graph) if self.formats[name].signed]
        return {self.convs[name]: self.formats[name] for name in signed}

    def lower(self) -> Network:
        """The integers that this module computes with.

        Raises:
            HwrtsError: A scale that is not a power of two, or weights of a training that diverged.
        """
        lowered = {node.name: self.formats[self._origin(node.name)] for node in self.graph.nodes}
        first = self.graph.input
        inputs = (fixed_point.Input(first.name, first.channels, lowered[first.name]),)
        layers = tuple(self._lower(node, lowered) for node in self.graph.nodes[1:])
        return Network(inputs, layers, self.rounding)

    def narrowed(self, name: str, weight_bits: int) -> fixed_point.Conv:
        """The integers of one convolution if its weights are rounded once more, to fewer bits, sums kept.

        This is what calibration does, but it starts from the weights as the network computes with them:
        fine-tuning has settled their sums, not those of the float weights behind them. Nothing is changed.

        Raises:
            ConfigError: No convolution has that name.
        """
        check_layers([name], conv_names(self.graph))
        node = self.graph.node(name)
        conv: Any = self.convs[name]
        assert isinstance(node, Conv)
        with torch.no_grad():
            node = replace(node, weight=conv.quant_weight().value, bias=conv.bias)
        source, out = self.formats[self._origin(node.sources[0])], self.formats[name]
        return lower_conv(_quant_conv(node, weight_bits, source), name, node.sources[0], source, out)

    def _lower(self, node: Node, formats: dict[str, Format]) -> Layer:
        source, out = node.sources[0], formats[node.name]
        if isinstance(node, Conv):
            return lower_conv(self.convs[node.name], node.name, source, formats[source], out)
        if isinstance(node, Add):
            return fixed_point.Add(node.name, node.sources, out)
        if isinstance(node, Scale):
            multiplier, frac = dyadic_factor(node.factor)
            return fixed_point.Scale(node.name, source, multiplier, frac, out)
        if isinstance(node, PRelu):
            channels = next(step.channels for step in graph_steps(self.graph) if step.name == source)
            return lower_prelu(self.slopes[node.name], node.name, source, channels, out)
        if isinstance(node, DepthToSpace):
            return fixed_point.DepthToSpace(node.name, source, node.block)
        if isinstance(node, Upsample):
            return fixed_point.Upsample(node.name, source, node.kind, node.factor, out)
        assert isinstance(node, Repeat)  # the deploy form has no other operators
        return fixed_point.Repeat(node.name, source, node.factor)

    def _origin(self, name: str) -> str:
        """The tensor whose quantiser made the codes of ``name``: moving codes keeps their format."""
        while name not in self.formats:
            name = self.graph.node(name).sources[0]
        return name

    def quantised(self, node: Node, operands: list[Any]) -> Any:
        """The QuantTensor of one node from the QuantTensors of its sources."""
        if isinstance(node, Conv):
            return self.quantisers[node.name](self.convs[node.name](operands[0]).value)
        if isinstance(node, Scale):
            multiplier, frac = dyadic_factor(node.factor)
            node = replace(node, factor=math.ldexp(multiplier, -frac))
        elif isinstance(node, PRelu):
            node = replace(node, slope=self.slopes[node.name]())
        made = apply_node(node, [operand.value for operand in operands])
        if node.name in self.quantisers:
            return self.quantisers[node.name](made)
        return operands[0].set(value=made)  # codes only change places


class _ByTensor(nn.Module):
    """Modules by the name of their tensor, which may be any: ModuleDict refuses "update", "keys", "type"."""

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        super().__init__()
        for name, module in modules.items():
            self._modules[_key(name)] = module  # add_module refuses what nn.Module has as a method

    def __getitem__(self, name: str) -> Any:
        return self._modules[_key(name)]

    def __contains__(self, name: str) -> bool:
        return _key(name) in self._modules


def _key(name: str) -> str:
    """A name in files; "training" and the like, which every module sets, get a sign that no tensor has."""
    return f"-{name}" if name in _SET else name


_SET = frozenset(vars(nn.Module()))


class QuantSlope(nn.Module):
    """The slopes of a leaky ReLU, on a dyadic grid that stays as their starting values ask for.

    Args:
        node: Their starting values, and whether they are trained.
    """

    lsb: Tensor

    def __init__(self, node: PRelu) -> None:
        super().__init__()
        codes, frac = dyadic_slopes(node.slope)
        self.slope = nn.Parameter(node.slope.clone(), requires_grad=node.trained)
        self.register_buffer("lsb", torch.tensor(math.ldexp(1.0, -frac), dtype=codes.dtype))
        self._round = StraightThrough(Rounding.HALF_EVEN)

    def forward(self) -> Tensor:
        """Values on the grid, of the shape of the parameter."""
        return self.codes() * self.lsb

    def codes(self) -> Tensor:
        """Their codes; those that leave the range end at its limits."""
        largest = weight_limit(8)
        rounded: Tensor = self._round(self.slope / self.lsb)
        return rounded.clamp(-largest, largest)


def _quant_conv(node: Conv, bits: int, source: Format) -> nn.Module:
    ranges = WeightRange(bits, source)

    class WeightQuant(Int8WeightPerChannelFixedPoint):  # type: ignore[misc]
        bit_width = bits
        scaling_stats_impl = ranges
        scaling_min_val = SMALLEST_WEIGHT_RANGE

    out_channels, in_channels, kernel, _ = node.weight.shape
    conv = qnn.QuantConv2d(
        in_channels, out_channels, kernel, padding=kernel // 2,
        weight_quant=WeightQuant, bias_quant=Int32Bias, return_quant_tensor=True,
    )  # fmt: skip
    with torch.no_grad():
        conv.weight.copy_(node.weight)
        conv.bias.copy_(node.bias)
        ranges.watch(conv)
        scale = conv.quant_weight().scale.reshape(-1).expand(out_channels)
        conv.weight.copy_(round_keeping_sums(conv.weight.detach(), scale, weight_limit(bits)))
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


def _quantiser(out: Format, rounding: Rounding) -> nn.Module:
    base = Int8ActPerTensorFixedPoint if out.signed else Uint8ActPerTensorFixedPoint
    span = math.ldexp(1.0, out.bits - out.signed - out.frac)  # Brevitas divides it by 2**(bits - signed)

    class ActQuant(base):  # type: ignore[misc, valid-type]
        bit_width = out.bits
        float_to_int_impl = StraightThrough(rounding)
        scaling_impl_type = ScalingImplType.CONST
        scaling_init = span
        restrict_scaling_type = RestrictValueType.POWER_OF_TWO
        min_val = -span if out.signed else 0.0
        max_val = span

    return qnn.QuantIdentity(act_quant=ActQuant, return_quant_tensor=True)  # type: ignore[no-any-return]
