"""Runs a file in a client, with what the client's environment has: ``runner.py CLIENT FOLDER OUTPUT...``.

The folder holds model.onnx and fed.npz, arrays by ``picture/input``; made.npz is written there. NumPy and the
client alone are imported, nothing of the package.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Run = Callable[[Mapping[str, NDArray[Any]]], list[NDArray[Any]]]
"""Arrays by input to those of the outputs that were asked for."""


def openvino(model: Path, outputs: list[str]) -> tuple[_Run, str]:
    """OpenVINO's CPU plugin."""
    import openvino as ov

    core = ov.Core()
    compiled = core.compile_model(core.read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(fed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        made = compiled(dict(fed))
        return [np.array(made[compiled.output(name)]) for name in outputs]

    return run, str(ov.__version__).split("-")[0]


def iree(model: Path, outputs: list[str]) -> tuple[_Run, str]:
    """IREE for this processor."""
    import subprocess
    from importlib.metadata import version

    import iree.compiler as compiler
    import onnx
    from iree import runtime

    text, binary = model.with_suffix(".mlir"), model.with_suffix(".vmfb")
    importer = [sys.executable, "-m", "iree.compiler.tools.import_onnx", str(model), "-o", str(text)]
    subprocess.run(importer, check=True)
    options = ["--iree-llvmcpu-target-cpu=host"]
    compiler.compile_file(
        str(text),
        output_file=str(binary),
        target_backends=["llvm-cpu"],
        input_type="onnx",
        extra_args=options,
    )
    graph = onnx.load(model).graph
    loaded = runtime.load_vm_flatbuffer_file(str(binary), driver="local-task")
    places = [[each.name for each in graph.output].index(name) for name in outputs]

    def run(fed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        made = loaded[graph.name](*(fed[each.name] for each in graph.input))
        made = made if isinstance(made, (list, tuple)) else [made]
        return [np.asarray(made[place].to_host()) for place in places]

    return run, version("iree-base-compiler")


def qnn(model: Path, outputs: list[str]) -> tuple[_Run, str]:
    """Qualcomm's HTP: the emulator where there is no chip. What it cannot take is an error, not another's."""
    import onnxruntime
    import onnxruntime_qnn

    name = onnxruntime_qnn.get_ep_name()
    onnxruntime.register_execution_provider_library(name, onnxruntime_qnn.get_library_path())
    devices = [each for each in onnxruntime.get_ep_devices() if each.ep_name == name]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    options.add_provider_for_devices(devices[:1], {"backend_path": onnxruntime_qnn.get_qnn_htp_path()})
    session = onnxruntime.InferenceSession(str(model), options)
    return lambda fed: list(session.run(outputs, dict(fed))), str(onnxruntime_qnn.__version__)


def qonnx(model: Path, outputs: list[str]) -> tuple[_Run, str]:
    """QONNX's executor of the graph of Quant nodes that it makes of the file."""
    from importlib.metadata import version

    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes
    from qonnx.transformation.qcdq_to_qonnx import QCDQToQuant

    wrapper = ModelWrapper(str(model)).transform(InferShapes()).transform(QCDQToQuant())

    def run(fed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        made = execute_onnx(wrapper, dict(fed))
        return [made[name] for name in outputs]

    return run, version("qonnx")


_CLIENTS: dict[str, Callable[[Path, list[str]], tuple[_Run, str]]] = {
    "openvino": openvino,
    "iree": iree,
    "qnn": qnn,
    "qonnx": qonnx,
}


def main(client: str, folder: Path, outputs: list[str]) -> None:
    """Run every picture, and write what came out and the client's version."""
    run, version = _CLIENTS[client](folder / "model.onnx", outputs)
    fed: dict[str, dict[str, NDArray[Any]]] = {}
    with np.load(folder / "fed.npz") as arrays:
        for key in arrays.files:
            picture, _, name = key.partition("/")
            fed.setdefault(picture, {})[name] = arrays[key]
    made: dict[str, Any] = {"version": version}
    for picture, each in fed.items():
        made |= {f"{picture}/{name}": x for name, x in zip(outputs, run(each), strict=True)}
    np.savez(folder / "made.npz", **made)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
