"""The operators of the graph, one file each: node, spellings, value, QAT part, lowering, cost extremes.

The whole list is here. Files of the same names in ``fixed_point/operators`` and ``export/operators`` say what
the integers of each are, and its ONNX nodes; what is rewritten into others (affine, average_pool, batch_norm,
channel_mean, divide, downsample, rational, relu, shift,
transposed_conv) has none there.
"""

from typing import get_args

from hwrts.graph.operators.add import Add
from hwrts.graph.operators.affine import Affine
from hwrts.graph.operators.average_pool import AveragePool
from hwrts.graph.operators.batch_norm import BatchNorm
from hwrts.graph.operators.call import Call, Pad
from hwrts.graph.operators.channel_mean import ChannelMean
from hwrts.graph.operators.clip import Clip
from hwrts.graph.operators.concat import Concat
from hwrts.graph.operators.conv import Conv
from hwrts.graph.operators.crop import Crop
from hwrts.graph.operators.depth_to_space import DepthToSpace
from hwrts.graph.operators.divide import Divide
from hwrts.graph.operators.downsample import Downsample
from hwrts.graph.operators.global_average import GlobalAverage
from hwrts.graph.operators.input import Input
from hwrts.graph.operators.lookup import Lookup
from hwrts.graph.operators.max_pool import MaxPool
from hwrts.graph.operators.maximum import Maximum
from hwrts.graph.operators.multiply import Multiply
from hwrts.graph.operators.operator import Fused, Operator, Rank
from hwrts.graph.operators.prelu import PRelu
from hwrts.graph.operators.rational import Rational
from hwrts.graph.operators.relu import Relu
from hwrts.graph.operators.reorder import Reorder
from hwrts.graph.operators.repeat import Repeat
from hwrts.graph.operators.resize import Resize
from hwrts.graph.operators.scale import Scale
from hwrts.graph.operators.shift import Shift
from hwrts.graph.operators.slice import Slice
from hwrts.graph.operators.space_to_depth import SpaceToDepth
from hwrts.graph.operators.transposed_conv import TransposedConv
from hwrts.graph.operators.upsample import Upsample

Operation = (
    Conv
    | TransposedConv
    | AveragePool
    | BatchNorm
    | Affine
    | Relu
    | PRelu
    | Add
    | Scale
    | DepthToSpace
    | Resize
    | Repeat
    | Upsample
    | Downsample
    | Rational
    | Crop
    | Shift
    | Concat
    | Multiply
    | Lookup
    | Clip
    | Slice
    | Reorder
    | GlobalAverage
    | Maximum
    | ChannelMean
    | Divide
    | MaxPool
    | SpaceToDepth
)
"""A node that is made of others. Messages name the operators in this order."""
Node = Input | Operation

OPERATORS: dict[str, type[Operation]] = {kind.__name__: kind for kind in get_args(Operation)}
"""Every operator by its name in files."""

PARTS = tuple(dict.fromkeys(kind.PARTS for kind in OPERATORS.values() if kind.PARTS))
"""Names in files of the modules that hold their numbers during QAT."""

__all__ = [
    "OPERATORS",
    "PARTS",
    "Add",
    "Affine",
    "AveragePool",
    "BatchNorm",
    "Call",
    "ChannelMean",
    "Clip",
    "Concat",
    "Conv",
    "Crop",
    "DepthToSpace",
    "Divide",
    "Downsample",
    "Fused",
    "GlobalAverage",
    "Input",
    "Lookup",
    "MaxPool",
    "Maximum",
    "Multiply",
    "Node",
    "Operation",
    "Operator",
    "PRelu",
    "Pad",
    "Rank",
    "Rational",
    "Relu",
    "Reorder",
    "Repeat",
    "Resize",
    "Scale",
    "Shift",
    "Slice",
    "SpaceToDepth",
    "TransposedConv",
    "Upsample",
]
