"""A run with less channels of another: rounds of leaving out and of training again, the last one a run.

Layout of the folder until it is a run; what exists is complete, and the same pruning goes on from it:

    prune.json           what was asked for
    rounds/1/ ...        the run folders of the rounds before the last, their float training alone
    scratch.toml         settings of the same network trained from its start for as many steps
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import nn

from hwrts.config import NetworkConfig, RunConfig
from hwrts.cost.budget import Limits
from hwrts.cost.network import Form
from hwrts.data import PhotoStore, open_store
from hwrts.errors import DataError, RunFolderError
from hwrts.files.atomic import write_atomic
from hwrts.files.link import share
from hwrts.files.new_folder import new_folder
from hwrts.files.read import file_sha256, read_json
from hwrts.networks.build import build_network, planes_of
from hwrts.networks.channels import Group, groups_of
from hwrts.networks.narrow import leave_out
from hwrts.progress import Progress
from hwrts.runs.folder import RunFolder, StageFolder, write_json, write_run
from hwrts.runs.importance import Importance, importance_of
from hwrts.runs.narrower import Importances, Shapes, Units, Widths, dropped, of_widths, whole
from hwrts.runs.pipeline import new_model, train_float
from hwrts.runs.session import PARTS, Session, open_session, read_session
from hwrts.runs.teacher import check_taught, teacher_place
from hwrts.settings_file import dump_toml, load_config
from hwrts.training.checkpoint import fit_weights, save_weights
from hwrts.training.fit import luma_loss
from hwrts.training.rts import stage_schedule, target_kind

ASKED, ROUNDS, SCRATCH = "prune.json", "rounds", "scratch.toml"

READ: tuple[str, ...] = ("skipped", "photographs", "in_both", "teacher")
"""Entries of run.json that say which photographs there are, and who teaches."""


@dataclass(frozen=True)
class Asked:
    """What a pruning is to do.

    Attributes:
        limits: The budget.
        form: The form of the network that is counted.
        rounds: How often channels are left out.
        steps: Training steps behind each.
        multiple: Of channels, what the widths that are left are multiples of.
        importance: How it is found which go.
    """

    limits: Limits
    form: Form
    rounds: int
    steps: int
    multiple: int
    importance: Importance

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "limits": self.limits.model_dump()}


@dataclass(frozen=True)
class Pruning:
    """A pruning of a stage of a run into a folder."""

    source: RunFolder
    stage: StageFolder
    root: Path
    asked: Asked
    notes: dict[str, Any]

    @property
    def config(self) -> RunConfig:
        """Settings of a run that trains one stage for as long as a round."""
        config, number = self.source.config, self.stage.number
        rts = config.rts
        rate = rts.learning_rate  # that of a network which is trained already
        changed: dict[str, Any] = {"stages": number, "epochs": None}
        changed |= (
            {"first_steps": self.asked.steps, "first_learning_rate": rate}
            if number == 1
            else {"steps": self.asked.steps}
        )
        changed |= self._teacher()
        return config.model_copy(update={"rts": rts.model_copy(update=changed)})

    def _teacher(self) -> dict[str, Any]:
        """The setting of who teaches, as a path that holds wherever the new run is continued from."""
        taught = self.source.config.rts.taught
        return {"teacher": str(teacher_place(self.source).absolute())} if taught else {}

    def shapes(self, network: NetworkConfig) -> Shapes:
        """What the network costs with less channels."""
        asked = self.asked
        return Shapes(network, self.source.config.qat, asked.form, asked.limits, asked.multiple)

    def check(self) -> None:
        """Refuse what cannot be pruned, before anything is made.

        Raises:
            ConfigError: The budget is kept already, or by no width.
            HwrtsError: The run has no longer what its stage was trained on or by: weights, photographs,
                targets, teacher; or weights that cannot be those of less channels.
        """
        source, number = self.source, self.stage.number
        if not self.stage.float_weights.is_file():
            raise RunFolderError(
                f"{self.stage.root}: has no float.safetensors, which pruning goes on from; train it again"
            )
        source.check_settings()
        shapes = self.shapes(source.config.network)
        shapes.check()
        model = build_network(shapes.network)
        fit_weights(self.stage.float_weights, model)
        leave_out(model, shapes.first_lots())
        train = stores_of(source)[0]
        kind = target_kind(number - 1)
        if not train.has(kind):
            raise RunFolderError(
                f"{train.folder}: lacks pictures of {kind}, which stage {number} is trained "
                "towards; train the run again, or prune stage 1"
            )
        if source.config.rts.taught:
            check_taught(source, [number])

    def begin(self, *, force: bool = False) -> None:
        """Say in the folder what it is for, or see that it was begun for this.

        Args:
            force: Delete what was begun for something else.

        Raises:
            RunFolderError: It was begun for something else.
        """
        wanted = {
            "source": str(self.source.place.resolve()),
            "stage": self.stage.number,
            "sha256": file_sha256(self.stage.float_weights),
            **self.asked.as_json(),
        }
        path = self.root / ASKED
        if path.is_file():
            if read_json(path, "delete the folder") == wanted:
                return
            if not force:
                raise RunFolderError(
                    f"{self.root}: holds a pruning of other settings that was interrupted; use the same, "
                    "another name, or replace it with --force"
                )
        with new_folder(self.root, "choose another --name or --output") as folder:
            write_json(folder / ASKED, wanted)

    def rounds(self, progress: Progress) -> RunFolder:
        """Every round but the training behind the last; returns the run that is to be finished.

        Raises:
            HwrtsError: As of a training.
        """
        run, weights = self.source, self.stage.float_weights
        made = RunFolder(self.root)
        for number in range(1, self.asked.rounds + 1):
            last = number == self.asked.rounds
            made = RunFolder(self.root if last else self.root / ROUNDS / str(number))
            if (self.root / "run.json").is_file() and not last:
                continue
            if not (made.root / "run.json").is_file():
                self._leave_out(run, weights, made, number, progress)
            if not last:
                session = open_session(made, progress)
                stage = made.stage(self.stage.number)
                train_float(session, stage, new_model(session))
                run, weights = made, stage.float_weights
        shutil.rmtree(self.root / ROUNDS, ignore_errors=True)  # what they made is in the run
        return made

    def _leave_out(
        self, run: RunFolder, weights: Path, made: RunFolder, number: int, progress: Progress
    ) -> None:
        """One round: choose channels of a trained network, and make the run of what is left."""
        session = read_session(run, progress)
        network, left = session.config.network, self.asked.rounds - number + 1

        def choose(groups: Sequence[Group], worth: Importances) -> Units:
            return dropped(self.shapes(network), groups, worth, 1 / left)

        model, before, widths = without_some(
            session, weights, self.stage.number, self.asked.importance, choose, progress
        )
        narrow = of_widths(network, widths)
        shown = [
            f"{name} {width} to {widths[name]}" for name, width in before.items() if width != widths[name]
        ]
        progress.say(f"round {number} of {self.asked.rounds}: {', '.join(shown) or 'nothing to leave out'}")
        if made.root == self.root:
            self._write(made.root, narrow, model, session)
            return
        with new_folder(made.root) as folder:
            self._write(folder, narrow, model, session)

    def _write(self, folder: Path, network: NetworkConfig, model: nn.Module, session: Session) -> None:
        """The run of a round, its run.json last: photographs, settings, and weights to start from."""
        source, made, number = self.source, RunFolder(folder), self.stage.number
        stores = [path for path in (source.root / "data").rglob("*") if path.is_file()]
        kept = (target_kind(number - 1), "hr")
        inputs = [source.inputs] if source.inputs.is_file() else []  # or the run makes its own
        share(source.root, folder, [*inputs, *(path for path in stores if _is_used(path, kept))])
        save_weights(made.start, model, {"stage": number})
        scratch = self.scratch(network, len(session.plan.crops))
        write_atomic(folder / SCRATCH, dump_toml(scratch).encode())
        notes = source.notes()
        asked = self.asked
        pruned = {
            "run": str(source.place),
            "stage": number,
            "steps": asked.rounds * asked.steps,
            "rounds": asked.rounds,
            "importance": asked.importance,
        }
        read = {name: notes[name] for name in READ if name in notes}
        config = self.config.model_copy(update={"network": network})
        write_run(folder, config, {**self.notes, **read, "pruned": pruned})

    def scratch(self, network: NetworkConfig, crops: int) -> RunConfig:
        """Settings of a run that trains a network from its start, for as many steps as pruning took in all.

        Args:
            network: What pruning has left.
            crops: How many there are to train on.
        """
        before = self.source.root / SCRATCH
        config = load_config(before) if before.is_file() else self.source.config
        rts = config.rts
        changed = {
            "stages": self.stage.number,
            "epochs": None,
            "first_steps": stage_schedule(config, 1, crops).steps + self.asked.rounds * self.asked.steps,
            "steps": stage_schedule(config, 2, crops).steps,
            **self._teacher(),
        }
        return config.model_copy(update={"network": network, "rts": rts.model_copy(update=changed)})


def without_some(
    session: Session,
    weights: Path,
    stage: int,
    kind: Importance,
    choose: Callable[[Sequence[Group], Importances], Units],
    progress: Progress,
) -> tuple[nn.Module, Widths, Widths]:
    """A trained network without some of its channels, and its widths before and now.

    Args:
        session: Of the run that it was trained in.
        weights: Its file.
        stage: Whose targets show what its channels are worth.
        kind: How.
        choose: From its groups and what their units are worth to those that go.
        progress: Where to say how far it is.
    """
    model = new_model(session)
    fit_weights(weights, model)
    groups = groups_of(model, planes_of(session.config.network))
    loss = luma_loss if session.config.rts.loss == "luma" else F.mse_loss
    batches = session.batches(stage, target_kind(stage - 1))
    gone = choose(groups, importance_of(model, groups, batches, loss, kind, progress))
    leave_out(model, ((group, gone[group.name]) for group in groups if group.name in gone))
    before = whole(groups)
    return model, before, {name: width - len(gone.get(name, ())) for name, width in before.items()}


def _is_used(path: Path, kept: Sequence[str]) -> bool:
    """Whether a file of a store of photographs is no target of another stage."""
    return not path.parent.name.startswith("target") or path.parent.name in kept


def stores_of(source: RunFolder) -> tuple[PhotoStore, PhotoStore]:
    """Photographs that a run was trained on and judged by.

    Raises:
        RunFolderError: They are not there.
    """
    try:
        train, val = (open_store(source.root / "data" / part) for part in PARTS)
    except DataError as error:
        raise RunFolderError(
            f"{source.root}: pruning trains on the run's photographs, and they are not all there: {error}"
        ) from error
    return train, val


def is_unfinished(root: Path) -> bool:
    """Whether a pruning was begun in a folder and has not come to its end, which is the report."""
    run = RunFolder(root)
    if not (root / ASKED).is_file():
        return False
    made = (root / "run.json").is_file() and run.report.is_file()
    return not (made and run.notes().get("status") == "finished")
