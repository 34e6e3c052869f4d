"""Convolutions that are trained wide and are one convolution all the same (Bhardwaj et al., 2022: SESR).

    weight = own + narrow * wide        own (O, I, K, K), narrow (O, M), wide (M, I, K, K)

Behind a convolution of K x K taps to M maps, one of 1x1 back is linear, so both are one, and beside its own
taps (RepVGG; Ding et al., 2021) their sum is one. Every step of the training convolves with that one: the M
maps of a picture are never made. So there is no border at which the wide form and its collapse could differ
(of two convolutions in a row the outer one pads what the inner one's bias has made), and a step costs what
the small weights cost.
"""

import copy
import math
from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from hwrts.networks.held import FREE, HeldConv2d

_START = 0.5 * math.sqrt(2)
"""Of the product, beside weights that keep the variance through ReLUs; the own taps take it out again."""

_ADDED = 0.1
"""Of a step of the weight: what each side of the product makes; the own taps make the rest. Where it was
more, QuickSRNet, which carries the picture in its weights, was worse (docs/experiments.md)."""

# Letters of the shape comments: G groups, O output and I input channels of a group, K kernel size, M maps.


class Wide(nn.Module):
    """The weight of a convolution that is trained wide.

    Args:
        conv: The convolution; what is held of it is held of the product too.
        times: M, in multiples of the wider side of a group.
        generator: Of the product's start.
    """

    def __init__(self, conv: nn.Conv2d, times: int, generator: torch.Generator) -> None:
        super().__init__()
        outs, ins = conv.out_channels // conv.groups, conv.in_channels // conv.groups
        maps = times * max(outs, ins)
        wide = torch.randn(conv.groups, maps, ins, *conv.kernel_size, generator=generator)
        narrow = torch.randn(conv.groups, outs, maps, generator=generator)
        self.held = conv.held if isinstance(conv, HeldConv2d) else FREE
        self.wide = nn.Parameter((wide / math.sqrt(wide[0, 0].numel())).to(conv.weight))  # (G, M, I, K, K)
        self.narrow = nn.Parameter((narrow * _START / math.sqrt(maps)).to(conv.weight))  # (G, O, M)

    def shares(self) -> tuple[float, float, float]:
        """Of the rate, for own taps, narrow and wide: the weight moves as far as a plain one at first.

        Adam moves each number by the rate, so a weight that is made of many moves faster: along a gradient G
        of which nothing is known, M/(I*K*K) times as far through narrow, whose directions have length 1, and
        _START * sqrt(M/O) times through wide. None has more than the whole rate: where taps are many and maps
        few, as of 64 channels to 3 through 9x9 taps and 128 maps, narrow makes less than its part (0.025).
        """
        maps, taps = self.wide.shape[1], self.wide[0, 0].numel()
        through_narrow, through_wide = maps / taps, _START * math.sqrt(maps / self.narrow.shape[1])
        return 1 - 2 * _ADDED, min(1.0, _ADDED / through_narrow), min(1.0, _ADDED / through_wide)

    def product(self) -> Tensor:
        """What the wide part adds, (G*O, I, K, K)."""
        both = torch.einsum("gom,gmiyx->goiyx", self.narrow, self.wide).flatten(0, 1)
        return self.held.projected(both)

    def forward(self, own: Tensor) -> Tensor:
        """The weight (G*O, I, K, K), from its own taps of that shape."""
        return own + self.product()

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Own taps beside which it is this weight: training starts from the network as it was."""
        return weight - self.product()


def widen(network: nn.Module, times: int, seed: int) -> None:
    """Train each convolution of more than 1x1 taps wide from here on; what the network computes stays.

    Those that are trained as something else already (sesr's, ecbsr's, fsrcnn's last) are left as they are; so
    are those that are not trained, and those whose weight another module has too.

    Args:
        network: Any module; changed in place.
        times: Maps inside, in multiples of the wider side of each convolution, or of each group of it.
        seed: Makes the product that training starts with.

    >>> conv = nn.Conv2d(3, 8, 3, groups=1)
    >>> widen(conv, 2, seed=0)
    >>> conv.parametrizations.weight[0].wide.shape
    torch.Size([1, 16, 3, 3, 3])
    """
    generator, modules = torch.Generator().manual_seed(seed), list(network.modules())
    owners = Counter(id(each) for module in modules for each in module._parameters.values())
    for conv in modules:
        weight = conv._parameters.get("weight")  # what is made of others is no parameter
        if not isinstance(conv, nn.Conv2d) or weight is None or not weight.requires_grad:
            continue
        if weight[0, 0].numel() > 1 and owners[id(weight)] == 1:
            _leave_copies(conv)
            parametrize.register_parametrization(conv, "weight", Wide(conv, times, generator))


def shares_of_rate(network: nn.Module) -> dict[nn.Parameter, float]:
    """What the parameters of wide convolutions are given of the rate of a training; all others have 1.

    So have those of sesr and ecbsr, whose blocks are not of this form: their weights move farther than plain
    ones, the more the more they are expanded (docs/wide_and_taught.md).
    """
    shares: dict[nn.Parameter, float] = {}
    for conv in network.modules():
        factors = _parametrisation(conv)
        if factors is not None and isinstance(factors[0], Wide):
            part = factors[0]
            shares |= zip((factors.original, part.narrow, part.wide), part.shares(), strict=True)
    return shares


@torch.no_grad()
def collapse(network: nn.Module) -> None:
    """Make what :func:`widen` has widened plain convolutions again, their weights summed up in float64."""
    for conv in list(network.modules()):
        factors = _parametrisation(conv)
        if factors is None or not isinstance(factors[0], Wide):
            continue
        factors.original.copy_(copy.deepcopy(factors).double().forward())
        _leave_copies(conv)
        parametrize.remove_parametrizations(conv, "weight", leave_parametrized=False)


def _leave_copies(module: nn.Module) -> None:
    """Give a module its own class: torch has what a weight is made of in one that deep copies share."""
    if parametrize.is_parametrized(module):
        shared = type(module)
        module.__class__ = type(shared.__name__, shared.__bases__, dict(vars(shared)))


def _parametrisation(module: nn.Module) -> Any:
    """What a module's weight is made of; None if it is no more than itself."""
    return getattr(getattr(module, "parametrizations", None), "weight", None)
