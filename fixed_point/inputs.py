"""What can be wrong with the ends of a network: an input alone, and the names of outputs."""

from collections.abc import Container, Sequence

from .codes import Input
from .errors import HwrtsError
from .operators.checks import check_name, check_whole

_MAX_CHANNELS = 1 << 16
"""Channels of an input; those of layers cost weights in the file."""
_MAX_TIMES = 64
"""How many times as large, or as small, as the first another input may be."""


def check_input(tensor: Input, known: set[str], *, first: bool) -> None:
    """Refuse a wrong name, channel count or size.

    Args:
        tensor: The input.
        known: Names that are taken; its own is added.
        first: Whether others are as large as it says of them.

    Raises:
        HwrtsError: The first fact that does not hold, and what is allowed.
    """
    check_name(tensor.name, known)
    where = f"input {tensor.name!r}"
    check_whole(where, "channels", tensor.channels, 1, _MAX_CHANNELS)
    for what in ("grow", "shrink"):
        check_whole(where, what, getattr(tensor, what), 1, 1 if first else _MAX_TIMES)
    if 1 not in (tensor.grow, tensor.shrink):
        raise HwrtsError(
            f"{where}: is {tensor.grow}/{tensor.shrink} times as large as the first; a "
            "whole number of times as large or as small is supported"
        )


def check_outputs(outputs: Sequence[str], made: Container[str]) -> None:
    """Refuse an output that no layer makes, or that is named twice.

    Args:
        outputs: Their names.
        made: Names of layers.

    Raises:
        HwrtsError: The first of them.
    """
    for name in outputs:
        if name not in made:
            raise HwrtsError(f"network: its output {name!r} is made by no layer; name layers as outputs")
        if outputs.count(name) > 1:
            raise HwrtsError(f"network: its output {name!r} is named twice; name each layer once")
