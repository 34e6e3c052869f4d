"""Convolutions of a picture that is mirrored or turned: those of the picture as it was, with turned kernels.

No line buffer turns a picture around. Where it is turned back behind some convolutions, as blind-spot
networks do, it need not be turned at all.
"""

import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from hwrts.graph.mosaics import mosaic
from hwrts.graph.moves import moved
from hwrts.graph.recording import Moved, Recording

_DIMENSIONS = 4
"""Of a tensor of pictures."""
_Turn = Callable[[Tensor], Tensor]


def _turns(quarters: int, mirrored: bool) -> tuple[_Turn, _Turn]:
    """A turn of rows and columns, the last two dimensions, and the one that is back again."""

    def there(x: Tensor) -> Tensor:
        turned = torch.rot90(x, quarters, (-2, -1))
        return turned.flip(-1) if mirrored else turned

    def back(x: Tensor) -> Tensor:
        return torch.rot90(x.flip(-1) if mirrored else x, -quarters, (-2, -1))

    return there, back


_TURNS = tuple(_turns(quarters, mirrored) for mirrored in (False, True) for quarters in range(4))[1:]


def turned(recording: Recording, node: fx.Node) -> Moved | None:
    """A convolution of what is a turned picture, as the turned convolution of the picture."""
    module = recording.module(node)
    front: Any = node.args[0] if node.args else None
    operand = recording.moved.get(front) if isinstance(front, fx.Node) else None
    if operand is None or not isinstance(operand.index, Tensor) or operand.index.dim() != 4:
        return None
    if not isinstance(module, nn.Conv2d) and (
        module is not None or node.target not in (F.conv2d, torch.conv2d)
    ):
        return None
    if recording.landing(front) is not None:
        return None
    for there, back in _TURNS:
        straight = recording.drawn(node, Moved(operand.source, there(operand.index).contiguous()))
        if straight is not None:
            made = _convolved(recording, node, module, straight, there)
            value: Tensor = recording.value(made)
            return Moved(made, back(torch.arange(value.numel()).reshape(value.shape)).contiguous())
    return None


def cut_off(recording: Recording, node: fx.Node) -> Moved | None:
    """Rows and columns cut off a turned picture: off the picture as it was, before anything else reads it."""
    front: Any = node.args[0] if node.args else None
    given: Any = node.args[1] if len(node.args) > 1 else ()
    cuts = node.target is operator.getitem or (node.target is F.pad and max(given, default=1) <= 0)
    if not cuts or front not in recording.moved or recording.landing(front) is not None:
        return None
    made = mosaic(recording, node) or moved(recording, node)
    if made is None or not isinstance(made.index, Tensor) or made.index.dim() != _DIMENSIONS:
        return made
    return _straightened(recording, node, made) or made


def _straightened(recording: Recording, node: fx.Node, made: Moved) -> Moved | None:
    """The same values as a turn of a tensor; None if they are none."""
    for there, back in _TURNS:
        straight = recording.drawn(node, Moved(made.source, there(made.index).contiguous()))
        if straight is not None:
            value: Tensor = recording.value(straight)
            return Moved(straight, back(torch.arange(value.numel()).reshape(value.shape)).contiguous())
    return None


def _convolved(
    recording: Recording, node: fx.Node, module: nn.Module | None, x: fx.Node, turn: _Turn
) -> fx.Node:
    """The convolution with a turned kernel, of stride 1."""
    names = ("weight", "bias", "stride", "padding", "dilation", "groups")
    defaults = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": None}
    if isinstance(module, nn.Conv2d):
        given = {name: getattr(module, name) for name in names}
        mode = module.padding_mode
    else:
        given = {**defaults, **dict(zip(names, node.args[1:], strict=False)), **node.kwargs}
        given |= {
            name: recording.constants[str(each)] for name, each in given.items() if isinstance(each, fx.Node)
        }
        mode = "zeros"
    weight, bias = given["weight"], given["bias"]
    turned_weight = turn(weight)
    swapped = turn(torch.zeros(1, 2)).shape != (1, 2)  # rows are columns
    stride, padding, dilation = (_pair(given[name], swapped) for name in ("stride", "padding", "dilation"))
    if stride != (1, 1) or mode == "circular":
        raise ValueError("of another stride, other pixels are taken of a turned picture")
    if isinstance(padding, str):
        odd = all((size - 1) * step % 2 == 0 for size, step in zip(weight.shape[2:], dilation, strict=True))
        if padding == "same" and not odd:
            raise ValueError("an uneven padding")
        rows, columns = (
            (size - 1) * step // 2 for size, step in zip(turned_weight.shape[2:], dilation, strict=True)
        )
        padding = (rows, columns) if padding == "same" else (0, 0)
    if mode != "zeros" and any(padding):
        sides = (padding[1], padding[1], padding[0], padding[0])
        x, padding = recording.call(node, "call_function", F.pad, (x, sides, mode), {}), (0, 0)
    numbers: list[Any] = [recording.constant(node, turned_weight)]
    numbers.append(None if bias is None else recording.constant(node, bias))
    settings = {"padding": padding, "dilation": dilation, "groups": given["groups"]}
    return recording.call(node, "call_function", F.conv2d, (x, *numbers), settings)


def _pair(given: Any, swapped: bool) -> Any:
    """A number for rows and one for columns, turned."""
    if isinstance(given, str):
        return given
    both = tuple(given) if isinstance(given, tuple | list) else (given, given)
    both = both * 2 if len(both) == 1 else both
    return both[::-1] if swapped else both
