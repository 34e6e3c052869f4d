"""Convolutions of which something is held while they are trained, so that flat and grey areas pass unchanged.

Four facts, each linear in the weights, so that each is an orthogonal projection: a training step is kept
within them by projecting its gradients, and the rest that Adam's scaling of single weights leaves by
projecting the weights behind it.
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from hwrts.networks.transposed import Transposed, taps_of

# Letters of the shape comments: O output channels, I input channels, K kernel size.

Tie = Literal["none", "rows", "colours"]
"""Which kernels are equal: those of the red, green and blue third of the outputs ("rows": one correction
for all three), or those of each colour, and nothing goes from one colour into another ("colours": I is 3)."""

COLOURS = 3


@dataclass(frozen=True)
class Held:
    """What is held of a convolution's numbers.

    Attributes:
        zero_sums: Each kernel sums to 0: a flat area of any level gives the biases alone.
        zero_on_flat: The bias is no number of its own but what makes the answer to a flat picture 0.
        tie: Which kernels are equal.
        transposed: The transposed convolution that it is half of; taps that this has not are 0.
    """

    zero_sums: bool = False
    zero_on_flat: bool = False
    tie: Tie = "none"
    transposed: Transposed | None = None

    def projected(self, weight: Tensor) -> Tensor:
        """The nearest weights (O, I, K, K) of which it holds.

        >>> ramp = torch.arange(9.0).reshape(1, 1, 3, 3)
        >>> Held(zero_sums=True).projected(ramp).flatten().tolist()
        [-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0]
        """
        if self.zero_sums:
            weight = weight - weight.mean((2, 3), keepdim=True)
        if self.tie == "rows":
            weight = _evened(weight)
        elif self.tie == "colours":
            colours, kernel = weight.shape[1], weight.shape[2:]
            parts = weight.reshape(colours, -1, colours, *kernel)  # (I, O/I, I, K, K)
            shared = torch.stack([parts[colour, :, colour] for colour in range(colours)]).mean(0)
            own = torch.eye(colours, dtype=weight.dtype, device=weight.device)  # (I, I)
            weight = torch.einsum("ci,pyx->cpiyx", own, shared).reshape(weight.shape)
        if self.transposed is not None:
            weight = weight * taps_of(self.transposed, len(weight)).to(weight)
        return weight

    def projected_bias(self, bias: Tensor) -> Tensor:
        """The nearest biases (O,) of which it holds: equal for each colour where kernels are."""
        return bias if self.tie == "none" else _evened(bias)


def _evened(numbers: Tensor) -> Tensor:
    """The mean of the three colours' thirds of numbers (O, ...) in each of them."""
    parts = numbers.reshape(COLOURS, -1, *numbers.shape[1:])  # (3, O/3, ...)
    return parts.mean(0, keepdim=True).expand_as(parts).reshape(numbers.shape)


def flat_picture(like: Tensor, channels: int, reach: int) -> Tensor:
    """A uniform picture (1, C, S, S), 0, so large that :func:`middle_of` what is made of it sees no edge.

    Args:
        like: Has its type and device.
        channels: C.
        reach: Pixels on every side that a result depends on; S is 2 * reach + 1.
    """
    side = 2 * reach + 1
    return like.new_zeros(1, channels, side, side)


def middle_of(values: Tensor) -> Tensor:
    """The pixel (1, C, 1, 1) in the middle of values (1, C, S, S)."""
    row, column = values.shape[2] // 2, values.shape[3] // 2
    return values[:, :, row : row + 1, column : column + 1]


FREE = Held()
"""Nothing is held."""


class HeldConv2d(nn.Conv2d):
    """A convolution that says what is held of it; it computes as any other.

    Args:
        held: What is held.
        arguments: Those of ``nn.Conv2d``.
    """

    def __init__(self, *arguments: Any, held: Held, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.held = held

    @property
    def own_taps(self) -> Tensor:
        """What is moved to hold it: the weight, or of one trained wide the taps beside its product."""
        wide: Any = getattr(self, "parametrizations", None)
        taps: Tensor = self.weight if wide is None else wide.weight.original
        return taps


def project_gradients(module: nn.Module) -> None:
    """Take out of the gradients of all :class:`HeldConv2d` what would leave what is held."""
    for conv in module.modules():
        if isinstance(conv, HeldConv2d) and conv.own_taps.grad is not None:
            conv.own_taps.grad.copy_(conv.held.projected(conv.own_taps.grad))


@torch.no_grad()
def project_weights(module: nn.Module) -> None:
    """Bring the weights of all :class:`HeldConv2d` back to what is held."""
    for conv in module.modules():
        if isinstance(conv, HeldConv2d):
            conv.own_taps.copy_(conv.held.projected(conv.own_taps))
