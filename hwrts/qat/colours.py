"""Fine-tuning that keeps one correction for red, green and blue, where a network has one."""

from collections.abc import Callable
from typing import Any

from torch import nn

from hwrts.networks.sesr import tie_colours
from hwrts.qat.network import QuantNetwork


def colour_tie(network: nn.Module, quantised: QuantNetwork) -> Callable[[], None] | None:
    """What to call after each step, for a network that names convolutions as ``equal_colours``.

    Equal weights have equal scales and so equal integers: what the three colours get is the same code.
    """
    names: tuple[str, ...] = getattr(network, "equal_colours", ())
    if not names:
        return None

    def tie() -> None:
        for name in names:
            conv: Any = quantised.convs[name]  # type: ignore[index]
            tie_colours(conv.weight, conv.bias)

    return tie
