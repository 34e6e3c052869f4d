"""Paddings of their own, which become part of the convolution that reads them."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from hwrts.graph.operators import Call, Pad
from hwrts.graph.operators.conv_facts import TORCH_MODES, Sides

_MODES = {mode: padding for padding, mode in TORCH_MODES.items()}

_DIMENSIONS = 4
"""Of a tensor of pictures: F.pad counts sides from the last of them, columns."""


def read_pad(call: Call) -> Pad | str:
    """A padding, with those in front of it; the name of its source if it adds nothing.

    Raises:
        UnsupportedOperatorError: It adds something else than zeros or what an edge says, cuts something
            off, or stands behind a padding of another kind.
    """
    given, mode, value = _given(call)
    around = _sides(call, given)
    if not any(around):
        return call.sources()[0] if call.pad is None else call.pad
    if mode not in _MODES or value != 0:
        raise call.refused(
            f"padding {mode!r} with {value} is not supported; use mode 'replicate' or 'reflect', or "
            "'constant' with 0"
        )
    if min(around) < 0:
        raise call.refused(
            f"padding {tuple(given)} cuts off rows or columns; leave it out, and padding of the convolutions "
            "in front with it"
        )
    if call.pad is None:
        return Pad(call.sources()[0], around, _MODES[mode])
    joined = call.pad.joined(around, _MODES[mode])
    if joined is None:
        raise call.refused(
            f"padding {mode!r} behind a padding {call.pad.padding.value!r}; one of them may add pixels "
            "(zeros may stand around zeros, replicated edges around replicated ones)"
        )
    return joined


def _given(call: Call) -> tuple[Any, Any, Any]:
    """Numbers of pixels in torch's order, what they are, and of a constant its value."""
    module = call.module
    if module is not None:
        modes = {
            nn.ReplicationPad2d: "replicate",
            nn.ReflectionPad2d: "reflect",
            nn.CircularPad2d: "circular",
        }
        mode = next((mode for kind, mode in modes.items() if isinstance(module, kind)), "constant")
        return module.padding, mode, getattr(module, "value", 0)
    call.only("pad", "mode", "value")
    return call.argument(1, "pad"), call.argument(2, "mode", "constant"), call.argument(3, "value") or 0


def _sides(call: Call, given: Any) -> Sides:
    """On top, left, at the bottom, right, of torch's left, right, top, bottom."""
    numbers = list(given) if isinstance(given, Sequence) else [given]
    whole = all(isinstance(each, int) and not isinstance(each, bool) for each in numbers)
    if not whole or len(numbers) % 2 or len(numbers) > 2 * _DIMENSIONS or any(numbers[4:]):
        raise call.refused(
            f"padding {given} is not supported; whole numbers of pixels for columns and rows are, not for "
            "channels, and none that depends on a picture's size"
        )
    left, right, top, bottom = [*numbers, 0, 0, 0, 0][:4]
    return top, left, bottom, right
