"""What each layer computes, in int64: the definition that every other path is compared with."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .add import add_accumulate
from .codes import Codes
from .conv import conv_accumulate
from .formats import Format
from .layers import Add, Conv, DepthToSpace, Layer, PRelu, Requantised, Scale
from .prelu import prelu_accumulate
from .rearrange import depth_to_space, repeat
from .requantize import Rounding, requantize
from .scale import scale_accumulate
from .upsample import upsample_accumulate


def accumulate(
    layer: Requantised, tensors: Mapping[str, Codes], formats: Mapping[str, Format]
) -> tuple[NDArray[np.int64], int | NDArray[np.int64]]:
    """The exact accumulators of a layer and their fraction bits, a number or one per channel.

    Args:
        layer: The layer.
        tensors: Codes (H, W, C) of its sources by name.
        formats: Their formats by name.
    """
    if isinstance(layer, Add):
        a, b = layer.sources
        return add_accumulate(tensors[a], formats[a], tensors[b], formats[b])
    x, frac = tensors[layer.source], layer.acc_frac(formats[layer.source])
    if isinstance(layer, Conv):
        return conv_accumulate(x, layer.weight_i8, layer.bias_i32), frac
    if isinstance(layer, Scale):
        return scale_accumulate(x, layer.multiplier), frac
    if isinstance(layer, PRelu):
        return prelu_accumulate(x, layer.slope_i8, layer.slope_frac), frac
    return upsample_accumulate(x, layer.kind, layer.factor), frac


def define(
    layer: Layer, tensors: Mapping[str, Codes], formats: Mapping[str, Format], rounding: Rounding
) -> Codes:
    """The codes of a layer; arguments as in :func:`accumulate`."""
    if isinstance(layer, Requantised):
        acc, frac = accumulate(layer, tensors, formats)
        return requantize(acc, frac, layer.out, rounding)
    if isinstance(layer, DepthToSpace):
        return depth_to_space(tensors[layer.source], layer.block)
    return repeat(tensors[layer.source], layer.factor)
