"""Pictures that a module takes, found by trial, for the shapes that its forward asks for."""

import inspect
from collections.abc import Iterator
from itertools import islice, product

import torch
from torch import Tensor, nn

SIZES = (48, 96), (128, 192)
"""Height and width of examples: multiples of 16 and 3 first, of 64 where those are padded or do not fit."""

_USUAL = 3, 1, 4, 6, 9, 12, 2, 15
"""Channels of pictures: RGB, luma, packed 4:2:0 or Bayer, two and three frames ..."""
_MOST = 400
"""Examples that are tried: nearly all fail at the first convolution."""


@torch.no_grad()
def example_of(module: nn.Module, height: int, width: int) -> tuple[Tensor, ...]:
    """Values of a module's inputs (1, C, height, width) that it takes; none if there are none."""
    count = _inputs(module)
    device = next((value.device for value in (*module.parameters(), *module.buffers())), torch.device("cpu"))
    generator = torch.Generator("cpu").manual_seed(0)
    for channels in islice(product(_channels(module), repeat=count), _MOST):
        xs = tuple(torch.rand(1, each, height, width, generator=generator).to(device) for each in channels)
        try:
            module(*(x.clone() for x in xs))
        except Exception:  # whatever a forward raises when it is given too many channels or too few
            continue
        return xs
    return ()


def _channels(module: nn.Module) -> list[int]:
    """Channels that an input may have, the likely ones first."""
    convs = (each.in_channels for each in module.modules() if isinstance(each, nn.Conv2d))
    return list(dict.fromkeys((*_USUAL[:2], *convs, *_USUAL[2:])))


def _inputs(module: nn.Module) -> int:
    """How many inputs a forward must be given."""
    return max(1, sum(1 for _ in _needed(module)))


def _needed(module: nn.Module) -> Iterator[inspect.Parameter]:
    for each in inspect.signature(module.forward).parameters.values():
        if each.default is each.empty and each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD):
            yield each
