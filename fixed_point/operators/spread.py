"""Two tensors that meet element by element, where one may have a single channel or a single pixel."""

from dataclasses import replace
from fractions import Fraction

from ..errors import HwrtsError
from ..formats import Format
from .tensor import Tensor

NEED = "both operands need the same, or one of them 1 channel or 1 pixel"
"""What messages say of operands that do not meet."""


def channels_meet(*channels: int | Fraction) -> bool:
    """Whether tensors of so many channels meet: of the same number, or of one, which meets all.

    >>> channels_meet(3, 3), channels_meet(1, 3), channels_meet(2, 3)
    (True, True, False)
    """
    return len({each for each in channels if each != 1}) <= 1


def spreads(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether arrays of these shapes meet element by element, one channel or one pixel meeting all.

    Args:
        a: Shape (H, W, C), or (..., C) of codes that are no picture.
        b: Of the other.

    >>> spreads((4, 5, 3), (4, 5, 1)), spreads((1, 1, 3), (4, 5, 3)), spreads((4, 5, 3), (4, 1, 3))
    (True, True, False)
    """
    channels = len(a) == len(b) and channels_meet(*a[-1:], *b[-1:])
    one_pixel = len(a) == len(b) == 3 and (1, 1) in (a[:2], b[:2])
    return channels and (one_pixel or a[:-1] == b[:-1])


def spread(where: str, name: str, out: Format, a: Tensor, b: Tensor) -> Tensor:
    """What two tensors make that meet so.

    Args:
        where: The layer, for messages.
        name: Of the result.
        out: Its format.
        a: One operand.
        b: The other.

    Raises:
        HwrtsError: They do not.
    """
    sizes = a.shape == b.shape or 0 in (a.scale, b.scale)
    if not sizes or not channels_meet(a.channels, b.channels):
        raise HwrtsError(f"{where}: {a.name!r} has {a.described}, {b.name!r} {b.described}; {NEED}")
    return replace(b if a.scale == 0 else a, name=name, channels=max(a.channels, b.channels), out=out)
