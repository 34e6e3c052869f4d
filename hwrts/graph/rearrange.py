"""Rearrangements: views, permutations and the like, as the few that silicon has, found by where values go.

A forward that is followed on an example knows all its shapes, so a chain of views is carried out on the
numbers of the values themselves. Where something reads the result, it is looked at: an order of channels,
PixelShuffle, PixelUnshuffle, a repetition, or nothing at all. What lies in between may be computed in any
order of its values, if it is computed value by value or over the channels of a pixel.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, fx, nn

from hwrts.graph.batches import in_each_frame
from hwrts.graph.conv3d import over_frames
from hwrts.graph.in_each_pixel import in_each_pixel
from hwrts.graph.in_place import is_in_place
from hwrts.graph.mosaics import interleaved, mosaic
from hwrts.graph.moves import moved
from hwrts.graph.products import contracted
from hwrts.graph.recording import Recording
from hwrts.graph.reductions import reduced
from hwrts.graph.softmaxes import softmax
from hwrts.graph.turned import cut_off, turned
from hwrts.graph.value_by_value import value_by_value

_RULES = (
    *(cut_off, mosaic, moved, interleaved, value_by_value, in_each_pixel, softmax, reduced, contracted),
    *(in_each_frame, over_frames, turned),
)
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
        if node.op == "output" or not any(recording.attempt(node, rule) for rule in _RULES):
            if is_in_place(node, recording.modules):
                _check_overwritten(recording, node)
            node.args = fx.map_arg(node.args, recording.read)
            node.kwargs = fx.map_arg(node.kwargs, recording.read)
        if is_in_place(node, recording.modules):
            recording.forget()
    for node in reversed(list(graph.nodes)):
        if node in recording.moved and not node.users:
            graph.erase_node(node)


def _check_overwritten(recording: Recording, node: fx.Node) -> None:
    """Give no name to what is overwritten through a view, if others see it change: a copy would not."""
    written: Any = node.args[0] if node.args else None
    copied = written in recording.moved and recording.landing(written)
    if copied and not recording.is_alone(written):
        recording.unname(written)
