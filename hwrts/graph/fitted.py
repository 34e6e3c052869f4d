"""Weights whose sums fit a register of a given width, whatever the input: in training and ever after.

Colbert et al., A2Q: Accumulator-Aware Quantization with Guaranteed Overflow Avoidance, 2023, and A2Q+, 2024,
bound the l1 norm of each channel's weights in training. Here it is their codes that are bounded, so that no
rounding comes behind the guarantee; and of a source without a sign those above and below 0 apart, as A2Q+
does by centring weights.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hwrts import fixed_point
from hwrts.fixed_point import Format, HwrtsError, Network, room_for_weights, weight_limit
from hwrts.graph.rounding import round_held
from hwrts.graph.weight_range import SMALLEST_WEIGHT_RANGE
from hwrts.graph.widths import Widths
from hwrts.networks.held import Held

FINEST, GRIDS = 0.5, 8
"""Grids that are tried: from half of the range of the largest weight on, each of twice the range."""

WIDEST = 24
"""Width of the widest register all of whose sums are below 2**24 (eq. 49)."""

PULL, FREE_SHARE = 0.1, 0.3
"""How much nearer to its code a weight comes after the last step; and the share of a training in which it is
not pulled, when rates are high and weights find theirs."""

HALVINGS = 14
"""Of the interval that a threshold is looked for in: to a hundredth of an LSB, with 8 bits."""

# Letters of the shape comments: O output channels, I input channels of a group, K kernel size.


class FittedWeights(nn.Module):
    """Weights in LSB to codes that fit the register; the gradient passes as if nothing were done.

    It is the rounding of Brevitas' quantiser, and has its ranges (:attr:`ranges`): the grid of each channel
    is chosen once and is in the module's file; one that followed the largest weight would leave no room.

    Args:
        channels: O.
        widths: Of the weights and of the register; none is the widest in which float32 is exact.
        source: Format of the tensor that the convolution reads.
        held: What is held of its numbers.
        one_grid: Whether all channels have one grid.
    """

    def __init__(
        self, channels: int, widths: Widths, source: Format, held: Held, *, one_grid: bool = False
    ) -> None:
        super().__init__()
        self._bits, self._register = widths.weight, widths.accumulator or WIDEST
        self._settled, self._source, self._held, self._one_grid = widths.settled, source, held, one_grid
        # A bias that is found later may be as large as all products together, of either sign.
        self._apart = not source.signed and not held.zero_on_flat
        # In lists, or the convolution would be a part of its own quantiser, and the ranges in its file twice.
        self._conv: list[Any] = []
        self._ranges = [Ranges(channels)]

    @property
    def ranges(self) -> "Ranges":
        """Those of the quantiser."""
        return self._ranges[0]

    def watch(self, conv: nn.Module) -> None:
        """Say whose bias belongs to the weights."""
        self._conv = [conv]

    def forward(self, x: Tensor) -> Tensor:
        """Weights (O, I, K, K) in LSB to codes."""
        if not self._conv:
            return x
        x = self._held.projected(x)
        return x + (self._codes(x.detach(), self.ranges.ranges) - x.detach())

    @torch.no_grad()
    def hold(self, share: float) -> None:
        """After each step: a bias leaves half of the register to the weights; weights come to rest.

        A weight at the edge of two codes steps from one to the other and back, and where it is when the
        training ends is chance (Nagel et al., Overcoming Oscillations in Quantization-Aware Training, 2022).
        So each is pulled towards the code that it has, ever more, and biases settle with it.

        Args:
            share: How much of the training is done, up to 1.
        """
        conv = self._conv[0]
        most = self._most_of_bias(self.ranges.ranges)
        conv.bias.copy_(torch.minimum(torch.maximum(conv.bias, -most), most))
        pull = PULL * (share - FREE_SHARE) / (1 - FREE_SHARE)
        if self._settled and pull > 0 and conv.weight.requires_grad:
            lsb = self._lsb(self.ranges.ranges)[:, None, None, None]
            codes = self._codes(self._held.projected(conv.weight) / lsb, self.ranges.ranges)
            conv.weight.add_(codes * lsb - conv.weight, alpha=pull)

    @torch.no_grad()
    def choose(self) -> None:
        """Give each channel the grid on which its weights, as they are, change least.

        It is one on which its bias leaves half of the register to them.
        """
        weight, bias = self._held.projected(self._conv[0].weight), self._conv[0].bias
        of_bias = bias.abs() / self._most_of_bias(torch.ones_like(bias))
        start = torch.maximum(weight.abs().flatten(1).amax(1) * FINEST, of_bias)
        tried, errors = [], []
        for bits in range(GRIDS):
            ranges = start.clamp(min=SMALLEST_WEIGHT_RANGE).log2().ceil().add(bits).exp2()  # (O,)
            lsb = self._lsb(ranges)[:, None, None, None]
            tried.append(ranges)
            errors.append((self._codes(weight / lsb, ranges) * lsb - weight).square().flatten(1).sum(1))
        best = torch.stack(errors).argmin(0, keepdim=True)  # (1, O), the finest of equals
        self.ranges.ranges.copy_(torch.stack(tried).gather(0, best)[0])
        if self._one_grid:
            self.ranges.ranges.fill_(self.ranges.ranges.max())

    def _most_of_bias(self, ranges: Tensor) -> Tensor:
        """Half of the register, (O,)."""
        return self._bias_lsb(ranges) * (1 << (self._register - 2))

    def _bias_lsb(self, ranges: Tensor) -> Tensor:
        """Of the accumulators, (O,): a power of two, exact in whatever it is multiplied by (eq. 3)."""
        return self._lsb(ranges) * 2.0**-self._source.frac

    def _lsb(self, ranges: Tensor) -> Tensor:
        """As Brevitas has it, (O,)."""
        return ranges * 2.0 ** (1 - self._bits)

    def _codes(self, x: Tensor, ranges: Tensor) -> Tensor:
        """The nearest codes that fit.

        Every weight comes nearer to 0 by as much as it takes, and is rounded: of all codes whose magnitudes
        add up to no more, these have the smallest squared error.
        """
        exact = self._conv[0].bias.detach().double() / self._bias_lsb(ranges)
        whole = (
            exact.round().abs().nan_to_num(0.0).clamp(max=2.0**32)
        )  # of a training that diverged: its loss says so
        bias = whole.cpu().numpy().astype(np.int64)
        rooms = torch.from_numpy(room_for_weights(self._register, self._source, bias)).to(x.device)
        if self._held.zero_on_flat:
            rooms = rooms // 2 if self._source.signed else rooms
        largest = weight_limit(self._bits)
        x = x.clamp(-largest, largest)
        if self._apart and not self._held.zero_sums:
            halves = torch.cat([x.clamp(min=0), x.clamp(max=0)])
            up, down = self._nearest(halves, rooms.repeat(2), largest).chunk(2)
            return up + down
        return self._nearest(x, rooms * 2 if self._apart else rooms, largest)

    def _nearest(self, x: Tensor, rooms: Tensor, largest: int) -> Tensor:
        """The same for one bound on all magnitudes of a row: the least threshold is found by halving."""
        each = (-1, 1, 1, 1)

        def tried(threshold: Tensor) -> tuple[Tensor, Tensor]:
            nearer = (x.abs() - threshold.reshape(each)).clamp(min=0) * x.sign()
            codes = round_held(nearer, self._held, largest)
            return codes, codes.abs().flatten(1).double().sum(1) <= rooms

        low, high = x.new_zeros(len(x)), x.abs().flatten(1).amax(1)  # nothing is left above it
        found, fits = tried(low)
        if bool(fits.all()):
            return found
        found = torch.where(fits.reshape(each), found, 0)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            codes, fit = tried(middle)
            found = torch.where((fit & ~fits).reshape(each), codes, found)
            low, high = torch.where(fit, low, middle), torch.where(fit, middle, high)
        if self._held.zero_sums:  # one weight more would not sum to 0
            return found
        # Of weights that are as far from the next code as each other, as many get it as there is room for.
        nearer, (more, _) = found.flatten(1), tried(low)
        steps = (more.flatten(1) - nearer).abs()  # (O, n)
        room = (rooms - nearer.abs().double().sum(1))[:, None]
        return torch.where(steps.cumsum(1) <= room, more.flatten(1), nearer).reshape(found.shape)


def check_register(network: Network, conv: fixed_point.Conv, weight: Tensor, bits: int | None) -> None:
    """Hold the proof of a layer's integers against the register that was asked for.

    Args:
        network: The integers.
        conv: A convolution of it.
        weight: What its weights were made of.
        bits: Width of its accumulators; None for any.

    Raises:
        HwrtsError: They do not fit, or no weight does: a bias of one LSB can take the room of all.
    """
    if bits is None:
        return
    name = conv.name
    (source,) = network.formats_of(conv.sources)
    dead = bool(weight.any()) and not conv.weight_i8.any()
    if int(network.bounds[name].bits.max()) > bits or dead:
        raise HwrtsError(
            f"layer {name!r}: accumulators of {bits} bits have no room for its weights and biases, times "
            f"codes of up to {source.magnitude}; give it more with --layer-accumulator-bits"
        )


class Ranges(nn.Module):
    """What the weights of each channel are quantised for, powers of two."""

    ranges: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("ranges", torch.ones(channels))

    def forward(self, weight: Tensor) -> Tensor:
        """(O,), whatever the weights are."""
        return self.ranges
