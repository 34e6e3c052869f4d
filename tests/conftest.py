"""Fixtures that every folder of tests shares; NumPy alone, as tests/fixed_point runs without the rest."""

import signal
from collections.abc import Callable

import numpy as np
import pytest


def pytest_configure() -> None:
    """A shell script starts what ends in & with Ctrl-C ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def picture() -> Callable[..., np.ndarray]:
    """Makes a random picture (H, W, 3) uint8."""

    def make(height: int, width: int, seed: int = 0) -> np.ndarray:
        print(f"seed {seed}")
        return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)

    return make
