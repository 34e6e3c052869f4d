"""Trained networks to export: those of a run and the small ones of :mod:`.networks`, for each client's rules.

The small ones are trained here on scikit-image's photographs, for seconds; `hwrts quantize --target` makes
the integers of all of them, as a user would.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.targets.networks import BUILD
from hwrts.data import find_photos, load_photo
from hwrts.fixed_point import PIXEL, Network, load_network
from hwrts.runs.folder import RunFolder, StageFolder, open_run
from hwrts.runs.target import trained_for
from hwrts.training.checkpoint import save_weights

FLOAT_STEPS = 400
"""Of a small network: it is better than what it starts from by then, and the network is no toy of noise."""
QAT_STEPS = 20
"""Of a network for a client, from formats that were chosen on photographs: `hwrts run` takes some hundred."""
BATCH, PATCH = 16, 64
OF_THE_RUN = ("x2", "same")
NAMES = (*OF_THE_RUN, *BUILD)
NO_RULE = "onnx"
"""The target whose network is exported for clients of which no rule is known, or that quantise themselves."""


@dataclass(frozen=True)
class Trained:
    """A stage of a run.

    Attributes:
        run: The run.
        stage: The stage.
        settings: Rules and widths that it was fine-tuned with.
    """

    run: RunFolder
    stage: StageFolder
    settings: Mapping[str, Any]

    @property
    def network(self) -> Network:
        return load_network(self.stage.root)


def trained(name: str, target: str, run: Path, folder: Path) -> Trained:
    """A network that is what a target's client computes; made if it is not there.

    Args:
        name: Of :data:`NAMES`.
        target: As `hwrts quantize --target` takes it.
        run: Folder of `hwrts run`, for "x2" and "same": its kept stage.
        folder: Where the runs of small networks are.
    """
    settings = trained_for(target)
    if name in OF_THE_RUN:
        return _of_the_run(name, target, settings, open_run(run))
    root = folder / f"{name}-{'-'.join(str(value) for value in settings.values()).replace(',', '-')}"
    if not (root / "run.json").is_file():
        weights = folder / f"{name}.safetensors"
        if not weights.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            save_weights(weights, train(BUILD[name]()), {"network": name})
        source = f"{Path(__file__).with_name('networks.py')}:{name}"
        _quantize(source, target, "--weights", weights, "--output", root)
    made = RunFolder(root)
    return Trained(made, made.stage(1), settings)


def _of_the_run(name: str, target: str, settings: Mapping[str, Any], run: RunFolder) -> Trained:
    kept = run.finished_stage(None).number
    for again in (False, True):
        for stage in run.stages():
            found = stage.number == kept and stage.same_size is (name == "same")
            if found and _is(load_network(stage.root), settings):
                return Trained(run, stage, settings)
        if not again:
            same = ("--same-size",) if name == "same" else ()
            _quantize(run.root, target, "--stage", kept, *same)
    raise SystemExit(f"{run.root}: has no stage with {json.dumps(settings)}")


def _is(network: Network, settings: Mapping[str, Any]) -> bool:
    """Whether a network has these rules, this width of inner tensors, and these grids of weights."""
    ends = {*(each.name for each in network.inputs), *network.outputs}
    inner = min(out.bits for tensor, out in network.formats.items() if tensor not in ends)
    one_grid = all(len(set(conv.weight_frac.tolist())) == 1 for conv in network.convs)
    wanted: tuple[int, str] = settings.get("activation_bits", PIXEL.bits), settings["rounding"]
    return (inner, str(network.rules)) == wanted and one_grid is settings.get("one_weight_grid", False)


def _quantize(source: object, target: str, *options: object) -> None:
    words = [sys.executable, "-m", "hwrts", "quantize", source, "--target", target, *options]
    subprocess.run([*map(str, words), "--qat-steps", str(QAT_STEPS), "--quiet"], check=True)


def train(module: nn.Module, steps: int = FLOAT_STEPS, seed: int = 0) -> nn.Module:
    """Train a x2 network on scikit-image's photographs: the pixels, of means of 2x2, as bytes."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    split = find_photos(None, val=None, val_fraction=0.1, seed=seed, strict=True, min_size=PATCH)
    pictures = [load_photo(photo) for photo in split.train]
    optimiser = torch.optim.Adam(module.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    for _ in range(steps):
        wanted = _crops(pictures, rng)  # (N, 3, P, P)
        given = (F.avg_pool2d(wanted, 2) * 255).round() / 255  # (N, 3, P/2, P/2)
        loss = F.mse_loss(module(given), wanted)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return module.eval()


def _crops(pictures: list[Any], rng: np.random.Generator) -> Tensor:
    made = np.empty((BATCH, PATCH, PATCH, 3), np.float32)
    for crop in made:
        picture = pictures[int(rng.integers(len(pictures)))]
        top, left = (int(rng.integers(side - PATCH + 1)) for side in picture.shape[:2])
        crop[:] = picture[top : top + PATCH, left : left + PATCH]
    return torch.from_numpy(made / np.float32(255)).permute(0, 3, 1, 2)
