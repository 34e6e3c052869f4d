"""TensorFlow Lite files in their clients: for ``runner.py``, of NumPy and the client alone."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ARENA_BYTES = 1 << 30
"""Of all tensors at once: a picture of 360x640 through 32 channels takes a tenth of it."""

_Run = Callable[[Mapping[str, NDArray[Any]]], list[NDArray[Any]]]
"""Arrays by input to those of the outputs that were asked for."""


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


CLIENTS: dict[str, Callable[[Path, list[str]], tuple[_Run, str]]] = {
    "litert": litert,
    "litert-reference": partial(litert, reference=True),
    "tflite-micro": micro,
    "tosa-single": partial(tosa, single=True),
    "tosa-double": tosa,
}
"""By name: how a file is opened for the outputs of some names, and the client's version."""
