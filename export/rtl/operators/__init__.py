"""Operators in Verilog: one generator for each, and all of them in one match."""

from typing import assert_never

from hwrts.export.rtl.design import Module, Place
from hwrts.export.rtl.operators import (
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
    reduce,
    reorder,
    repeat,
    resize,
    scale,
    slice,
    space_to_depth,
    upsample,
)
from hwrts.fixed_point import (
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

__all__ = ["module_of"]


def module_of(layer: Layer, place: Place) -> Module:
    """What a layer becomes.

    Raises:
        HwrtsError: An operator, or a shape of it, that has no Verilog yet.
    """
    match layer:
        case Conv():
            return conv.module(layer, place)
        case Add():
            return add.module(layer, place)
        case DepthToSpace():
            return depth_to_space.module(layer, place)
        case Repeat():
            return repeat.module(layer, place)
        case Scale():
            return scale.module(layer, place)
        case PRelu():
            return prelu.module(layer, place)
        case Multiply():
            return multiply.module(layer, place)
        case Lookup():
            return lookup.module(layer, place)
        case Clip():
            return clip.module(layer, place)
        case Reorder():
            return reorder.module(layer, place)
        case Concat():
            return concat.module(layer, place)
        case Slice():
            return slice.module(layer, place)
        case Upsample():
            return upsample.module(layer, place)
        case SpaceToDepth():
            return space_to_depth.module(layer, place)
        case MaxPool():
            return max_pool.module(layer, place)
        case Maximum():
            return maximum.module(layer, place)
        case Resize():
            return resize.module(layer, place)
        case GlobalAverage():
            return reduce.mean(layer, place)
        case _:
            assert_never(layer)
