"""One run from photographs to verified int8 networks, stage by stage; each finished piece is on disk.

A run that was killed continues where its files end: a file that exists is complete, a training continues
from its checkpoint, and everything in between is a pure function of the settings and the step number.
"""

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from hwrts.config import QatConfig
from hwrts.data import PhotoStore
from hwrts.errors import HwrtsError, RunFolderError
from hwrts.files.new_folder import next_to, put_in_place
from hwrts.files.read import DELETE, read_document
from hwrts.graph.deploy import fused_form
from hwrts.graph.same_size import has_same_size_form
from hwrts.graph.trace import trace
from hwrts.networks.build import build_network
from hwrts.networks.wide import collapse, shares_of_rate, widen
from hwrts.qat.fused import Fused
from hwrts.qat.grids import Grids
from hwrts.qat.network import QuantNetwork
from hwrts.qat.range_penalty import CORRECTION, RangePenalty
from hwrts.runs.documents import Seconds, read_measures, read_verdict
from hwrts.runs.engines import Deployed
from hwrts.runs.estimate import Estimate
from hwrts.runs.evaluate import evaluate_same_size, evaluate_stage
from hwrts.runs.folder import RunFolder, StageFolder, write_json
from hwrts.runs.integers import Material, to_integers
from hwrts.runs.quantise import calibration_inputs
from hwrts.runs.remarks import faithfulness, is_faithful, remarks
from hwrts.runs.resumable import drop_checkpoint, train_resumably
from hwrts.runs.session import Session
from hwrts.runs.teacher import teacher_of
from hwrts.training.aids import TrainingAids, training_aids
from hwrts.training.checkpoint import fit_weights, preserve_layout, save_weights
from hwrts.training.fit import Batches, Schedule, Teacher, Training
from hwrts.training.precision import MixedPrecision
from hwrts.training.rts import (
    best_scored_stage,
    best_stage,
    float_upscaler,
    stage_schedule,
    target_kind,
    update_targets,
)


def run_stages(session: Session) -> int:
    """Run every stage that is not finished; returns the stage to use, 1 the first."""
    config, run = session.config, session.run
    before = run.notes().get("device")
    if before is not None and (before["name"], before["bf16"]) != (session.device.name, session.device.bf16):
        session.progress.say(
            f"resumed on another device than before ({before['name']}): weights will not be the same bytes"
        )
    run.update_notes(status="running", device=dataclasses.asdict(session.device))
    with torch.random.fork_rng(devices=[]):  # stage 1 starts from the weights that the seed says
        same_size = _same_size_wanted(session, new_model(session))
    estimate = Estimate(run, config, len(session.plan.crops), same_size=same_size, say=session.progress.say)
    session = dataclasses.replace(session, after_step=estimate.after_step)
    best = None
    for number in range(run.first_stage, config.stage_limit + 1):
        run_stage(session, number)
        estimate.after_stage()
        if config.rts.stages == "auto":
            by_score = config.rts.stop == "score"
            best = (
                best_scored_stage(stage_scores(run, number))
                if by_score
                else best_stage(stage_changes(run, number))
            )
            if best is not None:
                why = "the score fell" if by_score else "the change grew again"
                session.progress.say(f"{why} after stage {best}: stopping, stage {best} is kept")
                break
    best = best or config.stage_limit
    run.update_notes(status="finished", best_stage=best)
    return best


def _say_what_is_left_out(session: Session, network: nn.Module, *, same_size: bool) -> None:
    """What the settings ask for and the network has no form of."""
    title = session.config.network.title
    if session.config.qat.same_size and not same_size:
        session.progress.say(
            f"{title}: no image residual with a linear tail, so no same-size networks; enhance takes D(S(x))"
        )
    if session.device.bf16 and not MixedPrecision(network).mixed:
        session.progress.say(f"{title}: no image residual, every layer carries the picture: all in float32")


def run_stage(session: Session, number: int) -> None:
    """Phase A, phase B, quantisation, export, verification and measures of one stage."""
    stage = session.run.stage(number)
    model = new_model(session)
    same_size = _same_size_wanted(session, model)
    if number == session.run.first_stage:
        _say_what_is_left_out(session, model, same_size=same_size)
    wanted = [stage, *([session.run.stage(f"{number}-same")] if same_size else [])]
    finished = [each for each in wanted if each.finished]
    for each in finished:
        drop_checkpoint(session.run, each)  # a kill may have come just before
    if finished == wanted:
        session.progress.say(f"stage {number}: finished already")
        return
    train_stage(session, number, model)
    for each in wanted:
        if each not in finished:
            quantise_stage(session, each, model, session.config.qat, _Clock(each))


def train_stages(session: Session) -> None:
    """Phases A and B of every stage and no int8 network; :func:`run_stages` completes such a run later."""
    session.run.update_notes(status="training", device=dataclasses.asdict(session.device))
    for number in range(session.run.first_stage, session.config.stage_limit + 1):
        train_stage(session, number, new_model(session))
    session.run.update_notes(status="trained, not quantised")


def train_stage(session: Session, number: int, model: nn.Module) -> None:
    """Phases A and B of one stage: what is on disk already is loaded; ``model`` holds the trained weights."""
    clock = _Clock(session.run.stage(number))
    with clock("train"):
        train_float(session, session.run.stage(number), model)
    with clock("targets"):
        _write_targets(session, number, model, session.val, "validation")
        # What nobody trains towards is not made: it takes as long as a third of a small network's training.
        if number < session.config.stage_limit or _same_size_wanted(session, model):
            _write_targets(session, number, model, session.train, "training")


def _same_size_wanted(session: Session, model: nn.Module) -> bool:
    return session.config.qat.same_size and has_same_size_form(fused_form(trace(model)))


def _write_targets(session: Session, number: int, model: nn.Module, store: PhotoStore, what: str) -> None:
    """Phase B of one store, unless it was done."""
    if not store.has(target_kind(number)):
        title = f"stage {number}: {what} targets D(S(HR0))"
        with session.progress.task(title, len(store.names)) as advance:
            # As it is used: traced for training a network that keeps levels subtracts what bf16 makes nearly
            # 0, and a resumed run would have other targets than an undisturbed one.
            forward, device = _forward(session, model.eval()), session.device
            bounded = store is session.train and session.config.rts.bound_targets
            told, luma = lambda i, n: advance(i, ""), session.config.network.luma
            update_targets(model, forward, device, store, number, told, bounded=bounded, luma=luma)


def new_model(session: Session) -> nn.Module:
    """The float network of a run, untrained, where it is trained."""
    return preserve_layout(build_network(session.config.network)).to(session.device.name)


def quantise_stage(
    session: Session, stage: StageFolder, model: nn.Module, qat: QatConfig, clock: "_Clock"
) -> None:
    """From a trained float network to the stage's int8 files, verdict and measures."""
    run, number, progress = session.run, stage.number, session.progress

    def tuning() -> tuple[Callable[[int], Tensor], Batches]:
        if stage.same_size:
            _write_targets(session, number, model, session.train, "training")
            batches = session.same_size_batches(number)
            return lambda step: batches(step)[0], batches
        batches = session.batches(number, target_kind(number - 1))
        return calibration_inputs(batches, session.batches(number, "hr")), batches

    def train(
        quantised: QuantNetwork, batches: Batches, schedule: Schedule, penalty: Callable[[], Tensor]
    ) -> None:
        phase, training = "same-size" if stage.same_size else "qat", quantised.fine_tuning()
        aids = TrainingAids(constrain=quantised.holding(training, schedule.steps))
        train_resumably(
            session,
            stage,
            phase,
            training,
            Fused(quantised),
            batches,
            schedule,
            aids,
            penalty,
            grids=Grids.of(quantised),
        )

    def measure(int8: Deployed, advance: Callable[[int, str], None]) -> dict[str, Any]:
        scored, told = session.config.rts.scored, lambda i, n: advance(i, "")
        if stage.same_size:
            return evaluate_same_size(session.val, number, int8, told, scored)
        exact = float_upscaler(model, model, session.device.name, clipped=False)
        return evaluate_stage(session.val, number, exact, int8, told, scored)

    material = Material(
        tuning,
        train,
        measure,
        len(session.val.names),
        f"{run.place.name} stage {stage.name}",
        session.device.name,
        stage.same_size,
    )
    verdict, measures = to_integers(run, stage, trace(model), qat, material, clock, progress)
    drop_checkpoint(run, stage)
    quality = _quality(measures, of_luma=run.luma is not None)
    progress.say(
        f"stage {stage.name}: {'PASSED' if verdict.passed else 'FAILED'}, "
        f"{verdict.mismatches:,} of {verdict.compared:,} codes differ; {quality}; "
        f"difference from HR0 {measures['difference_int8_percent']:.2f} % int8, "
        f"{measures['difference_float_percent']:.2f} float{_score(measures)}"
    )
    for remark in remarks(measures):
        progress.say(f"stage {stage.name}: {remark}")


def _score(measures: dict[str, Any]) -> str:
    return f"; MOS {measures['mos_raw_int8']:.3f} int8" if "mos_raw_int8" in measures else ""


def _quality(measures: dict[str, Any], *, of_luma: bool) -> str:
    if "psnr_int8_db" in measures:
        which, of = ("psnr_y", " of Y") if of_luma else ("psnr", "")
        int8, exact, bicubic = (measures[f"{which}_{name}_db"] for name in ("int8", "float", "bicubic"))
        return (
            f"x2 {int8:.2f} dB{of} int8, {exact:.2f} float, {bicubic:.2f} bicubic; {faithfulness(measures)}"
        )
    return f"same size, int8 against float {measures['int8_against_float_enhanced_db']:.1f} dB"


def quantise_variant(session: Session, number: int, name: str, qat: QatConfig) -> bool:
    """Another int8 network of a finished float stage, in a folder of its own; returns whether it is good.

    That is: its bits are proved, and it is still the float network (`hwrts.runs.remarks.is_faithful`).

    An interrupted one is continued: the name holds everything that distinguishes it. A finished one is made
    again, and replaced when the new one is finished.
    """
    target = session.run.root / f"stage{name}"
    made = StageFolder(next_to(target) if StageFolder(target).finished else target)
    made.root.mkdir(exist_ok=True)
    model = new_model(session)
    fit_weights(session.run.stage(number).float_weights, model)
    quantise_stage(session, made, model, qat, _Clock(made))
    if made.root != target:
        put_in_place(made.root, target)
    done = StageFolder(target)
    return bool(read_verdict(done.verify)["passed"]) and is_faithful(read_measures(done.metrics))


def train_float(session: Session, stage: StageFolder, model: nn.Module) -> None:
    """Phase A: train on from the stage before, or load the finished weights."""
    number, first = stage.number, session.run.first_stage
    if stage.float_weights.is_file():
        fit_weights(stage.float_weights, model)
        drop_checkpoint(session.run, stage, "float")  # where nothing is quantised, nobody else does
        return
    before = session.run.stage(number - 1).float_weights if number > first else session.run.start
    if number > first or before.is_file():
        fit_weights(before, model)
    _widen(session, model, number)
    batches = session.batches(number, target_kind(number - 1))
    schedule = stage_schedule(session.config, number, len(session.plan.crops))
    forward = _forward(session, model)
    training = Training.start(model, shares_of_rate(model))
    aids = training_aids(model, small_residual=session.config.rts.small_residual)
    with RangePenalty(dict.fromkeys(aids.residuals, CORRECTION)) as penalty:
        teacher = _teacher(session, number)
        train_resumably(session, stage, "float", training, forward, batches, schedule, aids, penalty, teacher)
    collapse(model)
    save_weights(stage.float_weights, model, {"stage": number})
    drop_checkpoint(session.run, stage)


def _widen(session: Session, model: nn.Module, number: int) -> None:
    """Make a network wide for the training of a stage, if it is asked for; each stage begins anew."""
    config = session.config
    if config.network.expand > 1:
        widen(model, config.network.expand, config.seed * 1000 + number)


def _teacher(session: Session, number: int) -> Teacher | None:
    """Who a stage is taught by."""
    rts = session.config.rts
    if not rts.taught:
        return None
    network = teacher_of(session.run, number).to(session.device.name)
    return Teacher(_forward(session, network), rts.teacher_share)


def stage_changes(run: RunFolder, count: int) -> list[float]:
    """How much the float networks' image difference ratio grew at each of the first stages.

    Raises:
        RunFolderError: A stage's metrics.json does not hold it.
    """
    name = "difference_float_percent"
    ratios = [0.0]
    for path in (run.stage(n).metrics for n in range(1, count + 1)):
        ratio = read_measures(path).get(name)
        if ratio is None:
            raise RunFolderError(f"{path}: damaged, {name} is missing; {DELETE}")
        ratios.append(ratio)
    return [after - before for before, after in itertools.pairwise(ratios)]


def stage_scores(run: RunFolder, count: int) -> list[float]:
    """The quality score of the float networks' HR_n for each of the first stages.

    Raises:
        HwrtsError: No validation photograph has a shape that can be scored.
    """
    measures = [read_measures(run.stage(n).metrics) for n in range(1, count + 1)]
    if any(entry.get("mos_raw_float") is None for entry in measures):
        raise HwrtsError(
            "rts.stop = score: no photograph to validate can be scored, all are too long; use stop = change"
        )
    return [float(entry["mos_raw_float"]) for entry in measures]


def _forward(session: Session, model: nn.Module) -> Callable[[Tensor], Tensor]:
    return MixedPrecision(model).run if session.device.bf16 else model


class _Clock:
    """Seconds of each piece of a stage, kept on disk: interrupted runs add up, a killed one loses a piece."""

    def __init__(self, stage: StageFolder) -> None:
        self._path = stage.root / "seconds.json"
        self.seconds: dict[str, float] = read_document(self._path, Seconds) if self._path.is_file() else {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 2)
            write_json(self._path, self.seconds)
