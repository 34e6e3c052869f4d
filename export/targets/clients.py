"""Clients that take an ONNX file: where they are, and what they make of one; each in a process of its own."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.export.environments import not_installed, python_with, run_there
from hwrts.export.runtime import open_session
from hwrts.export.stimuli import Fed
from hwrts.export.targets.file import TargetFile, under
from hwrts.fixed_point import HwrtsError, Rounding, RoundingRules, run_outputs

_EVEN = RoundingRules(Rounding.HALF_EVEN, Rounding.HALF_EVEN)


@dataclass(frozen=True)
class Client:
    """A client.

    Attributes:
        name: What it, its environment and the extra of the package that installs it are called.
        module: What its environment can import.
    """

    name: str
    module: str


CLIENTS = {
    client.name: client
    for client in (
        Client("openvino", "openvino"),
        Client("iree", "iree.compiler"),
        Client("qnn", "onnxruntime_qnn"),
        Client("qonnx", "qonnx"),
    )
}
"""By name; ONNX Runtime is a dependency."""


def python_of(client: str) -> Path | None:
    """The interpreter that has a client; None where it is not installed."""
    return python_with(CLIENTS[client].module, client)


def run_onnxruntime(file: TargetFile, pictures: Sequence[Fed]) -> tuple[list[dict[str, NDArray[Any]]], str]:
    """What ONNX Runtime makes of pictures: codes (H, W, C) by output of each, and its version.

    Raises:
        HwrtsError: It refuses the file.
    """
    import onnxruntime

    session = open_session(file.model)
    try:
        found = [
            file.codes(dict(zip(file.outputs, session.run(file.outputs, file.stored(fed)), strict=True)))
            for fed in pictures
        ]
    except HwrtsError:
        raise
    except Exception as error:  # its errors share no base class
        raise HwrtsError(
            f"onnxruntime: cannot run the file ({str(error).strip().splitlines()[0]:.300})"
        ) from error
    return found, str(onnxruntime.__version__)


def run_client(
    file: TargetFile, pictures: Sequence[Fed], client: str
) -> tuple[list[dict[str, NDArray[Any]]], str]:
    """As :func:`run_onnxruntime`, of another client.

    Raises:
        HwrtsError: It is not installed, or refuses the file.
    """
    python = python_of(client)
    if python is None:
        raise HwrtsError(not_installed(client, client))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.onnx").write_bytes(file.model)
        fed = [file.stored(picture) for picture in pictures]
        arrays: dict[str, Any] = {f"{i}/{key}": x for i, each in enumerate(fed) for key, x in each.items()}
        np.savez(folder / "fed.npz", **arrays)
        words = [python, Path(__file__).with_name("runner.py"), client, folder]
        done = run_there(client, [*words, *file.outputs], folder)
        if done.returncode or not (folder / "made.npz").is_file():
            raise HwrtsError(f"{client}: refuses the file ({_why(done.stderr) or f'exit {done.returncode}'})")
        with np.load(folder / "made.npz") as made:
            found = [
                file.codes({name: made[f"{i}/{name}"] for name in file.outputs}) for i in range(len(pictures))
            ]
            return found, str(made["version"])


def _why(said: str) -> str:
    """The line of a client's complaint that says most: the first error of a compiler, else the last line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if " error: " in line]
    return (errors or lines[-1:] or [""])[0][:300]


def check_file(file: TargetFile, pictures: Sequence[Fed], client: str | None = None) -> dict[str, Any]:
    """Compare a client with the definition under the client's own rules: an entry of a manifest.

    Args:
        file: The file.
        pictures: Codes of every input, of the file's size; at least one.
        client: Name of the client; None is ONNX Runtime, which rounds half to even.

    Returns:
        Client, version, its rules, codes compared, how many differ and by how much at most; and how many
        codes its rules make others than the network's.

    Raises:
        HwrtsError: The client is not installed, or refuses the file; or no pictures.
    """
    if not pictures:
        raise HwrtsError("check: nothing to compare; give one picture or more")
    rules = _EVEN if client is None else file.target.rules or _EVEN
    found, version = run_onnxruntime(file, pictures) if client is None else run_client(file, pictures, client)
    definition = under(file.network, rules)
    compared, differing, largest, other = 0, 0, 0, 0
    for picture, outputs in zip(pictures, found, strict=True):
        own = run_outputs(file.network, picture)
        expected = own if definition is file.network else run_outputs(definition, picture)
        for name, codes in expected.items():
            if outputs[name].shape != codes.shape:
                raise HwrtsError(
                    f"{client or 'onnxruntime'}: makes {outputs[name].shape} of {name!r} where the network "
                    f"makes {codes.shape}; the file is of another size"
                )
            apart = np.abs(outputs[name].astype(np.int64) - codes.astype(np.int64))
            compared, differing = compared + apart.size, differing + int(np.count_nonzero(apart))
            largest = max(largest, int(apart.max()))
            other += int(np.count_nonzero(codes != own[name]))
    return {
        "client": client or "onnxruntime",
        "version": version,
        "client_rounds_convolutions": rules.convolutions.value,
        "client_rounds_additions": rules.additions.value,
        "codes_compared": compared,
        "codes_differing": differing,
        "largest_difference": largest,
        "codes_that_its_rounding_changes": other,
    }
