"""What NumPy's BLAS can do and NumPy does not offer: stay in the calling thread, add to a result in place.

The fast path divides a picture among threads of its own, so that rounding and clipping run in parallel too.
A BLAS that starts threads below them would make all of them wait for each other.
"""

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Letters of the shape comments: M, N, K of BLAS: (M, K) times (K, N).

_ROW_MAJOR, _AS_IS = 101, 111
"""Of the C interface of BLAS: the layout of its matrices, and that none is transposed."""
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
    with _lock:
        if not _users:
            _before = functions.get_threads()
            functions.set_threads(1)
        _users += 1
    try:
        yield True
    finally:
        with _lock:
            _users -= 1
            if not _users:
                functions.set_threads(_before)


Product = Callable[[], None]
"""Adds a @ b to c, for three arrays that were fixed when it was made; it reads what they hold when called."""


def accumulating_product(
    a: NDArray[np.floating], b: NDArray[np.floating], c: NDArray[np.floating]
) -> Product:
    """The operation c += a @ b as one call of BLAS, which NumPy's own functions cannot say.

    Args:
        a: (M, K), rows contiguous.
        b: (K, N), rows contiguous.
        c: (M, N), rows contiguous; all three float32 or all float64.
    """
    functions = _openblas()
    if functions is None:

        def product() -> None:
            np.add(c, a @ b, out=c)

        return product
    gemm = functions.gemm[c.dtype.name]
    (m, k), n = a.shape, b.shape[1]
    assert all(array.strides[1] == array.itemsize or array.shape[1] == 1 for array in (a, b, c))
    # NumPy leaves the stride of an axis of length 1 open; BLAS wants at least the row's length.
    places = [
        (array.ctypes.data, array.strides[0] // array.itemsize if len(array) > 1 else array.shape[1])
        for array in (a, b, c)
    ]
    (a_data, lda), (b_data, ldb), (c_data, ldc) = places

    def call(keep: tuple[object, ...] = (a, b, c)) -> None:  # their memory must outlive the addresses
        gemm(_ROW_MAJOR, _AS_IS, _AS_IS, m, n, k, 1.0, a_data, lda, b_data, ldb, 1.0, c_data, ldc)

    return call


@dataclass(frozen=True)
class _OpenBlas:
    """The functions of OpenBLAS that NumPy does not offer."""

    set_threads: Callable[[int], Any]
    get_threads: Callable[[], int]
    gemm: dict[str, Callable[..., None]]


@cache
def _openblas() -> _OpenBlas | None:
    """The OpenBLAS that NumPy came with, if it came with one."""
    package = Path(np.__file__).parent
    for folder in _FOLDERS:
        for path in sorted((package / folder).glob("*openblas*")):
            try:
                library = ctypes.CDLL(str(path))  # loaded already: this only finds it
            except OSError:
                continue
            for prefix in _PREFIXES:
                for suffix in _SUFFIXES:
                    found = _functions(library, prefix, suffix)
                    if found is not None:
                        return found
    return None


def _functions(library: ctypes.CDLL, prefix: str, suffix: str) -> _OpenBlas | None:
    cblas = prefix.replace("openblas", "cblas")
    names = [f"{prefix}_set_num_threads{suffix}", f"{prefix}_get_num_threads{suffix}"]
    names += [f"{cblas}_sgemm{suffix}", f"{cblas}_dgemm{suffix}"]
    if not all(hasattr(library, name) for name in names):
        return None
    set_threads, get_threads, single, double = (getattr(library, name) for name in names)
    size = ctypes.c_int64 if "64" in suffix else ctypes.c_int  # of the library's integers, by its own naming
    for gemm, real in ((single, ctypes.c_float), (double, ctypes.c_double)):
        order, place = [ctypes.c_int] * 3, [ctypes.c_void_p, size]
        gemm.argtypes = [*order, size, size, size, real, *place, *place, real, *place]
        gemm.restype = None
    return _OpenBlas(set_threads, get_threads, {"float32": single, "float64": double})
