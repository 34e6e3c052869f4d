"""Memory that a training frees is kept for its next step.

The C library gives large blocks back to the system as soon as they are free, and the system clears each page
of the next one: a step of a small network spends a fifth of its time on that (docs/experiments.md).
"""

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""M_TRIM_THRESHOLD and M_MMAP_MAX of glibc's malloc.h."""

_KEEP = {_TRIM_THRESHOLD: 2**31 - 1, _MMAP_MAX: 0}
"""Blocks of any size from the heap, whose end is not given back."""

_USUAL = {_TRIM_THRESHOLD: 64 * 2**20, _MMAP_MAX: 65536}
"""Where glibc's own adjustment ends, which setting either value switches off."""


@contextmanager
def kept_memory() -> Iterator[None]:
    """Keep what is freed inside, and give it back at the end; without glibc nothing changes."""
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    libc = ctypes.CDLL(None)
    for option, value in _KEEP.items():
        libc.mallopt(option, value)
    try:
        yield
    finally:
        for option, value in _USUAL.items():
            libc.mallopt(option, value)
        libc.malloc_trim(0)
