"""One trial: a configuration trained so far, quantised, verified and measured, in run folders of its own.

Layout below the sweep's folder; a folder that exists is reused, a training that was killed continues:

    photographs/DEGRADATION/       the decoded photographs, once for all trials that degrade them equally
    floats/FLOAT_KEY/rungR/        run folder of the float training, shared by all quantisations
    floats/FLOAT_KEY/wide/         that of a wider network, which the first rung begins with if it is pruned
    trials/KEY/rungR/              run folder of the trial, with trial.json when it is finished
"""

import dataclasses
import hashlib
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from hwrts.config import NetworkConfig, RtsConfig, RunConfig
from hwrts.data import open_store
from hwrts.errors import HwrtsError
from hwrts.files.link import link, share
from hwrts.files.lock import writing
from hwrts.files.new_folder import new_folder
from hwrts.files.read import LARGEST, Count, Document, Number, Text, read_document
from hwrts.networks.build import build_network, planes_of
from hwrts.networks.channels import Group, groups_of
from hwrts.progress import Progress
from hwrts.report import write_report
from hwrts.runs.documents import Measures, read_measures, read_verdict
from hwrts.runs.folder import RunFolder, open_or_create_run, write_json, write_run
from hwrts.runs.narrower import Importances, Units, down_to, whole
from hwrts.runs.pipeline import new_model, run_stages, train_float, train_stages
from hwrts.runs.prune import without_some
from hwrts.runs.session import check_scores, open_session, prepare
from hwrts.sweep.spec import Halving
from hwrts.training.checkpoint import save_weights
from hwrts.training.rts import stage_schedule

RESULT = "trial.json"
SCHEMA_VERSION = 1
_NOTES = {"command": "hwrts sweep", "status": "created"}


@dataclasses.dataclass(frozen=True)
class Task:
    """What a worker needs to run a trial; plain values, so that it travels to other machines.

    Attributes:
        root: The sweep's folder, the same path on every machine.
        key: Of the trial.
        float_key: Of its float training.
        settings: Settings of a training to the end.
        head: The network that is deployed: "x2" or "same-size".
        quality: "psnr" or "score".
        rung: How far to train, 0 the shortest.
        halving: Number and ratio of the rungs.
        pruned_from: Channels of the wider network that its first rung begins with; 0 for none.
    """

    root: str
    key: str
    float_key: str
    settings: dict[str, Any]
    head: str
    quality: str
    rung: int
    halving: dict[str, int]
    pruned_from: int = 0

    @property
    def folder(self) -> Path:
        """Of the trial at this rung."""
        return trial_folder(Path(self.root), self.key, self.rung)


class TrialFile(Document):
    """trial.json."""

    key: Text
    rung: Annotated[int, Field(ge=0, le=64)]
    stage: Text
    quality: Text
    quality_float: Number
    quality_int8: Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
    passed: bool
    compared: Count
    mismatches: Count
    measures: Measures
    trained: Annotated[float, Field(ge=0, le=LARGEST)] = 0.0
    seconds: Annotated[float, Field(ge=0, le=LARGEST)]


def read_trial(path: Path) -> dict[str, Any]:
    """Content of trial.json.

    Raises:
        RunFolderError: The file is missing or damaged.
    """
    return read_document(path, TrialFile, "delete it, and the same hwrts sweep makes it again")


def trial_folder(root: Path, key: str, rung: int) -> Path:
    """Run folder of a trial at a rung."""
    return root / "trials" / key / f"rung{rung}"


def rung_config(config: RunConfig, halving: Halving, rung: int) -> RunConfig:
    """The settings of one rung: its share of the steps, less what the rungs before have trained in stage 1.

    Fine-tuning is never shortened: with few steps of it four bits looked better than six (docs/sweep.md).

    >>> config = RunConfig(rts=RtsConfig(first_steps=900, steps=90))
    >>> [rung_config(config, Halving(rungs=3, factor=3), r).rts.first_steps for r in range(3)]
    [100, 200, 600]
    """

    def steps(whole: int, at: int) -> int:
        shorter = math.pow(halving.factor, halving.rungs - 1 - at)
        return max(1, round(whole / shorter))

    rts = config.rts
    first = steps(rts.first_steps, rung) - (steps(rts.first_steps, rung - 1) if rung else 0)
    trained: dict[str, Any] = {"first_steps": max(1, first), "steps": steps(rts.steps, rung)}
    return config.model_copy(update={"rts": RtsConfig.model_validate(rts.model_dump() | trained)})


def run_trial(task: Task, progress: Progress) -> dict[str, Any]:
    """Run a trial at a rung, or read what it gave; returns the content of trial.json.

    Its ``seconds`` are those of this trial, ``trained`` those of the float training within, nearly none where
    another trial had trained it.

    Raises:
        HwrtsError: Photographs, device, or a training that diverged.
    """
    result = task.folder / RESULT
    if result.is_file():
        return read_trial(result)
    start = time.monotonic()
    config = rung_config(RunConfig.model_validate(task.settings), Halving(**task.halving), task.rung)
    # A worker that is thought dead may still be alive on another machine.
    with writing(task.folder, wait=True):
        if result.is_file():
            return read_trial(result)
        trained = _train(task, config, progress)
        training = time.monotonic() - start
        run = _run_folder(task.folder, config)
        share(trained.root, run.root, _float_files(trained))
        if (teacher := trained.notes().get("teacher")) is not None:
            run.update_notes(teacher=teacher)
        best = run_stages(open_session(run, progress))
        if task.rung == task.halving["rungs"] - 1:  # seconds, for what may be handed over
            write_report(run)
        document = _document(task, run, best)
        document |= {"trained": round(training, 2), "seconds": round(time.monotonic() - start, 2)}
        write_json(result, document)
    return document


def _train(task: Task, config: RunConfig, progress: Progress) -> RunFolder:
    """The float training of a trial, once for all trials that share it."""
    root = Path(task.root)
    folder = root / "floats" / task.float_key / f"rung{task.rung}"
    with writing(folder, wait=True):
        photographs = _photographs(root, config, progress)
        if task.quality == "score":
            check_scores(open_store(photographs.root / "data" / "val"))
        pruned = task.pruned_from and not task.rung
        if pruned:
            names = open_store(photographs.root / "data" / "train").names
            wide, config = in_two(config, task.pruned_from, len(names) * config.data.crops_per_image)
        run = _run_folder(folder, config)
        share(photographs.root, run.root, _photograph_files(photographs))
        if task.rung:
            before = RunFolder(folder.with_name(f"rung{task.rung - 1}")).stage(1).float_weights
            link(before, run.start)
        elif pruned and not run.start.is_file():
            _start_pruned(run, _run_folder(folder.with_name("wide"), wide), photographs, progress)
        if run.notes().get("status") != "trained, not quantised":
            train_stages(open_session(run, progress))
        return run


def in_two(config: RunConfig, channels: int, crops: int) -> tuple[RunConfig, RunConfig]:
    """The training of a wider network for half of the first steps, and that of the network for the others.

    Args:
        config: Of the whole training, in steps or in passes over all crops.
        channels: Of the wider network.
        crops: How many there are to train on.

    >>> config = RunConfig(rts=RtsConfig(first_steps=101))
    >>> [(each.network.channels, each.rts.first_steps) for each in in_two(config, 48, 100)]
    [(48, 50), (32, 51)]
    """
    first, later = (stage_schedule(config, stage, crops).steps for stage in (1, 2))
    rts = config.rts.model_copy(update={"epochs": None, "steps": later})
    half = max(1, first // 2)
    rest = max(1, first - half)
    wide, narrow = (rts.model_copy(update={"first_steps": steps}) for steps in (half, rest))
    wider = config.network.model_copy(update={"channels": channels})
    network = NetworkConfig.model_validate(wider.model_dump())
    stage = wide.model_copy(update={"stages": 1})
    return (
        config.model_copy(update={"network": network, "rts": stage}),
        config.model_copy(update={"rts": narrow}),
    )


def _start_pruned(run: RunFolder, wide: RunFolder, photographs: RunFolder, progress: Progress) -> None:
    """Train the wider network, and keep of it what the network of a run has."""
    share(photographs.root, wide.root, _photograph_files(photographs))
    session = open_session(wide, progress)
    weights = wide.stage(1)
    train_float(session, weights, new_model(session))
    network = run.config.network
    left = whole(groups_of(build_network(network), planes_of(network)))

    def choose(groups: Sequence[Group], worth: Importances) -> Units:
        return down_to(groups, worth, left)

    model, *_ = without_some(session, weights.float_weights, 1, "gradient", choose, progress)
    save_weights(run.start, model, {"pruned_from": wide.config.network.channels})


def _photographs(root: Path, config: RunConfig, progress: Progress) -> RunFolder:
    """A run folder that only has photographs, decoded and degraded."""
    what = config.model_dump_json(include={"data", "degradation", "seed"})
    what += f" of {config.qat.pixel_bits} bits" if config.qat.pixel_bits > 8 else ""
    name = hashlib.sha256(what.encode()).hexdigest()[:12]
    untaught = config.rts.model_copy(update={"teacher": None})  # that is of single trials
    config = config.model_copy(update={"rts": untaught})
    folder = root / "photographs" / name
    with writing(folder, wait=True):
        if not (folder / "run.json").is_file():  # whole at once, for run.json says last what was read
            with new_folder(folder) as made:
                prepare(write_run(made, config, _NOTES), progress)
        run = RunFolder(folder)
        prepare(run, progress)
    return run


def _run_folder(folder: Path, config: RunConfig) -> RunFolder:
    return open_or_create_run(folder, config, _NOTES)


def _photograph_files(run: RunFolder) -> list[Path]:
    return [run.inputs, *(path for path in (run.root / "data").rglob("*") if path.is_file())]


def _float_files(run: RunFolder) -> list[Path]:
    weights = run.root.glob("stage*/float.safetensors")
    return [*_photograph_files(run), *weights, *run.root.glob("stage*/seconds.json")]


def _document(task: Task, run: RunFolder, best: int) -> dict[str, Any]:
    """What a finished trial is worth; quality is None where it could not be measured."""
    stage = run.stage(best if task.head == "x2" else f"{best}-same")
    verdict, plain = read_verdict(stage.verify), read_measures(run.stage(best).metrics)
    measures = read_measures(stage.metrics)
    names = ("psnr_float_db", "psnr_int8_db") if task.quality == "psnr" else ("mos_raw_float", "mos_raw_int8")
    if measures.get(names[1]) is None or plain.get(names[0]) is None:
        raise HwrtsError(
            f"{stage.root}: no {names[1]} was measured; photographs that are too long have no score, "
            'use quality = "psnr"'
        )
    return {
        "schema": "hwrts trial",
        "schema_version": SCHEMA_VERSION,
        "key": task.key,
        "rung": task.rung,
        "stage": stage.name,
        "quality": task.quality,
        "quality_float": plain[names[0]],
        "quality_int8": measures[names[1]],
        "passed": verdict["passed"],
        "compared": verdict["compared"],
        "mismatches": verdict["mismatches"],
        "measures": measures,
    }
