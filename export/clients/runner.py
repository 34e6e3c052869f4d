"""Runs a file in a client, with what the client's environment has: ``runner.py CLIENT FOLDER OUTPUT...``.

The folder holds model.onnx or model.tflite, and fed.npz, arrays by ``picture/input`` in the order of the
file's inputs; made.npz is written there, with arrays by ``picture/output``. ONNX files are asked for those
outputs by name; of TensorFlow Lite files they are all, in the file's order. NumPy and the client alone are
imported, nothing of the package.
"""

import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ARENA_BYTES = 1 << 30
"""Of all tensors at once: a picture of 360x640 through 32 channels takes a tenth of it."""

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

    wrapper = import_module("hls4ml_graph").graph(model)  # beside this file
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


def litert(model: Path, outputs: list[str], reference: bool = False) -> tuple[_Run, str]:
    """The default kernels (XNNPACK), or those that the others are tested against."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO
    interpreter = Interpreter(str(model), experimental_op_resolver_type=resolver, num_threads=1)
    interpreter.allocate_tensors()

    def run(fed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        for detail, codes in zip(interpreter.get_input_details(), fed.values(), strict=True):
            interpreter.set_tensor(detail["index"], codes)
        interpreter.invoke()
        return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]

    return run, f"ai-edge-litert {version('ai-edge-litert')}"


def micro(model: Path, outputs: list[str]) -> tuple[_Run, str]:
    """TensorFlow Lite Micro, built for this processor."""
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_file(str(model), arena_size=_ARENA_BYTES)

    def run(fed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        for number, codes in enumerate(fed.values()):
            interpreter.set_input(codes, number)
        interpreter.invoke()
        return [interpreter.get_output(number) for number in range(len(outputs))]

    return run, f"tflite-micro {version('tflite-micro')}"


def tosa(model: Path, outputs: list[str], single: bool = False) -> tuple[_Run, str]:
    """TOSA's reference model, of the file converted to TOSA; as the converter rounds (twice), or once."""
    tools = Path(sys.executable).parent
    text, made = model.with_suffix(".mlir"), model.with_suffix(".tosa")
    _call(tools / "tosa-converter-for-tflite", model, "--text", "-o", text)
    if single:
        text.write_text(text.read_text("utf-8").replace("DOUBLE_ROUND", "SINGLE_ROUND"), "utf-8")
    _call(
        tools / "tosa-opt", text, "--tosa-serialize", f"--tosa-flatbuffer-filename={made}", "-o", "/dev/null"
    )
    results = [model.with_name(f"out{number}.npy") for number in range(len(outputs))]

    def run(fed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        read = [model.with_name(f"in{number}.npy") for number in range(len(fed))]
        for path, codes in zip(read, fed.values(), strict=True):
            np.save(path, codes)
        options = [
            "--ifm_name=" + ",".join(f"TosaInput_{number}" for number in range(len(fed))),
            "--ifm_file=" + ",".join(map(str, read)),
            "--ofm_name=" + ",".join(f"TosaOutput_{number}" for number in range(len(outputs))),
            "--ofm_file=" + ",".join(map(str, results)),
        ]
        _call(tools / "tosa_reference_model", f"--tosa_file={made}", *options, "--tosa_level=NONE")
        lost = [number for number, path in enumerate(results) if not path.is_file()]
        if lost:  # converters leave out what only hands its source on
            raise SystemExit(
                f"tosa_reference_model: gives no output {outputs[lost[0]]}, which is a tensor as it came in"
            )
        return [np.load(path) for path in results]

    tools_version = f"tosa-tools {version('tosa-tools')}"
    return run, f"{tools_version}, tosa-converter-for-tflite {version('tosa-converter-for-tflite')}"


def _call(*words: object) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode or "FATAL" in done.stderr:
        raise SystemExit(f"{Path(str(words[0])).name}: {done.stderr.strip()[-2000:]}")


_CLIENTS: dict[str, Callable[[Path, list[str]], tuple[_Run, str]]] = {
    "openvino": openvino,
    "iree": iree,
    "qnn": qnn,
    "qonnx": qonnx,
    "hls4ml": hls4ml,
    "tvm": tvm,
    "tract": tract,
    "acuity": acuity,
    "litert": litert,
    "litert-reference": partial(litert, reference=True),
    "tflite-micro": micro,
    "tosa-single": partial(tosa, single=True),
    "tosa-double": tosa,
}


def main(client: str, folder: Path, outputs: list[str]) -> None:
    """Run every picture, and write what came out and the client's version."""
    (model,) = folder.glob("model.*")
    run, said = _CLIENTS[client](model, outputs)
    fed: dict[str, dict[str, NDArray[Any]]] = {}
    with np.load(folder / "fed.npz") as arrays:
        for key in arrays.files:
            picture, _, name = key.partition("/")
            fed.setdefault(picture, {})[name] = arrays[key]
    made: dict[str, Any] = {"version": said}
    for picture, each in fed.items():
        made |= {f"{picture}/{name}": x for name, x in zip(outputs, run(each), strict=True)}
    np.savez(folder / "made.npz", **made)


if __name__ == "__main__":
    del sys.path[0]  # names of modules beside this file are none of the client's
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
