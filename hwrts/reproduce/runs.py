"""The runs behind the tables: ordinary run folders, trained once, continued where they were killed."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from hwrts.config import RunConfig
from hwrts.data import MAX_MEGAPIXELS, Photo, PhotoStore, find_photos, load_photo, open_store, write_image
from hwrts.data.images import image_size
from hwrts.errors import DataError, RunFolderError
from hwrts.files.lock import writing
from hwrts.files.new_folder import new_folder
from hwrts.files.read import read_document
from hwrts.metrics.viqet import has_score
from hwrts.networks.build import build_network
from hwrts.progress import Progress
from hwrts.reproduce.budgets import VAL_FRACTION, Experiment, Selection
from hwrts.runs.documents import Seconds
from hwrts.runs.folder import RunFolder, open_or_create_run
from hwrts.runs.pipeline import run_stages, train_stages
from hwrts.runs.session import centre_crop, open_session
from hwrts.training.rts import stage_schedule, target_kind


@dataclasses.dataclass(frozen=True)
class Source:
    """Where the photographs are (none: the embedded ones), and what makes a training repeatable."""

    data: Path | None
    val: Path | None
    seed: int
    device: str
    max_megapixels: int = MAX_MEGAPIXELS


@dataclasses.dataclass(frozen=True)
class Trained:
    """A finished training, to be measured."""

    run: RunFolder
    label: str
    stages: int

    @property
    def val(self) -> PhotoStore:
        """The validation photographs with HR_1 ... of the float networks."""
        return open_store(self.run.root / "data" / "val")

    @property
    def parameters(self) -> int:
        """Weights and biases of the float network."""
        return sum(tensor.numel() for tensor in build_network(self.run.config.network).parameters())

    def steps(self, stage: int) -> int:
        """Steps of the float training of a stage, 1 the first."""
        config = self.run.config
        photographs = open_store(self.run.root / "data" / "train")
        return stage_schedule(config, stage, len(photographs.names) * config.data.crops_per_image).steps

    def seconds(self, stages: int) -> dict[str, float]:
        """Seconds of each piece of the work, summed over the first stages and their variants."""
        sums: dict[str, float] = {}
        for path in sorted(self.run.root.glob("stage*/seconds.json")):
            if int(path.parent.name.removeprefix("stage").split("-")[0]) <= stages:
                for piece, value in read_document(path, Seconds).items():
                    sums[piece] = sums.get(piece, 0.0) + float(value)
        return sums


def train(
    root: Path,
    experiment: Experiment,
    source: Source,
    notes: dict[str, Any],
    *,
    int8: bool,
    progress: Progress,
) -> Trained:
    """The run of an experiment with all its stages; what exists is reused, what is missing is made.

    Args:
        root: Folder of the reproduction.
        experiment: What to train.
        source: Photographs, seed and device.
        notes: What run.json of a new run starts with.
        int8: Quantise, export and verify every stage too.
        progress: Told what happens.

    Raises:
        HwrtsError: Photographs or a device that are not there, or a run of other settings under this name.
    """
    train_folder, val_folder = (folder and folder.resolve() for folder in (source.data, source.val))
    if experiment.selection is not None:
        folder = _select(root, experiment, experiment.selection, source, progress)
        train_folder, val_folder = folder / "train", folder / "val"
    config = experiment.config(train_folder, val_folder, source.seed, source.device, source.max_megapixels)
    place = root / "runs" / experiment.name
    with writing(place):
        run = open_or_create_run(place, config, notes)
        changed = _changed(run.config, config)
        if changed:
            raise RunFolderError(
                f"{place}: was trained with other settings ({changed}); delete it to train it again, or "
                "choose another folder with -o"
            )
        stages = config.stage_limit
        if _is_complete(run, stages, int8=int8):
            progress.say(f"{experiment.name}: trained already, {place}")
        else:
            progress.say(f"{experiment.name}: {config.network.title}, {stages} stages, {place}")
            session = open_session(run, progress)
            if int8:
                run_stages(session)
            else:
                train_stages(session)
    return Trained(run, experiment.label, stages)


def is_trained(root: Path, experiment: Experiment, *, int8: bool) -> bool:
    """Whether :func:`train` would find nothing left to do."""
    run = RunFolder(root / "runs" / experiment.name)
    return run.root.is_dir() and _is_complete(run, run.config.stage_limit, int8=int8)


def _changed(before: RunConfig, now: RunConfig) -> str:
    """The first setting that differs, or ""; not where the photographs are, for a folder may be moved."""
    free = {"data": {"train", "val", "max_megapixels"}}
    old, new = (config.model_dump(exclude=free) for config in (before, now))
    for section, values in new.items():
        for key, value in values.items() if isinstance(values, dict) else [("", values)]:
            if value != (old[section][key] if key else old[section]):
                return f"{section}.{key}" if key else section
    return ""


def _is_complete(run: RunFolder, stages: int, *, int8: bool) -> bool:
    if int8:
        return run.notes().get("status") == "finished"
    if not all((run.root / "data" / part / "index.json").is_file() for part in ("train", "val")):
        return False
    store = open_store(run.root / "data" / "val")
    return all(
        run.stage(n).float_weights.is_file() and store.has(target_kind(n)) for n in range(1, stages + 1)
    )


def _select(
    root: Path, experiment: Experiment, selection: Selection, source: Source, progress: Progress
) -> Path:
    """Folder with train/ and val/ of the selected photographs, made once, without damaged ones.

    The folder is named by the selection, so that all networks of a table share it.
    """
    crops = [selection.train_crop, selection.val_crop]
    name = "-".join(
        f"{count}" + (f"of{crop[1]}x{crop[0]}" if crop else "")
        for count, crop in zip((selection.train, selection.val), crops, strict=True)
    )
    folder = root / "photographs" / name
    if folder.is_dir():
        return folder
    patch = experiment.config(source.data, source.val, source.seed, source.device).data.patch
    split = find_photos(
        source.data,
        val=source.val,
        val_fraction=VAL_FRACTION,
        seed=source.seed,
        strict=False,
        min_size=patch,
        max_megapixels=source.max_megapixels,
    )
    for _, reason in split.skipped:
        progress.say(f"left out: {reason}")
    parts = {"train": split.train, "val": tuple(photo for photo in split.val if may_have_score(photo))}
    with new_folder(folder) as temporary:
        for (part, photos), count, crop in zip(
            parts.items(), (selection.train, selection.val), crops, strict=True
        ):
            (temporary / part).mkdir()
            chosen = _spread(photos, count)
            with progress.task(f"selecting {part} photographs", len(chosen)) as advance:
                for done, photo in enumerate(chosen, 1):
                    try:
                        pixels = load_photo(photo)
                    except DataError as error:
                        progress.say(f"left out: {error}")
                        continue
                    kept = pixels if crop is None else centre_crop(pixels, crop)
                    write_image(temporary / part / f"{photo.name}.png", np.ascontiguousarray(kept))
                    advance(done, photo.name)
    return folder


def may_have_score(photo: Photo) -> bool:
    """Whether a photograph can be scored, by its header: as it is stored, or turned by EXIF."""
    if photo.path is None:
        return True
    height, width = image_size(photo.path, photo.max_megapixels)
    return has_score(height, width) or has_score(width, height)


def _spread(photos: tuple[Photo, ...], count: int) -> tuple[Photo, ...]:
    """At most so many, evenly spread over the order of their names."""
    if len(photos) <= count:
        return photos
    return tuple(photos[i * len(photos) // count] for i in range(count))
