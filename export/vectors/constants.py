"""The numbers of a layer: arrays that get files, and settings that a manifest says."""

import dataclasses
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.fixed_point import (
    Conv,
    Format,
    Layer,
    Lookup,
    MaxPool,
    Network,
    Requantised,
    Upsample,
    upsample_taps,
)
from hwrts.fixed_point.layer_json import arrays_of
from hwrts.fixed_point.operators.operator import holds_array

# Letters of the shape comments: O, I output and input channels; G groups; KH, KW rows and columns of a
# kernel; F factor; K taps.

_APART = ("name", "source", "sources", "out", "idle")
"""Fields that are no settings of the arithmetic, or stand elsewhere."""


@dataclass(frozen=True)
class Constant:
    """An array of a layer; what its last axis holds is one word of a memory.

    Attributes:
        values: int64, of two axes or more.
        axes: What each axis is.
        bits: Of each number.
        signed: Whether it is in two's complement.
    """

    values: NDArray[np.int64]
    axes: tuple[str, ...]
    bits: int
    signed: bool


def constants_of(network: Network, layer: Layer) -> dict[str, Constant]:
    """Arrays by name: weight, bias, slope, table, order, taps; and the shift of each channel."""
    made = {}
    for part, array in arrays_of(layer).items():
        values = array.astype(np.int64)
        if part == "weight_frac":  # the shift says what of it counts
            continue
        if isinstance(layer, Conv) and part == "weight":
            weight = values.transpose(0, 2, 3, 1)  # (O, KH, KW, I/G)
            axes = ("output channel", "kernel row", "kernel column", "input channel of the group")
            made[part] = Constant(weight, axes, layer.weight_bits, True)
            continue
        bits, signed = 8 * array.itemsize, True
        if isinstance(layer, Lookup):
            bits, signed = layer.out.bits, layer.out.signed
        entry = "entry" if isinstance(layer, Lookup) else "channel"
        made[part] = Constant(values[:, None], (entry, "one number"), bits, signed)
    if isinstance(layer, Upsample):
        taps, _ = upsample_taps(layer.kind, layer.factor)  # (F, K)
        made["taps"] = Constant(taps, ("phase", "tap"), 16, True)
    if isinstance(layer, Requantised):
        shift = np.broadcast_to(layer.shift(*network.formats_of(layer.sources)), network.channels[layer.name])
        made["shift"] = Constant(shift[:, None].astype(np.int64), ("channel", "one number"), 8, True)
    return made


def settings_of(layer: Layer) -> dict[str, Any]:
    """All other numbers that its equation has, each said, whatever its default is."""
    said: dict[str, Any] = {}
    for each in dataclasses.fields(layer):
        if each.name not in _APART and not holds_array(each.type):
            value = getattr(layer, each.name)
            said[each.name] = value.value if isinstance(value, Enum) else value
    if isinstance(layer, Conv | MaxPool):
        shape = layer.shape
        said |= {"kernel": [shape.rows, shape.columns], "pads": list(shape.margins)}
    return said


def as_format(out: Format) -> dict[str, Any]:
    """What is said of a tensor's codes."""
    return {"signed": out.signed, "bits": out.bits, "frac": out.frac}
