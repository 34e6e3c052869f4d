"""ONNX files in their clients: for ``runner.py``, of NumPy and the client alone."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from runpy import run_path
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
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes
    from qonnx.transformation.qcdq_to_qonnx import QCDQToQuant

    wrapper = ModelWrapper(str(model)).transform(InferShapes()).transform(QCDQToQuant())

    def run(fed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        made = execute_onnx(wrapper, dict(fed))
        return [made[name] for name in outputs]

    return run, version("qonnx")


def hls4ml(model: Path, outputs: list[str]) -> tuple[_Run, str]:
    """hls4ml's C simulation, compiled by g++: the types that it infers, and its code for Vivado."""
    import onnx

    sys.path.append(str(Path(__file__).parent))
    from hls4ml.converters import convert_from_onnx_model
    from hls4ml.utils.config import config_from_onnx_model

    wrapper = import_module("hls4ml_graph").graph(model)
    options = {"granularity": "name", "backend": "Vivado", "default_precision": "fixed<40,16>"}
    compiled = convert_from_onnx_model(
        wrapper,
        output_dir=str(model.with_name("hls4ml")),
        backend="Vivado",
        io_type="io_parallel",
        hls_config=config_from_onnx_model(wrapper, **options),
    )
    compiled.compile()
    places = [[each.name for each in onnx.load(model).graph.output].index(name) for name in outputs]
    shapes = [wrapper.get_tensor_shape(end.name) for end in wrapper.graph.output]  # names are others here

    def run(fed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        pictures = [np.ascontiguousarray(x.transpose(0, 2, 3, 1)) for x in fed.values()]
        made = compiled.predict(pictures if len(pictures) > 1 else pictures[0])
        made = made if isinstance(made, list) else [made]
        return [made[place].reshape(shapes[place]) for place in places]

    return run, version("hls4ml")


def tvm(model: Path, outputs: list[str]) -> tuple[_Run, str]:
    """TVM for this processor."""
    import onnx
    import tvm
    from tvm import relax
    from tvm.relax.frontend.onnx import from_onnx

    read = onnx.load(model)
    module = relax.transform.DecomposeOpsForInference()(from_onnx(read))
    machine = relax.VirtualMachine(tvm.compile(module, target=tvm.target.Target("llvm")), tvm.cpu())
    places = [[each.name for each in read.graph.output].index(name) for name in outputs]

    def run(fed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        made = machine["main"](*(tvm.runtime.tensor(fed[each.name]) for each in read.graph.input))
        made = [made] if hasattr(made, "numpy") else list(made)
        return [made[place].numpy() for place in places]

    return run, str(tvm.__version__)


def tract(model: Path, outputs: list[str]) -> tuple[_Run, str]:
    """tract, for this processor."""
    import tract

    read = tract.onnx().load(str(model))
    inputs = [read.input_name(place) for place in range(read.input_count())]
    if read.output_count() != len(outputs):  # their names are others there, their order is the file's
        raise SystemExit(f"tract: {len(outputs)} outputs are asked for, the file has {read.output_count()}")
    loaded = read.into_model().into_runnable()

    def run(fed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        return [made.to_numpy() for made in loaded.run([fed[name] for name in inputs])]

    return run, str(tract.version())


def acuity(model: Path, outputs: list[str]) -> tuple[_Run, str]:
    """Acuity's fake quantisation; it gives real numbers, on the grids of the file's outputs."""
    import onnx
    from acuitylib.interface.importer import OnnxLoader
    from acuitylib.interface.inference import Inference
    from onnx import numpy_helper

    graph = onnx.load(model).graph
    held = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    made_by = {name: node for node in graph.node for name in node.output}
    places = [[each.name for each in graph.output].index(name) for name in outputs]
    session = Inference(OnnxLoader(str(model)).load())
    session.build_session()

    def codes(real: NDArray[Any], name: str) -> NDArray[Any]:
        _, scale, zero = made_by[name].input
        whole: NDArray[Any] = real.astype(np.float64) / held[scale] + held[zero]
        if (whole % 1).any():
            raise SystemExit(f"acuity: output {name} is not on its grid")
        return whole.astype(held[zero].dtype)

    def run(fed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        _, made = session.run_session([fed[each.name] for each in graph.input])
        return [codes(made[place], name) for place, name in zip(places, outputs, strict=True)]

    return run, version("acuitylite")


def acuity_npu(model: Path, outputs: list[str]) -> tuple[_Run, str]:
    """The emulator of VeriSilicon's NPU that comes with Acuity."""
    import onnx

    graph = onnx.load(model).graph
    shapes = [[side.dim_value for side in each.type.tensor_type.shape.dim] for each in graph.output]
    emulator = run_path(str(Path(__file__).with_name("acuity_npu.py")))["emulated"](model, shapes)
    places = [[each.name for each in graph.output].index(name) for name in outputs]

    def run(fed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        made = emulator([fed[each.name] for each in graph.input])
        return [made[place] for place in places]

    return run, version("acuitylite")


def rknn(model: Path, outputs: list[str]) -> tuple[_Run, str]:
    """Rockchip's simulator of an RK3588: it takes the file's own grids, and calibrates nothing."""
    import onnx
    from rknn.api import RKNN

    toolkit = RKNN(verbose=False)
    steps = {
        "config": lambda: toolkit.config(target_platform="rk3588"),
        "load_onnx": lambda: toolkit.load_onnx(model=str(model)),
        "build": lambda: toolkit.build(do_quantization=False),
        "init_runtime": toolkit.init_runtime,
    }
    for name, step in steps.items():
        if step() != 0:
            raise SystemExit(f"rknn: {name} does not take the file")
    graph = onnx.load(model).graph
    places = [[each.name for each in graph.output].index(name) for name in outputs]

    def run(fed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        pictures = [fed[each.name] for each in graph.input]
        made = toolkit.inference(inputs=pictures, data_format=["nchw"] * len(pictures))
        if made is None:
            raise SystemExit("rknn: the simulator does not run the file")
        return [np.asarray(made[place]) for place in places]

    return run, version("rknn-toolkit2")


CLIENTS: dict[str, Callable[[Path, list[str]], tuple[_Run, str]]] = {
    "openvino": openvino,
    "iree": iree,
    "qnn": qnn,
    "qonnx": qonnx,
    "hls4ml": hls4ml,
    "tvm": tvm,
    "tract": tract,
    "acuity": acuity,
    "acuity-npu": acuity_npu,
    "rknn": rknn,
}
"""By name: how a file is opened for the outputs of some names, and the client's version."""
