"""Fixtures that every folder of tests shares; NumPy alone, as tests/fixed_point runs without the rest."""

from collections.abc import Callable

import numpy as np
import pytest


@pytest.fixture
def picture() -> Callable[..., np.ndarray]:
    """Makes a random picture (H, W, 3) uint8."""

    def make(height: int, width: int, seed: int = 0) -> np.ndarray:
        print(f"seed {seed}")
        return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)

    return make
