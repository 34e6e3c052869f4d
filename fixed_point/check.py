"""What makes a network legal; every loaded or built network passes here."""

import numpy as np
from numpy.typing import NDArray

from .bounds import INT32_LIMIT, SHIFTED_LIMIT, Bounds, layer_bounds
from .errors import HwrtsError
from .formats import weight_limit
from .layers import Add, Conv, DepthToSpace, Input, Layer, PRelu, Repeat, Requantised, Scale, Upsample
from .network import Network
from .requantize import MAX_SHIFT, MIN_SHIFT, Rounding
from .upsample import upsample_taps

_MAX_FRAC = 32
"""Fraction bits of a constant, in either direction: as those of a format."""
_MAX_SLOPE_FRAC = -MIN_SHIFT
"""Fraction bits of slopes: positive codes are shifted left by them, as far as the shifter goes."""
_MAX_ENLARGEMENT = 16
"""Largest block or repetition of a layer: more than a display needs; a wrong file can't fill the memory."""
_MAX_SCALE = 64
"""Largest enlargement of a tensor against the input, through all layers."""
_MAX_KERNEL = 255
"""Largest side of a kernel; the largest that anyone trains have 51."""
_MAX_CHANNELS = 1 << 16
"""Channels of an input; those of layers cost weights in the file."""
_MAX_LAYERS = 4096
"""Layers of a network; the deepest of the field have a few hundred."""


def check_network(network: Network) -> None:
    """Check names, sources, channels, code ranges, shifts and accumulator bounds.

    Raises:
        HwrtsError: The first fact that does not hold, with the layer's name and what is allowed.
    """
    if not network.inputs or not network.layers:
        raise HwrtsError("network: it needs at least one input and one layer")
    if not isinstance(network.rounding, Rounding):
        raise HwrtsError(f"network: rounding {network.rounding!r} is not a member of Rounding")
    if len(network.inputs) + len(network.layers) > _MAX_LAYERS:
        count = len(network.inputs) + len(network.layers)
        raise HwrtsError(f"network: {count} inputs and layers are not supported; use at most {_MAX_LAYERS}")
    known: set[str] = set()
    for tensor in network.inputs:
        _check_name(tensor, known)
        _check_whole(f"input {tensor.name!r}", "channels", tensor.channels, 1, _MAX_CHANNELS)
    for layer in network.layers:
        for source in layer.sources:
            if source not in known:
                raise HwrtsError(f"layer {layer.name!r}: its source {source!r} is not made before it")
        _check_name(layer, known)
        _check_alone(layer)
    for layer in network.layers:  # from here on, channels, scales and formats can be derived
        _check_in_place(network, layer)


def _check_name(tensor: Input | Layer, known: set[str]) -> None:
    name = tensor.name
    if not isinstance(name, str) or not name or not name.isprintable():
        raise HwrtsError(f"network: {name!r} is not a name; use one or more printable characters")
    if name in known:
        raise HwrtsError(f"network: the name {name!r} is used twice; each tensor needs its own")
    known.add(name)


def _check_whole(where: str, what: str, value: object, low: int, high: int) -> None:
    """A plain int in a range; NumPy integers are refused because they can't be written to JSON."""
    if type(value) is not int or not low <= value <= high:
        raise HwrtsError(f"{where}: {what} {value!r} is not allowed; use a whole number, {low}..{high}")


def _check_alone(layer: Layer) -> None:
    """What can be said of a layer without knowing its source."""
    where = f"layer {layer.name!r}"
    if isinstance(layer, Conv):
        _check_weights(layer)
    elif isinstance(layer, Add):
        if len(layer.sources) != 2:
            raise HwrtsError(f"{where}: adds {len(layer.sources)} tensors; use exactly 2")
    elif isinstance(layer, DepthToSpace):
        _check_whole(where, "block", layer.block, 2, _MAX_ENLARGEMENT)
    elif isinstance(layer, Repeat):
        _check_whole(where, "factor", layer.factor, 2, _MAX_ENLARGEMENT)
    elif isinstance(layer, Scale):
        _check_whole(where, "multiplier", layer.multiplier, -weight_limit(8), weight_limit(8))
        _check_whole(where, "frac", layer.frac, -_MAX_FRAC, _MAX_FRAC)
    elif isinstance(layer, PRelu):
        _check_slopes(layer)
    elif isinstance(layer, Upsample):
        _check_whole(where, "factor", layer.factor, 2, _MAX_ENLARGEMENT)
        if not isinstance(layer.kind, str):
            raise HwrtsError(f"{where}: kind {layer.kind!r} is not a string")
        upsample_taps(layer.kind, layer.factor)
    else:
        known = "Conv, Add, Scale, PRelu, DepthToSpace, Repeat, Upsample"
        raise HwrtsError(f"{where}: {type(layer).__name__} is no layer; use {known}")


def _check_weights(conv: Conv) -> None:
    weight, where = conv.weight_i8, f"layer {conv.name!r}"
    if weight.dtype != np.int8 or conv.bias_i32.dtype != np.int32 or conv.weight_frac.dtype != np.int32:
        dtypes = f"{weight.dtype}, {conv.bias_i32.dtype}, {conv.weight_frac.dtype}"
        raise HwrtsError(f"{where}: weight, bias, weight_frac are {dtypes}; use int8, int32, int32")
    if (
        weight.ndim != 4
        or 0 in weight.shape
        or weight.shape[2] != weight.shape[3]
        or weight.shape[2] % 2 == 0
        or weight.shape[2] > _MAX_KERNEL
    ):
        raise HwrtsError(
            f"{where}: weight shape {weight.shape} is not (O, I, K, K) with O, I at least 1 and K odd, "
            f"at most {_MAX_KERNEL}"
        )
    if conv.bias_i32.shape != weight.shape[:1] or conv.weight_frac.shape != weight.shape[:1]:
        raise HwrtsError(
            f"{where}: bias {conv.bias_i32.shape} and weight_frac {conv.weight_frac.shape} need one entry "
            f"for each of {weight.shape[0]} output channels"
        )
    _check_whole(where, "weight_bits", conv.weight_bits, 2, 8)
    largest = weight_limit(conv.weight_bits)
    if int(np.abs(weight.astype(np.int64)).max()) > largest:
        raise HwrtsError(
            f"{where}: a weight code is outside -{largest}..{largest}, the range of {conv.weight_bits} bits"
        )


def _check_slopes(layer: PRelu) -> None:
    slope, where, largest = layer.slope_i8, f"layer {layer.name!r}", weight_limit(8)
    if slope.dtype != np.int8 or slope.ndim != 1 or not len(slope):
        raise HwrtsError(f"{where}: slopes are {slope.dtype} {slope.shape}; use int8, one for each channel")
    if int(slope.min()) < -largest:
        raise HwrtsError(f"{where}: a slope code is outside -{largest}..{largest}")
    _check_whole(where, "slope_frac", layer.slope_frac, 0, _MAX_SLOPE_FRAC)


def _check_in_place(network: Network, layer: Layer) -> None:
    """What depends on the tensors that a layer reads."""
    where, channels = f"layer {layer.name!r}", network.channels
    if network.scales[layer.name] > _MAX_SCALE:
        raise HwrtsError(f"{where}: enlarges the input by more than {_MAX_SCALE}; use smaller factors")
    if isinstance(layer, Conv | PRelu):
        has = channels[layer.source]
        if isinstance(layer, Conv) and layer.weight_i8.shape[1] != has:
            raise HwrtsError(
                f"{where}: takes {layer.weight_i8.shape[1]} channels, {layer.source!r} has {has}"
            )
        if isinstance(layer, PRelu) and len(layer.slope_i8) != has:
            raise HwrtsError(
                f"{where}: has {len(layer.slope_i8)} slopes, {layer.source!r} has {has} channels"
            )
    if isinstance(layer, Add):
        one, two = layer.sources
        first, second = (channels[one], network.scales[one]), (channels[two], network.scales[two])
        if first != second:
            raise HwrtsError(
                f"{where}: (channels, enlargement) of {one!r} are {first}, of {two!r} {second}; "
                "both operands need the same"
            )
    if isinstance(layer, Requantised):
        sources = network.formats_of(layer.sources)
        shift = np.atleast_1d(layer.acc_frac(*sources) - layer.out.frac)
        _check_shift(where, int(shift.min()), int(shift.max()))
        bounds = layer_bounds(layer, sources, network.rounding)
        _check_reach(where, int(bounds.partial_sum.max()))
        _check_shifted(where, bounds, shift)
    if isinstance(layer, DepthToSpace) and channels[layer.source] % layer.block**2:
        raise HwrtsError(
            f"{where}: {channels[layer.source]} channels do not split by block {layer.block} squared; "
            f"use a multiple of {layer.block**2}"
        )


def _check_shift(where: str, lowest: int, highest: int) -> None:
    if lowest < MIN_SHIFT or highest > MAX_SHIFT:
        raise HwrtsError(
            f"{where}: a requantising shift of {lowest}..{highest} bits is outside {MIN_SHIFT}..{MAX_SHIFT}"
        )


def _check_reach(where: str, bound: int) -> None:
    if bound >= INT32_LIMIT:
        raise HwrtsError(
            f"{where}: an accumulator can reach {bound}, int32 ends at {INT32_LIMIT - 1}; use fewer bits"
        )


def _check_shifted(where: str, bounds: Bounds, shift: NDArray[np.int64]) -> None:
    """What the shifter makes of an accumulator fits int32 too, with a zero point (eq. 10b)."""
    shifted = np.maximum(bounds.highest, -bounds.lowest) << np.maximum(-shift, 0) >> np.maximum(shift, 0)
    if int(shifted.max()) >= SHIFTED_LIMIT:
        times = f"2^{-np.broadcast_to(shift, shifted.shape)[shifted.argmax()]}"
        raise HwrtsError(
            f"{where}: an accumulator times {times} can reach {shifted.max()} before it is clipped, at most "
            f"{SHIFTED_LIMIT - 1} is allowed; its weights are too large for the grids of its input and output"
        )
