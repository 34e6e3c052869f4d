"""Running a network on codes: the definition in int64, and the fast path that is proved equal to it."""

from collections.abc import Mapping
from typing import get_args

import numpy as np

from .add import add, add_accumulate
from .codes import Codes, RunPath, checked_codes
from .conv import conv_accumulate
from .errors import HwrtsError
from .fast import conv_requantized
from .network import Add, Conv, DepthToSpace, Layer, Network
from .rearrange import depth_to_space, repeat
from .requantize import count_saturated, requantize
from .stream import run_rows


def run(network: Network, codes: Codes | Mapping[str, Codes], path: RunPath = "fast") -> Codes:
    """The output codes (H', W', C') of a network for one picture.

    Args:
        network: The integer network.
        codes: Codes (H, W, C) of its input, or a mapping that holds such an array for each input by name.
            Other entries of the mapping are ignored, so the tensors of :func:`run_all` can be passed on.
        path: "int64" is the definition; "fast" uses float BLAS where the accumulator bound proves it exact,
            and takes the picture row by row through all layers.

    Raises:
        HwrtsError: A missing input, a wrong shape, a code outside the input's format, an unknown path.
    """
    tensors = _checked_inputs(network, codes)
    if path == "fast" and len(tensors) == 1:
        return run_rows(network, tensors[network.inputs[0].name])
    last_use = {source: layer.name for layer in network.layers for source in layer.sources}
    for layer in network.layers:
        tensors[layer.name] = run_layer(network, layer, tensors, path)
        for source in set(layer.sources):
            if last_use[source] == layer.name:
                del tensors[source]  # or a large picture would hold every layer at once
    return tensors[network.output]


def run_all(network: Network, codes: Codes | Mapping[str, Codes], path: RunPath = "fast") -> dict[str, Codes]:
    """The codes of every tensor by name, inputs included; arguments and errors as in :func:`run`."""
    tensors = _checked_inputs(network, codes)
    for layer in network.layers:
        tensors[layer.name] = run_layer(network, layer, tensors, path)
    return tensors


def run_layer(network: Network, layer: Layer, tensors: Mapping[str, Codes], path: RunPath) -> Codes:
    """The codes that one layer makes of the codes of its sources, which ``tensors`` holds by name."""
    if path not in get_args(RunPath):
        raise HwrtsError(f"run: path {path!r} does not exist; use one of {', '.join(get_args(RunPath))}")
    if isinstance(layer, Conv):
        x, source = tensors[layer.source], network.formats[layer.source]
        if path == "fast":
            return conv_requantized(x, layer, source, network.rounding)
        acc = conv_accumulate(x, layer.weight_i8, layer.bias_i32)
        return requantize(acc, layer.acc_frac(source), layer.out, network.rounding)
    if isinstance(layer, Add):
        a, b = layer.sources
        formats = network.formats
        return add(tensors[a], formats[a], tensors[b], formats[b], layer.out, network.rounding)
    if isinstance(layer, DepthToSpace):
        return depth_to_space(tensors[layer.source], layer.block)
    return repeat(tensors[layer.source], layer.factor)


def layer_saturation(network: Network, layer: Layer, tensors: Mapping[str, Codes]) -> tuple[int, int]:
    """How many codes one layer clamps, below and above its format (eq. 5); arguments as :func:`run_layer`."""
    formats = network.formats
    if isinstance(layer, Conv):
        acc = conv_accumulate(tensors[layer.source], layer.weight_i8, layer.bias_i32)
        return count_saturated(acc, layer.acc_frac(formats[layer.source]), layer.out, network.rounding)
    if isinstance(layer, Add):
        a, b = layer.sources
        total, frac = add_accumulate(tensors[a], formats[a], tensors[b], formats[b])
        return count_saturated(total, frac, layer.out, network.rounding)
    return 0, 0  # moving codes clamps nothing


def _checked_inputs(network: Network, codes: Codes | Mapping[str, Codes]) -> dict[str, Codes]:
    given = codes if isinstance(codes, Mapping) else {network.inputs[0].name: codes}
    tensors: dict[str, Codes] = {}
    for tensor in network.inputs:
        where = f"input {tensor.name!r}"
        if tensor.name not in given:
            raise HwrtsError(f"{where}: no codes were given for it; pass a mapping with that name")
        tensors[tensor.name] = checked_codes(tensor, np.asarray(given[tensor.name]))
    sizes = {name: x.shape[:2] for name, x in tensors.items()}
    if len(set(sizes.values())) > 1:
        raise HwrtsError(f"network: its inputs differ in height or width: {sizes}; they need the same")
    return tensors
