"""Rearrangements: views, permutations and the like, as the few that silicon has, found by where values go.

A forward that is followed on an example knows all its shapes, so a chain of views is carried out on the
numbers of the values themselves. Where something reads the result, it is looked at: an order of channels,
PixelShuffle, PixelUnshuffle, a repetition, or nothing at all. What lies in between may be computed in any
order of its values, if it is computed value by value or over the channels of a pixel.
"""

from collections.abc import Mapping
from contextlib import suppress

from torch import Tensor, fx, nn

from hwrts.graph.in_each_pixel import in_each_pixel
from hwrts.graph.moves import moved
from hwrts.graph.recording import Moved, Recording
from hwrts.graph.softmaxes import of_two
from hwrts.graph.value_by_value import value_by_value

_RULES = (moved, value_by_value, in_each_pixel, of_two)
"""What makes of a call values in other places, the first that can."""


def without_moves(graph: fx.Graph, modules: Mapping[str, nn.Module], constants: dict[str, Tensor]) -> None:
    """Take views, permutations and the like out of a recorded graph, in place.

    What has no name is a call of :func:`rearranged`.

    Args:
        graph: Followed on an example.
        modules: That are called, by name.
        constants: Values that depend on no picture, by name; some are added.
    """
    recording = Recording(graph, modules, constants)
    for node in list(graph.nodes):
        if node.op in ("placeholder", "get_attr"):
            continue
        made = _made(recording, node) if node.op != "output" else None
        if made is not None:
            recording.moved[node] = made
        else:
            node.args = fx.map_arg(node.args, recording.read)
            node.kwargs = fx.map_arg(node.kwargs, recording.read)
    for node in reversed(list(graph.nodes)):
        if node in recording.moved and not node.users:
            graph.erase_node(node)


def _made(recording: Recording, node: fx.Node) -> Moved | None:
    """What the first rule makes of a call; None if its operands are read as tensors of pictures."""
    for rule in _RULES:
        with suppress(RuntimeError, ValueError, TypeError, IndexError):  # its reader says what is wrong
            made = rule(recording, node)
            if made is not None:
                return made
    return None
