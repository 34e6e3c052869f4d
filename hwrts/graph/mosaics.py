"""Values of several tensors, and constants, in one: written into tensors, joined along rows, padded."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from hwrts.graph.assembled import assembled, taken
from hwrts.graph.drawn import bundle, drawn, how_laid, parts_of
from hwrts.graph.joined import JOINS
from hwrts.graph.operators.call import VALUE
from hwrts.graph.padded import PADS, is_for_kernels, sides_of
from hwrts.graph.recording import Moved, Recording

_COPIES = (torch.clone, "clone")
_MODES: dict[type[nn.Module], str] = {
    nn.ReplicationPad2d: "replicate",
    nn.ReflectionPad2d: "reflect",
    nn.CircularPad2d: "circular",
}


def mosaic(recording: Recording, node: fx.Node) -> Moved | None:
    """What a call makes of the values of several tensors, if it only moves them."""
    module, target = recording.module(node), node.target
    if isinstance(module, PADS) or (module is None and target is F.pad):
        return _padded(recording, node, module)
    if isinstance(module, nn.Unfold) or (module is None and target is F.unfold):
        return _unfolded(recording, node, module)
    args: Any = node.args
    if module is not None or not args:
        return None
    if target is assembled:
        old, new, index = args
        source, (first, second) = together(recording, node, (old, new))
        numbers = torch.cat([second.flatten().flip(0), first.flatten()])
        return Moved(source, numbers[index + second.numel()])
    if target is taken:
        base = _base(recording, node, args[0])
        return Moved(base.source, base.index.flatten()[args[1]])
    if target in _COPIES and getattr(args[0], "name", "") in recording.constants:
        source, (index,) = together(recording, node, args[:1])
        return Moved(source, index)
    if target in (torch.roll, "roll"):
        base = _base(recording, node, args[0])
        rolled: Any = torch.roll
        return Moved(base.source, rolled(base.index, *args[1:], **node.kwargs))
    return None


def interleaved(recording: Recording, node: fx.Node) -> Moved | None:
    """A concatenation along rows or columns, of constants too."""
    if node.op == "call_module" or node.target not in JOINS:
        return None
    operands: Any = recording.argument(node, 0, "tensors")
    dim = recording.argument(node, 1, "dim")
    if not isinstance(operands, list | tuple) or not isinstance(dim, int):
        return None
    if dim % node.meta[VALUE].dim() < node.meta[VALUE].dim() - 2:
        return None
    source, indices = together(recording, node, operands)
    function: Any = torch.stack if node.target is torch.stack else torch.cat
    return Moved(source, function(indices, dim))


def _padded(recording: Recording, node: fx.Node, module: nn.Module | None) -> Moved | None:
    """A padding that others than convolutions read, or that cuts something off as well."""
    sides: Any = module.padding if module is not None else recording.argument(node, 1, "pad")
    mode = recording.argument(node, 2, "mode") or "constant"
    if module is not None:
        mode = next((mode for kind, mode in _MODES.items() if isinstance(module, kind)), "constant")
    value = getattr(module, "value", None) if module is not None else recording.argument(node, 3, "value")
    sides = [sides] * 4 if isinstance(sides, int) else list(sides)
    front: Any = node.args[0]
    several = front in recording.moved and recording.moved[front].source.target is bundle
    lies = front not in recording.moved or recording.landing(front) is not None
    if lies and max(sides) <= 0 and not several:
        return None
    around = sides_of(recording, node)
    if lies and around is not None and min(around) >= 0 and is_for_kernels(recording, node, around):
        return None
    source, (index, number) = together(recording, node, (node.args[0], float(value or 0)))
    if mode == "constant":
        return Moved(source, F.pad(index, sides, value=int(number)))
    return Moved(source, F.pad(index.double(), sides, mode).long())


def _unfolded(recording: Recording, node: fx.Node, module: nn.Module | None) -> Moved | None:
    """The pixels of each window behind one another: channels, each of which is moved."""
    names = ("kernel_size", "dilation", "padding", "stride")
    if module is not None:
        given = {name: getattr(module, name) for name in names}
    else:
        given = {**dict(zip(names, node.args[1:], strict=False)), **node.kwargs}
    source, (index, number) = together(recording, node, (node.args[0], 0.0))
    moved = F.unfold((index - number).double(), **given).long() + number  # (1, C*K*K, H'*W')
    whole = Moved(source, moved.reshape(1, moved.shape[1], _windows(index.shape[2], given), -1))
    plan = how_laid(recording, whole)
    if plan is None:
        return Moved(source, moved)
    return Moved(drawn(recording, node, whole, plan), torch.arange(moved.numel()).reshape(moved.shape))


def _windows(rows: int, given: dict[str, Any]) -> int:
    """How many windows stand below one another."""
    defaults = {"kernel_size": 1, "dilation": 1, "padding": 0, "stride": 1}
    kernel, dilation, padding, stride = (
        each[0] if isinstance(each, tuple | list) else each
        for each in (given.get(name, default) for name, default in defaults.items())
    )
    return int((rows + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1)


def together(recording: Recording, place: fx.Node, operands: Sequence[Any]) -> tuple[fx.Node, list[Tensor]]:
    """One node for all tensors that operands' values are from, and the numbers of these in it.

    Args:
        recording: The graph.
        place: The call that they are operands of.
        operands: Tensors of the picture, constants, numbers.

    Raises:
        ValueError: One of them is something else.
    """
    bases = [_base(recording, place, each) for each in operands]
    sources: list[fx.Node] = list(dict.fromkeys(part for base in bases for part in parts_of(base.source)))
    ends = torch.tensor([recording.value(part).numel() for part in sources]).cumsum(0)
    firsts = dict(zip(sources, [0, *ends.tolist()], strict=False))
    found = []
    for base in bases:
        numbers = [
            torch.arange(recording.value(part).numel()) + firsts[part] for part in parts_of(base.source)
        ]
        found.append(torch.cat(numbers)[base.index])
    if len(sources) == 1 and sources[0].name not in recording.constants:
        return sources[0], found
    return recording.call(place, "call_function", bundle, tuple(sources), {}), found


def _base(recording: Recording, place: fx.Node, operand: Any) -> Moved:
    if not isinstance(operand, fx.Node):
        operand = recording.constant(place, torch.as_tensor(float(operand)))
    if operand.name in recording.constants:
        held = recording.constants[operand.name]
        return Moved(operand, torch.arange(held.numel()).reshape(held.shape))
    base = recording.origin(operand)
    if base is None or not isinstance(base.index, Tensor):
        raise ValueError("no tensor of pictures")
    return base
