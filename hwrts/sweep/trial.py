"""One trial: a configuration trained so far, quantised, verified and measured, in run folders of its own.

Layout below the sweep's folder; a folder that exists is reused, a training that was killed continues:

    photographs/DEGRADATION/       the decoded photographs, once for all trials that degrade them equally
    floats/FLOAT_KEY/rungR/        run folder of the float training, shared by all quantisations
    trials/KEY/rungR/              run folder of the trial, with trial.json when it is finished
"""

import dataclasses
import hashlib
import math
import os
import shutil
import time
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from hwrts.config import RtsConfig, RunConfig
from hwrts.data import open_store
from hwrts.errors import HwrtsError
from hwrts.files.atomic import temporary_name, writing_to
from hwrts.files.lock import writing
from hwrts.files.new_folder import new_folder
from hwrts.files.read import LARGEST, Count, Document, Number, Text, read_document
from hwrts.progress import Progress
from hwrts.report import write_report
from hwrts.runs.documents import Measures, read_measures, read_verdict
from hwrts.runs.folder import RunFolder, open_or_create_run, write_json, write_run
from hwrts.runs.pipeline import run_stages, train_stages
from hwrts.runs.session import check_scores, open_session, prepare
from hwrts.sweep.spec import Halving

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
    """

    root: str
    key: str
    float_key: str
    settings: dict[str, Any]
    head: str
    quality: str
    rung: int
    halving: dict[str, int]

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
        _share(trained.root, run.root, _float_files(trained))
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
        run = _run_folder(folder, config)
        _share(photographs.root, run.root, _photograph_files(photographs))
        if task.rung:
            before = RunFolder(folder.with_name(f"rung{task.rung - 1}")).stage(1).float_weights
            _link(before, run.start)
        if run.notes().get("status") != "trained, not quantised":
            train_stages(open_session(run, progress))
        return run


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


def _share(source: Path, target: Path, files: list[Path]) -> None:
    """Give a folder files of another one; files that it has stay. The index of a store comes last."""
    for path in sorted(files, key=lambda path: path.name == "index.json"):
        _link(path, target / path.relative_to(source))


def _link(source: Path, target: Path) -> None:
    """The same file under another name, without a copy where the file system can.

    Every writer replaces files whole, so neither name ever changes what the other one reads.
    """
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(target)
    with writing_to(target):
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
        temporary.replace(target)


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
