"""One layer in the file format: what network.json says of it, and which arrays it has in network.npz."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .formats import Format
from .layers import Add, Conv, DepthToSpace, Layer, PRelu, Repeat, Requantised, Scale, Upsample

Arrays = Mapping[str, NDArray[Any]]
"""Arrays by their name in network.npz: the layer's name, a point, and a part."""


def arrays_of(layer: Layer) -> dict[str, NDArray[np.signedinteger]]:
    """The integers of a layer that are not in its description, by part."""
    if isinstance(layer, Conv):
        return {"weight": layer.weight_i8, "weight_frac": layer.weight_frac, "bias": layer.bias_i32}
    return {"slope": layer.slope_i8} if isinstance(layer, PRelu) else {}


def describe(layer: Layer) -> dict[str, Any]:
    """The JSON object of a layer."""
    entry: dict[str, Any] = {"op": type(layer).__name__, "name": layer.name, "sources": list(layer.sources)}
    if isinstance(layer, Requantised):
        entry |= {"format": describe_format(layer.out)}
    if isinstance(layer, Conv):
        entry |= {"weight_bits": layer.weight_bits}
    elif isinstance(layer, Scale):
        entry |= {"multiplier": layer.multiplier, "frac": layer.frac}
    elif isinstance(layer, PRelu):
        entry |= {"slope_frac": layer.slope_frac}
    elif isinstance(layer, DepthToSpace):
        entry |= {"block": layer.block}
    elif isinstance(layer, Repeat):
        entry |= {"factor": layer.factor}
    elif isinstance(layer, Upsample):
        entry |= {"kind": layer.kind, "factor": layer.factor}
    return entry


def parse_layer(entry: object, arrays: Arrays) -> Layer:
    """The layer of a JSON object; the network that it becomes part of checks its numbers.

    Raises:
        ValueError: An unknown operator, or fields, types or arrays that are not exactly its own.
    """
    op = entry.get("op") if isinstance(entry, dict) else None
    if op == "Conv":
        name, (source,), form, bits = _own(entry, 1, format=dict, weight_bits=int)
        weight, frac, bias = (_array(arrays, f"{name}.{part}") for part in ("weight", "weight_frac", "bias"))
        return Conv(name, source, weight, frac, bias, parse_format(form), bits)
    if op == "Add":
        name, (first, second), form = _own(entry, 2, format=dict)
        return Add(name, (first, second), parse_format(form))
    if op == "Scale":
        name, (source,), form, multiplier, frac = _own(entry, 1, format=dict, multiplier=int, frac=int)
        return Scale(name, source, multiplier, frac, parse_format(form))
    if op == "PRelu":
        name, (source,), form, frac = _own(entry, 1, format=dict, slope_frac=int)
        return PRelu(name, source, _array(arrays, f"{name}.slope"), frac, parse_format(form))
    if op == "DepthToSpace":
        name, (source,), block = _own(entry, 1, block=int)
        return DepthToSpace(name, source, block)
    if op == "Repeat":
        name, (source,), factor = _own(entry, 1, factor=int)
        return Repeat(name, source, factor)
    if op == "Upsample":
        name, (source,), form, kind, factor = _own(entry, 1, format=dict, kind=str, factor=int)
        return Upsample(name, source, kind, factor, parse_format(form))
    known = "Conv, Add, Scale, PRelu, DepthToSpace, Repeat, Upsample"
    raise ValueError(f"unknown operator {op!r:.80}; known are {known}")


def fields(entry: object, **types: type) -> tuple[Any, ...]:
    """The values of a JSON object that has exactly these fields, each of exactly its type.

    Raises:
        ValueError: Not an object, a missing or unknown field, or a wrong type (true is not a number).
    """
    if not isinstance(entry, dict) or set(entry) != set(types):
        found = sorted(entry) if isinstance(entry, dict) else type(entry).__name__
        raise ValueError(f"expected an object with {sorted(types)}, found {found}")
    for key, wanted in types.items():
        if type(entry[key]) is not wanted:
            raise ValueError(f"{key!r} is {entry[key]!r:.80}, expected {wanted.__name__}")
    return tuple(entry[key] for key in types)


def describe_format(out: Format) -> dict[str, Any]:
    """The JSON object of a format."""
    return {"signed": out.signed, "bits": out.bits, "frac": out.frac}


def parse_format(entry: object) -> Format:
    """The format of a JSON object."""
    return Format(*fields(entry, signed=bool, bits=int, frac=int))


def _own(entry: object, count: int, **types: type) -> tuple[Any, ...]:
    """Name, names of so many sources, and a layer's own fields."""
    _, name, sources, *own = fields(entry, op=str, name=str, sources=list, **types)
    if len(sources) != count or not all(isinstance(source, str) for source in sources):
        raise ValueError(f"'sources' is {sources!r:.80}, expected {count} names")
    return name, sources, *own


def _array(arrays: Arrays, key: str) -> NDArray[Any]:
    if key not in arrays:
        raise ValueError(f"network.npz has no array {key!r}")
    return arrays[key]
