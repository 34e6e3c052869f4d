"""One layer in the file format: what network.json says of it, and which arrays it has in network.npz.

Both are read off the fields of its dataclass: arrays go to the one, all others to the other. A field that
came later, with ``metadata={"later": True}`` and a default, is written only where it differs from that, so
files of before stay as they are and can be read. A member of an Enum is written as its value.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import Field
from enum import Enum
from types import UnionType
from typing import Any, get_args, get_origin

import numpy as np
from numpy.typing import NDArray

from .formats import Format
from .operators import OPERATORS, Layer
from .operators.operator import holds_array, part_of

Arrays = Mapping[str, NDArray[Any]]
"""Arrays by their name in network.npz: the layer's name, a point, and a part."""

_APART = ("name", "source", "sources", "out")
"""Fields of every operator, which stand at the beginning of its object."""


def arrays_of(layer: Layer) -> dict[str, NDArray[np.signedinteger]]:
    """The integers of a layer that are not in its description, by part."""
    return {part_of(each.name): getattr(layer, each.name) for each in _array_fields(type(layer))}


def describe(layer: Layer) -> dict[str, Any]:
    """The JSON object of a layer."""
    entry: dict[str, Any] = {"op": type(layer).__name__, "name": layer.name, "sources": list(layer.sources)}
    out: Format | None = getattr(layer, "out", None)
    if out is not None:
        entry |= {"format": describe_format(out)}
    values = {each: getattr(layer, each.name) for each in _plain_fields(type(layer))}
    return entry | {each.name: _plain(value) for each, value in values.items() if not _left_out(each, value)}


def parse_layer(entry: object, arrays: Arrays) -> Layer:
    """The layer of a JSON object; the network that it becomes part of checks its numbers.

    Raises:
        ValueError: An unknown operator, or fields, types or arrays that are not exactly its own.
    """
    op = entry.get("op") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(op, str) or op not in OPERATORS:
        raise ValueError(f"unknown operator {op!r:.80}; known are {', '.join(OPERATORS)}")
    kind = OPERATORS[op]
    plain = [each for each in _plain_fields(kind) if not (_comes_later(each) and each.name not in entry)]
    types: dict[str, Any] = {"op": str, "name": str, "sources": list}
    types |= {"format": dict} if _has_format(kind) else {}
    types |= {each.name: _stored_type(each) for each in plain}
    own = dict(zip(types, fields(entry, **types), strict=True))
    name = own["name"]
    values = {each.name: _member(each, own[each.name]) for each in plain}
    values |= {each.name: _array(arrays, f"{name}.{part_of(each.name)}") for each in _array_fields(kind)}
    if "format" in own:
        values |= {"out": parse_format(own["format"])}
    return kind(name=name, **_sources(kind, own["sources"]), **values)


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


def _sources(kind: type[Layer], sources: list[Any]) -> dict[str, Any]:
    """The field that holds the names of what an operator reads: one name, a tuple of so many, or of any."""
    several = next((each.type for each in dataclasses.fields(kind) if each.name == "sources"), None)
    wanted = get_args(several)
    any_number = Ellipsis in wanted  # how many are too few the operator says
    count = len(sources) if any_number else len(wanted) or 1
    if len(sources) != count or not all(isinstance(source, str) for source in sources):
        expected = "names" if any_number else f"{count} names"
        raise ValueError(f"'sources' is {sources!r:.80}, expected {expected}")
    return {"sources": tuple(sources)} if several else {"source": sources[0]}


def _has_format(kind: type[Layer]) -> bool:
    """Whether its result has a format of its own; else it is that of its source."""
    return any(each.name == "out" for each in dataclasses.fields(kind))


def _plain_fields(kind: type[Layer]) -> list[Field[Any]]:
    return [
        each for each in dataclasses.fields(kind) if each.name not in _APART and not holds_array(each.type)
    ]


def _array_fields(kind: type[Layer]) -> list[Field[Any]]:
    return [each for each in dataclasses.fields(kind) if holds_array(each.type)]


def _enum(each: Field[Any]) -> type[Enum] | None:
    return each.type if isinstance(each.type, type) and issubclass(each.type, Enum) else None


def _stored_type(each: Field[Any]) -> Any:
    """The type of a field's value in JSON; of one that may be None, and is left out then, the other."""
    kind = each.type
    if isinstance(kind, UnionType):
        kind = next(part for part in get_args(kind) if part is not type(None))
    if get_origin(kind) is tuple:
        return list
    return str if _enum(each) else kind


def _member(each: Field[Any], value: Any) -> Any:
    kind = _enum(each)
    if isinstance(value, list):
        return tuple(value)
    return value if kind is None else kind(value)


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return value.value if isinstance(value, Enum) else value


def _comes_later(each: Field[Any]) -> bool:
    return bool(each.metadata.get("later"))


def _left_out(each: Field[Any], value: object) -> bool:
    return _comes_later(each) and value == each.default


def _array(arrays: Arrays, key: str) -> NDArray[Any]:
    if key not in arrays:
        raise ValueError(f"network.npz has no array {key!r}")
    return arrays[key]
