"""What a user's module takes and gives: how photographs become its inputs, and in which range its pixels are.

A file may say it beside the function that makes the module: ``inputs(picture)`` and ``value_range``. Without
them, inputs are found from the module, and pixels are code * 2**-8.
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hwrts.data.depth import Samples
from hwrts.data.luma import OWN, Luma
from hwrts.errors import ConfigError, UnsupportedOperatorError
from hwrts.fixed_point import PIXEL, Format
from hwrts.graph.example import SIZES, example_of
from hwrts.graph.user_code import described

# Letters of the shape comments: B pictures, C channels, H rows, W columns.

HOW = "write a function inputs(picture) beside it, from a float tensor (3, H, W) in 0..1 to what it takes"
"""What to do where nobody can know what a module is to be fed."""


@dataclass(frozen=True)
class Pixels:
    """The values of pixels: value = code * 2**-frac, of a signed format code = pixel - 128 (eq. 40).

    Attributes:
        low: Smallest value.
        high: White, or the next value above it.
        out: The format.
    """

    low: float
    high: float
    out: Format

    def of_bits(self, bits: int) -> "Pixels":
        """The same range on the grid of pixels of so many bits.

        >>> PIXELS.of_bits(10).out
        Format(signed=False, bits=10, frac=10)
        """
        return replace(self, out=self.out.of_bits(bits))

    def values(self, codes: Samples, device: str) -> Tensor:
        """Values (B, C, H, W) of pixels (B, H, W, C)."""
        x = torch.from_numpy(codes.astype(np.float32)).to(device).permute(0, 3, 1, 2)
        return (x + self.out.min).mul_(2.0**-self.out.frac)


PIXELS = Pixels(0, 1, PIXEL)


@dataclass(frozen=True)
class Own:
    """A user's module and what its file says of it.

    Attributes:
        module: From values of pixels to values of pixels.
        inputs: From a picture (3, H, W) in 0..1 to what the module takes.
        pixels: The range of the pixels that it takes and gives.
        luma: What an input of one channel sees of a picture.
    """

    module: nn.Module
    inputs: Callable[[Tensor], Any] | None = None
    pixels: Pixels = PIXELS
    luma: Luma = OWN

    @property
    def bits(self) -> int:
        """Of its pixels, in and out."""
        return self.pixels.out.bits


@dataclass(frozen=True)
class Given:
    """What a module is called with.

    Attributes:
        tensors: (B, C, H, W) each, in the order of its forward.
    """

    tensors: tuple[Tensor, ...]

    def call(self, module: nn.Module) -> Any:
        """What the module makes of copies of them, which it may overwrite."""
        return module(*(tensor.clone() for tensor in self.tensors))


class Normalised(nn.Module):
    """A module of pixels (x - mean) / std as one of pixels 0..1.

    Args:
        module: Of one input and one output.
        mean: Of each channel, or of all.
        std: Of each channel, or of all.
        channels: Of its input and of its output.
    """

    def __init__(
        self, module: nn.Module, mean: Sequence[float], std: Sequence[float], channels: tuple[int, int]
    ) -> None:
        super().__init__()
        taken, given = channels
        self.normalise = nn.Conv2d(taken, taken, 1)
        self.module = module
        self.restore = nn.BatchNorm2d(given)
        means, stds = (torch.tensor(list(each)).expand(taken) for each in (mean, std))
        self.normalise.weight = nn.Parameter(torch.diag(1 / stds)[:, :, None, None])
        self.normalise.bias = nn.Parameter(-means / stds)
        self.restore.weight = nn.Parameter(_fitted(stds, given).clone())
        self.restore.bias = nn.Parameter(_fitted(means, given).clone())
        self.restore.running_var = torch.full((given,), 1 - self.restore.eps)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) in 0..1 to (N, C', H', W') in 0..1."""
        restored: Tensor = self.restore(self.module(self.normalise(x)))
        return restored


@torch.no_grad()
def normalised(module: nn.Module, mean: Sequence[float], std: Sequence[float]) -> Normalised:
    """The module around one of normalised pixels.

    Raises:
        UnsupportedOperatorError: It has several inputs or outputs, or takes no picture of so many channels.
    """
    example = example_of(module, *SIZES[0]) or example_of(module, *SIZES[1])
    made = module(*(each.clone() for each in example)) if example else None
    if len(example) != 1 or not isinstance(made, Tensor):
        raise UnsupportedOperatorError(
            f"{type(module).__name__}: value_range with mean and std is for modules of one picture in and "
            "one out; let this one normalise its pixels itself"
        )
    channels = example[0].shape[1], made.shape[1]
    for given in (mean, std):
        if len(given) not in (1, channels[0]):
            raise UnsupportedOperatorError(
                f"{type(module).__name__}: value_range has {len(given)} numbers for {channels[0]} channels; "
                "give one for all, or one for each"
            )
    return Normalised(module, mean, std, channels).eval()


def _fitted(values: Tensor, channels: int) -> Tensor:
    """For another number of channels, if all are equal."""
    return values if len(values) == channels else values[:1].expand(channels)


def value_range(given: Any, where: str) -> Pixels | tuple[tuple[float, ...], tuple[float, ...]]:
    """What a file says its pixels are: a format, or the mean and deviation that make 0..1 of them.

    Args:
        given: Two numbers, or a dictionary of mean and std.
        where: The file, for a message.

    Raises:
        ConfigError: Something else.

    >>> value_range((0, 255), "f.py").out
    Format(signed=False, bits=8, frac=0)
    >>> value_range((-1, 1), "f.py").out
    Format(signed=True, bits=8, frac=7)
    >>> value_range((-1, 3), "f.py")
    ((0.25,), (0.25,))
    """
    try:
        if isinstance(given, Mapping):
            mean, std = (_numbers(given[key]) for key in ("mean", "std"))
            if (
                set(given) != {"mean", "std"}
                or min(std) <= 0
                or 1 not in (len(mean), len(std), len(mean) / len(std))
            ):
                raise ValueError
            return mean, std
        low, high = (float(end) for end in given)
        if not (low < high and math.isfinite(low) and math.isfinite(high)):
            raise ValueError
    except (TypeError, ValueError, KeyError) as error:
        raise ConfigError(
            f"{where}: value_range is {given!r:.80}; give the values of black and white, such as (0, 255) or "
            '(-1, 1), or {"mean": (..), "std": (..)} of pixels in 0..1'
        ) from error
    span = high + 1 if (low, high) == (0, 255) else high - low
    bits = math.log2(span)
    if bits.is_integer() and low in (0, -span / 2):
        return Pixels(low, high, Format(low < 0, 8, 8 - int(bits)))
    return (-low / (high - low),), (1 / (high - low),)


def _numbers(given: Any) -> tuple[float, ...]:
    values = tuple(
        float(each) for each in (given if isinstance(given, Sequence | Tensor | np.ndarray) else [given])
    )
    if not values or not all(math.isfinite(each) for each in values):
        raise ValueError
    return values


def _in_order(module: nn.Module, found: Mapping[str, Any]) -> list[Any]:
    """What is given by names, in the order of the forward's parameters."""
    known = list(inspect.signature(module.forward).parameters)
    if list(found) != [name for name in known if name in found] and set(found) - set(known):
        raise UnsupportedOperatorError(
            f"inputs(): returns {', '.join(map(str, found))}; the forward of {type(module).__name__} takes "
            f"{', '.join(known)}"
        )
    places = {name: i for i, name in enumerate(known)}
    return [found[name] for name in sorted(found, key=lambda name: places[name])]


def asked(own: Own, pictures: Tensor) -> Given:
    """What the file's inputs() makes of pictures (B, 3, H, W).

    Raises:
        UnsupportedOperatorError: It fails, or returns something else than tensors (C, H, W) of floats.
    """
    assert own.inputs is not None
    made = []
    for picture in pictures:
        try:
            found = own.inputs(picture.clone())
        except Exception as error:
            height, width = picture.shape[1:]
            raise UnsupportedOperatorError(
                f"inputs(): fails on a picture (3, {height}, {width}) ({described(error)}); mend it there"
            ) from error
        several = _in_order(own.module, found) if isinstance(found, Mapping) else found
        tensors = [several] if isinstance(several, Tensor) else several
        for each in tensors if isinstance(tensors, Sequence) and tensors else [tensors]:
            if not (isinstance(each, Tensor) and each.ndim == 3 and each.is_floating_point()):
                what = (
                    f"{each.dtype} {tuple(each.shape)}" if isinstance(each, Tensor) else type(each).__name__
                )
                raise UnsupportedOperatorError(
                    f"inputs(): returns {what}; a float tensor (C, H, W), or a tuple or dictionary of such, "
                    "is what a module is fed"
                )
        made.append(tuple(tensors))
    return Given(tuple(torch.stack(each).float() for each in zip(*made, strict=True)))
