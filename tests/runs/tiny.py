"""The smallest run that goes through everything, for every test that needs a trained one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hwrts.progress import Silent
from hwrts.runs.folder import RunFolder, create_run
from hwrts.runs.pipeline import run_stages
from hwrts.runs.session import open_session
from hwrts.settings_file import parse_config

TINY: dict[str, Any] = {
    "device": "cpu",
    "precision": "float32",
    "data": {"patch": 64, "crops_per_image": 6, "val_fraction": 0.5},
    "network": {"blocks": 1, "channels": 4},
    "rts": {"stages": 2, "first_steps": 6, "steps": 6, "batch": 2, "score": False},
    "qat": {"steps": 4, "same_size_steps": 3},
}


class Lines(Silent):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.tasks: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Callable[[int, str], None]]:
        self.tasks.append(title)
        yield lambda done, text: None


def photographs(folder: Path, count: int = 2, size: int = 160) -> Path:
    """Generated pictures with edges, gradients and texture."""
    folder.mkdir()
    y, x = np.mgrid[:size, :size]
    for i in range(count):
        rng = np.random.default_rng(i)
        plane = 90 + 60 * np.sin(x / (7 + i)) * np.cos(y / 11) + 40 * ((x // 20 + y // 16) % 2)
        pixels = plane[..., None] + rng.normal(0, 6, (size, size, 3)) + [0, 10, -10]
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / f"photo{i}.png")
    return folder


def start(root: Path, data: Path, progress: Silent | None = None, **changes: object) -> RunFolder:
    document = {**TINY, **changes, "data": {**TINY["data"], "train": str(data)}}
    made = create_run(root, parse_config(document, "test"), {}, force=False)
    run_stages(open_session(made, progress or Silent()))
    return made
