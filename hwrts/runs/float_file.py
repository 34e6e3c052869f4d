"""The float file of a stage, and pictures to calibrate with, for toolchains that quantise themselves."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from PIL import Image

from hwrts.export.qdq_options import OPSET
from hwrts.export.restated import restated
from hwrts.export.runtime import open_session
from hwrts.export.targets.float_file import FLOAT, float_model
from hwrts.export.targets.pictures import check_pictures
from hwrts.fixed_point import PIXEL, Network, Upsample, load_network
from hwrts.graph.graph import Graph, run_graph
from hwrts.graph.operators import Conv, Lookup
from hwrts.graph.operators.functions import TAKES
from hwrts.runs.folder import RunFolder, StageFolder
from hwrts.runs.quantise import load_quantised
from hwrts.runs.verify_inputs import load_fed

_NAME = "model.float.onnx"
_TOLERANCE = 1e-4
"""Values 0 to 1 that torch and ONNX Runtime add up in another order; a code is 1/256."""


def float_files(
    run: RunFolder,
    stage: StageFolder,
    size: tuple[int, int] | None,
    *,
    opset: int | None,
    ir_version: int | None = None,
    check: bool,
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What the manifest says of the float file, and it and the calibration pictures by name.

    Args:
        run: The run.
        stage: A stage of it.
        size: Height and width of the file's pictures; None leaves them open.
        opset: Of the file; None is the default.
        ir_version: Of the file; None is the lowest that the opset allows.
        check: Whether ONNX Runtime's values are compared with torch's.

    Raises:
        HwrtsError: A file is missing or damaged, or an operator has no form in real values.
    """
    network, graph = load_network(stage.root), load_quantised(stage).unquantised()
    weights = {
        node.name: (node.weight.detach().cpu().numpy(), node.bias.detach().cpu().numpy())
        for node in graph.of(Conv)
    }
    said, which = restated(network, (Upsample,))
    opset = OPSET if opset is None else opset
    model = float_model(
        said,
        weights,
        size,
        opset,
        ir_version,
        numbers={node.name: found for node in graph.operations if (found := node.real_numbers) is not None},
        functions=_functions(graph),
        clamped={node.name for node in graph.operations if node.relu},
    )
    photographs = list(load_fed(run, network).values())
    pictures = check_pictures(network, size, photographs)
    files = {_NAME: model.SerializeToString()}
    for i in range(len(photographs)):
        files |= _calibration(network, pictures[f"photograph {i}"], i)
    checks = [_compared(network, graph, files[_NAME], pictures)] if check else []
    entry = {
        "name": FLOAT,
        "purpose": "toolchains that quantise themselves, such as Hailo, Axelera and AXERA",
        "file": _NAME,
        "bytes": len(files[_NAME]),
        "boundary": "float32, code * lsb",
        "layout": "NCHW" + (", one picture" if size else ", any N, H and W"),
        "size": list(size) if size else None,
        "calibration": [name for name in files if name != _NAME],
        "rewritten": [
            "weights and biases as they were before rounding",
            "values below 0 of unsigned outputs are 0",
            *which,
        ],
        "pictures": list(pictures),
        "checks": checks,
        "not_run": [] if check else ["not run in any client: --no-check"],
        "note": "its accuracy after another quantiser is not known here",
    }
    return entry, files


def _functions(graph: Graph) -> dict[str, tuple[str, dict[str, float]]]:
    """What each table is of, and the numbers that this takes."""
    return {
        node.name: (
            node.function,
            {name: getattr(node, name) for name in TAKES.get(node.function, ()) if name in vars(node)},
        )
        for node in graph.of(Lookup)
    }


def _calibration(network: Network, fed: Mapping[str, NDArray[Any]], number: int) -> dict[str, bytes]:
    """A picture as .npy (1, C, H, W) float32 of each input, and as PNG where it is RGB."""
    files: dict[str, bytes] = {}
    for each in network.inputs:
        name = f"calibration{number}" + (f".{each.name}" if len(network.inputs) > 1 else "")
        array = io.BytesIO()
        np.save(array, _values(network, fed)[each.name])
        files[f"{name}.npy"] = array.getvalue()
        if each.out == PIXEL and each.channels == 3:
            png = io.BytesIO()
            Image.fromarray(fed[each.name].astype(np.uint8)).save(png, "PNG")
            files[f"{name}.png"] = png.getvalue()
    return files


def _values(network: Network, fed: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    return {
        each.name: np.ldexp(fed[each.name].astype(np.float32), -each.out.frac).transpose(2, 0, 1)[None]
        for each in network.inputs
    }


def _compared(
    network: Network, graph: Graph, model: bytes, pictures: Mapping[str, Mapping[str, NDArray[Any]]]
) -> dict[str, Any]:
    """ONNX Runtime's values beside torch's: how many are further apart than the order of sums explains."""
    import onnxruntime

    session = open_session(model)
    names = [output.name for output in onnx.load_from_string(model).graph.output]
    compared, differing, largest = 0, 0, 0.0
    for fed in pictures.values():
        values = _values(network, fed)
        made = session.run(names, {f"{name}.float": x for name, x in values.items()})
        with torch.inference_mode():
            wanted = run_graph(graph, {name: torch.from_numpy(x.copy()) for name, x in values.items()})
        for name, found in zip(network.outputs, made, strict=True):
            expected = wanted[name].numpy()
            if not network.formats[name].signed:
                expected = np.maximum(expected, 0)
            apart = np.abs(found - expected)
            compared += apart.size
            differing += int(np.count_nonzero(~(apart <= _TOLERANCE)))  # what is no number differs
            largest = max(largest, float(apart.max()))
    return {
        "client": "onnxruntime",
        "version": str(onnxruntime.__version__),
        "client_rounds_convolutions": "none",
        "client_rounds_additions": "none",
        "codes_compared": compared,
        "codes_differing": differing,
        "largest_difference": largest,
        "codes_that_its_rounding_changes": 0,
    }
