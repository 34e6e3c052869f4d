"""Running a network on codes: the definition in int64, and the fast path that is proved equal to it."""

from collections.abc import Mapping
from typing import get_args

import numpy as np

from .codes import Codes, RunPath, checked_codes
from .errors import HwrtsError
from .network import Network
from .operators import Layer
from .parts import run_rows


def run(network: Network, codes: Codes | Mapping[str, Codes], path: RunPath = "fast") -> Codes:
    """The output codes (H', W', C') of a network for one picture; of several outputs the first.

    Args:
        network: The integer network.
        codes: Codes (H, W, C) of its input, or a mapping that holds such an array for each input by name.
            Other entries of the mapping are ignored, so the tensors of :func:`run_all` can be passed on.
        path: "int64" is the definition; "fast" uses float BLAS where the accumulator bound proves it exact,
            and takes the picture row by row through all layers, or layer by layer where one reads all of it.

    Raises:
        HwrtsError: A missing input, a wrong shape, a code outside the input's format, an unknown path.
    """
    return run_outputs(network, codes, path)[network.output]


def run_outputs(
    network: Network, codes: Codes | Mapping[str, Codes], path: RunPath = "fast"
) -> dict[str, Codes]:
    """The codes of every output by name; arguments and errors as in :func:`run`."""
    tensors = checked_inputs(network, codes)
    if path == "fast" and network.streamable:
        return run_rows(network, tensors)
    last_use = {source: layer.name for layer in network.layers for source in layer.sources}
    for layer in network.layers:
        tensors[layer.name] = run_layer(network, layer, tensors, path)
        for source in set(layer.sources):
            if last_use[source] == layer.name and source not in network.outputs:
                del tensors[source]  # or a large picture would hold every layer at once
    return {name: tensors[name] for name in network.outputs}


def run_all(network: Network, codes: Codes | Mapping[str, Codes], path: RunPath = "fast") -> dict[str, Codes]:
    """The codes of every tensor by name, inputs included.

    Args:
        network: The integer network.
        codes: As in :func:`run`.
        path: As in :func:`run`.

    Raises:
        HwrtsError: As :func:`run`.
    """
    tensors = checked_inputs(network, codes)
    for layer in network.layers:
        tensors[layer.name] = run_layer(network, layer, tensors, path)
    return tensors


def run_counted(
    network: Network, codes: Codes | Mapping[str, Codes]
) -> tuple[dict[str, Codes], dict[str, tuple[int, int]]]:
    """The definition of every tensor, and how many codes layers clamp; arguments as in :func:`run`.

    Returns:
        As :func:`run_all` in int64; and for each layer that requantises, by name, how many of its codes are
        clamped below and above its format (eq. 5).

    Raises:
        HwrtsError: As :func:`run`.
    """
    tensors = checked_inputs(network, codes)
    clamped: dict[str, tuple[int, int]] = {}
    for layer in network.layers:
        xs, formats = [tensors[source] for source in layer.sources], network.formats_of(layer.sources)
        tensors[layer.name], counts = layer.define_counted(xs, formats, network.rule_of(layer))
        if counts is not None:
            clamped[layer.name] = counts
    return tensors, clamped


def run_layer(network: Network, layer: Layer, tensors: Mapping[str, Codes], path: RunPath) -> Codes:
    """The codes that one layer makes of the codes of its sources, which ``tensors`` holds by name.

    Raises:
        HwrtsError: An unknown path, or sources of a size that the layer cannot read.
    """
    if path not in get_args(RunPath):
        raise HwrtsError(f"run: path {path!r} does not exist; use one of {', '.join(get_args(RunPath))}")
    xs, formats = [tensors[source] for source in layer.sources], network.formats_of(layer.sources)
    if path == "fast":
        return layer.picture(xs, formats, network.rule_of(layer))
    return layer.define(xs, formats, network.rule_of(layer))


def checked_inputs(network: Network, codes: Codes | Mapping[str, Codes]) -> dict[str, Codes]:
    """The codes (H, W, C) of every input by name, in the dtype of its format; errors as in :func:`run`."""
    given = codes if isinstance(codes, Mapping) else {network.inputs[0].name: codes}
    tensors: dict[str, Codes] = {}
    for tensor in network.inputs:
        where = f"input {tensor.name!r}"
        if tensor.name not in given:
            raise HwrtsError(f"{where}: no codes were given for it; pass a mapping with that name")
        tensors[tensor.name] = checked_codes(tensor, np.asarray(given[tensor.name]))
    sized = [
        each for each in network.inputs if not (each.whole or each.free)
    ]  # none of a layer that reads single pixels
    for each in sized:
        (height, width), found = tensors[sized[0].name].shape[:2], tensors[each.name].shape[:2]
        network.check_size(height, width)
        if found != network.size_of(each.name, height, width):
            sizes = {each.name: tensors[each.name].shape[:2] for each in sized}
            raise HwrtsError(
                f"network: its inputs differ in height or width: {sizes}; {each.name!r} needs "
                f"{network.size_of(each.name, height, width)}"
            )
    return tensors
