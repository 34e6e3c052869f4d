"""Calls that put a tensor together of planes of several others, as ``laid`` finds them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from hwrts.graph.laid import Laid, Plane, laid
from hwrts.graph.operators.call import VALUE
from hwrts.graph.operators.reorder import reorder
from hwrts.graph.operators.shift import shift
from hwrts.graph.padded import is_for_kernels

if TYPE_CHECKING:
    from hwrts.graph.recording import Moved, Recording

_Calls = Callable[..., fx.Node]


def bundle(*parts: Tensor) -> Tensor:
    """All values of some tensors behind one another: stands in a graph for these, and is read by nobody."""
    return torch.cat([part.flatten() for part in parts])


def parts_of(source: fx.Node) -> tuple[fx.Node, ...]:
    """The tensors that a source of values stands for."""
    return tuple(source.all_input_nodes) if source.target is bundle else (source,)


def how_laid(recording: "Recording", moved: "Moved") -> Laid | None:
    """How values are put together of planes, if they are."""
    if not isinstance(moved.index, Tensor):
        return None
    parts = []
    for part in parts_of(moved.source):
        value, constant = recording.value(part), part.name in recording.constants
        if constant and value.requires_grad:  # planes of numbers are not trained
            return None
        parts.append(value.flatten() if constant else value)
    return laid(moved.index, parts)


def drawn(recording: "Recording", place: fx.Node, moved: "Moved", plan: Laid) -> fx.Node:
    """The calls that put values together, in front of a node."""

    def call(function: Any, *args: Any) -> fx.Node:
        return recording.call(place, "call_function", function, args, {})

    parts = parts_of(moved.source)
    groups: dict[Any, dict[Plane | float, None]] = {}  # planes that one chain of calls makes, without repeats
    for plane in plan.planes:
        groups.setdefault(_group(recording, parts, plan, plane), {})[plane] = None
    made: list[fx.Node] = []
    order: dict[Plane | float, int] = {}
    unshuffled: dict[tuple[int, int], fx.Node] = {}
    for group, planes in sorted(groups.items(), key=lambda each: each[0] is None):
        first = len(order)
        order.update({plane: first + i for i, plane in enumerate(planes)})
        if group is None:
            numbers = torch.tensor([float(plane) for plane in planes if isinstance(plane, float)])
            one = reorder_of(recording, call, made[0], [0])
            zeros = recording.constant(place, torch.zeros(len(numbers), 1, 1, 1))
            made.append(call(F.conv2d, one, zeros, recording.constant(place, numbers)))
            continue
        part, block, moves, edges = group
        if block > 1 and (part, block) not in unshuffled:
            unshuffled[part, block] = call(F.pixel_unshuffle, parts[part], block)
        source = unshuffled[part, block] if block > 1 else parts[part]
        chosen = [plane for plane in planes if isinstance(plane, Plane)]
        source = reorder_of(recording, call, source, [plane.channel for plane in chosen])
        made.append(_shifted(recording, place, call, source, chosen, plan, edges) if moves else source)
    whole = made[0] if len(made) == 1 else call(torch.cat, tuple(made), 1)
    whole = reorder_of(recording, call, whole, [order[plane] for plane in plan.planes])
    return whole if plan.block == 1 else call(F.pixel_shuffle, whole, plan.block)


def _group(recording: "Recording", parts: Sequence[fx.Node], plan: Laid, plane: Plane | float) -> Any:
    """What planes have in common that one chain of calls makes; None for numbers."""
    if not isinstance(plane, Plane):
        return None
    of = recording.value(parts[plane.part]).shape[2:]
    same = (of[0] // plane.block, of[1] // plane.block) == plan.size
    moves = not same or plane.row != 0 or plane.column != 0
    return plane.part, plane.block, moves, plane.edges


def _shifted(
    recording: "Recording",
    place: fx.Node,
    call: _Calls,
    source: fx.Node,
    planes: Sequence[Plane],
    plan: Laid,
    edges: str,
) -> fx.Node:
    """All channels of a tensor moved, each as its plane says."""
    of = recording.value(source).shape[2:]
    if len({(plane.row, plane.column) for plane in planes}) == 1:  # whoever reads it may do so by itself
        row, column = planes[0].row, planes[0].column
        sides = (-column, plan.size[1] - of[1] + column, -row, plan.size[0] - of[0] + row)
        as_pad = is_for_kernels(recording, place, sides) or not _is_known(recording, place, plan)
        if min(sides) >= 0 and as_pad:
            return call(F.pad, source, sides, "constant" if edges == "zero" else edges)
    kernel, around = [], []
    for axis, moves in enumerate(([plane.row for plane in planes], [plane.column for plane in planes])):
        more = plan.size[axis] - of[axis]
        before = max(0, -min(moves), more)  # a kernel reads no more pixels around than it is large
        reach = max(max(moves), 0, -more) + before
        kernel.append(reach + 1)
        around.append((before, reach + more - before))
    taps = tuple((plane.row + around[0][0], plane.column + around[1][0]) for plane in planes)
    pads = (around[0][0], around[1][0], around[0][1], around[1][1])
    return call(shift, source, taps, tuple(kernel), pads, edges)


def _is_known(recording: "Recording", place: fx.Node, plan: Laid) -> bool:
    """Whether a tensor in front has that size: what was cut off is added, and no picture grows."""
    size = tuple(side * plan.block for side in plan.size)
    others = [node for node in recording.graph.nodes if node < place and node not in recording.moved]
    values = [node.meta.get(VALUE) for node in others]
    return any(isinstance(each, Tensor) and tuple(each.shape[2:]) == size for each in values)


def reorder_of(recording: "Recording", call: _Calls, x: fx.Node, order: list[int]) -> fx.Node:
    """A call of :func:`reorder`, unless nothing changes."""
    return x if order == list(range(recording.value(x).shape[1])) else call(reorder, x, order)
