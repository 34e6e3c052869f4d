"""The numbers of a layer: arrays that get files, and settings that a manifest says."""

import dataclasses
from enum import Enum
from typing import Any

import numpy as np

from hwrts.fixed_point import Format, Layer, Network
from hwrts.fixed_point.operators.operator import holds_array
from hwrts.fixed_point.operators.tensor import Constant

_APART = ("name", "source", "sources", "out", "idle")
"""Fields that are no settings of the arithmetic, or stand elsewhere."""
_SHIFT_BITS = 8
"""Of a shift in a file."""


def constants_of(network: Network, layer: Layer) -> dict[str, Constant]:
    """Arrays by name: weight, bias, slope, table, order, taps; and the shift of each channel."""
    made = layer.stored()
    shift = layer.shift(*network.formats_of(layer.sources))
    if shift is not None:
        shifts = np.broadcast_to(shift, network.channels[layer.name])
        made["shift"] = Constant.of_channels(shifts, bits=_SHIFT_BITS)
    return made


def settings_of(layer: Layer) -> dict[str, Any]:
    """All other numbers that its equation has, each said, whatever its default is."""
    said: dict[str, Any] = {}
    for each in dataclasses.fields(layer):
        if each.name not in _APART and not holds_array(each.type):
            value = getattr(layer, each.name)
            said[each.name] = value.value if isinstance(value, Enum) else value
    shape = layer.shape
    if shape is not None:
        said |= {"kernel": [shape.rows, shape.columns], "pads": list(shape.margins)}
    return said


def as_format(out: Format) -> dict[str, Any]:
    """What is said of a tensor's codes."""
    return {"signed": out.signed, "bits": out.bits, "frac": out.frac}
