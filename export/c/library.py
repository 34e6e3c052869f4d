"""The C model as a library of this processor: compiled once, kept, called with one band for each core."""

import ctypes
import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.export.c.build import FAST, INTRINSICS, compile_c, find_compiler, version
from hwrts.export.c.model import HEADER_X86, c_files
from hwrts.export.cpu import cpu_flags, cpu_name
from hwrts.fixed_point import HwrtsError, Network
from hwrts.fixed_point.fast import in_parts
from hwrts.fixed_point.run import checked_inputs

CACHE = "HWRTS_CACHE"
"""The variable that names the folder of compiled models; without it they are in the user's cache."""
_FLAGS = (*FAST, INTRINSICS)
_LIBRARY = ("-shared", "-fPIC", "-fvisibility=default")


def cache_folder() -> Path:
    """Where compiled models are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get(CACHE) or Path(base, "hwrts"))


class NativeModel:
    """A network in C on this processor.

    Args:
        network: The integer network.
        compiler: None is the one that is there.
        flags: Of the compiler.

    Raises:
        HwrtsError: No model says the network, no compiler is there, or nothing can be kept.
    """

    def __init__(
        self, network: Network, compiler: str | None = None, flags: tuple[str, ...] = _FLAGS
    ) -> None:
        self._network = network
        library = ctypes.CDLL(str(compiled(network, compiler or find_compiler(), flags)))
        self._size, self._frame = library.model_size, library.model_frame
        self._size.restype, self._frame.restype = ctypes.c_size_t, ctypes.c_int

    def frame(self, codes: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Codes (H', W', C') of every output by name, of codes (H, W, C) of every input: on this thread.

        Raises:
            HwrtsError: What :func:`hwrts.fixed_point.run` refuses, before C reads behind an array or a table.
        """
        network = self._network
        checked = checked_inputs(network, codes)
        height, width = checked[network.inputs[0].name].shape[:2]
        size = self._size(ctypes.c_int32(width), ctypes.c_int32(height))
        if not size:
            raise HwrtsError(f"C model: a picture of {height}x{width} is too large for it; use tiles")
        memory = np.empty(size, np.uint8)
        fed = [np.ascontiguousarray(checked[each.name]) for each in network.inputs]
        made = self._unfilled(height, width)
        pointers = [ctypes.c_void_p(each.ctypes.data) for each in (*fed, *made.values())]
        done = self._frame(
            ctypes.c_void_p(memory.ctypes.data), ctypes.c_int32(width), ctypes.c_int32(height), *pointers
        )
        assert done, "what it refuses was checked"
        return made

    def run(self, codes: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """As :meth:`frame`, a band of rows for each core: bands have the margin that their rows depend on."""
        network = self._network
        height, width = codes[network.inputs[0].name].shape[:2]
        network.check_size(height, width)
        unit = network.multiple
        margin = -(-network.halo // unit) * unit
        made = self._unfilled(height, width)

        def compute(top: int, bottom: int) -> None:
            first = max(0, top - margin)
            # to the end of each input, so that one of more rows is refused
            last = bottom + margin if bottom + margin < height else None
            part = self.frame(
                {
                    each.name: codes[each.name][slice(None) if each.whole else slice(first, last)]
                    for each in network.inputs
                }
            )
            for name, rows in part.items():
                scale, out = network.scales[name], made[name]
                begin, end = int(top * scale), int(bottom * scale) if bottom < height else len(out)
                out[begin:end] = rows[begin - int(first * scale) : end - int(first * scale)]

        in_parts(height, compute, unit, network.smallest[0])
        return made

    def _unfilled(self, height: int, width: int) -> dict[str, NDArray[Any]]:
        """Arrays (H', W', C') for the codes of every output."""
        network = self._network
        return {
            name: np.empty(
                (*network.size_of(name, height, width), network.channels[name]), network.formats[name].dtype
            )
            for name in network.outputs
        }


def compiled(network: Network, compiler: str, flags: tuple[str, ...] = _FLAGS) -> Path:
    """The library of a network, made where nobody has made it for this source, compiler and processor.

    Two processes that make it at once make the same file, each under a name of its own until it is whole.

    Raises:
        HwrtsError: The compiler does not make it, or the cache cannot be written.
    """
    needed = ("model.c", "model.h", HEADER_X86)
    files = {name: text for name, text in c_files(network).items() if name in needed}
    said = [*files.values(), version(compiler), *flags, cpu_name() or "", *sorted(cpu_flags())]
    folder = cache_folder() / "c"
    library = folder / f"{hashlib.sha256(chr(0).join(said).encode()).hexdigest()[:32]}.so"
    if library.is_file():
        return library
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f"{library.stem}.", suffix=".new", dir=folder)
        os.close(handle)
    except OSError as error:
        raise HwrtsError(
            f"{folder}: compiled models cannot be kept there ({error.strerror}); name another folder in "
            f"{CACHE}"
        ) from error
    made = Path(name)
    try:
        compile_c(files, ["model.c"], made, compiler, (*flags, *_LIBRARY))
        made.replace(library)
    finally:
        made.unlink(missing_ok=True)
    return library
