"""A graph as plain values, without its weights: what a file must hold so that its module can be made again.

No code of the network is needed then, neither ours nor a user's.
"""

import math
from dataclasses import fields
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from hwrts.files.read import LARGEST, Document, Text
from hwrts.graph import Add, Conv, DepthToSpace, Graph, Input, Node, PRelu, Repeat, Scale, Upsample

_KINDS: dict[str, type[Node]] = {
    kind.__name__: kind for kind in (Input, Conv, Add, Scale, PRelu, DepthToSpace, Repeat, Upsample)
}
"""The operators of a deploy form; Relu and BatchNorm are part of others there."""

MAX_NODES = 4096
"""As many as an integer network may have layers."""

_MOVING = ("DepthToSpace", "Repeat")
"""Their codes only change places, so they have no format of their own."""

_One = Annotated[list[Text], Field(min_length=1, max_length=1)]
_Two = Annotated[list[Text], Field(min_length=2, max_length=2)]
_Size = Annotated[int, Field(ge=1, lt=2**31)]
_Factor = Annotated[int, Field(ge=2, le=16)]


class _Shape1(Document):
    shape: Annotated[list[_Size], Field(min_length=1, max_length=1)]


class _Shape4(Document):
    shape: Annotated[list[_Size], Field(min_length=4, max_length=4)]


class _Input(Document):
    op: Literal["Input"]
    name: Text
    channels: Annotated[int, Field(ge=1, le=1 << 16)]


class _Conv(Document):
    op: Literal["Conv"]
    name: Text
    sources: _One
    weight: _Shape4
    bias: _Shape1
    relu: bool


class _Add(Document):
    op: Literal["Add"]
    name: Text
    sources: _Two
    relu: bool


class _Scale(Document):
    op: Literal["Scale"]
    name: Text
    sources: _One
    factor: Annotated[float, Field(ge=-LARGEST, le=LARGEST)]


class _PRelu(Document):
    op: Literal["PRelu"]
    name: Text
    sources: _One
    slope: _Shape1
    trained: bool


class _DepthToSpace(Document):
    op: Literal["DepthToSpace"]
    name: Text
    sources: _One
    block: _Factor


class _Repeat(Document):
    op: Literal["Repeat"]
    name: Text
    sources: _One
    factor: _Factor


class _Upsample(Document):
    op: Literal["Upsample"]
    name: Text
    sources: _One
    kind: Text
    factor: _Factor


_NodeNote = Annotated[
    _Input | _Conv | _Add | _Scale | _PRelu | _DepthToSpace | _Repeat | _Upsample, Field(discriminator="op")
]


class _Format(Document):
    signed: bool
    bits: Annotated[int, Field(ge=2, le=16)]
    frac: Annotated[int, Field(ge=-32, le=32)]


_Bits = Annotated[int, Field(ge=2, le=8)]


class QatNote(Document):
    """The note of qat.safetensors: all of a fake-quantised network but its weights."""

    graph: Annotated[list[_NodeNote], Field(min_length=2, max_length=MAX_NODES)]
    formats: dict[Text, _Format]
    weight_bits: _Bits
    # not in files from before layers had widths of their own
    layer_weight_bits: dict[Text, _Bits] = Field({})
    rounding: Literal["half_even", "half_up", "half_away", "floor"]

    @model_validator(mode="after")
    def _check_graph(self) -> "QatNote":
        known: set[str] = set()
        for i, node in enumerate(self.graph):
            if isinstance(node, _Input) != (i == 0):
                raise ValueError("the input is the first node and no other")
            missing = [] if isinstance(node, _Input) else [name for name in node.sources if name not in known]
            if missing or node.name in known:
                raise ValueError(f"{node.name!r:.40} reads what is not made before it, or is there twice")
            known.add(node.name)
        quantised = {node.name for node in self.graph if node.op not in _MOVING}
        if set(self.formats) != quantised:
            raise ValueError(f"{min(quantised ^ set(self.formats))!r:.40} is a tensor or a format alone")
        return self

    @property
    def elements(self) -> int:
        """Numbers in all its tensors; a file that holds fewer is not worth the memory."""
        shapes = [node.weight.shape for node in self.graph if isinstance(node, _Conv)]
        shapes += [node.bias.shape for node in self.graph if isinstance(node, _Conv)]
        shapes += [node.slope.shape for node in self.graph if isinstance(node, _PRelu)]
        return sum(math.prod(shape) for shape in shapes)


def note_graph(graph: Graph) -> list[dict[str, Any]]:
    """Every node as a dictionary for JSON; of its tensors only the shapes."""
    return [_note_node(node) for node in graph.nodes]


def noted_graph(notes: list[dict[str, Any]]) -> Graph:
    """The graph of a note that :class:`QatNote` has checked, with weights and slopes 0."""
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
