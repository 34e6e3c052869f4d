"""A file run in a client: ONNX Runtime here, every other in a process of its own environment."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.export.clients.client import ONNXRUNTIME, client_of
from hwrts.export.clients.file import ClientFile
from hwrts.export.environments import run_there
from hwrts.export.runtime import first_line, open_session
from hwrts.export.stimuli import Fed
from hwrts.fixed_point import HwrtsError

Made = list[dict[str, NDArray[Any]]]
"""Codes (H, W, C) by the network's name of each output that was asked for, for each picture."""


def run_file(file: ClientFile, pictures: Sequence[Fed], client: str = ONNXRUNTIME) -> tuple[Made, str]:
    """What a client makes of pictures, and its version.

    Args:
        file: The file.
        pictures: Codes of every input, of the file's size.
        client: Name of the client.

    Raises:
        HwrtsError: It takes other files, is not installed, or refuses the file.
    """
    takes = client_of(client).takes
    if takes != file.takes:
        raise HwrtsError(f"{client}: takes {takes} files, and this is {file.takes}; use another client")
    return _here(file, pictures) if client == ONNXRUNTIME else _there(file, pictures, client)


def _here(file: ClientFile, pictures: Sequence[Fed]) -> tuple[Made, str]:
    import onnxruntime

    session, names = open_session(file.model), [end.name for end in file.outputs]
    try:
        found = [
            file.codes(dict(zip(names, session.run(names, file.stored(fed)), strict=True)))
            for fed in pictures
        ]
    except HwrtsError:
        raise
    except Exception as error:  # its errors share no base class
        raise HwrtsError(
            f"{ONNXRUNTIME}: cannot run the file ({first_line(error)}); export the stage again"
        ) from error
    return found, str(onnxruntime.__version__)


def _there(file: ClientFile, pictures: Sequence[Fed], client: str) -> tuple[Made, str]:
    entry = client_of(client)
    if entry.python is None:
        raise HwrtsError(entry.not_installed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / f"model.{file.takes}").write_bytes(file.model)
        fed: dict[str, Any] = {
            f"{number}/{key}": x
            for number, picture in enumerate(pictures)
            for key, x in file.stored(picture).items()
        }
        np.savez(folder / "fed.npz", **fed)
        words = [entry.python, Path(__file__).with_name("runner.py"), client, folder]
        done = run_there(client, [*words, *(end.name for end in file.outputs)], folder)
        if done.returncode or not (folder / "made.npz").is_file():
            raise HwrtsError(
                f"{client}: refuses the file ({_why(done.stderr) or f'exit {done.returncode}'}); use another "
                "client, or another --target"
            )
        with np.load(folder / "made.npz") as made:
            found = [
                file.codes({end.name: made[f"{number}/{end.name}"] for end in file.outputs})
                for number in range(len(pictures))
            ]
            return found, str(made["version"])


def _why(said: str) -> str:
    """The line of a client's complaint that says most: the first error of a compiler, else the last line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if " error: " in line]
    return (errors or lines[-1:] or [""])[0][:300]
