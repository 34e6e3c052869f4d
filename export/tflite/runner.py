"""Run a TensorFlow Lite file in one runtime. A script of its own: the runtimes live in other environments.

    python runner.py CLIENT MODEL INPUTS OUTPUTS COUNT

INPUTS and OUTPUTS are npz files: stored int8 codes (1, H, W, C), 0, 1, ... in the file's order; OUTPUTS
also says the runtime's ``version``; COUNT of them there are. CLIENT is litert, litert-reference or
tflite-micro.
"""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

_ARENA_BYTES = 1 << 30
"""Of all tensors at once: a picture of 360x640 through 32 channels takes a tenth of it."""


def litert(model: bytes, inputs: list[Any], reference: bool) -> tuple[list[Any], str]:
    """The default kernels (XNNPACK), or those that the others are tested against."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=resolver, num_threads=1)
    interpreter.allocate_tensors()
    for detail, codes in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], codes)
    interpreter.invoke()
    made = [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]
    return made, f"ai-edge-litert {version('ai-edge-litert')}"


def micro(model: bytes, inputs: list[Any], outputs: int) -> tuple[list[Any], str]:
    """TensorFlow Lite Micro, built for this processor."""
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(model, arena_size=_ARENA_BYTES)
    for number, codes in enumerate(inputs):
        interpreter.set_input(codes, number)
    interpreter.invoke()
    made = [interpreter.get_output(number) for number in range(outputs)]
    return made, f"tflite-micro {version('tflite-micro')}"


def main(client: str, model: str, fed: str, made: str, outputs: str) -> None:
    """Run the file once."""
    with np.load(fed) as file:
        inputs = [file[str(number)] for number in range(len(file.files))]
    if client == "tflite-micro":
        codes, said = micro(Path(model).read_bytes(), inputs, int(outputs))
    else:
        codes, said = litert(Path(model).read_bytes(), inputs, client == "litert-reference")
    np.savez(made, version=said, **{str(number): each for number, each in enumerate(codes)})


if __name__ == "__main__":
    main(*sys.argv[1:])
