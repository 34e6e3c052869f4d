"""Run a TensorFlow Lite file in one runtime. A script of its own: the runtimes live in other environments.

    python runner.py CLIENT MODEL FED MADE OUTPUTS

FED and MADE are npz files of stored codes int8 (1, H, W, C): FED has "p.i" for input i of picture p, MADE
gets "p.o" for output o, of OUTPUTS, and "version". CLIENT is litert, litert-reference, tflite-micro,
tosa-single or tosa-double.
"""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

_ARENA_BYTES = 1 << 30
"""Of all tensors at once: a picture of 360x640 through 32 channels takes a tenth of it."""

_Run = Callable[[list[Any]], list[Any]]
"""Outputs of inputs."""


def litert(model: Path, reference: bool) -> tuple[_Run, str]:
    """The default kernels (XNNPACK), or those that the others are tested against."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO
    interpreter = Interpreter(str(model), experimental_op_resolver_type=resolver, num_threads=1)
    interpreter.allocate_tensors()

    def run(inputs: list[Any]) -> list[Any]:
        for detail, codes in zip(interpreter.get_input_details(), inputs, strict=True):
            interpreter.set_tensor(detail["index"], codes)
        interpreter.invoke()
        return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]

    return run, f"ai-edge-litert {version('ai-edge-litert')}"


def micro(model: Path, outputs: int) -> tuple[_Run, str]:
    """TensorFlow Lite Micro, built for this processor."""
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_file(str(model), arena_size=_ARENA_BYTES)

    def run(inputs: list[Any]) -> list[Any]:
        for number, codes in enumerate(inputs):
            interpreter.set_input(codes, number)
        interpreter.invoke()
        return [interpreter.get_output(number) for number in range(outputs)]

    return run, f"tflite-micro {version('tflite-micro')}"


def tosa(model: Path, outputs: int, single: bool) -> tuple[_Run, str]:
    """TOSA's reference model, of the file converted to TOSA; as the converter rounds (twice), or once."""
    tools = Path(sys.executable).parent
    text, made = model.with_suffix(".mlir"), model.with_suffix(".tosa")
    _call(tools / "tosa-converter-for-tflite", model, "--text", "-o", text)
    if single:
        text.write_text(text.read_text("utf-8").replace("DOUBLE_ROUND", "SINGLE_ROUND"), "utf-8")
    _call(
        tools / "tosa-opt", text, "--tosa-serialize", f"--tosa-flatbuffer-filename={made}", "-o", "/dev/null"
    )
    results = [model.with_name(f"out{number}.npy") for number in range(outputs)]

    def run(inputs: list[Any]) -> list[Any]:
        fed = [model.with_name(f"in{number}.npy") for number in range(len(inputs))]
        for path, codes in zip(fed, inputs, strict=True):
            np.save(path, codes)
        options = [
            "--ifm_name=" + ",".join(f"TosaInput_{number}" for number in range(len(inputs))),
            "--ifm_file=" + ",".join(map(str, fed)),
            "--ofm_name=" + ",".join(f"TosaOutput_{number}" for number in range(outputs)),
            "--ofm_file=" + ",".join(map(str, results)),
        ]
        _call(tools / "tosa_reference_model", f"--tosa_file={made}", *options, "--tosa_level=NONE")
        lost = [number for number, path in enumerate(results) if not path.is_file()]
        if lost:  # converters leave out what only hands its source on
            raise SystemExit(
                f"tosa_reference_model: gives no output {lost[0]}, which is a tensor as it came in"
            )
        return [np.load(path) for path in results]

    tools_version = f"tosa-tools {version('tosa-tools')}"
    return run, f"{tools_version}, tosa-converter-for-tflite {version('tosa-converter-for-tflite')}"


def _call(*words: object) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode or "FATAL" in done.stderr:
        raise SystemExit(f"{Path(str(words[0])).name}: {done.stderr.strip()[-2000:]}")


def main(client: str, model: str, fed: str, made: str, outputs: str) -> None:
    """Run the file on every picture."""
    path, count = Path(model), int(outputs)
    run, said = {
        "litert": partial(litert, path, False),
        "litert-reference": partial(litert, path, True),
        "tflite-micro": partial(micro, path, count),
        "tosa-single": partial(tosa, path, count, True),
        "tosa-double": partial(tosa, path, count, False),
    }[client]()
    codes: dict[str, Any] = {"version": np.array(said)}
    with np.load(fed) as file:
        for picture in range(len({name.partition(".")[0] for name in file.files})):
            inputs = [name for name in file.files if name.startswith(f"{picture}.")]
            results = run([file[f"{picture}.{number}"] for number in range(len(inputs))])
            codes |= {f"{picture}.{number}": result for number, result in enumerate(results)}
    np.savez(made, **codes)


if __name__ == "__main__":
    main(*sys.argv[1:])
