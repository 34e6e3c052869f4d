"""What a training frees stays with the process until the training is over."""

import platform
from pathlib import Path

import numpy as np
import pytest

from hwrts.training.memory import kept_memory

MIB = 2**20


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(
    platform.system() != "Linux" or platform.libc_ver()[0] != "glibc", reason="mallopt is of glibc"
)
def test_freed_blocks_are_kept_inside_and_given_back_at_the_end():
    before = resident()
    with kept_memory():
        del [np.ones(64 * MIB, np.uint8)][:]
        assert resident() - before > 50 * MIB
    assert resident() - before < 20 * MIB
    del [np.ones(64 * MIB, np.uint8)][:]
    assert resident() - before < 20 * MIB


def test_elsewhere_nothing_is_asked_of_the_library(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr("ctypes.CDLL", lambda name: pytest.fail("no such library here"))
    with kept_memory():
        pass
