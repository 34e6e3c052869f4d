"""A network of every operator that a C model has."""

import numpy as np

from hwrts import fixed_point as ops
from hwrts.fixed_point import PIXEL, Format, Input, Network, Rounding

from ..rtl.build import random_conv

S8, S12, U5 = Format(True, 8, 6), Format(True, 12, 9), Format(False, 5, 4)


def everything(rounding=Rounding.HALF_EVEN):
    """Every operator that has C, of two inputs and two outputs, with codes of 5 to 12 bits and a stride."""
    rng = np.random.default_rng(5)
    layers = (
        random_conv(rng, "inside", "x", 4, 3, 3, S12, padding=ops.Padding.REPLICATE),
        random_conv(
            rng, "*/ int y;", "inside", 4, 4, (2, 3), S8, 16, groups=2, dilation=2, pads=(1, 2, 1, 2)
        ),
        ops.Add("add", ("inside", "z"), S12),
        ops.Add("less", ("add", "*/ int y;"), S8, negated=True),
        ops.Scale("scale", "less", 3, 2, S8),
        ops.PRelu("prelu", "scale", np.array([1, 3, -5, 127], np.int8), 3, S8),
        ops.Concat("concat", ("prelu", "add"), S8),
        ops.Slice("slice", "concat", 1, 5),
        ops.Reorder("order", "slice", np.array([2, 0, 3, 1], np.int32)),
        ops.Lookup("table", "order", rng.integers(0, 32, 256).astype(np.int16), U5),
        ops.Clip("clip", "table", 2, 29),
        ops.Multiply("times", ("clip", "prelu"), S8),
        ops.MaxPool("pool", "times", (3, 2), 1, (1, 1, 1, 0)),
        ops.Maximum("most", "pool", ops.Over.CHANNELS),
        random_conv(rng, "half", "pool", 8, 4, 4, S8, 12, stride=2, pads=(1, 1, 1, 1)),
        ops.SpaceToDepth("down", "pool", 2),
        ops.Concat("deep", ("half", "down"), S8),
        ops.DepthToSpace("up", "deep", 2),
        ops.Repeat("again", "half", 2),
        ops.Upsample("smooth", "half", "bicubic", 2, S8),
        ops.Concat("y", ("up", "again", "smooth"), S8),
    )
    return Network((Input("x", 3, PIXEL), Input("z", 4, S12)), layers, rounding, outputs=("y", "most"))
