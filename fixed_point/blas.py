"""Keeping NumPy's matrix products in the calling thread.

The fast path divides a picture among threads of its own, so that rounding and clipping run in parallel too.
A BLAS that starts threads below them would make all of them wait for each other.
"""

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

_PREFIXES = "scipy_openblas", "openblas"
_SUFFIXES = "64_", "_64", ""
_FOLDERS = "../numpy.libs", ".dylibs", ".libs"
"""Where NumPy's own wheels keep their BLAS, relative to the package."""

_lock = threading.Lock()
_users = 0
_before = 1


@contextmanager
def one_blas_thread() -> Iterator[bool]:
    """Whether products are computed in the calling thread, as they are in the block where NumPy allows it.

    The setting belongs to the process: other threads' products have one thread in the meantime. False means
    that NumPy was built with a BLAS that this module does not know; results do not depend on it.
    """
    global _users, _before
    functions = _openblas()
    if functions is None:
        yield False
        return
    set_threads, get_threads = functions
    with _lock:
        if not _users:
            _before = get_threads()
            set_threads(1)
        _users += 1
    try:
        yield True
    finally:
        with _lock:
            _users -= 1
            if not _users:
                set_threads(_before)


@cache
def _openblas() -> tuple[Callable[[int], Any], Callable[[], int]] | None:
    """OpenBLAS' functions that set and get its number of threads, if NumPy came with one."""
    package = Path(np.__file__).parent
    for folder in _FOLDERS:
        for path in sorted((package / folder).glob("*openblas*")):
            try:
                library = ctypes.CDLL(str(path))  # loaded already: this only finds it
            except OSError:
                continue
            for prefix in _PREFIXES:
                for suffix in _SUFFIXES:
                    names = [f"{prefix}_{verb}_num_threads{suffix}" for verb in ("set", "get")]
                    if all(hasattr(library, name) for name in names):
                        set_threads, get_threads = (getattr(library, name) for name in names)
                        return set_threads, get_threads
    return None
