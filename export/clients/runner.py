"""Runs a file in a client, with what the client's environment has: ``runner.py CLIENT FOLDER OUTPUT...``.

The folder holds model.onnx or model.tflite, and fed.npz, arrays by ``picture/input`` in the order of the
file's inputs; made.npz is written there, with arrays by ``picture/output``. ONNX files are asked for those
outputs by name; of TensorFlow Lite files they are all, in the file's order. NumPy and the client alone are
imported, nothing of the package.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def main(client: str, folder: Path, outputs: list[str]) -> None:
    """Run every picture, and write what came out and the client's version."""
    (model,) = folder.glob("model.*")
    clients = import_module(f"runner_{model.suffix[1:]}").CLIENTS
    del sys.path[0]  # clients look for modules of names that are beside this file too
    run, said = clients[client](model, outputs)
    fed: dict[str, dict[str, NDArray[Any]]] = {}
    with np.load(folder / "fed.npz") as arrays:
        for key in arrays.files:
            picture, _, name = key.partition("/")
            fed.setdefault(picture, {})[name] = arrays[key]
    made: dict[str, Any] = {"version": said}
    for picture, each in fed.items():
        made |= {f"{picture}/{name}": x for name, x in zip(outputs, run(each), strict=True)}
    np.savez(folder / "made.npz", **made)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
