"""The file format of an integer network: network.json describes, network.npz holds the integers.

The JSON also holds the proofs: per output channel the interval of the accumulator and the bits it needs.
No pickle, no code: any JSON reader and any zip reader can open the pair years from now. ``npz_sha256`` is the
SHA-256 of the whole network.npz; ``json_sha256``, the last line of network.json, is that of every byte before
its own line. A changed byte is found before a wrong number is computed.
"""

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bounds import network_bounds
from .errors import HwrtsError
from .formats import Format
from .network import Add, Conv, DepthToSpace, Input, Layer, Network, Repeat
from .requantize import Rounding

SCHEMA = "hwrts.fixed_point.Network"
SCHEMA_VERSION = 2
JSON_NAME = "network.json"
NPZ_NAME = "network.npz"


def save_network(network: Network, folder: Path) -> None:
    """Write ``network.json`` and ``network.npz`` into a folder, each under a temporary name first.

    The same network gives the same bytes on every machine.

    Raises:
        HwrtsError: The folder does not exist or can't be written to.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for conv in network.convs:
        arrays[f"{conv.name}.weight"] = conv.weight_i8
        arrays[f"{conv.name}.weight_frac"] = conv.weight_frac
        arrays[f"{conv.name}.bias"] = conv.bias_i32
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "npz_sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
        "rounding": network.rounding.value,
        "inputs": [
            {"name": t.name, "channels": t.channels, "format": _format(t.out)} for t in network.inputs
        ],
        "layers": [_describe(layer) for layer in network.layers],
        "proofs": _proofs(network),
    }
    _replace(folder / NPZ_NAME, buffer.getvalue())
    _replace(folder / JSON_NAME, _sealed(document))


def load_network(folder: Path) -> Network:
    """Read the pair that :func:`save_network` wrote and check everything.

    Raises:
        HwrtsError: A missing or damaged file, an unknown schema, or integers that make no legal network.
    """
    path = folder / JSON_NAME
    document = _read_json(path)
    arrays = _read_npz(folder / NPZ_NAME, str(document.get("npz_sha256")))
    try:
        *_, rounding, inputs, layers, proofs, _ = _fields(
            document, schema=str, schema_version=int, npz_sha256=str, rounding=str, inputs=list, layers=list,
            proofs=dict, json_sha256=str,
        )  # fmt: skip
        network = Network(
            tuple(_parse_input(entry) for entry in inputs),
            tuple(_parse_layer(entry, arrays) for entry in layers),
            Rounding(rounding),
        )
    except (ValueError, HwrtsError) as error:
        raise HwrtsError(f"{path}: not a valid network description: {error}") from error
    if proofs != _proofs(network):
        raise HwrtsError(f"{path}: its proofs are not those of its integers; export again")
    parts = ("weight", "weight_frac", "bias")
    extra = set(arrays) - {f"{conv.name}.{part}" for conv in network.convs for part in parts}
    if extra:
        raise HwrtsError(f"{folder / NPZ_NAME}: array {min(extra)!r} belongs to no layer of {JSON_NAME}")
    return network


def _proofs(network: Network) -> dict[str, Any]:
    """What the accumulators of each convolution can reach, for readers that do not compute it themselves."""
    return {name: bounds.as_json() for name, bounds in network_bounds(network).items()}


def _describe(layer: Layer) -> dict[str, Any]:
    entry: dict[str, Any] = {"op": type(layer).__name__, "name": layer.name, "sources": list(layer.sources)}
    if isinstance(layer, Conv):
        entry |= {"format": _format(layer.out), "weight_bits": layer.weight_bits}
    elif isinstance(layer, Add):
        entry |= {"format": _format(layer.out)}
    elif isinstance(layer, DepthToSpace):
        entry |= {"block": layer.block}
    else:
        entry |= {"factor": layer.factor}
    return entry


def _fields(entry: object, **types: type) -> tuple[Any, ...]:
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


def _parse_input(entry: object) -> Input:
    name, channels, form = _fields(entry, name=str, channels=int, format=dict)
    return Input(name, channels, _parse_format(form))


def _parse_layer(entry: object, arrays: dict[str, NDArray[Any]]) -> Layer:
    op = entry.get("op") if isinstance(entry, dict) else None
    if op == "Conv":
        _, name, sources, form, bits = _fields(
            entry, op=str, name=str, sources=list, format=dict, weight_bits=int
        )
        (source,) = _names(sources, 1)
        weight, frac, bias = (_array(arrays, f"{name}.{part}") for part in ("weight", "weight_frac", "bias"))
        return Conv(name, source, weight, frac, bias, _parse_format(form), bits)
    if op == "Add":
        _, name, sources, form = _fields(entry, op=str, name=str, sources=list, format=dict)
        first, second = _names(sources, 2)
        return Add(name, (first, second), _parse_format(form))
    if op == "DepthToSpace":
        _, name, sources, block = _fields(entry, op=str, name=str, sources=list, block=int)
        (source,) = _names(sources, 1)
        return DepthToSpace(name, source, block)
    if op == "Repeat":
        _, name, sources, factor = _fields(entry, op=str, name=str, sources=list, factor=int)
        (source,) = _names(sources, 1)
        return Repeat(name, source, factor)
    raise ValueError(f"unknown operator {op!r:.80}; known are Conv, Add, DepthToSpace, Repeat")


def _names(sources: list[Any], count: int) -> list[str]:
    if len(sources) != count or not all(isinstance(source, str) for source in sources):
        raise ValueError(f"'sources' is {sources!r:.80}, expected {count} names")
    return sources


def _array(arrays: dict[str, NDArray[Any]], key: str) -> NDArray[Any]:
    if key not in arrays:
        raise ValueError(f"{NPZ_NAME} has no array {key!r}")
    return arrays[key]


def _format(out: Format) -> dict[str, Any]:
    return {"signed": out.signed, "bits": out.bits, "frac": out.frac}


def _parse_format(entry: object) -> Format:
    return Format(*_fields(entry, signed=bool, bits=int, frac=int))


def _seal(body: bytes) -> bytes:
    """The last line of network.json and its end, made of every byte before it."""
    return f' "json_sha256": "{hashlib.sha256(body).hexdigest()}"\n}}\n'.encode()


def _sealed(document: dict[str, Any]) -> bytes:
    body = (json.dumps(document, indent=1).removesuffix("\n}") + ",\n").encode()
    return body + _seal(body)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise HwrtsError(
            f"{path}: cannot be read ({error.strerror}); a network is {JSON_NAME} with {NPZ_NAME}"
        ) from error


def _read_json(path: Path) -> dict[str, Any]:
    payload = _read(path)
    try:
        document: dict[str, Any] = json.loads(payload)
        schema, version = document["schema"], document["schema_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise HwrtsError(
            f"{path}: not a network description (damaged JSON); restore the file or export again"
        ) from error
    if schema != SCHEMA or version != SCHEMA_VERSION:
        raise HwrtsError(
            f"{path}: schema {schema!r:.80} version {version!r:.80} is not readable here; "
            f"this is {SCHEMA} version {SCHEMA_VERSION}"
        )
    body = payload[: -len(_seal(b""))]
    if payload != body + _seal(body):
        raise HwrtsError(f"{path}: its content does not match its checksum; restore the file or export again")
    return document


def _read_npz(path: Path, sha256: str) -> dict[str, NDArray[Any]]:
    payload = _read(path)
    if hashlib.sha256(payload).hexdigest() != sha256:
        raise HwrtsError(
            f"{path}: its bytes do not match the checksum in {JSON_NAME}; restore the file or export again"
        )
    try:
        with np.load(io.BytesIO(payload), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except Exception as error:  # zip, zlib and NumPy's header parser raise a dozen kinds, none of them useful
        raise HwrtsError(
            f"{path}: not an npz archive of plain integer arrays ({type(error).__name__}); export again"
        ) from error


def _replace(path: Path, payload: bytes) -> None:
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(payload)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        raise HwrtsError(f"{path}: cannot be written ({error.strerror})") from error
