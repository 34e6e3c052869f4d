"""What every step of a run needs: settings, device, photographs read once, and batches of their crops."""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.config import RunConfig
from hwrts.data import CropPlan, PhotoStore, Split, build_store, find_photos, open_store, plan_crops
from hwrts.data.degrade import CLEAN, downscale_by_2, to_codes
from hwrts.data.depth import in_units
from hwrts.data.twins import twins, twins_text
from hwrts.errors import DataError
from hwrts.files.atomic import atomic_file
from hwrts.graph.weight_bits import check_settings
from hwrts.metrics.viqet import has_score
from hwrts.progress import Progress
from hwrts.runs.folder import RunFolder
from hwrts.runs.teacher import check_teacher
from hwrts.training.device import Device, choose_device, make_deterministic
from hwrts.training.fit import Batches
from hwrts.training.rts import crop_batches, target_kind

VERIFY_CROP = (127, 129)
"""Rows and columns of the photographs' crops for verification: odd, large enough for every tie to occur."""

PARTS = ("train", "val")
"""Folders of photographs in a run's data."""

VERIFY_PHOTOGRAPHS = 8
"""At most so many photographs are verified on: the int64 definition is slow on purpose."""


@dataclasses.dataclass(frozen=True)
class Session:
    """What every step of a run needs."""

    run: RunFolder
    config: RunConfig
    device: Device
    train: PhotoStore
    val: PhotoStore
    plan: CropPlan
    progress: Progress
    after_step: Callable[[int, int], None] = lambda done, steps: None
    """Told of each step of a float training, and how many there are."""

    def batches(self, stage: int, target: str) -> Batches:
        """Training batches of a stage; the order differs from stage to stage."""
        data, rts = self.config.data, self.config.rts
        seed = self.config.seed * 1000 + stage
        patch = data.patch // 2
        return crop_batches(
            self.train,
            self.plan,
            target,
            batch=rts.batch,
            patch=patch,
            seed=seed,
            device=self.device.name,
            luma=self.config.network.luma,
        )

    def same_size_batches(self, stage: int) -> Batches:
        """Originals, and what a stage's float network makes of them; as many pixels as in :meth:`batches`."""
        data, rts = self.config.data, self.config.rts
        return crop_batches(
            self.train,
            self.plan,
            target_kind(stage),
            batch=max(1, rts.batch // 4),
            patch=data.patch // 2,
            seed=self.config.seed * 1000 + stage,
            device=self.device.name,
            same_size=True,
            luma=self.config.network.luma,
        )


def prepare(run: RunFolder, progress: Progress) -> tuple[Device, PhotoStore, PhotoStore]:
    """Everything that can be wrong with a run before it starts: widths, teacher, device, photographs.

    Raises:
        HwrtsError: Photographs that are missing, broken or too small, a device that is not there, a width
            of a layer that is not there, or a teacher as :func:`.check_teacher`.
    """
    config = run.config
    check_settings(config.network, config.qat)
    check_teacher(run, progress)
    device = choose_device(config.device, config.precision)
    train, val = _photographs(run, config, progress)
    if config.rts.stages == "auto" and config.rts.stop == "score":
        check_scores(val)
    if not run.inputs.is_file():
        save_verify_inputs(run, zip(val.names, verified_pictures(val), strict=True))
    return device, train, val


def check_scores(val: PhotoStore) -> None:
    """Refuse before a training what can't be judged after it: photographs none of which has a score."""
    if not any(has_score(*shape) for shape in val.shapes):
        raise DataError(
            f"{', '.join(val.names[:3])}: too elongated to score, as all photographs to validate on are; "
            "give others, or judge by another measure than the score"
        )


def open_session(run: RunFolder, progress: Progress) -> Session:
    """Prepare what is not prepared, say what was resolved, plan the crops; raises as :func:`prepare`."""
    run.check_settings()
    config = run.config
    resumed = run.notes().get("status", "created") != "created"
    device, train, val = prepare(run, progress)
    if resumed and config.data.train is not None:
        progress.say(
            f"photographs: the copies in {run.root / 'data'} are used; if {config.data.train} has changed "
            "since they were made, that is not seen"
        )
    return _planned(run, device, train, val, progress)


def read_session(run: RunFolder, progress: Progress) -> Session:
    """A session of a run whose photographs are there; nothing is written into its folder.

    Raises:
        HwrtsError: Photographs that are not there, a device that is not, settings that were edited.
    """
    run.check_settings()
    device = choose_device(run.config.device, run.config.precision)
    train, val = (open_store(run.root / "data" / part) for part in PARTS)
    return _planned(run, device, train, val, progress)


def _planned(
    run: RunFolder, device: Device, train: PhotoStore, val: PhotoStore, progress: Progress
) -> Session:
    """A session of what is prepared."""
    config = run.config
    make_deterministic(config.seed)
    hidden = "bf16 hidden layers, float32 picture path" if device.bf16 else "float32"
    progress.say(f"device {device.name}, {hidden}: {device.reason}; channels last: faster on every device")
    shapes = [(height // 2, width // 2) for height, width in train.shapes]
    plan = plan_crops(shapes, config.data.crops_per_image, config.data.patch // 2, config.seed, train.names)
    progress.say(
        f"{len(train.names)} photographs to train on ({len(plan.crops)} crops), {len(val.names)} to validate"
    )
    return Session(run, config, device, train, val, plan, progress)


_NONE_YET: dict[str, Any] = {"skipped": [], "photographs": None, "in_both": []}
"""What run.json says while photographs are read: a run that stopped before it said which reads them again."""


def _photographs(run: RunFolder, config: RunConfig, progress: Progress) -> tuple[PhotoStore, PhotoStore]:
    stores = []
    known = (
        run.notes().get("photographs", ()) is not None
    )  # a sweep's trial is given stores, and says nothing
    if known and all((run.root / "data" / part / "index.json").is_file() for part in PARTS):
        train, val = (open_store(run.root / "data" / part) for part in PARTS)
        return train, val
    run.update_notes(**_NONE_YET)
    data, degradation = config.data, config.degradation
    split = find_split(config)
    skipped = [reason for _, reason in split.skipped]
    for part, photos in (("train", split.train), ("val", split.val)):
        with progress.task(f"reading {part} photographs", len(photos)) as advance:
            store, broken = build_store(
                photos,
                run.root / "data" / part,
                jpeg=degradation.jpeg_range,
                kernel=degradation.kernel,
                blur=degradation.blur,
                # What is measured has a clean LR: beside bicubic of noise every network would look good.
                footage=degradation.footage if part == "train" else CLEAN,
                versions=degradation.lr_versions if part == "train" else 1,
                seed=config.seed,
                strict=data.strict,
                min_size=data.patch,
                targets=config.stage_limit,
                bits=config.qat.pixel_bits,
                progress=lambda i, n: advance(i, ""),
            )
        skipped += [reason for _, reason in broken]
        stores.append(store)
    if skipped:
        progress.say(f"{len(skipped)} images left out (see skipped in run.json): {skipped[0]}")
    both = twins(*(zip(store.names, store.pictures("hr"), strict=True) for store in stores))
    if both:
        progress.say(twins_text(both))
    run.update_notes(
        skipped=skipped,
        photographs={"train": stores[0].names, "val": stores[1].names},
        in_both=[train if train == val else f"{train} = {val}" for train, val in both],
    )
    return stores[0], stores[1]


def find_split(config: RunConfig) -> Split:
    """The photographs that the settings name; raises as :func:`hwrts.data.find_photos`."""
    data = config.data
    return find_photos(
        Path(data.train) if data.train else None,
        val=Path(data.val) if data.val else None,
        val_fraction=data.val_fraction,
        seed=config.seed,
        strict=data.strict,
        min_size=data.patch,
        max_megapixels=data.max_megapixels,
    )


def verified_pictures(val: PhotoStore) -> Iterator[NDArray[Any]]:
    """The originals; of more than 8 bits at half the size, so that those of 8 bits have codes between."""
    for i in range(len(val.names)):
        whole = val.whole(i, "hr")
        small = val.bits > 8
        yield to_codes(downscale_by_2(in_units(whole, val.bits), "lanczos"), val.bits) if small else whole


def save_verify_inputs(run: RunFolder, pictures: Iterable[tuple[str, NDArray[Any]]]) -> None:
    """Centre crops: large enough to meet every code path, small enough for the int64 definition."""
    crops: dict[str, Any] = {}
    for name, picture in itertools.islice(pictures, VERIFY_PHOTOGRAPHS):
        crops[f"photo {name}"] = np.array(centre_crop(picture, VERIFY_CROP))
    with atomic_file(run.inputs) as file:
        np.savez(file, **crops)


def centre_crop(picture: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """The middle of a picture (H, W, C), at most so many rows and columns."""
    top, left = (max(0, (have - want) // 2) for have, want in zip(picture.shape, size, strict=False))
    return picture[top : top + size[0], left : left + size[1]]
