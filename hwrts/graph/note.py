"""A graph as plain values, without its weights: what a file must hold so that its module can be made again.

No code of the network is needed then, neither ours nor a user's.
"""

import math
from collections.abc import Sequence
from dataclasses import Field as DataclassField
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import torch
from pydantic import Field, create_model, model_validator
from torch import Tensor

from hwrts.config.qat import RoundingNames
from hwrts.files.read import Document, Text
from hwrts.graph import Graph, Input, Node
from hwrts.graph.operators import OPERATORS, Fused, Rank

_KINDS: dict[str, type[Node]] = {
    "Input": Input,
    **{name: kind for name, kind in OPERATORS.items() if not issubclass(kind, Fused)},
}
"""The operators of a deploy form; Relu and BatchNorm are part of others there, a Relu at least of a Clip."""

MAX_NODES = 4096
"""As many as an integer network may have layers."""

_MOVING = {name for name, kind in OPERATORS.items() if kind.MOVES}
"""Their codes only change places, so they have no format of their own."""

_Size = Annotated[int, Field(ge=1, lt=2**31)]


class _Shape(Document):
    """What is noted of a tensor."""

    shape: list[_Size]


class _Shape1(_Shape):
    shape: Annotated[list[_Size], Field(min_length=1, max_length=1)]


class _Shape4(_Shape):
    shape: Annotated[list[_Size], Field(min_length=4, max_length=4)]


_SHAPES = {1: _Shape1, 4: _Shape4}
"""By the rank of the tensor."""


def _noted_type(hint: Any) -> Any:
    """What is noted of a node's field of this type."""
    if get_origin(hint) is tuple:  # the sources
        if Ellipsis in get_args(hint):
            return Annotated[list[Text], Field(min_length=1, max_length=MAX_NODES)]
        count = len(get_args(hint))
        return Annotated[list[Text], Field(min_length=count, max_length=count)]
    ranks = [each.dimensions for each in get_args(hint)[1:] if isinstance(each, Rank)]
    return _SHAPES[ranks[0]] if ranks else hint


def _default(field: DataclassField[Any]) -> Any:
    """What is read of a file from before the field was there; all others must be there."""
    return field.default if field.metadata.get("later") else ...


def _model(name: str, kind: type[Node]) -> type[Document]:
    """The model of a node's note: its operator's name, and each of its dataclass fields."""
    hints = get_type_hints(kind, include_extras=True)
    noted: dict[str, Any] = {"op": (Literal[name], ...)}
    noted |= {each.name: (_noted_type(hints[each.name]), _default(each)) for each in fields(kind)}
    return create_model(f"_{name}", __base__=Document, **noted)


if TYPE_CHECKING:
    _NodeNote = Any
else:
    _NodeNote = Annotated[
        Union[tuple(_model(name, kind) for name, kind in _KINDS.items())],  # noqa: UP007 - made of a list
        Field(discriminator="op"),
    ]


class _Format(Document):
    signed: bool
    bits: Annotated[int, Field(ge=2, le=16)]
    frac: Annotated[int, Field(ge=-32, le=32)]


_Bits = Annotated[int, Field(ge=2, le=8)]
_Register = Annotated[int, Field(ge=9, le=24)]


class QatNote(Document):
    """The note of qat.safetensors: all of a fake-quantised network but its weights."""

    graph: Annotated[list[_NodeNote], Field(min_length=2, max_length=MAX_NODES)]
    # not in files of networks whose last tensor is the only output
    outputs: list[Text] = Field([])
    formats: dict[Text, _Format]
    weight_bits: _Bits
    # not in files from before layers had widths of their own
    layer_weight_bits: dict[Text, _Bits] = Field({})
    # not in files of networks whose accumulators are as they come
    accumulator_bits: _Register | None = None
    layer_accumulator_bits: dict[Text, _Register] = Field({})
    settle: bool = False
    rounding: RoundingNames

    @model_validator(mode="after")
    def _check_graph(self) -> "QatNote":
        known: set[str] = set()
        inputs = sum(node.op == "Input" for node in self.graph)
        for i, node in enumerate(self.graph):
            if (node.op == "Input") != (i < max(1, inputs)):
                raise ValueError("inputs are the first nodes, one at least")
            missing = [name for name in getattr(node, "sources", ()) if name not in known]
            if missing or node.name in known:
                raise ValueError(f"{node.name!r:.40} reads what is not made before it, or is there twice")
            known.add(node.name)
        if len(set(self.outputs)) != len(self.outputs) or not known.issuperset(self.outputs):
            raise ValueError("its outputs are no tensors of it, or are named twice")
        quantised = {node.name for node in self.graph if node.op not in _MOVING}
        if set(self.formats) != quantised:
            raise ValueError(f"{min(quantised ^ set(self.formats))!r:.40} is a tensor or a format alone")
        return self

    @property
    def elements(self) -> int:
        """Numbers in all its tensors; a file that holds fewer is not worth the memory."""
        values = [value for node in self.graph for _, value in node]
        return sum(math.prod(value.shape) for value in values if isinstance(value, _Shape))


def note_graph(graph: Graph) -> list[dict[str, Any]]:
    """Every node as a dictionary for JSON; of its tensors only the shapes."""
    return [_note_node(node) for node in graph.nodes]


def note_outputs(graph: Graph) -> dict[str, list[str]]:
    """The entry "outputs" of a note, which most have no need of: their last tensor is the only one."""
    return {} if graph.outputs == (graph.nodes[-1].name,) else {"outputs": list(graph.outputs)}


def noted_graph(notes: list[dict[str, Any]], outputs: Sequence[str] = ()) -> Graph:
    """The graph of a note that :class:`QatNote` has checked, with weights and slopes 0."""
    nodes = []
    for entry in notes:
        kind = _KINDS[entry["op"]]
        noted = [field for field in fields(kind) if field.name in entry]
        nodes.append(kind(**{field.name: _value(entry[field.name]) for field in noted}))
    return Graph(tuple(nodes), tuple(outputs))


def _note_node(node: Node) -> dict[str, Any]:
    values = {field.name: _note(getattr(node, field.name)) for field in fields(node)}
    if isinstance(node, Input):  # most have none of what came later, and their files stay as they are
        later = {field.name: field.default for field in fields(node) if field.metadata.get("later")}
        values = {name: value for name, value in values.items() if later.get(name, ...) != value}
    return {"op": type(node).__name__, **values}


def _note(value: Any) -> Any:
    return {"shape": list(value.shape)} if isinstance(value, Tensor) else value


def _value(note: Any) -> Any:
    if isinstance(note, dict):
        return torch.zeros(note["shape"])
    return tuple(note) if isinstance(note, list) else note
