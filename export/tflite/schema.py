"""The part of TensorFlow Lite's file format that is written here: numbers of its schema, version 3.

A file is a flatbuffer. Tables are known by the place of each field; these are the places, of the operators
that integer networks need. They are the format's public numbers, so nothing of TensorFlow is needed.
"""

from dataclasses import dataclass, field
from enum import IntEnum

IDENTIFIER = b"TFL3"
VERSION = 3


class Kind(IntEnum):
    """What the elements of a tensor are."""

    FLOAT32 = 0
    INT32 = 2
    INT8 = 9


SAME, VALID = 0, 1
"""Padding: as much as keeps the size (divided by the stride), or none."""
REFLECT, SYMMETRIC = 0, 1
"""What a MIRROR_PAD puts around: without the edge itself, or with it."""


@dataclass(frozen=True)
class Op:
    """An operator of the format.

    Attributes:
        name: Its name in the format.
        code: Its number.
        version: The lowest that knows int8; some runtimes refuse newer ones.
        options: Number of the table of its options; 0 for none.
        fields: Place and type of each of them by name, as int8, int32 or bool.
        ones: Options that are 1 where nothing is said; the others are 0.
    """

    name: str
    code: int
    version: int
    options: int = 0
    fields: dict[str, tuple[int, str]] = field(default_factory=dict)
    ones: tuple[str, ...] = ()


_STRIDES = {"padding": (0, "int8"), "stride_w": (1, "int32"), "stride_h": (2, "int32")}
_DILATIONS = ("dilation_w", "dilation_h")

ADD = Op("ADD", 0, 2, 11)
CONCATENATION = Op("CONCATENATION", 2, 2, 10, {"axis": (0, "int32")})
CONV_2D = Op(
    "CONV_2D", 3, 3, 1, {**_STRIDES, "dilation_w": (4, "int32"), "dilation_h": (5, "int32")}, _DILATIONS
)
DEPTHWISE_CONV_2D = Op(
    "DEPTHWISE_CONV_2D",
    4,
    3,
    2,
    {**_STRIDES, "multiplier": (3, "int32"), "dilation_w": (5, "int32"), "dilation_h": (6, "int32")},
    _DILATIONS,
)
DEQUANTIZE = Op("DEQUANTIZE", 6, 2)
DEPTH_TO_SPACE = Op("DEPTH_TO_SPACE", 5, 1, 94, {"block": (0, "int32")})
FLOOR = Op("FLOOR", 8, 1)
MAX_POOL_2D = Op("MAX_POOL_2D", 17, 2, 5, {**_STRIDES, "columns": (3, "int32"), "rows": (4, "int32")})
MUL = Op("MUL", 18, 2, 21)
RESHAPE = Op("RESHAPE", 22, 1)
SPACE_TO_DEPTH = Op("SPACE_TO_DEPTH", 26, 2, 19, {"block": (0, "int32")})
PAD = Op("PAD", 34, 2, 22)
GATHER = Op("GATHER", 36, 2, 23, {"axis": (0, "int32")})
SUB = Op("SUB", 41, 2, 28)
CAST = Op("CAST", 53, 1, 37, {"source": (0, "int8"), "result": (1, "int8")})
MAXIMUM = Op("MAXIMUM", 55, 2, 39)
MINIMUM = Op("MINIMUM", 57, 2, 39)
SLICE = Op("SLICE", 65, 2, 48)
TRANSPOSE_CONV = Op("TRANSPOSE_CONV", 67, 2, 49, _STRIDES)
REDUCE_MAX = Op("REDUCE_MAX", 82, 2, 27, {"keep": (0, "bool")})
RESIZE_NEAREST_NEIGHBOR = Op("RESIZE_NEAREST_NEIGHBOR", 97, 3, 74, {"half_pixel": (1, "bool")})
QUANTIZE = Op("QUANTIZE", 114, 1)
ROUND = Op("ROUND", 116, 1)
MIRROR_PAD = Op("MIRROR_PAD", 100, 2, 77, {"mode": (0, "int8")})
