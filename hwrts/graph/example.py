"""Pictures that a module takes, found by trial, for the shapes that its forward asks for."""

import inspect
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain, islice, product

import torch
from torch import Tensor, nn

SIZES = (48, 96), (128, 192)
"""Height and width of examples: multiples of 16 and 3 first, of 64 where those are padded or do not fit."""

_USUAL = 3, 1, 4, 6, 9, 12, 2, 15
"""Channels of pictures: RGB, luma, packed 4:2:0 or Bayer, two and three frames ..."""
_OTHER_SIZES = Fraction(1, 2), Fraction(2), Fraction(1, 4), Fraction(4)
"""Of maps of noise, and of the picture made before, against the picture."""
_MOST = 400
"""Examples that are tried: nearly all fail at the first convolution."""


@torch.no_grad()
def example_of(module: nn.Module, height: int, width: int) -> tuple[Tensor, ...]:
    """Values of a module's inputs (1, C, height, width) that it takes; none if there are none."""
    count = _inputs(module)
    device = next((value.device for value in (*module.parameters(), *module.buffers())), torch.device("cpu"))
    generator = torch.Generator("cpu").manual_seed(0)
    likely = product(_channels(module), repeat=count)
    alike = (tuple((each, Fraction(1)) for each in channels) for channels in likely)
    forms = [alike] if count == 1 else [alike, _of_sizes(_channels(module), count)]
    for inputs in chain(*(islice(form, _MOST) for form in forms)):
        xs = tuple(
            torch.rand(1, channels, int(height * size), int(width * size), generator=generator).to(device)
            for channels, size in inputs
        )
        try:
            module(*(x.clone() for x in xs))
        except Exception:  # whatever a forward raises when it is given too many channels or too few
            continue
        return xs
    return ()


def _of_sizes(channels: Sequence[int], count: int) -> Iterator[tuple[tuple[int, Fraction], ...]]:
    """Inputs of other sizes than the first, which is a picture in colour or grey."""
    for first in channels[:2]:
        for size in _OTHER_SIZES:
            for others in product(channels, repeat=count - 1):
                yield ((first, Fraction(1)), *((each, size) for each in others))


def _channels(module: nn.Module) -> list[int]:
    """Channels that an input may have, the likely ones first."""
    convs = [each.in_channels for each in module.modules() if isinstance(each, nn.Conv2d)]
    # what the first convolution reads comes before 1: a constant for each channel spreads a single one
    return list(dict.fromkeys((*_USUAL[:1], *convs[:1], *_USUAL[1:2], *convs, *_USUAL[2:])))


def _inputs(module: nn.Module) -> int:
    """How many inputs a forward must be given."""
    return max(1, len(needed_of(module)))


def needed_of(module: nn.Module) -> list[str]:
    """Names of what a forward must be given, in order."""
    return [each.name for each in _needed(module)]


def _needed(module: nn.Module) -> Iterator[inspect.Parameter]:
    for each in inspect.signature(module.forward).parameters.values():
        if each.default is each.empty and each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD):
            yield each
