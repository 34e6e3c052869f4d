"""Two tensors that meet element by element, where one may have a single channel or a single pixel."""

from dataclasses import replace

from ..errors import HwrtsError
from ..formats import Format
from .tensor import Tensor


def spreads(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether arrays of these shapes meet element by element, one channel or one pixel meeting all.

    >>> spreads((4, 5, 3), (4, 5, 1)), spreads((1, 1, 3), (4, 5, 3)), spreads((4, 5, 3), (4, 1, 3))
    (True, True, False)
    """
    channels = a[-1:] == b[-1:] or 1 in (*a[-1:], *b[-1:])
    one_pixel = len(a) == len(b) == 3 and (1, 1) in (a[:2], b[:2])
    return channels and (one_pixel or a[:-1] == b[:-1])


def spread(where: str, name: str, out: Format, a: Tensor, b: Tensor) -> Tensor:
    """What two tensors make that meet so.

    Raises:
        HwrtsError: They do not.
    """
    sizes = a.shape == b.shape or 0 in (a.scale, b.scale)
    if not sizes or not (a.channels == b.channels or 1 in (a.channels, b.channels)):
        raise HwrtsError(
            f"{where}: {a.name!r} has {a.described}, {b.name!r} {b.described}; "
            "both operands need the same, or one has 1 channel"
        )
    return replace(b if a.scale == 0 else a, name=name, channels=max(a.channels, b.channels), out=out)
