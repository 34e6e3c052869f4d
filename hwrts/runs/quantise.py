"""From a float stage to its int8 network: rewrite, calibrate, fine-tune, lower, export, verify, measure."""

import itertools
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor

from hwrts import __version__
from hwrts.config import QatConfig
from hwrts.cost.extremes import untrained_formats
from hwrts.errors import HwrtsError, RunFolderError, UnsupportedOperatorError
from hwrts.export import Verdict, to_onnx, verify
from hwrts.export.cpu import FLAGS, cpu_flags, cpu_name
from hwrts.export.runtime import default_is_exact
from hwrts.files.atomic import text_bytes, write_atomic
from hwrts.files.read import check_document, read_bytes
from hwrts.fixed_point import JSON_NAME, Format, Network, RoundingRules, load_network, save_network
from hwrts.graph import Graph, graph_steps
from hwrts.graph.carried import adds_to_picture
from hwrts.graph.deploy import deploy_form, on_one_grid
from hwrts.graph.equalise import equalised
from hwrts.graph.note import QatNote, note_graph, note_outputs, noted_graph
from hwrts.graph.pixel_bits import with_pixel_bits
from hwrts.graph.skip_bits import with_skip_bits
from hwrts.graph.weight_bits import check_all_layers, layer_names, own_widths
from hwrts.progress import Progress
from hwrts.qat.calibrate import Ends, calibrate
from hwrts.qat.fed_rounding import free_rows, round_as_fed
from hwrts.qat.nearest import nearest
from hwrts.qat.network import QuantNetwork
from hwrts.qat.sqnr import layer_sqnr_db
from hwrts.qat.witness import TorchWitness
from hwrts.runs.folder import RunFolder, StageFolder, write_json
from hwrts.runs.proof import file_hashes
from hwrts.runs.verify_inputs import load_fed
from hwrts.runs.witnesses import MORE
from hwrts.training.checkpoint import AGAIN, load_weights, put_weights, save_weights
from hwrts.training.fit import Batches, Schedule

CALIBRATION_BATCHES = 8
"""Batches that formats are chosen on: 128 crops of 64 pixels; more change no format in our runs."""


def start_qat(
    traced: Graph,
    qat: QatConfig,
    inputs: Callable[[int], Tensor | Mapping[str, Tensor]],
    progress: Progress,
    *,
    same_size: bool = False,
    ends: Ends | None = None,
) -> QuantNetwork:
    """The calibrated fake-quantised form of a trained float network.

    Args:
        traced: The float network as traced.
        qat: Widths.
        inputs: Step number to pictures (B, C, H, W) of the kinds that the network will see, or to what each
            input is fed by its name.
        progress: Where to say how far the calibration is.
        same_size: Its same-size form.
        ends: As :func:`.calibrate`.

    Raises:
        ConfigError: A width of a layer that is in neither form of the network; one of the other form is left
            out, for a run has one setting for both. Or a skip of more bits where there is none.
        HwrtsError: Weights that no legal integer network can hold.
    """
    check_all_layers(qat, layer_names(traced))
    graph = deploy_form(traced, same_size=same_size)
    if qat.one_weight_grid:
        graph = on_one_grid(graph)
    graph = with_pixel_bits(graph, qat.pixel_bits)
    batches = [inputs(step) for step in range(CALIBRATION_BATCHES)]
    rules = RoundingRules.parse(qat.rounding)

    def chosen(graph: Graph) -> dict[str, Format]:
        return calibrate(
            graph,
            batches,
            qat.activation_bits,
            rules,
            progress,
            ends,
            exactly_added=qat.exact_additions,
            hidden_bits=qat.hidden_bits,
            skip_bits=qat.skip_bits,
        )

    def made(graph: Graph, formats: dict[str, Format]) -> QuantNetwork:
        quantised = QuantNetwork(
            graph,
            formats,
            qat.weight_bits,
            rules,
            own_widths(graph, qat.layer_weight_bits),
            qat.accumulator_bits,
            own_widths(graph, qat.layer_accumulator_bits),
            settle=qat.settle,
        )
        quantised.lower()  # integers that would be refused after the fine-tuning are refused before it
        return quantised

    wide = with_skip_bits(graph, qat.skip_bits)  # refused before anything is calibrated
    formats = chosen(graph)
    scaled = equalised(graph, formats, batches)
    if wide is not graph:
        scaled = wide if scaled is graph else with_skip_bits(scaled, qat.skip_bits)
        graph, formats = wide, chosen(wide)
    if scaled is graph:
        best = made(graph, formats)
    else:
        finer = chosen(scaled)  # in front of leaky ReLUs; the picture may lose by it elsewhere
        best = nearest([lambda: made(graph, formats), lambda: made(scaled, finer)], graph, batches)
    if adds_to_picture(graph) or not free_rows(best):  # else it goes through all kernels
        return best

    def as_fed() -> QuantNetwork:
        rounded = round_as_fed(made(best.graph, best.formats), batches)
        rounded.lower()  # its sums may be larger
        return rounded

    return nearest([lambda: best, as_fed], graph, batches)


def qat_schedule(qat: QatConfig, *, same_size: bool = False) -> Schedule:
    """Learning rates of the fine-tuning."""
    return Schedule(qat.learning_rate, qat.same_size_steps if same_size else qat.steps)


def calibration_inputs(lr: Batches, originals: Batches) -> Callable[[int], Tensor]:
    """Low-resolution crops (training) and originals (what a TV feeds) by turns."""

    def inputs(step: int) -> Tensor:
        crops: Tensor = lr(step)[0] if step % 2 == 0 else originals(step)[1][: max(1, len(lr(step)[0]) // 4)]
        return crops

    return inputs


def save_quantised(stage: StageFolder, quantised: QuantNetwork) -> None:
    """Write ``qat.safetensors``; its note holds what is needed to build the module again."""
    notes = {
        "graph": note_graph(quantised.graph),
        **note_outputs(quantised.graph),
        "formats": {name: asdict(out) for name, out in quantised.formats.items()},
        "weight_bits": quantised.weight_bits,
        "layer_weight_bits": quantised.layer_weight_bits,
        **_note_registers(quantised),
        "rounding": str(quantised.rules),
    }
    save_weights(stage.qat_weights, quantised, notes)


def _note_registers(quantised: QuantNetwork) -> dict[str, Any]:
    """Entries of a note that most networks have no need of."""
    entries = {
        "accumulator_bits": quantised.accumulator_bits,
        "layer_accumulator_bits": quantised.layer_accumulator_bits,
        "settle": quantised.settle and any(each.settled for each in quantised.widths.values()),
    }
    return {name: value for name, value in entries.items() if value}


def load_quantised(stage: StageFolder) -> QuantNetwork:
    """The module that :func:`save_quantised` wrote.

    Raises:
        RunFolderError: A missing or damaged file.
    """
    path = stage.qat_weights
    tensors, notes = load_weights(path)
    check_document(notes, QatNote, str(path), AGAIN)
    if QatNote.model_validate(notes).elements > sum(tensor.numel() for tensor in tensors.values()):
        raise RunFolderError(f"{path}: its note promises more weights than the file has; {AGAIN}")
    try:
        formats = {name: Format(**entry) for name, entry in notes["formats"].items()}
        graph = noted_graph(notes["graph"], notes.get("outputs", ()))
        rules = RoundingRules.parse(notes["rounding"])
        own = notes.get("layer_weight_bits", {})  # files from before layers had widths of their own
        registers = notes.get("accumulator_bits"), notes.get("layer_accumulator_bits", {})
        settle = notes.get("settle", False)
        quantised = QuantNetwork(graph, formats, notes["weight_bits"], rules, own, *registers, settle=settle)
        put_weights(path, quantised, tensors)
        quantised.lower()  # a network whose layers do not fit each other has no integers
    except RunFolderError:
        raise
    except (KeyError, TypeError, ValueError, RuntimeError, HwrtsError) as error:
        raise RunFolderError(
            f"{path}: its note and its tensors make no network ({error}); {AGAIN}"
        ) from error
    return quantised


def check_kept(graph: Graph, folder: Path) -> None:
    """Refuse now a deploy form whose file would not be read again; what its numbers are decides later.

    Args:
        graph: With the weights that it starts from.
        folder: An empty one, for that file.

    Raises:
        UnsupportedOperatorError: It would not be; no module is at fault.
    """
    formats = untrained_formats(graph)
    stage = StageFolder(folder)
    try:
        quantised = QuantNetwork(graph, {node.name: formats[node.name] for node in graph.quantised_nodes()})
        quantised.lower()
    except HwrtsError:  # of weights and grids: photographs say which grids these are
        return
    save_quantised(stage, quantised)
    try:
        load_quantised(stage)
    except RunFolderError as error:
        why = str(error).partition("make no network (")[2].rpartition(");")[0] or str(error)
        raise UnsupportedOperatorError(
            f"its quantised form could not be read again ({why}): a fault of hwrts and not of the module; "
            "please report it"
        ) from error


def export_stage(stage: StageFolder, quantised: QuantNetwork, source: str) -> Network:
    """Lower, and write the integer network and the int8 ONNX file."""
    network = quantised.lower()
    save_network(network, stage.root)
    model = to_onnx(network, metadata={"hwrts_version": __version__, "source": text_bytes(source).decode()})
    write_atomic(stage.onnx, model.SerializeToString())
    return network


def verify_stage(
    run: RunFolder,
    stage: StageFolder,
    *,
    layers: list[str] | None = None,
    stimuli: list[str] | None = None,
    witnesses: Sequence[str] = (),
    record: bool = True,
) -> Verdict:
    """Compare all witnesses of a stage from its files.

    A complete comparison is written to verify.json, unless ``record`` is False.

    Args:
        run: The run.
        stage: A stage of it.
        layers: Only these; None for all.
        stimuli: Only these pictures; None for all.
        witnesses: Names of those that are asked for beside the ones that always are (:data:`.MORE`).
        record: Whether to write it.

    Raises:
        HwrtsError: A file is missing or damaged.
    """
    network = load_network(stage.root)
    quantised = load_quantised(stage)
    _check_same(stage, quantised, network)
    photographs = load_fed(run, network)
    sqnr = layer_sqnr_db(quantised, photographs.values())
    verdict = verify(
        network,
        read_bytes(stage.onnx),
        photographs,
        [TorchWitness(quantised, network), *(MORE[name](network) for name in witnesses)],
        layers=layers,
        stimuli=stimuli,
    )
    flags = cpu_flags()
    verdict.facts |= {
        "stage": stage.name,
        "sqnr_db": sqnr,
        "sha256": file_hashes(stage),
        "cpu": {"name": cpu_name(), "vnni": default_is_exact(), "flags": sorted(flags & set(FLAGS))},
        "versions": {
            "hwrts": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    if record and layers is None and stimuli is None:
        write_json(stage.verify, verdict.as_json())
    return verdict


def _check_same(stage: StageFolder, quantised: QuantNetwork, network: Network) -> None:
    """The two files that are compared must be of one structure, or nothing can be laid side by side."""
    ours = [replace(step, bits=0) for step in graph_steps(quantised.graph)]
    theirs = [replace(step, bits=0) for step in network.steps]
    for one, other in itertools.zip_longest(ours, theirs):
        if one != other:
            name = (one or other or ours[0]).name
            raise RunFolderError(
                f"{stage.qat_weights}: is of another network than {JSON_NAME}, from {name!r:.40} on; "
                "quantize the stage again"
            )
