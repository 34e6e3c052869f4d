"""Generated photographs and the smallest settings that go through everything."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hwrts.sweep.runner import Sweep
from hwrts.sweep.spec import SweepSpec, parse_spec
from hwrts.sweep.trial import Task


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep-photos")
    y, x = np.mgrid[:96, :96]
    for part in ("train", "val"):
        (folder / part).mkdir()
        for i in range(2):
            rng = np.random.default_rng(i)
            plane = 90 + 60 * np.sin(x / (7 + i)) * np.cos(y / 11) + 40 * ((x // 20 + y // 16) % 2)
            pixels = plane[..., None] + rng.normal(0, 6, (96, 96, 3))
            Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / part / f"{i}.png")
    return folder


@pytest.fixture(scope="session")
def tiny(photos: Path):
    """Makes a sweep of one block, 4 channels and two widths of weights; settings may be given."""

    def make(first_steps: int = 9, **document: object) -> SweepSpec:
        base = {
            "precision": "float32",
            "data": {
                "train": str(photos / "train"),
                "val": str(photos / "val"),
                "patch": 32,
                "crops_per_image": 4,
            },
            "rts": {"stages": 1, "first_steps": first_steps, "batch": 2},
            "qat": {"steps": 3},
        }
        axes = {"network.blocks": [1], "network.channels": [4], "qat.weight_bits": [4, 8]}
        return parse_spec({"base": base, "axes": axes, **document}, "test")

    return make


@pytest.fixture
def tasks():
    """Makes the tasks of a rung of every configuration of a sweep."""

    def make(root: Path, spec: SweepSpec, rung: int = 0) -> list[Task]:
        from hwrts.sweep.space import candidate, points

        sweep = Sweep(root, spec)
        return [
            Task(
                str(sweep.root),
                point.key(sweep.photographs),
                point.float_key(sweep.photographs),
                point.config.model_dump(),
                point.head,
                spec.quality,
                rung,
                spec.halving.model_dump(),
            )
            for point in (candidate(spec, values) for values in points(spec))
        ]

    return make
