"""The file format of an integer network: network.json describes, network.npz holds the integers.

The JSON also holds the proofs: for each layer the interval of its accumulators and the bits they need.
No pickle, no code: any JSON reader and any zip reader can open the pair years from now. ``npz_sha256`` is the
SHA-256 of the whole network.npz; ``json_sha256``, the last line of network.json, is that of every byte before
its own line. A changed byte is found before a wrong number is computed.
"""

import hashlib
import io
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .codes import Input
from .errors import HwrtsError
from .layer_json import arrays_of, describe, describe_format, fields, parse_format, parse_layer
from .network import Network
from .requantize import Rounding
from .stored import MAX_DOCUMENT_BYTES, MAX_FILE_BYTES, parse_json, read_file, unpack_npz

SCHEMA = "hwrts.fixed_point.Network"
SCHEMA_VERSION = 2
"""Rises when older files can't be read any more; a new kind of layer alone does not make it rise."""
JSON_NAME = "network.json"
NPZ_NAME = "network.npz"


def save_network(network: Network, folder: Path) -> None:
    """Write ``network.json`` and ``network.npz`` into a folder, each under a temporary name first.

    The same network gives the same bytes on every machine.

    Raises:
        HwrtsError: The folder does not exist or can't be written to.
    """
    buffer = io.BytesIO()
    np.savez(buffer, **_arrays(network))  # type: ignore[arg-type]
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "npz_sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
        "rounding": network.rounding.value,
        **({} if len(set(network.rules)) == 1 else {"rounding_of_additions": network.rules.additions.value}),
        "inputs": [
            {"name": t.name, "channels": t.channels, "format": describe_format(t.out), **_size(t)}
            for t in network.inputs
        ],
        "layers": [describe(layer) for layer in network.layers],
        **({} if _usual_output(network) else {"outputs": list(network.outputs)}),
        "proofs": _proofs(network),
    }
    _replace({folder / NPZ_NAME: buffer.getvalue(), folder / JSON_NAME: _sealed(document)})


def load_network(folder: Path) -> Network:
    """Read the pair that :func:`save_network` wrote and check everything.

    Raises:
        HwrtsError: A missing or damaged file, an unknown schema, or integers that make no legal network.
    """
    path = folder / JSON_NAME
    document, payload = _read_pair(folder)
    arrays = _unpack(folder / NPZ_NAME, payload)
    try:
        named = document.pop("outputs", [])  # in files of networks whose output is not the last layer alone
        additions = document.pop("rounding_of_additions", None)  # in files of two rules
        *_, rounding, inputs, layers, proofs, _ = fields(
            document,
            schema=str,
            schema_version=int,
            npz_sha256=str,
            rounding=str,
            inputs=list,
            layers=list,
            proofs=dict,
            json_sha256=str,
        )
        network = Network(
            tuple(_parse_input(entry) for entry in inputs),
            tuple(parse_layer(entry, arrays) for entry in layers),
            Rounding(rounding),
            outputs=_parse_outputs(named),
            additions=None if additions is None else Rounding(additions),
        )
    except (ValueError, HwrtsError) as error:
        raise HwrtsError(
            f"{path}: not a valid network description: {str(error)[:300]}; restore the file or export again"
        ) from error
    if proofs != _proofs(network):
        raise HwrtsError(f"{path}: its proofs are not those of its integers; export again")
    extra = set(arrays) - set(_arrays(network))
    if extra:
        raise HwrtsError(
            f"{folder / NPZ_NAME}: array {min(extra)!r} belongs to no layer of {JSON_NAME}; export again"
        )
    return network


def _usual_output(network: Network) -> bool:
    """Whether the last layer is the output, which needs no word in the file."""
    return network.outputs == (network.layers[-1].name,)


def _parse_outputs(named: object) -> tuple[str, ...]:
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        raise ValueError(f"'outputs' is {named!r:.80}, expected names")
    return tuple(named)


def _proofs(network: Network) -> dict[str, Any]:
    """What the accumulators of each layer can reach, for readers that do not compute it themselves."""
    return {name: bounds.as_json() for name, bounds in network.bounds.items()}


def _arrays(network: Network) -> dict[str, NDArray[Any]]:
    return {
        f"{layer.name}.{part}": array for layer in network.layers for part, array in arrays_of(layer).items()
    }


def _size(tensor: Input) -> dict[str, int | bool]:
    """Of an input against the first, which most have no need to say."""
    usual = {"grow": 1, "shrink": 1, "whole": False}
    return {key: number for key, at in usual.items() if (number := getattr(tensor, key)) != at}


def _parse_input(entry: object) -> Input:
    kinds = {"grow": int, "shrink": int, "whole": bool}
    sizes = {key: kind for key, kind in kinds.items() if isinstance(entry, dict) and key in entry}
    name, channels, form, *numbers = fields(entry, name=str, channels=int, format=dict, **sizes)
    return Input(name, channels, parse_format(form), **dict(zip(sizes, numbers, strict=True)))


def _seal(body: bytes) -> bytes:
    """The last line of network.json and its end, made of every byte before it."""
    return f' "json_sha256": "{hashlib.sha256(body).hexdigest()}"\n}}\n'.encode()


def _sealed(document: dict[str, Any]) -> bytes:
    body = (json.dumps(document, indent=1).removesuffix("\n}") + ",\n").encode()
    return body + _seal(body)


def _read(path: Path, limit: int) -> bytes:
    try:
        return read_file(path, limit)
    except OSError as error:
        raise HwrtsError(
            f"{path}: cannot be read ({error.strerror}); a network is {JSON_NAME} with {NPZ_NAME}"
        ) from error


def _read_json(path: Path) -> dict[str, Any]:
    payload = _read(path, MAX_DOCUMENT_BYTES)
    try:
        document: dict[str, Any] = parse_json(payload)
        schema, version = document["schema"], document["schema_version"]
    except (ValueError, KeyError, TypeError) as error:
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


def _read_pair(folder: Path) -> tuple[dict[str, Any], bytes]:
    """The description and the bytes that its checksum is of."""
    for _ in range(2):  # the pair may be replaced between the two readings, once
        document, payload = _read_json(folder / JSON_NAME), _read(folder / NPZ_NAME, MAX_FILE_BYTES)
        if hashlib.sha256(payload).hexdigest() == document.get("npz_sha256"):
            return document, payload
    raise HwrtsError(
        f"{folder / NPZ_NAME}: its bytes do not match the checksum in {JSON_NAME}; "
        "restore the file or export again"
    )


def _unpack(path: Path, payload: bytes) -> dict[str, NDArray[Any]]:
    try:
        return unpack_npz(payload)
    except ValueError as error:
        raise HwrtsError(
            f"{path}: not an npz archive of plain integer arrays ({error}); export again"
        ) from error


def _replace(payloads: Mapping[Path, bytes]) -> None:
    """Write files under temporary names, then give all of them theirs, at once but for an instant."""
    # names of their own: two writers of one name would write into each other's file
    written = {path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp"): path for path in payloads}
    try:
        for temporary, path in written.items():
            with temporary.open("xb") as stream:
                stream.write(payloads[path])
                stream.flush()
                os.fsync(stream.fileno())
        for temporary, path in written.items():
            temporary.replace(path)
    except OSError as error:
        raise HwrtsError(f"{path}: cannot be written ({error.strerror}); choose another folder") from error
    finally:
        for temporary in written:
            temporary.unlink(missing_ok=True)
