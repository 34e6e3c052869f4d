"""From a float stage to its int8 network: rewrite, calibrate, fine-tune, lower, export, verify, measure."""

import platform
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor

from hwrts import __version__
from hwrts.atomic import write_atomic
from hwrts.calibrate import calibrate
from hwrts.checkpoint import load_weights, save_weights
from hwrts.config import QatConfig
from hwrts.deploy import deploy_form
from hwrts.errors import RunFolderError
from hwrts.export import Verdict, to_onnx, verify
from hwrts.export.cpu import FLAGS, cpu_flags, cpu_name
from hwrts.export.runtime import default_is_exact
from hwrts.fit import Batches, Schedule
from hwrts.fixed_point import Format, Network, Rounding, load_network, save_network
from hwrts.graph import Graph
from hwrts.graph_note import note_graph, noted_graph
from hwrts.progress import Progress
from hwrts.proof import file_hashes
from hwrts.qat import QuantNetwork
from hwrts.runfolder import RunFolder, StageFolder, read_bytes, write_json
from hwrts.sqnr import layer_sqnr_db
from hwrts.weight_bits import check_layers, conv_names, layer_names
from hwrts.witness import TorchWitness

CALIBRATION_BATCHES = 8
"""Batches that formats are chosen on: 128 crops of 64 pixels; more change no format in our runs."""


def start_qat(
    traced: Graph, qat: QatConfig, inputs: Callable[[int], Tensor], progress: Progress, *,
    same_size: bool = False,
) -> QuantNetwork:  # fmt: skip
    """The calibrated fake-quantised form of a trained float network.

    Args:
        traced: The float network as traced.
        qat: Widths.
        inputs: Step number to pictures (B, 3, H, W) of the kinds that the network will see.
        progress: Where to say how far the calibration is.
        same_size: Its same-size form.

    Raises:
        ConfigError: A width of a layer that is in neither form of the network; one of the other form is left
            out, for a run has one setting for both.
        HwrtsError: Weights that no legal integer network can hold.
    """
    check_layers(qat.layer_weight_bits, layer_names(traced))
    graph = deploy_form(traced, same_size=same_size)
    batches = (inputs(step) for step in range(CALIBRATION_BATCHES))
    rounding = Rounding(qat.rounding)
    formats = calibrate(graph, batches, qat.activation_bits, rounding, progress)
    own = {name: bits for name, bits in qat.layer_weight_bits.items() if name in conv_names(graph)}
    quantised = QuantNetwork(graph, formats, qat.weight_bits, rounding, own)
    quantised.lower()  # integers that would be refused after the fine-tuning are refused before it
    return quantised


def qat_schedule(qat: QatConfig, *, same_size: bool = False) -> Schedule:
    """Learning rates of the fine-tuning."""
    return Schedule(qat.learning_rate, qat.same_size_steps if same_size else qat.steps)


def calibration_inputs(lr: Batches, originals: Batches) -> Callable[[int], Tensor]:
    """Low-resolution crops (training) and originals (what a TV feeds) by turns."""

    def inputs(step: int) -> Tensor:
        return lr(step)[0] if step % 2 == 0 else originals(step)[1][: max(1, len(lr(step)[0]) // 4)]

    return inputs


def save_quantised(stage: StageFolder, quantised: QuantNetwork) -> None:
    """Write ``qat.safetensors``; its note holds what is needed to build the module again."""
    notes = {
        "graph": note_graph(quantised.graph),
        "formats": {name: asdict(out) for name, out in quantised.formats.items()},
        "weight_bits": quantised.weight_bits,
        "layer_weight_bits": quantised.layer_weight_bits,
        "rounding": quantised.rounding.value,
    }
    save_weights(stage.qat_weights, quantised, notes)


def load_quantised(stage: StageFolder) -> QuantNetwork:
    """The module that :func:`save_quantised` wrote.

    Raises:
        RunFolderError: A missing or damaged file.
    """
    tensors, notes = load_weights(stage.qat_weights)
    try:
        formats = {name: Format(**entry) for name, entry in notes["formats"].items()}
        graph, rounding = noted_graph(notes["graph"]), Rounding(notes["rounding"])
        own = notes.get("layer_weight_bits", {})  # files from before layers had widths of their own
        quantised = QuantNetwork(graph, formats, notes["weight_bits"], rounding, own)
        quantised.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise RunFolderError(
            f"{stage.qat_weights}: its note and its tensors make no network ({error!r}); "
            "delete its stage folder and use hwrts run --resume"
        ) from error
    return quantised


def export_stage(stage: StageFolder, quantised: QuantNetwork, source: str) -> Network:
    """Lower, and write the integer network and the int8 ONNX file."""
    network = quantised.lower()
    save_network(network, stage.root)
    model = to_onnx(network, metadata={"hwrts_version": __version__, "source": source})
    write_atomic(stage.onnx, model.SerializeToString())
    return network


def verify_stage(
    run: RunFolder, stage: StageFolder, *, layers: list[str] | None = None, stimuli: list[str] | None = None,
    record: bool = True,
) -> Verdict:  # fmt: skip
    """Compare all witnesses of a stage from its files.

    A complete comparison is written to verify.json, unless ``record`` is False.

    Args:
        run: The run.
        stage: A stage of it.
        layers: Only these; None for all.
        stimuli: Only these pictures; None for all.
        record: Whether to write it.

    Raises:
        HwrtsError: A file is missing or damaged.
    """
    network = load_network(stage.root)
    quantised = load_quantised(stage)
    photographs = load_verify_inputs(run)
    sqnr = layer_sqnr_db(quantised, photographs.values())
    verdict = verify(
        network, read_bytes(stage.onnx), photographs, [TorchWitness(quantised, network)],
        layers=layers, stimuli=stimuli,
    )  # fmt: skip
    flags = cpu_flags()
    verdict.facts |= {
        "stage": stage.name,
        "sqnr_db": sqnr,
        "sha256": file_hashes(stage),
        "cpu": {"name": cpu_name(), "vnni": default_is_exact(), "flags": sorted(flags & set(FLAGS))},
        "versions": {
            "hwrts": __version__, "python": platform.python_version(), "torch": torch.__version__,
            "numpy": np.__version__, "onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__,
        },
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }  # fmt: skip
    if record and layers is None and stimuli is None:
        write_json(stage.verify, verdict.as_json())
    return verdict


def load_verify_inputs(run: RunFolder) -> dict[str, Any]:
    """The photographs' crops that verification runs on, by name, (H, W, 3) uint8.

    Raises:
        RunFolderError: The file is missing or damaged.
    """
    try:
        with run.inputs.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise RunFolderError(
            f"{run.inputs}: missing or damaged ({error}); it is made by hwrts run"
        ) from error
