"""The folder of one run: names that others rely on, created once, never overwritten by accident."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwrts.command_line import command_line
from hwrts.config import RunConfig
from hwrts.data.luma import Luma
from hwrts.errors import ConfigError, RunFolderError
from hwrts.files.atomic import write_atomic, writing_to
from hwrts.files.lock import restore
from hwrts.files.new_folder import new_folder, place_of
from hwrts.files.read import check_document, read_bytes, read_document
from hwrts.fixed_point.stored import parse_json
from hwrts.runs.documents import MetricLine, RunNotes
from hwrts.settings_file import dump_toml, load_config, read_toml

_STAGE = re.compile(r"stage[1-9]\d*(-\w+)?")


@dataclass(frozen=True)
class StageFolder:
    """Files of one stage, or of a variant of it; each appears complete or not at all."""

    root: Path

    @property
    def name(self) -> str:
        """As the user writes it: "2", or "2-same" and "2-w4a8" for variants of stage 2."""
        return place_of(self.root).name.removeprefix("stage")

    @property
    def number(self) -> int:
        """1 for the first stage."""
        return int(self.name.split("-")[0])

    @property
    def same_size(self) -> bool:
        """Whether its network keeps the picture's size (names such as "2-same" and "2-same_w4a8")."""
        return "same" in self.name.partition("-")[2].split("_")

    def check_enlarges(self) -> None:
        """Refuse a same-size network where one is needed that enlarges.

        Raises:
            ConfigError: It keeps the size.
        """
        if self.same_size:
            raise ConfigError(
                f"--stage {self.name}: its network keeps the size; use --stage {self.number} for x2"
            )

    @property
    def finished(self) -> bool:
        """Whether its verdict and its measures are there."""
        return self.verify.is_file() and self.metrics.is_file()

    @property
    def luma(self) -> Luma | None:
        """What its network sees of a picture (:attr:`RunFolder.luma`)."""
        return RunFolder(self.root.parent).luma

    @property
    def float_weights(self) -> Path:
        """The trained float network."""
        return self.root / "float.safetensors"

    @property
    def qat_weights(self) -> Path:
        """The fake-quantised network, with its formats in the note."""
        return self.root / "qat.safetensors"

    @property
    def onnx(self) -> Path:
        """The int8 file."""
        return self.root / "model.int8.onnx"

    @property
    def verify(self) -> Path:
        """The verdict of the bit comparison."""
        return self.root / "verify.json"

    @property
    def metrics(self) -> Path:
        """PSNR, image difference and seconds."""
        return self.root / "metrics.json"


@dataclass(frozen=True)
class RunFolder:
    """A run on disk (config.toml, run.json, metrics.jsonl, stage1/ ..., report.html)."""

    root: Path

    def stage(self, name: int | str) -> StageFolder:
        """The folder of a stage or variant, made if it is not there."""
        folder = self.root / f"stage{name}"
        folder.mkdir(exist_ok=True)
        return StageFolder(folder)

    def stages(self) -> tuple[StageFolder, ...]:
        """The finished stages and variants (verdict and measures are there), in order."""
        found = [StageFolder(path) for path in self.root.glob("stage*") if _STAGE.fullmatch(path.name)]
        ordered = sorted(found, key=lambda stage: (stage.number, stage.name))
        return tuple(stage for stage in ordered if stage.finished)

    def finished_stage(self, name: str | None) -> StageFolder:
        """A finished stage by name, or the one that the run kept.

        Raises:
            RunFolderError: There is no such stage.
        """
        stages = {stage.name: stage for stage in self.stages()}
        if name is None:
            mains = [stage.name for stage in stages.values() if "-" not in stage.name]
            name = str(self.notes().get("best_stage") or (mains[-1] if mains else "1"))
        if name not in stages:
            self.check_own_stage(name)
            finished = ", ".join(stages) or "none"
            raise RunFolderError(
                f"{self.root}: stage {name} is not finished (finished: {finished}); "
                f"continue the run with: {command_line('run', '--resume', self.root)}"
            )
        return stages[name]

    def network(self, name: str | None, *, x2: bool = False) -> StageFolder:
        """The network that a command works with, the same in all of them.

        Args:
            name: As the user writes it; None takes the kept stage: its same-size network, as a TV deploys it,
                if it has one, else its x2 network.
            x2: Take the x2 network of the kept stage.

        Raises:
            RunFolderError: There is no such stage.
        """
        chosen = self.finished_stage(name)
        return chosen if name is not None or x2 else self.enhancing_stage(chosen.name)

    def enhancing_stage(self, name: str | None) -> StageFolder:
        """The same-size network of a stage if it has one, else the stage itself.

        Raises:
            RunFolderError: There is no such stage.
        """
        chosen = self.finished_stage(name)
        same = {stage.name: stage for stage in self.stages() if stage.same_size}
        number, _, widths = chosen.name.partition("-")
        return same.get(f"{number}-same{f'_{widths}' if widths else ''}", chosen)

    @property
    def place(self) -> Path:
        """Where the run stands when it is finished: one that will replace another is trained beside it."""
        return place_of(self.root)

    @property
    def trained(self) -> bool:
        """Whether hwrts run made it; hwrts quantize makes one of a user's own module, without settings."""
        return (self.root / "config.toml").is_file()

    @property
    def config(self) -> RunConfig:
        """The resolved settings.

        Raises:
            RunFolderError: There are none.
        """
        if not self.trained:
            raise RunFolderError(
                f"{self.root}: has no config.toml, it was not trained by hwrts run; "
                "quantize a module again with hwrts quantize my_file.py:build"
            )
        return load_config(self.root / "config.toml")

    @property
    def luma(self) -> Luma | None:
        """What its networks see of a picture; None if that is all of it, or nobody said it of a module."""
        if self.trained:
            return self.config.network.luma
        said = self.notes().get("luma") if (self.root / "run.json").is_file() else None
        return None if said is None else Luma(said["matrix"], said["range"], said["chroma"])

    def settings_sha256(self) -> str:
        """Of what config.toml says, but where it is computed: a run may go on on another device."""
        document = read_toml(self.root / "config.toml")
        said = {key: value for key, value in document.items() if key not in ("device", "precision")}
        return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()

    def check_settings(self) -> None:
        """Refuse to go on with other settings than the run was made with.

        Raises:
            RunFolderError: config.toml was edited.
        """
        made_with = self.notes().get("settings_sha256")  # not in runs from before it was noted
        if made_with is not None and made_with != self.settings_sha256():
            path = self.root / "config.toml"
            raise RunFolderError(
                f"{path}: was edited after the run was made; put the old settings back, or train with these "
                f"in a run of their own: {command_line('run', path, '--name', 'NAME')}"
            )

    @property
    def first_stage(self) -> int:
        """The first stage that it has: 1, or that which was pruned; those before are another run's."""
        pruned = self.notes().get("pruned")
        return pruned["stage"] if pruned else 1

    def check_own_stage(self, name: int | str) -> None:
        """Refuse a stage, or a variant of one, that this run will never have: it was pruned behind it.

        Raises:
            RunFolderError: Names the run that has it.
        """
        number = str(name).partition("-")[0]
        if number.isdecimal() and int(number) < self.first_stage:
            raise RunFolderError(
                f"{self.root}: was pruned at stage {self.first_stage} and has none before; stage {number} is "
                f"that of {self.notes()['pruned']['run']}, use it there"
            )

    @property
    def state(self) -> Path:
        """The one file of a training in progress."""
        return self.root / "state.safetensors"

    @property
    def start(self) -> Path:
        """Weights that the first stage starts from; without them it starts from an up-scaler."""
        return self.root / "start.safetensors"

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.root / "report.html"

    @property
    def exports(self) -> Path:
        """What was handed over, and what clients made of it."""
        return self.root / "exports.json"

    @property
    def inputs(self) -> Path:
        """Crops of the validation photographs that every verification runs on."""
        return self.root / "verify_inputs.npz"

    def notes(self) -> dict[str, Any]:
        """run.json: command, versions, device, status."""
        return read_document(self.root / "run.json", RunNotes, "restore it, or make the run again")

    def update_notes(self, **changes: Any) -> None:
        """Change entries of run.json."""
        write_json(self.root / "run.json", {**self.notes(), **changes})

    def append_metric(self, **entry: Any) -> None:
        """Add one line to metrics.jsonl."""
        path = self.root / "metrics.jsonl"
        with writing_to(path), path.open("ab+") as stream:
            if stream.tell():
                stream.seek(-1, os.SEEK_END)
                if stream.read(1) != b"\n":  # a kill cut the line before: do not write on to it
                    stream.write(b"\n")
            stream.write((json.dumps(entry) + "\n").encode())

    def metrics(self) -> Iterator[dict[str, Any]]:
        """Lines of metrics.jsonl; of a step that was repeated after an interruption, the last one."""
        path = self.root / "metrics.jsonl"
        latest: dict[tuple[Any, ...], dict[str, Any]] = {}
        for line in read_bytes(path).splitlines() if path.is_file() else []:
            try:
                entry = check_document(parse_json(line), MetricLine, str(path), "")
            except (ValueError, RunFolderError):
                continue  # a line that a kill cut short
            latest[entry["stage"], entry["phase"], entry["step"]] = entry
        yield from latest.values()


def is_occupied(root: Path) -> bool:
    """Whether something is there already: a file, or a folder that is not empty."""
    return root.exists() and (not root.is_dir() or any(root.iterdir()))


def check_replaceable(root: Path, *, force: bool, advice: str, flag: str = "--force") -> None:
    """Refuse to make a run where something is already; ``advice`` says what else can be done.

    ``flag`` is what ``force`` is called where it is given.

    Raises:
        RunFolderError: The folder exists and is not empty, unless ``force`` and it is a run folder.
    """
    if is_occupied(root):
        if not force:
            raise RunFolderError(f"{root}: exists already; {advice}, or replace it with {flag}")
        if not (root / "run.json").is_file():
            raise RunFolderError(
                f"{root}: is not a run folder, so {flag} does not replace it; choose another name"
            )


def write_run(folder: Path, config: RunConfig, notes: dict[str, Any]) -> RunFolder:
    """Make an empty folder a run's: its settings, and run.json with what they are."""
    write_atomic(folder / "config.toml", dump_toml(config).encode())
    run = RunFolder(folder)
    notes = {**notes, "settings_sha256": run.settings_sha256()}
    if config.network.luma is not None:
        notes["luma"] = config.network.luma.as_json(config.qat.pixel_bits)
    write_json(folder / "run.json", notes)
    return run


def create_run(root: Path, config: RunConfig, notes: dict[str, Any], *, force: bool) -> RunFolder:
    """Make a run folder; with ``force``, an older run there is replaced.

    Raises:
        RunFolderError: See :func:`check_replaceable`; or the folder cannot be made.
    """
    check_replaceable(root, force=force, advice="choose another name")
    with new_folder(root, "choose a folder that can be written") as folder:
        write_run(folder, config, notes)
    return RunFolder(root)


def open_or_create_run(root: Path, config: RunConfig, notes: dict[str, Any]) -> RunFolder:
    """The run folder of that name, or a new one, which appears complete or not at all."""
    return RunFolder(root) if (root / "run.json").is_file() else create_run(root, config, notes, force=False)


def open_run(root: Path) -> RunFolder:
    """An existing run folder.

    Raises:
        RunFolderError: It is missing or not a run folder.
    """
    restore(root)
    if not (root / "run.json").is_file():
        raise RunFolderError(f"{root}: is not a run folder (no run.json); hwrts run makes one")
    return RunFolder(root)


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write a JSON file whole or not at all."""
    write_atomic(path, (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())
