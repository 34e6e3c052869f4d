"""The one road from a float network to a proved stage: fine-tune, lower, export, measure, verify.

A stage of a run and a user's own module take it alike; what differs comes in as :class:`Material`.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from hwrts.config import QatConfig
from hwrts.export import Verdict
from hwrts.files.read import read_bytes
from hwrts.fixed_point import Network
from hwrts.graph import Graph
from hwrts.progress import Progress
from hwrts.qat.calibrate import Ends
from hwrts.qat.network import QuantNetwork
from hwrts.qat.range_penalty import RangePenalty
from hwrts.runs.engines import Deployed, onnx_engine
from hwrts.runs.folder import RunFolder, StageFolder, write_json
from hwrts.runs.quantise import (
    export_stage,
    load_quantised,
    qat_schedule,
    save_quantised,
    start_qat,
    verify_stage,
)
from hwrts.training.fit import Batches, Schedule


class Clock(Protocol):
    """Measures the pieces "qat", "export", "measure" and "verify"."""

    @property
    def seconds(self) -> dict[str, float]:
        """What the finished pieces took."""
        ...

    def __call__(self, piece: str, /) -> AbstractContextManager[None, bool | None]:
        """Around a piece."""
        ...


@dataclass(frozen=True)
class Material:
    """What integers are made of, beside the network and the settings.

    Attributes:
        tuning: Makes what calibration sees, step number to pictures (B, 3, H, W), and the batches of the
            fine-tuning; called if that is not on disk already.
        train: Runs the fine-tuning of the calibrated network.
        measure: What the int8 network is worth, by name; is told how to say how many pictures are done.
        pictures: How many it measures on.
        source: What the ONNX file says it is of.
        device: Where torch computes.
        own_output: Whether the fine-tuning is toward what the float network makes itself.
        ends: What is known of inputs and outputs; None says that all are pictures of 0..1.
        keep_inputs: Writes what is verified on, for the integer network; None if that is there.
    """

    tuning: Callable[[], tuple[Callable[[int], Tensor | Mapping[str, Tensor]], Batches]]
    train: Callable[[QuantNetwork, Batches, Schedule, RangePenalty], None]
    measure: Callable[[Deployed, Callable[[int, str], None]], dict[str, Any]]
    pictures: int
    source: str
    device: str
    own_output: bool
    ends: Ends | None = None
    keep_inputs: Callable[[Network], None] | None = None


def to_integers(
    run: RunFolder,
    stage: StageFolder,
    traced: Graph,
    qat: QatConfig,
    material: Material,
    clock: Clock,
    progress: Progress,
) -> tuple[Verdict, dict[str, Any]]:
    """Write the int8 files, the verdict and the measures of a stage.

    Args:
        run: Holds the photographs that are verified on.
        stage: A folder that exists; a fine-tuned network in it is used.
        traced: The trained float network.
        qat: Widths, rounding, and steps of the fine-tuning; 0 calibrates only.
        material: What the network learns from and is measured on.
        clock: Told which piece is being made.
        progress: Where to say what happens.

    Returns:
        The verdict, and what metrics.json holds.

    Raises:
        HwrtsError: As :func:`.quantise.start_qat` and :func:`.quantise.verify_stage`.
    """
    of_stage = "" if "module" in run.notes() else f"stage {stage.name}: "
    with clock("qat"):
        if not stage.qat_weights.is_file():
            inputs, batches = material.tuning()
            quantised = start_qat(
                traced, qat, inputs, progress, same_size=stage.same_size, ends=material.ends
            )
            quantised = quantised.to(material.device)
            # Toward its own picture it begins where it should end, with an error of 1e-5 (50 dB): beside that
            # the penalty would shrink the residual, and the enhancement by a tenth.
            watched = {} if material.own_output else quantised.signed_convs()
            with RangePenalty(watched) as penalty:
                material.train(quantised, batches, qat_schedule(qat, same_size=stage.same_size), penalty)
            save_quantised(stage, quantised)
    with clock("export"):
        network = export_stage(stage, load_quantised(stage), material.source)
        if material.keep_inputs is not None:
            material.keep_inputs(network)
    with clock("measure"), progress.task(f"{of_stage}measuring", material.pictures) as advance:
        measures = material.measure(onnx_engine(read_bytes(stage.onnx), network, luma=run.luma), advance)
    with clock("verify"), progress.task(f"{of_stage}comparing bits", 1) as advance:
        verdict = verify_stage(run, stage)
        advance(1, "")
    metrics = {"stage": stage.name, **measures, "seconds": clock.seconds}
    write_json(stage.metrics, metrics)
    return verdict, metrics
