"""Running a network on codes: the definition in int64, and the fast path that is proved equal to it."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .add import add
from .conv import conv_accumulate
from .errors import HwrtsError
from .fast import conv_requantized
from .network import Add, Conv, DepthToSpace, Layer, Network
from .rearrange import depth_to_space, repeat
from .requantize import requantize

RunPath = Literal["int64", "fast"]
Codes = NDArray[np.integer]


def run(network: Network, codes: Codes | Mapping[str, Codes], path: RunPath = "fast") -> Codes:
    """The output codes (H', W', C') of a network for one picture.

    Args:
        network: The integer network.
        codes: Codes (H, W, C) of its input, or one such array for each input by name.
        path: "int64" is the definition; "fast" uses float BLAS where the accumulator bound proves it exact.

    Raises:
        HwrtsError: A missing input, a wrong shape, or a code outside the input's format.
    """
    tensors = _checked_inputs(network, codes)
    last_use = {source: layer.name for layer in network.layers for source in layer.sources}
    for layer in network.layers:
        tensors[layer.name] = run_layer(network, layer, tensors, path)
        for source in set(layer.sources):
            if last_use[source] == layer.name:
                del tensors[source]  # an 8K picture in bands must not hold every layer
    return tensors[network.output]


def run_all(network: Network, codes: Codes | Mapping[str, Codes], path: RunPath = "fast") -> dict[str, Codes]:
    """The codes of every tensor by name, inputs included; arguments and errors as in :func:`run`."""
    tensors = _checked_inputs(network, codes)
    for layer in network.layers:
        tensors[layer.name] = run_layer(network, layer, tensors, path)
    return tensors


def run_layer(network: Network, layer: Layer, tensors: Mapping[str, Codes], path: RunPath) -> Codes:
    """The codes that one layer makes of the codes of its sources."""
    if isinstance(layer, Conv):
        x, source = tensors[layer.source], network.formats[layer.source]
        if path == "fast":
            return conv_requantized(x, layer, source, network.rounding)
        acc = conv_accumulate(x, layer.weight_i8, layer.bias_i32)
        return requantize(acc, source.frac + layer.weight_frac.astype(np.int64), layer.out, network.rounding)
    if isinstance(layer, Add):
        a, b = layer.sources
        formats = network.formats
        return add(tensors[a], formats[a], tensors[b], formats[b], layer.out, network.rounding)
    if isinstance(layer, DepthToSpace):
        return depth_to_space(tensors[layer.source], layer.block)
    return repeat(tensors[layer.source], layer.factor)


def _checked_inputs(network: Network, codes: Codes | Mapping[str, Codes]) -> dict[str, Any]:
    given = codes if isinstance(codes, Mapping) else {network.inputs[0].name: codes}
    tensors: dict[str, Any] = {}
    for tensor in network.inputs:
        if tensor.name not in given:
            raise HwrtsError(f"input {tensor.name!r}: no codes were given for it")
        x = np.asarray(given[tensor.name])
        if x.ndim != 3 or x.shape[2] != tensor.channels or 0 in x.shape:
            raise HwrtsError(
                f"input {tensor.name!r}: shape {x.shape} is not (height, width, {tensor.channels})"
            )
        if not np.issubdtype(x.dtype, np.integer):
            raise HwrtsError(
                f"input {tensor.name!r}: dtype {x.dtype} is not an integer type; give codes, not values"
            )
        if x.min() < tensor.out.min or x.max() > tensor.out.max:
            limits = f"{tensor.out.min}..{tensor.out.max}"
            raise HwrtsError(
                f"input {tensor.name!r}: codes {x.min()}..{x.max()} leave {limits} of {tensor.out}"
            )
        tensors[tensor.name] = x.astype(tensor.out.dtype)
    return tensors
