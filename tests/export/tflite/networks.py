"""Networks for the tests of this folder: those of `hwrts run`, and one for each kind of operator."""

import numpy as np

from hwrts.fixed_point import (
    PIXEL,
    Add,
    Clip,
    Concat,
    Conv,
    DepthToSpace,
    Format,
    Input,
    Lookup,
    Maximum,
    MaxPool,
    Multiply,
    Network,
    Over,
    Padding,
    Places,
    PRelu,
    Reorder,
    Repeat,
    Resize,
    Scale,
    Slice,
    SpaceToDepth,
    Upsample,
)

U8, S8 = Format(False, 8, 6), Format(True, 8, 8)
U6, S7 = Format(False, 6, 5), Format(True, 7, 7)


def conv(name, source, shape, out, *, frac=8, seed=0, **more):
    """A convolution (O, I/G, KH, KW) of random codes and two grids."""
    rng = np.random.default_rng(seed + sum(map(ord, name)))
    return Conv(
        name,
        source,
        rng.integers(-127, 128, shape).astype(np.int8),
        (frac + rng.integers(0, 2, shape[0])).astype(np.int32),
        rng.integers(-3000, 3000, shape[0]).astype(np.int32),
        out,
        **more,
    )


def residual(block):
    """A Residual-1 as `hwrts run` deploys it: enlarged by ``block``, or of the same size for 1."""
    head = [
        conv("in", "x", (8, 3, 3, 3), U8, padding=Padding.REPLICATE),
        conv("hidden", "in", (8, 8, 3, 3), U8, frac=9, padding=Padding.REPLICATE),
        Add("sum", ("in", "hidden"), U8),
        conv("r", "sum", (3, 8, 3, 3), S8),
    ]
    if block == 1:
        return [*head, Add("y", ("x", "r"), PIXEL)]
    deep = 3 * block**2
    return [
        *head,
        conv("ext_x", "x", (deep, 3, 3, 3), S8),
        conv("ext_r", "r", (deep, 3, 3, 3), S8),
        Add("correction", ("ext_x", "ext_r"), S8),
        DepthToSpace("shuffled", "correction", block),
        Repeat("repeated", "x", block),
        Add("y", ("repeated", "shuffled"), PIXEL),
    ]


def ties():
    """A convolution and a sum with many ties of both signs that are not saturated."""
    weight = np.array([[1, -3, 2], [5, 1, -7], [-2, -1, 1]], np.int8)[..., None, None]
    grid = Format(True, 8, 6)
    small = Conv("c", "x", weight, np.full(3, 3, np.int32), np.zeros(3, np.int32), grid)
    return [
        small,
        Slice("y", "c", 0, 3),
        Reorder("turned", "c", np.array([1, 2, 0], np.int32)),
        Add("z", ("c", "turned"), Format(True, 8, 4)),
    ]


_SLOPES = np.array([16, -40, 0, 127], np.int8)
_TABLE = np.sin(np.arange(256) / 20)

LAYERS = {
    "ties": ties(),
    "x2": residual(2),
    "x3": residual(3),
    "same size": residual(1),
    "prelu": [
        conv("in", "x", (4, 3, 3, 3), S8),
        PRelu("leaky", "in", _SLOPES, 6, S8),
        conv("y", "leaky", (3, 4, 3, 3), PIXEL),
    ],
    "up-sampling": [
        Upsample("smooth", "x", "bilinear", 2, PIXEL),
        Upsample("sharp", "x", "bicubic", 2, S7),
        Upsample("thirds", "x", "bilinear", 3, PIXEL),
        Add("y", ("smooth", "sharp"), PIXEL),
        Clip("z", "thirds", 16, 235),
    ],
    "scale": [
        conv("r", "x", (3, 3, 3, 3), S8),
        Scale("soft", "r", -51, 8, S8),
        Add("y", ("x", "soft"), PIXEL),
        Add("z", ("x", "soft"), U6, negated=True),
    ],
    "concat": [
        conv("a", "x", (4, 3, 3, 3), U8),
        conv("b", "x", (3, 3, 1, 1), S7),
        Concat("joined", ("a", "b", "x", "a"), U6),
        Reorder("turned", "joined", np.array([13, 0, 5, 5, 2], np.int32)),
        Slice("y", "turned", 1, 4),
    ],
    "depthwise": [
        conv("a", "x", (6, 1, 3, 3), U8, groups=3),
        conv("b", "a", (4, 3, 3, 3), S8, groups=2, pads=(1, 1, 1, 1)),
        conv("c", "b", (4, 1, 3, 3), S8, groups=4, dilation=2, padding=Padding.REFLECT),
        conv("z", "c", (5, 4, 3, 3), S8, stride=2, pads=(1, 1, 1, 1)),
        conv("y", "c", (3, 4, 2, 4), PIXEL, pads=(1, 0, 0, 2), padding=Padding.REPLICATE),
    ],
    "table": [
        conv("in", "x", (4, 3, 3, 3), S8),
        Lookup("bent", "in", (_TABLE * 63).astype(np.int16), S7),
        conv("y", "bent", (3, 4, 3, 3), PIXEL),
    ],
    "rearranged": [
        SpaceToDepth("deep", "x", 2),
        conv("in", "deep", (16, 12, 1, 1), S8),
        MaxPool("pooled", "in", (3, 3), 1, (1, 1, 1, 1)),
        MaxPool("smaller", "pooled", (2, 3), 2, (0, 1, 0, 0)),
        Maximum("largest", "pooled", Over.CHANNELS),
        Maximum("brightest", "pooled", Over.PICTURE),
        Maximum("strips", "largest", Over.ROWS),
        Maximum("bars", "strips", Over.COLUMNS),
        Maximum("posts", "pooled", Over.COLUMNS),
        Multiply("gated", ("pooled", "largest"), S8),
        Add("lit", ("gated", "brightest"), S8),
        DepthToSpace("y", "lit", 2),
        Resize("z", ("smaller", "lit"), S7, Places.CENTRES),
    ],
}
"""By what is peculiar to them; z, and what nobody reads, is given out beside y."""


def network(kind, rules):
    """One of LAYERS under the rules of convolutions and additions."""
    layers = LAYERS[kind]
    read = {source for layer in layers for source in layer.sources}
    ends = tuple(layer.name for layer in layers if layer.name not in read)
    return Network((Input("x", 3, PIXEL),), tuple(layers), rules[0], additions=rules[1], outputs=ends)


def codes(made, height, width, seed=0):
    """Noise of a size that the network takes, by input."""
    rng = np.random.default_rng(seed)
    height, width = made.legal_size(height, width)
    return {"x": rng.integers(0, 256, (height, width, 3)).astype(np.uint8)}
