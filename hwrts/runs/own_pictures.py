"""Pictures that a user's module is compared with its graph on, and calls of it on them."""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import torch
from torch import Tensor, nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.graph.example import SIZES, example_of, needed_of
from hwrts.graph.user_code import described
from hwrts.runs.own_ends import HOW, Given, Own, asked
from hwrts.runs.own_feed import returned

SEED = 0
"""Of the pictures that are compared: equal modules get equal verdicts."""

PACKED = 16
"""Sides are multiples of this where the file says what is made of a picture: what packs needs squares."""

FAR_OUT = "far out of range, -2 to 3"
"""What the one of the compared pictures is that no camera makes."""


class OtherSizesError(UnsupportedOperatorError):
    """A picture that the module fails on, or for which it is not what was traced of it on another size."""


def inputs_taken(own: Own, step: int, device: str) -> tuple[tuple[int, Fraction], ...]:
    """Channels and size of each input: a picture of three if the module takes that, else what it takes."""
    module = own.module
    usual = Given((torch.rand(1, 3, *_sides(16, 18, step), device=device),))
    try:
        usual.call(module)
    except Exception as error:
        example = example_of(module, *SIZES[0]) or example_of(module, *SIZES[1])
        if not example and (names := needed_of(module))[1:]:
            raise OtherSizesError(
                f"{type(module).__name__}: its forward takes {len(names)} inputs ({', '.join(names)}), and "
                "no tensors were found for them; give each state and map as a tensor of its own, "
                f"forward(x, h, c), not in a tuple or list, and return it so; {HOW}"
            ) from error
        if not example or (len(example) == 1 and example[0].shape[1] == 3):
            raise _fails(type(module).__name__, usual, error) from error
        return tuple((x.shape[1], Fraction(x.shape[2], example[0].shape[2])) for x in example)
    return ((3, Fraction(1)),)


def _sides(height: int, width: int, step: int, least: int = 1) -> tuple[int, int]:
    """The sides of a picture, or where a module shrinks it, of one that has some pixels left then."""
    few = least if step == 1 else max(2 * step, least)
    rows, columns = (-(-max(side, few) // step) * step for side in (height, width))
    return rows, columns


def compared_pictures(
    own: Own, taken: Sequence[tuple[int, Fraction]] | None, step: int, device: str, least: int = 1
) -> dict[str, Given]:
    """By what they are: values of pictures and such that clips and conditions act on, in several sizes.

    Args:
        own: The module.
        taken: Channels and size of each input; None if the file says what is made of a picture.
        step: What their sides are multiples of.
        device: Where they go.
        least: Rows and columns that each has at least.
    """
    generator = torch.Generator(device).manual_seed(SEED)
    odd = [int(side) for side in 2 * torch.randint(2, 16, (4,), generator=generator, device=device) + 1]
    if taken is None:
        step = math.lcm(step, PACKED)
    low, span = own.pixels.low, own.pixels.high - own.pixels.low

    def fed(make: Callable[[int, Fraction], Tensor]) -> Given:
        if taken is None:
            return asked(own, make(3, Fraction(1)))
        return Given(tuple(make(*each) * span + low for each in taken))

    def noise(count: int, sides: tuple[int, int], reach: float = 1, start: float = 0) -> Given:
        def make(channels: int, size: Fraction) -> Tensor:
            shape = (count, channels, *(int(side * size) for side in sides))
            return reach * torch.rand(*shape, generator=generator, device=device) + start

        return fed(make)

    def flat(level: float) -> Given:
        rows, columns = _sides(16, 18, step, least)

        def make(channels: int, size: Fraction) -> Tensor:
            return torch.full((1, channels, int(rows * size), int(columns * size)), level, device=device)

        return fed(make)

    few, two = _sides(odd[0], odd[1], step, least), _sides(odd[2], odd[3], step, least)
    large = _sides(98, 163, step, least)
    return {
        "in range": noise(1, _sides(16, 18, step, least)),
        FAR_OUT: noise(1, _sides(16, 18, step, least), 5, -2),
        "black": flat(0.0),
        "flat grey": flat(0.5),
        "white": flat(1.0),
        f"of {few[1]}x{few[0]} pixels": noise(1, few),
        f"of {two[1]}x{two[0]} pixels, two at once": noise(2, two),
        f"of {large[1]}x{large[0]} pixels": noise(1, large),
        "example": noise(1, next((size for size in SIZES if size[0] % step == 0), SIZES[-1])),
    }


def called(kind: str, module: nn.Module, x: Given) -> list[Tensor]:
    """What the module makes of a picture."""
    try:
        made = x.call(module)
    except Exception as error:
        raise _fails(kind, x, error) from error
    try:
        return returned(made)
    except UnsupportedOperatorError as error:
        raise UnsupportedOperatorError(f"{kind}: {error}") from error


def _fails(kind: str, x: Given, error: Exception) -> UnsupportedOperatorError:
    if len(x.tensors) > 1:
        return OtherSizesError(f"{kind}: fails on inputs of {shapes(x)} ({described(error)}); {HOW}")
    if isinstance(error, TypeError) and "data type 'str'" in str(error):  # torch's words for x["name"]
        return OtherSizesError(
            f"{kind}: its forward looks its input up by a name ({described(error)}), as in a dictionary; let "
            "it take tensors, forward(x), or return from build a module whose forward(x) makes the dictionary"
        )
    count, channels, height, width = x.tensors[0].shape
    if count > 1:
        return OtherSizesError(
            f"{kind}: fails on {count} pictures at once ({described(error)}); where its forward has 1 for "
            "their number, as in view(1, ..), write x.size(0)"
        )
    return OtherSizesError(
        f"{kind}: fails on a picture of {channels} channels and {width}x{height} pixels ({described(error)})"
    )


def shapes(x: Given) -> str:
    """Of all that a module is called with, for messages."""
    return " and ".join(str(list(tensor.shape)) for tensor in x.tensors)
