"""The C model at work on pictures, every layer shown."""

import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.export.c.build import TRACED, compile_c, find_compiler
from hwrts.export.c.model import c_files
from hwrts.fixed_point import HwrtsError, Network

_SECONDS = 3600


class TracedModel:
    """A model that is compiled to show what every layer makes.

    Args:
        network: The integer network.
        compiler: None is the one that is there.
        flags: Beside those of warnings.
        runner: Words in front of the program: an emulator of another processor.

    Raises:
        HwrtsError: No model says the network, or no compiler is there.
    """

    def __init__(
        self,
        network: Network,
        compiler: str | None = None,
        flags: Sequence[str] = ("-O1",),
        runner: Sequence[str] = (),
    ) -> None:
        self._network, self._runner = network, tuple(runner)
        folder = tempfile.mkdtemp(prefix="hwrts_c_")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._program = Path(folder, "trace")
        files = c_files(network)
        sources = ("model.c", "trace.c")
        compile_c(files, sources, self._program, compiler or find_compiler(), (TRACED, *flags))

    def tensors(self, codes: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Codes (H, W, C) of every layer by name, of those of every input.

        Raises:
            HwrtsError: The program fails.
        """
        network = self._network
        height, width = codes[network.inputs[0].name].shape[:2]
        with tempfile.TemporaryDirectory(prefix="hwrts_c_") as name:
            folder = Path(name)
            for place, each in enumerate(network.inputs):
                stored = np.ascontiguousarray(codes[each.name].astype(each.out.dtype))
                (folder / f"in{place}.raw").write_bytes(stored.tobytes())
            words = [*self._runner, str(self._program), str(width), str(height), str(folder)]
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=_SECONDS)
            if done.returncode:
                said = done.stderr.strip().splitlines()
                raise HwrtsError(
                    f"C model: a picture of {height}x{width} ends with exit {done.returncode}"
                    f" ({said[0] if said else 'it says nothing'})"
                )
            made = {}
            for place, layer in enumerate(network.layers, len(network.inputs)):
                raw = (folder / f"t{place}.raw").read_bytes()
                shape = (*network.size_of(layer.name, height, width), network.channels[layer.name])
                made[layer.name] = np.frombuffer(raw, network.formats[layer.name].dtype).reshape(shape)
            for place, output in enumerate(network.outputs):  # as they are handed out
                raw = (folder / f"out{place}.raw").read_bytes()
                made[output] = np.frombuffer(raw, network.formats[output].dtype).reshape(made[output].shape)
        return made
