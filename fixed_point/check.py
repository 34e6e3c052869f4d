"""What makes a network legal; every loaded or built network passes here."""

import numpy as np

from .bounds import INT32_LIMIT, conv_bounds
from .errors import HwrtsError
from .network import Add, Conv, DepthToSpace, Network, Repeat


def check_network(network: Network) -> None:
    """Check names, sources, channels, code ranges and accumulator bounds.

    Raises:
        HwrtsError: The first fact that does not hold, with the layer's name and what is allowed.
    """
    if not network.inputs or not network.layers:
        raise HwrtsError("network: it needs at least one input and one layer")
    known = {tensor.name for tensor in network.inputs}
    if len(known) != len(network.inputs):
        raise HwrtsError("network: two inputs have the same name")
    for layer in network.layers:
        for source in layer.sources:
            if source not in known:
                raise HwrtsError(f"layer {layer.name!r}: its source {source!r} is not made before it")
        if layer.name in known:
            raise HwrtsError(f"layer {layer.name!r}: the name is used twice")
        known.add(layer.name)
    for layer in network.layers:
        if isinstance(layer, Conv):
            _check_conv(network, layer)
        elif isinstance(layer, Add):
            shapes = [(network.channels[s], network.scales[s]) for s in layer.sources]
            if shapes[0] != shapes[1]:
                raise HwrtsError(
                    f"layer {layer.name!r}: adds tensors of different shapes {shapes[0]} and {shapes[1]}"
                )
        elif isinstance(layer, DepthToSpace):
            if layer.block < 2 or network.channels[layer.source] % layer.block**2:
                count = network.channels[layer.source]
                raise HwrtsError(
                    f"layer {layer.name!r}: {count} channels do not split into {layer.block}x{layer.block} blocks"
                )
        elif isinstance(layer, Repeat) and layer.factor < 2:
            raise HwrtsError(f"layer {layer.name!r}: factor {layer.factor} is not allowed; use 2 or more")


def _check_conv(network: Network, conv: Conv) -> None:
    weight, where = conv.weight_i8, f"layer {conv.name!r}"
    if weight.dtype != np.int8 or conv.bias_i32.dtype != np.int32 or conv.weight_frac.dtype != np.int32:
        raise HwrtsError(f"{where}: weights must be int8, bias and weight_frac int32")
    if weight.ndim != 4 or weight.shape[2] != weight.shape[3] or weight.shape[2] % 2 == 0:
        raise HwrtsError(f"{where}: weight shape {weight.shape} is not (O, I, K, K) with K odd")
    if weight.shape[1] != network.channels[conv.source]:
        raise HwrtsError(
            f"{where}: takes {weight.shape[1]} channels, {conv.source!r} has {network.channels[conv.source]}"
        )
    if conv.bias_i32.shape != weight.shape[:1] or conv.weight_frac.shape != weight.shape[:1]:
        raise HwrtsError(
            f"{where}: bias and weight_frac need one entry for each of {weight.shape[0]} channels"
        )
    if not 2 <= conv.weight_bits <= 8:
        raise HwrtsError(f"{where}: {conv.weight_bits} weight bits are not supported; use 2..8")
    largest = (1 << (conv.weight_bits - 1)) - 1  # symmetric: the most negative code is left out
    if weight.size and int(np.abs(weight.astype(np.int64)).max()) > largest:
        raise HwrtsError(
            f"{where}: a weight code is outside -{largest}..{largest}, the range of {conv.weight_bits} bits"
        )
    shift = network.formats[conv.source].frac + conv.weight_frac.astype(np.int64) - conv.out.frac
    if shift.min() < -24 or shift.max() > 31:
        raise HwrtsError(
            f"{where}: a requantising shift of {shift.min()}..{shift.max()} bits is outside -24..31"
        )
    bound = int(conv_bounds(conv, network.formats[conv.source]).partial_sum.max())
    if bound >= INT32_LIMIT:
        raise HwrtsError(
            f"{where}: an accumulator can reach {bound}, int32 ends at {INT32_LIMIT - 1}; use fewer bits"
        )
