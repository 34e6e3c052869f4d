"""Pictures that make arithmetic errors show: flat, edges, noise, odd sizes."""

import numpy as np
from numpy.typing import NDArray

from hwrts.fixed_point import Format

Picture = NDArray[np.uint8]

_SEED = 20190


def synthetic_pictures() -> dict[str, Picture]:
    """Test pictures (H, W, 3) uint8 by name, small, with odd sizes and single-pixel edges among them."""
    rng = np.random.default_rng(_SEED)
    ramp = np.add.outer(np.arange(24) * 5, np.arange(28) * 4).astype(np.uint8)  # (24, 28)
    impulse = np.zeros((15, 17, 3), np.uint8)
    impulse[7, 8] = 255
    checker = (np.indices((16, 18)).sum(axis=0) % 2 * 255).astype(np.uint8)
    return {
        "all 0": np.zeros((13, 11, 3), np.uint8),
        "all 255": np.full((13, 11, 3), 255, np.uint8),
        "ramp": np.stack([ramp, ramp.max() - ramp, np.roll(ramp, 7)], axis=2).astype(np.uint8),
        "impulse": impulse,
        "checkerboard": np.repeat(checker[..., None], 3, axis=2),
        "noise": rng.integers(0, 256, (33, 47, 3), dtype=np.uint8),
        "one pixel": rng.integers(0, 256, (1, 1, 3), dtype=np.uint8),
        "one row": rng.integers(0, 256, (1, 19, 3), dtype=np.uint8),
        "one column": rng.integers(0, 256, (21, 1, 3), dtype=np.uint8),
    }


def noise_codes(channels: int, out: Format) -> NDArray[np.integer]:
    """Random codes (17, 19, channels) over a format's whole range, which no photograph reaches."""
    rng = np.random.default_rng(_SEED)
    return rng.integers(out.min, out.max, (17, 19, channels), endpoint=True).astype(out.dtype)
