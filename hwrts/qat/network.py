"""Quantisation-aware training modules, derived from the graph with Brevitas layers.

Scales are powers of two everywhere: weights one per output channel (from the largest weight, so they follow
the training, and coarser where float32 would not be exact), activations one per tensor (fixed by
calibration), biases int32 on the accumulator's grid.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from hwrts import fixed_point
from hwrts.fixed_point import Format, Network, Rounding, RoundingRules, halo, run_all
from hwrts.graph import Conv, Graph, Operation, graph_channels, graph_steps, silenced
from hwrts.graph.brevitas_layers import (
    Int8ActPerTensorFixedPoint,
    RestrictValueType,
    ScalingImplType,
    Uint8ActPerTensorFixedPoint,
    qnn,
)
from hwrts.graph.fitted import FittedWeights, check_register
from hwrts.graph.operators import PARTS
from hwrts.graph.operators.conv_part import lower_conv
from hwrts.graph.rounding import StraightThrough, half_up_by_one_bit
from hwrts.graph.weight_bits import NO_OWN_WIDTHS, check_layers, conv_names, layer_widths
from hwrts.networks.held import flat_picture
from hwrts.qat.range_penalty import is_correction
from hwrts.training.fit import Training

_USUAL_WEIGHT = 0.01
"""Root mean square of a kernel that has the full rate: networks without batch norms have more."""


class Arithmetic(Protocol):
    """How the tensors of a network are put on their grids, and with what its nodes compute."""

    def on_grid(self, name: str, x: Tensor) -> Any:
        """A tensor quantised: it has a ``value``, and with ``set(value=...)`` makes another on its grid."""

    def part(self, node: Operation) -> Any:
        """What a node's own numbers are in, if it has any."""


class QuantNetwork(nn.Module):
    """A graph with every tensor and weight fake-quantised.

    Args:
        graph: The deploy form of a network; it gives the topology and the starting weights.
        formats: Format of each tensor that has a quantiser: all but those whose codes were only moved.
        weight_bits: Width of the weights, 2..8.
        rounding: The tie rule of every requantisation, or those of convolutions and of additions. Weights and
            biases are rounded to nearest, always.
        layer_weight_bits: Width of the weights of single convolutions, 2..8, by name; the others have
            ``weight_bits``.
        accumulator_bits: Width of the registers that the sums of convolutions fit in, whatever the input
            and the training; None for the widest in which float32 computes them exactly.
        layer_accumulator_bits: Those of single convolutions, by name.
        settle: Whether weights of few bits have grids of least squared error, and come to rest on them.

    Raises:
        ConfigError: A width of a layer that is no convolution of the graph.
        HwrtsError: Accumulators in which a layer has no room for weights.
    """

    def __init__(
        self,
        graph: Graph,
        formats: dict[str, Format],
        weight_bits: int = 8,
        rounding: Rounding | RoundingRules = Rounding.HALF_EVEN,
        layer_weight_bits: Mapping[str, int] = NO_OWN_WIDTHS,
        accumulator_bits: int | None = None,
        layer_accumulator_bits: Mapping[str, int] = NO_OWN_WIDTHS,
        *,
        settle: bool = False,
    ) -> None:
        super().__init__()
        check_layers(layer_weight_bits, conv_names(graph))
        check_layers(layer_accumulator_bits, conv_names(graph), "layer_accumulator_bits")
        self.graph = graph
        self.formats = formats
        self.weight_bits = weight_bits
        self.layer_weight_bits = dict(layer_weight_bits)
        self.rules = rules = RoundingRules.of(rounding)
        self.settle = settle
        self.accumulator_bits = accumulator_bits
        self.layer_accumulator_bits = dict(layer_accumulator_bits)
        self.widths = widths = layer_widths(
            conv_names(graph),
            weight_bits,
            layer_weight_bits,
            accumulator_bits,
            layer_accumulator_bits,
            settle=settle,
        )
        known = self._all_formats()
        for parts in PARTS:
            made = {
                node.name: node.part(known, widths.get(node.name), rules.rule_of(node))
                for node in graph.operations
                if parts == node.PARTS
            }
            setattr(self, parts, _ByTensor(made))  # "convs" and "slopes": the start of their keys in files
        watched = (each.name for each in graph.of(Conv) if formats[each.name].signed or each.zero_on_flat)
        self.answers = _ByTensor({name: nn.Identity() for name in watched})  # where their sums can be seen
        self._flat: dict[str, Any] = {}
        self._flat_of: tuple[Any, ...] | None = None
        self._before_silent = _read_by_silent(graph)
        self._flat_margin = halo(graph_steps(graph)) if graph.zero_on_flat() else None
        quantisers = {
            node.name: _quantiser(formats[node.name], rules.rule_of(node)) for node in graph.quantised_nodes()
        }
        self.quantisers = _ByTensor(quantisers)
        self._fitted = [part for part in self.modules() if isinstance(part, FittedWeights)]
        # Itself has no numbers; walking through the others takes longer than asking them.
        self._all_parts = tuple(part for part in self.modules() if part is not self)

    def forward(self, x: Tensor | Mapping[str, Tensor]) -> Tensor:
        """Pictures (N, C, H, W) in 0..1 to fake-quantised pictures on their grid; of outputs the first."""
        return self.values(x)[self.graph.output]

    def values(
        self, x: Tensor | Mapping[str, Tensor], arithmetic: Arithmetic | None = None
    ) -> dict[str, Tensor]:
        """The fake-quantised value of every tensor by name; value * 2**frac is its integer code.

        Args:
            x: Pictures (N, C, H, W), or what each input is fed by its name.
            arithmetic: Of Brevitas, which this module has, or one of equal values.
        """
        if arithmetic is None:
            quantised = self._all(x, self._on_flat(), self)
        else:
            quantised = self._all(x, self._made_of_flat(arithmetic), arithmetic)
        return {name: tensor.value for name, tensor in quantised.items()}

    def on_grid(self, name: str, x: Tensor) -> Any:
        """The QuantTensor of a tensor that has a quantiser."""
        return self.quantisers[name](x)

    def part(self, node: Operation) -> Any:
        """The module of a node's own numbers, if it has any."""
        return getattr(self, node.PARTS)[node.name] if node.PARTS else None

    def _all(
        self, x: Tensor | Mapping[str, Tensor], flat: Mapping[str, Any] | None, by: Arithmetic
    ) -> dict[str, Any]:
        """Every tensor on its grid; what silent nodes read if x is itself the flat picture."""
        given = x if isinstance(x, Mapping) else {self.graph.input.name: x}
        quantised = {each.name: by.on_grid(each.name, given[each.name]) for each in self.graph.inputs}
        for node in self._before_silent if flat is None else self.graph.operations:
            known = quantised if flat is None else flat
            operands = [quantised[source] for source in node.sources]
            quantised[node.name] = self._quantised(node, operands, known, by)
        return quantised

    def _on_flat(self) -> dict[str, Any]:
        """The QuantTensors of a flat picture that silent nodes read, if there are any."""
        if self._flat_margin is None or self.training:
            return self._made_of_flat(self)
        # A verification asks hundreds of times; the answer changes when a number does.
        numbers = (
            each for part in self._all_parts for each in (*part._parameters.values(), *part._buffers.values())
        )
        state = tuple((each.data_ptr(), each._version, each.dtype) for each in numbers if each is not None)
        if self._flat_of != state:
            with torch.inference_mode(False), torch.no_grad():
                self._flat, self._flat_of = self._made_of_flat(self), state
        return self._flat

    def _made_of_flat(self, by: Arithmetic) -> dict[str, Any]:
        if self._flat_margin is None:
            return {}
        picture = flat_picture(next(self.parameters()), self.graph.input.channels, self._flat_margin)
        return self._all(picture, None, by)

    def single(self, name: str, operands: dict[str, Tensor]) -> Tensor:
        """The fake-quantised value of one tensor, fed with given values of its sources."""
        (node,) = (each for each in self.graph.operations if each.name == name)
        origins = self.graph.origins()
        quantised = [self.quantisers[origins[source]](operands[source]) for source in node.sources]
        flat = self._on_flat() if node.zero_on_flat else {}
        return self._quantised(node, quantised, flat, self).value  # type: ignore[no-any-return]

    def unquantised(self) -> Graph:
        """The same network without a single quantiser: the weights that the training ended with, in float."""
        tuned = (node.fine_tuned(self.part(node)) for node in self.graph.operations)
        return silenced(self.graph.rewritten((*self.graph.inputs, *tuned)))

    def signed_convs(self) -> dict[nn.Module, Format]:
        """What gives the sums of signed convolutions that are corrections, with their formats.

        These may need to stay small. Where a bias is found so that flat areas give 0, that is behind the
        subtraction of their answer. Sums of a wider range than a correction's are left: they may hold the
        picture, whose white is not to be pulled down, and in +-32 they would weigh more than all of its
        errors (docs/experiments.md).
        """
        formats = {name: self.formats[name] for name in self.widths if self.formats[name].signed}
        return {self.answers[name]: out for name, out in formats.items() if is_correction(out)}

    def lower(self) -> Network:
        """The integers that this module computes with.

        Raises:
            HwrtsError: A scale that is not a power of two, or weights of a training that diverged.
        """
        formats, channels = self._all_formats(), graph_channels(self.graph)
        inputs = tuple(x.lower(formats[x.name]) for x in self.graph.inputs)
        layers = tuple(node.lower(self.part(node), formats, channels) for node in self.graph.operations)
        rounding, additions = self.rules
        network = self._silenced(
            Network(inputs, layers, rounding, outputs=self.graph.outputs, additions=additions)
        )
        nodes = {node.name: node for node in self.graph.operations}
        for conv in network.convs:
            bits = self.widths[conv.name].accumulator
            check_register(network, conv, self.part(nodes[conv.name]).weight, bits)
        return network

    @torch.no_grad()
    def hold(self, share: float = 0.0) -> None:
        """Called after each step: biases stay equal where kernels do, which their quantisers see to.

        And they leave room for weights, where sums are to fit a register; weights that settle come nearer to
        their codes.

        Args:
            share: How much of the training is done, up to 1.
        """
        for node in self.graph.of(Conv):
            bias = self.part(node).bias
            bias.copy_(node.held.projected_bias(bias))
        for fitted in self._fitted:
            fitted.hold(share)

    def fine_tuning(self) -> Training:
        """A training that begins now, in which kernels of small weights have a share of the rate.

        Adam moves a weight by the rate in each step, however small it is. Batch norms that became part of a
        convolution can leave it less than that: 8e-5 in SRResNet behind the sum of all its blocks.
        """
        shares = {}
        for node in self.graph.operations:
            if node.name not in self.widths:
                continue
            weight = self.part(node).weight
            share = float(weight.detach().square().mean().sqrt()) / _USUAL_WEIGHT
            if 0 < share < 1:
                shares[weight] = share
        return Training.start(self, shares)

    def holding(self, training: Training, steps: int) -> Callable[[], None]:
        """What a training of so many steps calls after each."""
        return lambda: self.hold((training.step + 1) / steps)

    def exchanged(self, network: Network, layer: fixed_point.Layer) -> Network:
        """A network of this module with another layer in place of the one of that name.

        What is to be 0 on flat areas stays so: biases are found again.
        """
        return self._silenced(network.exchanged(layer))

    def _silenced(self, network: Network) -> Network:
        """The network with those biases with which flat pictures give 0 where they should, in integers."""
        for node in self.graph.operations:
            if node.zero_on_flat:
                side = 2 * halo(network.steps) + 1  # its middle sees no edge
                picture = np.zeros((side, side, self.graph.input.channels), np.uint8)
                tensors = run_all(network, picture, "int64")  # each such bias changes the layers behind it
                layer = network.layer(node.name)
                sources = [tensors[source] for source in layer.sources]
                network = network.exchanged(
                    node.silent_integers(layer, sources, network.formats_of(layer.sources))
                )
        return network

    def narrowed(self, name: str, weight_bits: int) -> fixed_point.Conv:
        """The integers of one convolution if its weights are rounded once more, to fewer bits, sums kept.

        This is what calibration does, but it starts from the weights as the network computes with them:
        fine-tuning has settled their sums, not those of the float weights behind them. Nothing is changed.

        Raises:
            ConfigError: No convolution has that name.
        """
        check_layers([name], conv_names(self.graph))
        (node,) = (each for each in self.graph.of(Conv) if each.name == name)
        conv = self.part(node)
        with torch.no_grad():
            node = replace(node, weight=conv.quant_weight().value, bias=conv.bias)
        formats, source = self._all_formats(), node.sources[0]
        widths = replace(self.widths[name], weight=weight_bits, settled=False)
        part = node.part(formats, widths, self.rules.rule_of(node))
        return node.placed(lower_conv(part, name, source, formats[source], formats[name]))

    def _quantised(
        self, node: Operation, operands: list[Any], flat: Mapping[str, Any], by: Arithmetic
    ) -> Any:
        """A node on its grid from its sources; ``flat`` has all of a flat picture."""
        made = node.quantised(by.part(node), *operands)
        if node.zero_on_flat:
            answer = node.quantised(by.part(node), *(flat[source] for source in node.sources))
            rows, columns = (side // 2 for side in answer.shape[2:])
            made = made - answer[:, :, rows : rows + 1, columns : columns + 1]
        if node.name in self.answers:
            made = self.answers[node.name](made)
        if node.MOVES:
            return operands[0].set(value=made)
        if self.rules.rule_of(node) is Rounding.DOUBLE:
            made = self._first_bit_dropped(node, made)
        return by.on_grid(node.name, made)

    def _first_bit_dropped(self, node: Operation, made: Tensor) -> Tensor:
        """Sums after the first half of double: how many bits are dropped the operator's integers say.

        The gradient passes as if nothing were rounded.
        """
        formats = self._all_formats()
        layer = node.lower(self.part(node), formats, graph_channels(self.graph))
        bits = layer.shift(*(formats[source] for source in layer.sources))
        if bits is None:  # a table or a mean: no sum that loses bits
            return made
        shift = np.reshape(bits, (1, -1, 1, 1))  # (1, O, 1, 1), or one for all
        unit = made.new_tensor(np.ldexp(1.0, -shift - formats[node.name].frac))
        exact = made.detach()
        dropped = half_up_by_one_bit(exact, unit, torch.tensor(shift, device=made.device))
        return made + (dropped - exact)  # exact: the difference is 0 or a unit

    def _all_formats(self) -> dict[str, Format]:
        """Of every tensor: moved codes keep their format."""
        return {name: self.formats[origin] for name, origin in self.graph.origins().items()}


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


def _read_by_silent(graph: Graph) -> tuple[Operation, ...]:
    """What the nodes that are to be 0 on flat pictures are made of, in order; no more is computed of one."""
    read: set[str] = set()
    for node in reversed(graph.operations):
        if node.zero_on_flat or node.name in read:
            read.update(node.sources)
    return tuple(node for node in graph.operations if node.name in read)


def _key(name: str) -> str:
    """A name in files; "training" and the like, which every module sets, get a sign that no tensor has."""
    return f"-{name}" if name in _SET else name


_SET = frozenset(vars(nn.Module()))


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
