"""Runtimes that take a TensorFlow Lite file: what they round by, where they are, and what they make of it."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.export.environments import not_installed, python_with, run_there
from hwrts.export.tflite.file import TfliteFile
from hwrts.export.tflite.writer import from_stored, stored
from hwrts.fixed_point import HwrtsError, Network, Rounding, run_outputs


@dataclass(frozen=True)
class Client:
    """A runtime.

    Attributes:
        name: What it is called here.
        module: What its environment can import.
        environment: Folder of that, and the extra of the package that installs it.
        convolutions: The rule that it rounds convolutions by.
        additions: That of sums.
    """

    name: str
    module: str
    environment: str
    convolutions: Rounding
    additions: Rounding


CLIENTS = {
    client.name: client
    for client in (
        Client("litert", "ai_edge_litert", "litert", Rounding.HALF_EVEN, Rounding.HALF_UP),
        Client("litert-reference", "ai_edge_litert", "litert", Rounding.DOUBLE, Rounding.HALF_AWAY),
        Client("tflite-micro", "tflite_micro", "tflite-micro", Rounding.DOUBLE, Rounding.HALF_AWAY),
        Client("tosa-single", "tosa_converter_for_tflite", "tosa", Rounding.HALF_UP, Rounding.HALF_UP),
        Client("tosa-double", "tosa_converter_for_tflite", "tosa", Rounding.DOUBLE, Rounding.HALF_AWAY),
    )
}
"""By name."""

Fed = Mapping[str, NDArray[Any]]
"""Codes (H, W, C) of every input of a network by its name."""


def python_of(client: str) -> Path | None:
    """The interpreter that has a runtime; None where it is not installed."""
    return python_with(CLIENTS[client].module, CLIENTS[client].environment)


def run_tflite(
    model: bytes, network: Network, pictures: Sequence[Fed], client: str = "litert"
) -> tuple[list[dict[str, NDArray[Any]]], str]:
    """What a runtime makes of pictures, in a process of its own.

    Args:
        model: The file.
        network: What it was made of: names, formats.
        pictures: Codes of every input, of the file's size.
        client: Name of the runtime.

    Returns:
        Codes (H, W, C) by output of each picture, and the runtime's version.

    Raises:
        HwrtsError: The runtime is not installed, or refuses the file.
    """
    python = python_of(client)
    if python is None:
        raise HwrtsError(not_installed(client, CLIENTS[client].environment))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.tflite").write_bytes(model)
        fed: dict[str, Any] = {
            f"{number}.{place}": stored(picture[each.name], each.out)[None]
            for number, picture in enumerate(pictures)
            for place, each in enumerate(network.inputs)
        }
        np.savez(folder / "fed.npz", **fed)
        runner = Path(__file__).with_name("runner.py")
        words = [python, runner, client, folder / "model.tflite", folder / "fed.npz", folder / "made.npz"]
        done = run_there(client, [*words, len(network.outputs)], folder)
        if done.returncode or not (folder / "made.npz").is_file():
            said = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit {done.returncode}"]
            raise HwrtsError(f"{client}: refuses the file ({said[-1]:.300})")
        with np.load(folder / "made.npz") as made:
            codes = [
                {
                    output: from_stored(made[f"{number}.{place}"][0], network.formats[output])
                    for place, output in enumerate(network.outputs)
                }
                for number in range(len(pictures))
            ]
            return codes, str(made["version"])


def check_tflite(
    file: TfliteFile, network: Network, pictures: Sequence[Fed], client: str = "litert"
) -> dict[str, Any]:
    """Compare a runtime with the definition under the network's own rules: an entry of a manifest.

    Args:
        file: What :func:`hwrts.export.tflite.to_tflite` made of the network.
        network: The integer network.
        pictures: As in :func:`run_tflite`, at least one.
        client: Name of the runtime.

    Returns:
        Client, version, its rules, codes compared, codes that differ and by how much at most.

    Raises:
        HwrtsError: As :func:`run_tflite`; or no pictures.
    """
    if not pictures:
        raise HwrtsError(f"{client}: nothing to compare; give one picture or more")
    found, version = run_tflite(file.model, network, pictures, client)
    compared, differing, largest = 0, 0, 0
    for picture, outputs in zip(pictures, found, strict=True):
        for name, expected in run_outputs(network, picture).items():
            assert outputs[name].shape == expected.shape, (outputs[name].shape, expected.shape)
            apart = np.abs(outputs[name].astype(np.int64) - expected.astype(np.int64))
            compared, differing = compared + apart.size, differing + int(np.count_nonzero(apart))
            largest = max(largest, int(apart.max()))
    return {
        "client": client,
        "version": version,
        "client_rounds_convolutions": CLIENTS[client].convolutions.value,
        "client_rounds_additions": CLIENTS[client].additions.value,
        "codes_compared": compared,
        "codes_differing": differing,
        "largest_difference": largest,
    }


def described(file: TfliteFile, network: Network) -> dict[str, Any]:
    """What a manifest says of a file, without any runtime.

    XNNPACK turns accumulators into float32 before it rounds: layers where these can be 2**24 or more, so that
    a code beside a tie could be one off, are named.
    """
    return {
        "target": file.flavour.value,
        "size": list(file.size),
        "boundary": {
            name: "int8, code" if network.formats[name].signed else "int8, code - 128"
            for name in (*(each.name for each in network.inputs), *network.outputs)
        },
        "layout": "NHWC, one picture",
        "rounding": network.rounding.value,
        "rounding_of_additions": network.rules.additions.value,
        "accumulators_beyond_float32": [
            conv.name for conv in network.convs if not network.bounds[conv.name].exact_in_float32
        ],
        "operators": file.operators,
        "rewritten": list(file.rewritten),
        "bytes": len(file.model),
    }
