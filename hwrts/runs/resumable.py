"""A training of a stage that a kill does not lose: metrics as it goes, and a checkpoint every few seconds."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from hwrts.metrics import loss_psnr_db
from hwrts.qat.grids import Grids
from hwrts.runs.folder import RunFolder, StageFolder
from hwrts.runs.session import Session
from hwrts.training.aids import TrainingAids
from hwrts.training.checkpoint import load_state_note, load_training, save_training
from hwrts.training.fit import Batches, Schedule, Teacher, Training, fit, luma_loss

CHECKPOINT_SECONDS = 10.0
"""A kill loses at most this much; writing a checkpoint of the largest network takes a tenth of a second."""


def train_resumably(
    session: Session,
    stage: StageFolder,
    phase: str,
    training: Training,
    forward: Callable[[Tensor], Tensor],
    batches: Batches,
    schedule: Schedule,
    aids: TrainingAids = TrainingAids(),  # noqa: B008 - frozen
    penalty: Callable[[], Tensor] | None = None,
    teacher: Teacher | None = None,
    grids: Grids | None = None,
) -> None:
    """Train from a stage's checkpoint, if it has one, or from the start, to the end of the schedule.

    Args:
        session: The run.
        stage: Where the checkpoint and the metrics are.
        phase: "float" or "qat": a checkpoint of another phase is of another training.
        training: At its start; the checkpoint's numbers go into it. A float checkpoint whose parameters had
            other shares of the rate is not gone on from: its moments are of other steps.
        forward: Of a batch.
        batches: A function of the step.
        schedule: Steps and rate.
        aids: What keeps the weights where they may be.
        penalty: Added to what is minimised.
        teacher: Whose output is a target too.
        grids: Of a fine-tuning, what it begins with: a checkpoint of other grids is not gone on from.

    Raises:
        HwrtsError: The loss is not finite.
    """
    if not schedule.steps:  # of what is calibrated alone
        return
    run, mine = session.run, {"stage": stage.name, "phase": phase}
    state = _checkpoint(run, stage)
    losses: list[float] = []
    if state.is_file():
        notes = load_state_note(state)
        ours = {key: notes.get(key) for key in mine} == mine
        began = f"stage {stage.name} {phase}: the checkpoint of step {notes['step']} is of other"
        if ours and grids is not None and not grids.are_of(notes.get("grids")):
            session.progress.say(f"{began} grids than those chosen now; the fine-tuning begins again")
        elif ours and grids is None and notes.get("shares", []) != training.shares:
            session.progress.say(f"{began} shares of the rate than those of now; the training begins again")
        elif ours:
            load_training(state, training)
            losses = notes.get("losses", [])  # not in checkpoints from before they were noted
            session.progress.say(f"stage {stage.name} {phase}: continuing after step {training.step}")
    # Of a fine-tuning the grids are enough: its shares come from the weights that it begins with.
    noted = {**mine, "shares": training.shares} if grids is None else {**mine, "grids": grids.sha256}
    saved = time.monotonic()
    with session.progress.task(f"stage {stage.name}: {phase} training", schedule.steps) as advance:

        def after_step(done: int, loss: float) -> None:
            nonlocal saved
            losses.append(loss)
            advance(done, f"{loss_psnr_db(loss):5.2f} dB")
            if phase == "float":
                session.after_step(done, schedule.steps)
            if done % 20 == 0 or done == schedule.steps:
                run.append_metric(
                    **mine, step=done, loss=float(np.mean(losses)), rate=schedule.rate(done - 1)
                )
                losses.clear()
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                save_training(state, training, {**noted, "losses": losses})
                saved = time.monotonic()

        loss = luma_loss if session.config.rts.loss == "luma" else F.mse_loss
        hold, project = aids.constrain, aids.project
        fit(training, forward, batches, schedule, after_step, hold, penalty, project, loss, teacher)


def _checkpoint(run: RunFolder, stage: StageFolder) -> Path:
    """Where a training is saved on its way; of a variant in its own folder, for it may interrupt a run."""
    return run.state if stage.name.isdigit() else stage.root / run.state.name


def drop_checkpoint(run: RunFolder, stage: StageFolder, phase: str | None = None) -> None:
    """Delete the checkpoint of a training whose weights are saved; another stage's, or phase's, is left."""
    state = _checkpoint(run, stage)
    if not state.is_file():
        return
    note = load_state_note(state)
    if note.get("stage") == stage.name and phase in (None, note.get("phase")):
        state.unlink()
