"""The golden pictures of VIQET: made by integer operations from photographs that Python packages ship.

Letters: H rows, W columns.
"""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image


def package_picture(package: str, *parts: str) -> np.ndarray | None:
    """A picture file of an installed package, or None; the package is not imported."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent.joinpath(*parts)
    return np.asarray(Image.open(path).convert("RGB"), np.uint8) if path.is_file() else None


def box(a: np.ndarray, k: int) -> np.ndarray:
    """k x k mean, border replicated, rounded half up."""
    r = k // 2
    p = np.pad(a.astype(np.int64), ((r, r), (r, r), (0, 0)), mode="edge")
    total = sum(p[i : i + a.shape[0], j : j + a.shape[1]] for i in range(k) for j in range(k))
    return ((2 * total + k * k) // (2 * k * k)).astype(np.uint8)


def sharpened(a: np.ndarray, amount: int) -> np.ndarray:
    wide = a.astype(np.int64)
    return np.clip(wide + amount * (wide - box(a, 3)), 0, 255).astype(np.uint8)


def noisy(a: np.ndarray, half: int) -> np.ndarray:
    noise = np.random.RandomState(0).randint(-half, half + 1, size=a.shape)
    return np.clip(a.astype(np.int64) + noise, 0, 255).astype(np.uint8)


def halved(a: np.ndarray) -> np.ndarray:
    h, w = a.shape[0] // 2, a.shape[1] // 2
    blocks = a[: 2 * h, : 2 * w].astype(np.int64).reshape(h, 2, w, 2, 3)
    return ((blocks.sum((1, 3)) + 2) // 4).astype(np.uint8)


def mirrored(a: np.ndarray, b: np.ndarray, height: int, width: int) -> np.ndarray:
    """Two pictures side by side, mirrored into a tile that repeats."""
    pair = np.concatenate([a, b], 1)
    wide = np.concatenate([pair, pair[:, ::-1]], 1)
    tile = np.concatenate([wide, wide[::-1]], 0)
    times = height // tile.shape[0] + 1, width // tile.shape[1] + 1, 1
    return np.tile(tile, times)[:height, :width]


def _china() -> np.ndarray | None:
    return package_picture("sklearn", "datasets", "images", "china.jpg")


def _flower() -> np.ndarray | None:
    return package_picture("sklearn", "datasets", "images", "flower.jpg")


def _embedded(name: str) -> np.ndarray | None:
    return package_picture("skimage", "data", name)


def _of_china(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[], np.ndarray | None]:
    def make() -> np.ndarray | None:
        china = _china()
        return None if china is None else change(china)

    return make


def _mosaic(height: int, width: int) -> np.ndarray | None:
    astronaut, coffee = _embedded("astronaut.png"), _embedded("coffee.png")
    if astronaut is None or coffee is None:
        return None
    return mirrored(astronaut[:400, :400], coffee[:400, :600], height, width)


def _large_mosaic() -> np.ndarray | None:
    china, flower = _china(), _flower()
    return None if china is None or flower is None else mirrored(china[:400], flower[:400], 2160, 3840)


def _gradient() -> np.ndarray:
    row = (np.arange(480) * 255 // 479).astype(np.uint8)
    return np.stack([np.tile(row, (300, 1))] * 3, axis=2)


def _random() -> np.ndarray:
    return np.random.RandomState(1).randint(0, 256, (300, 480, 3)).astype(np.uint8)


PICTURES: dict[str, Callable[[], np.ndarray | None]] = {
    "china": _china,
    "china_box3": _of_china(lambda a: box(a, 3)),
    "china_box7": _of_china(lambda a: box(a, 7)),
    "china_usm": _of_china(lambda a: sharpened(a, 1)),
    "china_usm2": _of_china(lambda a: sharpened(a, 2)),
    "china_noise20": _of_china(lambda a: noisy(a, 20)),
    "china_down2": _of_china(halved),
    "china_dark": _of_china(lambda a: a // 2),
    "china_bright": _of_china(lambda a: np.minimum(a.astype(np.int64) * 3 // 2, 255).astype(np.uint8)),
    "china_T": _of_china(lambda a: a.transpose(1, 0, 2)),
    "china_near4": _of_china(lambda a: a.repeat(4, 0).repeat(4, 1)),
    "flower": _flower,
    **{
        name: partial(_embedded, file)
        for name, file in {
            "astronaut": "astronaut.png",
            "coffee": "coffee.png",
            "chelsea": "chelsea.png",
            "rocket": "rocket.jpg",
            "hubble": "hubble_deep_field.jpg",
            "grass": "grass.png",
            "motorcycle_left": "motorcycle_left.png",
            "retina": "retina.jpg",
        }.items()
    },
    "mosaic_1200x1920": lambda: _mosaic(1200, 1920),
    "mosaic_1356x2040": lambda: _mosaic(1356, 2040),
    "mosaic_2160x3840": _large_mosaic,
    "synth_random": _random,
    "synth_gradient": _gradient,
}
"""By the names of viqet_golden.json; None where the package is not installed."""
