"""The functions of C that compute each operator: one file each, under the name that it has here."""

from typing import Any, Protocol

from hwrts.export.c.function import Function, Writer
from hwrts.export.c.operators import (
    add,
    clip,
    concat,
    conv,
    depth_to_space,
    lookup,
    max_pool,
    maximum,
    multiply,
    prelu,
    reorder,
    repeat,
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


class Emitter(Protocol):
    """What the file of an operator has; ``layer`` is one of its own."""

    def write(self, writer: Writer, layer: Any) -> Function:
        """Its function, and the rows that it wants to be given."""


EMITTERS: dict[type[Layer], Emitter] = {
    Conv: conv,
    Add: add,
    Scale: scale,
    PRelu: prelu,
    DepthToSpace: depth_to_space,
    Repeat: repeat,
    Upsample: upsample,
    Concat: concat,
    Multiply: multiply,
    Lookup: lookup,
    Clip: clip,
    Slice: slice,
    Reorder: reorder,
    MaxPool: max_pool,
    SpaceToDepth: space_to_depth,
    Maximum: maximum,
}
NO_ROWS: tuple[type[Layer], ...] = (Resize, GlobalAverage)
"""Operators that read the whole picture: no model that is fed row by row has them."""
assert [*EMITTERS] == [kind for kind in OPERATORS.values() if kind not in NO_ROWS], (
    "an operator of hwrts.fixed_point is not said here"
)

WITH_REGISTERS = (Add, Multiply)
"""Operators that read one pixel beside a picture for all of its pixels (:func:`.add.pairwise`)."""
