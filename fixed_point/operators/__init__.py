"""The operators that an integer network is made of: one file each, and all of them in one union."""

from typing import get_args

from .add import Add
from .clip import Clip
from .concat import Concat
from .conv import Conv
from .depth_to_space import DepthToSpace
from .global_average import Along, GlobalAverage
from .lookup import Lookup
from .max_pool import MaxPool
from .maximum import Maximum, Over
from .multiply import Multiply
from .prelu import PRelu
from .reorder import Reorder
from .repeat import Repeat
from .resize import Places, Resize
from .scale import Scale
from .slice import Slice
from .space_to_depth import SpaceToDepth
from .upsample import Upsample

__all__ = [
    "OPERATORS",
    "Add",
    "Along",
    "Clip",
    "Concat",
    "Conv",
    "DepthToSpace",
    "GlobalAverage",
    "Layer",
    "Lookup",
    "MaxPool",
    "Maximum",
    "Multiply",
    "Over",
    "PRelu",
    "Places",
    "Reorder",
    "Repeat",
    "Resize",
    "Scale",
    "Slice",
    "SpaceToDepth",
    "Upsample",
]

Layer = (
    Conv
    | Add
    | Scale
    | PRelu
    | DepthToSpace
    | Repeat
    | Upsample
    | Resize
    | Concat
    | Multiply
    | Lookup
    | Clip
    | Slice
    | Reorder
    | MaxPool
    | SpaceToDepth
    | GlobalAverage
    | Maximum
)

OPERATORS: dict[str, type[Layer]] = {kind.__name__: kind for kind in get_args(Layer)}
"""By the name that files give them."""
