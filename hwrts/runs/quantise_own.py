"""A user's own module to verified integers, without recurrent training.

The module's own float output is the target of the fine-tuning, so photographs are all that is needed.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from hwrts.config import QatConfig
from hwrts.data import MAX_MEGAPIXELS, Photo, find_photos
from hwrts.data.depth import Samples, on_grid
from hwrts.data.luma import Luma
from hwrts.data.twins import twins, twins_text
from hwrts.errors import DataError
from hwrts.export import Verdict
from hwrts.fixed_point import Network, load_network
from hwrts.graph.deploy import deploy_form
from hwrts.graph.weight_bits import check_layers, check_one_width, conv_names
from hwrts.metrics import loss_psnr_db
from hwrts.progress import Progress
from hwrts.qat.fused import Fused
from hwrts.qat.network import QuantNetwork
from hwrts.runs.engines import Deployed
from hwrts.runs.folder import RunFolder
from hwrts.runs.integers import Material, to_integers
from hwrts.runs.own_check import Checked, check_own_module
from hwrts.runs.own_ends import Own
from hwrts.runs.own_measures import (
    FRAMES,
    MEASURED,
    clamped,
    ends_of,
    in_codes,
    keep_shown,
    output_formats,
    own_measures,
    verified_on,
)
from hwrts.runs.own_pixels import check_pixels, material, with_pixels
from hwrts.runs.quantise import CALIBRATION_BATCHES
from hwrts.runs.verify_inputs import save_fed
from hwrts.training.checkpoint import save_weights
from hwrts.training.device import choose_device, make_deterministic
from hwrts.training.fit import Batches, Schedule, fit

PATCH, BATCH = 64, 16
"""Side of a crop, and crops of a step: as in a run."""

PHOTOGRAPHS = 64
"""At most so many are kept in memory to calibrate and fine-tune on: 2K photographs are 6 MB each."""

SEED = 0
"""Of the crops and their order: equal commands give equal files."""

VAL_FRACTION = 0.1
"""Share of the photographs that is kept to verify and measure on, if there is no folder val."""


def quantise_own(
    run: RunFolder,
    given: nn.Module | Own,
    data: Path | None,
    qat: QatConfig,
    progress: Progress,
    max_megapixels: int = MAX_MEGAPIXELS,
    luma: Luma | None = None,
) -> Verdict:
    """Calibrate, fine-tune, lower, export, measure and verify; the files are those of a stage of a run.

    Args:
        run: Folder that holds run.json, with where the module is from.
        given: A module, or one with what its file says of its inputs and of its pixels' range.
        data: Folder of photographs like those that the module will see; None: the embedded ones.
        qat: Widths, rounding, and steps of fine-tuning; 0 calibrates only.
        progress: Where to say what happens.
        max_megapixels: A larger photograph is left out.
        luma: Which Y' a module of one channel sees; None if nobody says it.

    Raises:
        UnsupportedOperatorError: As :func:`.own_check.check_own_module` and
            :func:`.own_pixels.check_pixels`, before a photograph is read.
        DataError: No usable photographs.
        ConfigError: A width of a layer that the module has not, or one for all layers where each has its own;
            a luma of a module that sees none.
    """
    device = choose_device()
    make_deterministic(SEED)
    own = with_pixels(given if isinstance(given, Own) else Own(given), qat.pixel_bits, luma)
    module = own.module
    module.to(device.name)
    module.eval()
    checked = check_own_module(own, device.name)
    bits_said = check_pixels(checked, deploy_form(checked.graph), luma)
    feeder = checked.feeder
    fed = feeder.said()  # or nobody knows what it is fed
    qat = named_widths(checked, qat)
    for setting, single in qat.of_single_layers.items():
        if setting in qat.model_fields_set:
            check_one_width(single, conv_names(deploy_form(checked.graph)), setting)
    progress.say(f"device {device.name}, float32; {size_text(checked)} in and out")
    for line in (f"traced by {checked.door}", fed, bits_said, *checked.notes):
        if line:
            progress.say(line)
    run.update_notes(traced_by=checked.door, **({} if luma is None else {"luma": luma.as_json(own.bits)}))
    train, val = _photographs(data, progress, max_megapixels, own.bits)
    stage, clock = run.stage(1), _Clock()
    with clock("qat"):
        save_weights(stage.float_weights, module, {"stage": 1})
    crops = _crops([picture for each in train.values() for picture in each], feeder.step, own.bits)
    ends = ends_of(checked, crops(0), device.name)

    def inputs(step: int) -> dict[str, Tensor]:
        return feeder.by_name(feeder.given(crops(step), device.name, frames=step % FRAMES))

    def batches(step: int) -> tuple[Any, list[Tensor]]:
        x = feeder.given(crops(CALIBRATION_BATCHES + step), device.name, frames=step % FRAMES)
        return feeder.by_name(x), feeder.outputs(x)

    def fine_tune(
        quantised: QuantNetwork, batches: Batches, schedule: Schedule, penalty: Callable[[], Tensor]
    ) -> None:
        if not schedule.steps:
            return
        with progress.task("fine-tuning toward the float network", schedule.steps) as advance:
            outs, fused = output_formats(quantised), Fused(quantised)

            def forward(x: Any) -> Tensor:
                values = fused.values(x)
                return in_codes([values[name] for name in quantised.graph.outputs], outs)

            def pairs(step: int) -> tuple[Any, Tensor]:
                x, made = batches(step)
                return x, in_codes(clamped(made, outs), outs)

            training = quantised.fine_tuning()
            fit(
                training,
                forward,
                pairs,
                schedule,
                lambda done, loss: advance(done, f"{loss_psnr_db(loss):5.2f} dB"),
                constrain=quantised.holding(training, schedule.steps),
                penalty=penalty,
            )

    def keep_inputs(network: Network) -> None:
        save_fed(run, verified_on(feeder, network, val, device.name))

    def measure(int8: Deployed, advance: Callable[[int, str], None]) -> dict[str, Any]:
        if own.inputs is None:  # or nobody can feed it a picture without the module's file
            keep_shown(run, int8, val)
        network = load_network(stage.root)
        scale = checked.scale if isinstance(checked.scale, int) else float(checked.scale)
        return {"scale": scale, **own_measures(feeder, device.name, int8, network, val, advance)}

    source = str(run.notes().get("module"))
    material = Material(
        lambda: (inputs, batches), fine_tune, measure, len(val), source, device.name, True, ends, keep_inputs
    )
    verdict, _ = to_integers(run, stage, checked.graph, qat, material, clock, progress)
    run.update_notes(status="finished", best_stage=1, photographs={"train": [*train], "val": [*val]})
    return verdict


def size_text(checked: Checked) -> str:
    """The size of what a module makes, and of what it takes if that is not any."""
    text = "same size" if checked.scale == 1 else f"x{checked.scale}"
    sizes = checked.sizes
    if any(sizes.lacks):
        text += f" less {sizes.lacks[0]} rows and {sizes.lacks[1]} columns"
    if sizes.multiple > 1:
        text += f" (sides padded to multiples of {sizes.multiple} by repeating the edge, and cut)"
    return text


def named_widths(checked: Checked, qat: QatConfig) -> QatConfig:
    """Widths by tensor; a user names a layer by its path in the module, or as the tensor is called.

    Raises:
        ConfigError: A layer that the module has not.
    """
    tensors = {path: name for name, path in checked.layers.items()}
    names = conv_names(deploy_form(checked.graph))
    named = {}
    for setting, given in qat.of_single_layers.items():
        unknown = [layer for layer in given if tensors.get(layer, layer) not in names]
        check_layers(unknown, [checked.layers.get(name, name) for name in names], f"layer_{setting}")
        named[f"layer_{setting}"] = {tensors.get(layer, layer): bits for layer, bits in given.items()}
    return qat.model_copy(update=named)


def _photographs(
    data: Path | None, progress: Progress, max_megapixels: int, bits: int
) -> tuple[dict[str, Sequence[Samples]], dict[str, Samples]]:
    """Pixels by name: what to calibrate and fine-tune on, and what to measure and verify on."""
    split = find_photos(
        data,
        val=None,
        val_fraction=VAL_FRACTION,
        seed=SEED,
        strict=False,
        min_size=PATCH if bits == 8 else 2 * PATCH,  # of which half is taken
        max_megapixels=max_megapixels,
    )
    skipped = [reason for _, reason in split.skipped]
    train, held = (
        _loaded(photos[:limit], skipped, bits)
        for photos, limit in ((split.train, PHOTOGRAPHS), (split.val, MEASURED[0]))
    )
    if skipped:
        progress.say(f"{len(skipped)} images left out: {skipped[0]}")
    val = {name: pictures[0] for name, pictures in held.items()}
    both = twins(((name, pictures[0]) for name, pictures in train.items()), val.items())
    if both:
        progress.say(twins_text(both))
    progress.say(f"{len(train)} photographs to calibrate on, {len(val)} to measure and verify on")
    return train, val


def _loaded(photos: Sequence[Photo], skipped: list[str], bits: int) -> dict[str, Sequence[Samples]]:
    loaded: dict[str, Sequence[Samples]] = {}
    for photo in photos:
        try:
            loaded[photo.name] = material(photo, bits)
        except DataError as error:
            skipped.append(str(error))
    if not loaded:
        raise DataError(f"no photograph can be read; the first: {skipped[0]}")
    return loaded


def _crops(pictures: Sequence[Samples], step: int, bits: int) -> Callable[[int], NDArray[Any]]:
    """Step number to random crops (B, P, P, 3) of so many bits, P a multiple of what the module needs."""
    side = PATCH // step * step or step

    def inputs(step: int) -> NDArray[Any]:
        rng = np.random.default_rng([SEED, step])
        crops: NDArray[Any] = np.empty((BATCH, side, side, 3), np.uint8 if bits == 8 else np.uint16)
        for crop in crops:
            picture = pictures[int(rng.integers(len(pictures)))]
            top, left = (int(rng.integers(size - side + 1)) for size in picture.shape[:2])
            part = picture[top : top + side, left : left + side]
            crop[:] = on_grid(part, bits) if part.dtype == np.uint8 else part
        return crops

    return inputs


class _Clock:
    """Seconds of each piece; lowering and writing the files are counted to the fine-tuning."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, piece: str) -> Iterator[None]:
        start, name = time.perf_counter(), "qat" if piece == "export" else piece
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 2)
