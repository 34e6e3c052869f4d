"""A step of fine-tuning: the values of Brevitas' modules bit for bit, in fewer passes over the memory.

Brevitas is the definition: it calibrates, and it is what is saved, measured and verified. Its activations
take a dozen elementwise operators each, three quarters of a step; here a tensor is quantised piece by piece
while it is in the processor's cache, and weights as ``hwrts.qat.fused_weights`` has them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from hwrts.fixed_point import Format, Rounding
from hwrts.graph import Conv, Operation
from hwrts.graph.rounding import round_by
from hwrts.qat.fused_weights import ConvGrid
from hwrts.qat.int8_conv import ROUNDS, convolved
from hwrts.qat.network import QuantNetwork

_PIECE = 1 << 18
"""Numbers that a thread takes through all operators at once: 1 MiB of float32, which stays in its cache."""

_PICTURE = 4
"""Dimensions of pictures (N, C, H, W)."""


class Fused:
    """The forward pass of a network for training: equal values; gradients equal but for the order of sums.

    A network with layers that are silent on flat pictures reads each weight twice in a step; Brevitas takes
    both gradients through its quantiser and adds them, here they are added first. Float32 addition rounds, so
    the last bits of such a gradient differ.

    Args:
        network: What is trained, on the device that it stays on.
    """

    def __init__(self, network: QuantNetwork) -> None:
        self._network = network
        self._grids = {
            node.name: _Grid.of(network.formats[node.name], network.rules.rule_of(node))
            for node in network.graph.quantised_nodes()
        }
        origins = network.graph.origins()
        self._convs = {
            node.name: ConvGrid.of(
                node,
                network.part(node),
                network.widths[node.name].weight,
                network.formats[origins[node.sources[0]]],
            )
            for node in network.graph.of(Conv)
        }
        self._trained = tuple(network.parameters())

    def __call__(self, x: Tensor | Mapping[str, Tensor]) -> Tensor:
        """Pictures (N, C, H, W) in 0..1 to fake-quantised pictures; of several outputs the first."""
        return self.values(x)[self._network.graph.output]

    def values(self, x: Tensor | Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The fake-quantised value of every tensor by name, as :meth:`.QuantNetwork.values`."""
        given = {name: _laid(each) for name, each in x.items()} if isinstance(x, Mapping) else _laid(x)
        # Bytes have no NaN, by which a training that diverged is known: in float32 it reaches the loss.
        finite = all(bool(each.detach().sum().isfinite()) for each in self._trained)
        return self._network.values(given, _Step(self._network, self._grids, self._convs, finite))


def _laid(x: Tensor) -> Tensor:
    """The same numbers, a pixel's channels side by side: all behind them is laid out so, and sooner made."""
    # Of one channel torch would leave it as it is, and make the next tensors of planes.
    return torch.empty_like(x, memory_format=torch.channels_last).copy_(x) if x.dim() == _PICTURE else x


class _Step:
    """The arithmetic of one step: weights and biases are quantised once."""

    def __init__(
        self,
        network: QuantNetwork,
        grids: Mapping[str, "_Grid"],
        convs: Mapping[str, ConvGrid],
        finite: bool,
    ) -> None:
        self._network, self._grids = network, grids
        parts = {node.name: network.part(node) for node in network.graph.of(Conv)}
        self._convs = {
            name: _ConvOfStep(convs[name](part.weight, part.bias), finite, convs[name].source, part)
            for name, part in parts.items()
        }

    def on_grid(self, name: str, x: Tensor) -> "_OnGrid":
        return _OnGrid(self._grids[name](x))

    def part(self, node: Operation) -> Any:
        return self._convs[node.name] if node.name in self._convs else self._network.part(node)


@dataclass(frozen=True)
class _OnGrid:
    """What stands in place of Brevitas' QuantTensor: the scale is known from the format."""

    value: Tensor

    def set(self, value: Tensor) -> Self:
        return type(self)(value)


@dataclass(frozen=True)
class _ConvOfStep:
    """A convolution with the weights of this step on their grid.

    Attributes:
        numbers: Weights, biases, codes and LSB, as :class:`.ConvGrid` gives them.
        finite: Whether all numbers of the network are.
        source: Format of what it reads.
        module: Brevitas' module of it.
    """

    numbers: tuple[Tensor, Tensor, Tensor, Tensor]
    finite: bool
    source: Format
    module: Any

    def __call__(self, x: _OnGrid) -> _OnGrid:
        weight, bias, codes, lsb = self.numbers
        given = codes if self.finite else None
        return _OnGrid(convolved(x.value, weight, bias, given, lsb, self.source, self.module))


@dataclass(frozen=True)
class _Grid:
    """The quantiser of a tensor (eq. 5): scale, round, saturate.

    Attributes:
        out: The format.
        rounding: The tie rule.
        low, high: The values between which nothing saturates, exclusive: there the gradient passes.
    """

    out: Format
    rounding: Rounding
    low: float
    high: float

    @classmethod
    def of(cls, out: Format, rounding: Rounding) -> Self:
        """The rule itself is asked which number is the first to saturate: around a tie, in float32."""
        half = 0.0 if rounding is Rounding.FLOOR else 0.5
        lsb = 2.0**-out.frac
        ends = torch.tensor([out.min - half, out.max + 1 - half]) * lsb
        outward = torch.tensor([-torch.inf, torch.inf])
        around = torch.stack([ends.nextafter(-outward), ends, ends.nextafter(outward)])  # (3, 2)
        codes = round_by(around / lsb, rounding)
        first = ((codes < out.min) | (codes > out.max)).int().argmax(0, keepdim=True)  # (1, 2)
        low, high = around.gather(0, first)[0].tolist()
        return cls(out, rounding, low, high)

    def quantise(self, numbers: Tensor, made: Tensor) -> None:
        """Values on the grid of any numbers, into ``made``."""
        lsb = 2.0**-self.out.frac
        if self.rounding is Rounding.HALF_EVEN:
            # What is so large that the sum has another LSB saturates.
            torch.add(numbers, ROUNDS * lsb, out=made)
            made.sub_(ROUNDS * lsb).clamp_(self.out.min * lsb, self.out.max * lsb)
        else:
            torch.mul(numbers, 1 / lsb, out=made)
            made.copy_(round_by(made, self.rounding)).clamp_(self.out.min, self.out.max).mul_(lsb)

    def __call__(self, x: Tensor) -> Tensor:
        made: Tensor = _FakeQuantise.apply(x, self)  # type: ignore[no-untyped-call]
        return made


class _FakeQuantise(torch.autograd.Function):
    """Straight-through where nothing saturates, as Brevitas' quantiser."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, grid: _Grid) -> Tensor:
        made = torch.empty_like(x)
        if made.stride() != x.stride():
            x = x.contiguous()
            made = torch.empty_like(x)
        ctx.save_for_backward(x)
        ctx.grid = grid
        size = _PIECE * torch.get_num_threads() if x.device.type == "cpu" else max(1, x.numel())
        numbers, row = _row(x), _row(made)
        for start in range(0, len(row), size):
            grid.quantise(numbers[start : start + size], row[start : start + size])
        return made

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        # The gradient of a clamp that saturates at and beyond two values: one pass.
        return torch.ops.aten.hardtanh_backward(gradient, x, ctx.grid.low, ctx.grid.high), None


def _row(x: Tensor) -> Tensor:
    """Numbers that lie side by side, in the order of the memory."""
    return x.as_strided((x.numel(),), (1,))
