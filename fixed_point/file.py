"""The file format of an integer network: network.json describes, network.npz holds the integers.

No pickle, no code: any JSON reader and any zip reader can open the pair years from now. Both carry a
checksum, so that a changed byte is found before a wrong number is computed.
"""

import hashlib
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import HwrtsError
from .formats import Format
from .network import Add, Conv, DepthToSpace, Input, Layer, Network, Repeat
from .requantize import Rounding

SCHEMA_VERSION = 1
JSON_NAME = "network.json"
NPZ_NAME = "network.npz"


def save_network(network: Network, folder: Path) -> None:
    """Write ``network.json`` and ``network.npz`` into a folder, each under a temporary name first."""
    arrays: dict[str, NDArray[Any]] = {}
    for conv in network.convs:
        arrays[f"{conv.name}.weight"] = conv.weight_i8
        arrays[f"{conv.name}.weight_frac"] = conv.weight_frac
        arrays[f"{conv.name}.bias"] = conv.bias_i32
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    payload = buffer.getvalue()
    document: dict[str, Any] = {
        "schema": "hwrts.fixed_point.Network",
        "schema_version": SCHEMA_VERSION,
        "npz_sha256": hashlib.sha256(payload).hexdigest(),
        "rounding": network.rounding.value,
        "inputs": [
            {"name": t.name, "channels": t.channels, "format": _format(t.out)} for t in network.inputs
        ],
        "layers": [_describe(layer) for layer in network.layers],
    }
    document["json_sha256"] = _digest(document)
    _replace(folder / NPZ_NAME, payload)
    _replace(folder / JSON_NAME, (json.dumps(document, indent=1) + "\n").encode())


def load_network(folder: Path) -> Network:
    """Read the pair that :func:`save_network` wrote and check everything.

    Raises:
        HwrtsError: A missing or damaged file, an unknown schema, or integers that make no legal network.
    """
    document = _read_json(folder / JSON_NAME)
    arrays = _read_npz(folder / NPZ_NAME, str(document["npz_sha256"]))
    try:
        inputs = tuple(
            Input(str(t["name"]), int(t["channels"]), _parse_format(t["format"])) for t in document["inputs"]
        )
        layers = tuple(_parse_layer(entry, arrays) for entry in document["layers"])
        rounding = Rounding(document["rounding"])
    except (KeyError, TypeError, ValueError) as error:
        raise HwrtsError(f"{folder / JSON_NAME}: not a valid network description: {error!r}") from error
    return Network(inputs, layers, rounding)


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


def _parse_layer(entry: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Layer:
    op, name, sources = entry["op"], str(entry["name"]), tuple(str(s) for s in entry["sources"])
    if op == "Conv":
        weight, frac, bias = (arrays[f"{name}.{part}"] for part in ("weight", "weight_frac", "bias"))
        out = _parse_format(entry["format"])
        return Conv(name, sources[0], weight, frac, bias, out, int(entry["weight_bits"]))
    if op == "Add":
        return Add(name, (sources[0], sources[1]), _parse_format(entry["format"]))
    if op == "DepthToSpace":
        return DepthToSpace(name, sources[0], int(entry["block"]))
    if op == "Repeat":
        return Repeat(name, sources[0], int(entry["factor"]))
    raise ValueError(f"unknown operator {op!r}")


def _format(out: Format) -> dict[str, Any]:
    return {"signed": out.signed, "bits": out.bits, "frac": out.frac}


def _parse_format(entry: dict[str, Any]) -> Format:
    return Format(bool(entry["signed"]), int(entry["bits"]), int(entry["frac"]))


def _digest(document: dict[str, Any]) -> str:
    content = {key: value for key, value in document.items() if key != "json_sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise HwrtsError(
            f"{path}: cannot be read ({error.strerror}); a network is {JSON_NAME} with {NPZ_NAME}"
        ) from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(_read(path))
        schema, version = document["schema"], document["schema_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise HwrtsError(
            f"{path}: not a network description (damaged JSON); restore the file or export again"
        ) from error
    if schema != "hwrts.fixed_point.Network" or version != SCHEMA_VERSION:
        raise HwrtsError(
            f"{path}: schema {schema!r} version {version!r} is not readable here; this is version {SCHEMA_VERSION}"
        )
    if document.get("json_sha256") != _digest(document) or "npz_sha256" not in document:
        raise HwrtsError(f"{path}: its content does not match its checksum; restore the file or export again")
    return dict(document)


def _read_npz(path: Path, sha256: str) -> dict[str, NDArray[Any]]:
    payload = _read(path)
    if hashlib.sha256(payload).hexdigest() != sha256:
        raise HwrtsError(
            f"{path}: its bytes do not match the checksum in {JSON_NAME}; restore the file or export again"
        )
    try:
        with np.load(io.BytesIO(payload), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, zipfile.BadZipFile) as error:
        raise HwrtsError(f"{path}: not an npz archive of plain arrays ({error})") from error


def _replace(path: Path, payload: bytes) -> None:
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as stream:
        stream.write(payload)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
