"""The paper's tables and figures, one after the other: train what is missing, measure, write."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hwrts.data import Photo, find_photos
from hwrts.data.depth import Codes
from hwrts.errors import DataError, RunFolderError
from hwrts.files.atomic import clear_temporaries, clear_temporaries_of
from hwrts.files.new_folder import make_folder, settle_inside
from hwrts.files.read import Document, Text, read_document
from hwrts.metrics.viqet import Score, score
from hwrts.progress import Progress
from hwrts.reproduce.budgets import VAL_FRACTION, Budget
from hwrts.reproduce.page import read_results, write_page, write_result
from hwrts.reproduce.results import MAKERS, TARGETS, Target, Work
from hwrts.reproduce.runs import Source, may_have_score
from hwrts.reproduce.scores import ScoreCache
from hwrts.runs.folder import is_occupied, write_json
from hwrts.training.device import choose_device


class SettingsFile(Document):
    """settings.json: what the folder is for."""

    budget: Text
    data: Text | None
    val: Text | None
    seed: int
    device: Text


def reproduce(
    root: Path,
    targets: Sequence[Target],
    budget: Budget,
    source: Source,
    notes: dict[str, Any],
    progress: Progress,
    *,
    int8: bool = False,
    measure_score: Callable[[Codes], Score] = score,
) -> dict[str, Any]:
    """Make results in a folder; earlier ones of the same settings stay and are shown beside them.

    Args:
        root: Made if it is not there; one folder holds one budget on one set of photographs.
        targets: What to make.
        budget: What is trained.
        source: Photographs, seed and device.
        notes: What run.json of a new run starts with.
        progress: Told what happens.
        int8: Add the rows of the int8 networks. A result that has them keeps them.
        measure_score: Scores a picture.

    Returns:
        The content of results.json.

    Raises:
        HwrtsError: Photographs or a device that are not there, or a folder of other settings.
    """
    split = find_photos(
        source.data,
        val=source.val,
        val_fraction=VAL_FRACTION,
        seed=source.seed,
        strict=False,
        min_size=2,
        max_megapixels=source.max_megapixels,
    )
    _check_shapes(split.val, progress)
    choose_device(source.device, budget.stages.config(source.data, source.val, 0, source.device).precision)
    _claim(root, budget, source)
    document = read_results(root)
    work = Work(root, budget, source, notes, progress, int8, ScoreCache(root / "scores.json", measure_score))
    document |= {
        "budget": budget.name,
        "seed": source.seed,
        "notes": list(budget.notes),
        "photographs": {"train": len(split.train), "val": len(split.val)},
    }
    for target in targets:
        start = time.monotonic()
        wanted = int8 or document["results"].get(target, {}).get("int8", False)
        if wanted != work.int8:
            work = dataclasses.replace(work, int8=wanted)  # looks for its runs again
        for table, picture in MAKERS[target](work):
            made = {**document["results"], target: {**write_result(root, table, picture), "int8": work.int8}}
            document["results"] = {name: made[name] for name in TARGETS if name in made}
            write_page(root, document)
        progress.say(f"{target}: done in {time.monotonic() - start:.0f} s")
    return document


def _check_shapes(photos: Sequence[Photo], progress: Progress) -> None:
    """Say which photographs will be missing in the scores, and refuse before the training if all will be."""
    without = [photo for photo in photos if not may_have_score(photo)]
    if len(without) == len(photos):
        raise DataError(f"{without[0].path}: too elongated to score, as all to validate on are; give others")
    for photo in without:
        progress.say(f"{photo.path}: too elongated to score; left out of the means of scores")


def _claim(root: Path, budget: Budget, source: Source) -> None:
    """Make the folder for these settings, or see that it was made for them."""
    settings = {
        "budget": budget.name,
        "data": str(source.data.resolve()) if source.data else None,
        "val": str(source.val.resolve()) if source.val else None,
        "seed": source.seed,
        "device": source.device,
    }
    path = root / "settings.json"
    if path.is_file():
        before = read_document(path, SettingsFile, "choose another folder with -o")
        changed = [key for key, value in settings.items() if before.get(key) != value]
        if changed:
            key = changed[0]
            raise RunFolderError(
                f"{root}: was made with {key} {before.get(key)!s:.80}, not {settings[key]}; "
                "use the same settings, or another folder with -o"
            )
        clear_temporaries(root)
        for folder in ("runs", "photographs"):
            settle_inside(root / folder)
    else:
        clear_temporaries_of(path)
        if is_occupied(root):
            raise RunFolderError(f"{root}: is not a folder of hwrts reproduce; choose another one with -o")
        make_folder(root, "choose another one with -o")
        write_json(path, settings)  # first: a kill behind it leaves a folder that is known
    for folder in ("runs", "photographs"):
        make_folder(root / folder, "choose another one with -o")
