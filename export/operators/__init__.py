"""The ONNX nodes of every operator: one file each, under the name that it has in hwrts.fixed_point."""

from typing import Any, Protocol

from hwrts.export.forms import Forms
from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.export.operators import (
    add,
    clip,
    concat,
    conv,
    depth_to_space,
    global_average,
    lookup,
    max_pool,
    maximum,
    multiply,
    prelu,
    reorder,
    repeat,
    resize,
    scale,
    slice,
    space_to_depth,
    upsample,
)
from hwrts.fixed_point import (
    OPERATORS,
    Add,
    Clip,
    Concat,
    Conv,
    DepthToSpace,
    GlobalAverage,
    Layer,
    Lookup,
    Maximum,
    MaxPool,
    Multiply,
    PRelu,
    Reorder,
    Repeat,
    Resize,
    Scale,
    Slice,
    SpaceToDepth,
    Upsample,
)


class Nodes(Protocol):
    """What the file of an operator has; ``layer`` is one of its own."""

    FUSED: Fused
    FORMS: Forms

    def qdq(self, writer: QdqWriter, layer: Any) -> None:
        """Append a layer as real-valued operators that runtimes fuse."""

    def integer(self, writer: IntegerWriter, layer: Any) -> None:
        """Append a layer as integer operators, with its requantisation."""


NODES: dict[type[Layer], Nodes] = {
    Conv: conv,
    Add: add,
    Scale: scale,
    PRelu: prelu,
    DepthToSpace: depth_to_space,
    Repeat: repeat,
    Upsample: upsample,
    Resize: resize,
    Concat: concat,
    Multiply: multiply,
    Lookup: lookup,
    Clip: clip,
    Slice: slice,
    Reorder: reorder,
    MaxPool: max_pool,
    SpaceToDepth: space_to_depth,
    GlobalAverage: global_average,
    Maximum: maximum,
}
assert list(NODES) == list(OPERATORS.values()), "an operator of hwrts.fixed_point has no ONNX nodes here"
