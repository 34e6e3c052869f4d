"""A graph as plain values, without its weights: what a file must hold so that its module can be made again.

No code of the network is needed then, neither ours nor a user's.
"""

from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from hwrts.graph import Add, Conv, DepthToSpace, Graph, Input, Node, PRelu, Repeat, Scale, Upsample

_KINDS: dict[str, type[Node]] = {
    kind.__name__: kind for kind in (Input, Conv, Add, Scale, PRelu, DepthToSpace, Repeat, Upsample)
}
"""The operators of a deploy form; Relu and BatchNorm are part of others there."""


def note_graph(graph: Graph) -> list[dict[str, Any]]:
    """Every node as a dictionary for JSON; of its tensors only the shapes."""
    return [_note_node(node) for node in graph.nodes]


def noted_graph(notes: list[dict[str, Any]]) -> Graph:
    """The graph that was noted, with weights and slopes 0.

    Raises:
        KeyError: An operator that there is not, or a value that is missing.
        TypeError: A value of the wrong type.
    """
    nodes = []
    for entry in notes:
        kind = _KINDS[entry["op"]]
        nodes.append(kind(**{field.name: _value(entry[field.name]) for field in fields(kind)}))
    return Graph(tuple(nodes))


def _note_node(node: Node) -> dict[str, Any]:
    values = {field.name: _note(getattr(node, field.name)) for field in fields(node)}
    return {"op": type(node).__name__, **values}


def _note(value: Any) -> Any:
    return {"shape": list(value.shape)} if isinstance(value, Tensor) else value


def _value(note: Any) -> Any:
    if isinstance(note, dict):
        return torch.zeros(note["shape"])
    return tuple(note) if isinstance(note, list) else note
