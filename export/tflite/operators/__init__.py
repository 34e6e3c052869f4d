"""The operators of TensorFlow Lite that say each of ours: one file each, under the name that it has here."""

from typing import Any, Protocol

from hwrts.export.tflite.operators import (
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
    reorder,
    repeat,
    resize,
    scale,
    slice,
    space_to_depth,
    upsample,
)
from hwrts.export.tflite.writer import Writer
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

    def write(self, writer: Writer, layer: Any) -> None:
        """Append a layer, or refuse it in one line that names it."""


EMITTERS: dict[type[Layer], Emitter] = {
    Conv: conv,
    Add: add,
    Scale: scale,
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
SAID_BY_OTHERS: tuple[type[Layer], ...] = (PRelu,)
"""Operators that stand in no file (:mod:`hwrts.export.restated`): the format's own PRELU rounds its two
branches in ways of each runtime."""
assert [*EMITTERS] == [kind for kind in OPERATORS.values() if kind not in SAID_BY_OTHERS], (
    "an operator of hwrts.fixed_point is not said here"
)
