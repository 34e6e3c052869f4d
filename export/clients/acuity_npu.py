"""VeriSilicon's emulator of an NPU, from the SDK in Acuity's wheel: of NumPy, acuitylib and gcc alone.

Acuity writes a network as a program in C. A main of our own replaces the one beside it, which takes one
picture and compiles the network for each anew.
"""

import math
import os
import re
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import acuitylib
import numpy as np
from acuitylib.interface.exporter import OvxlibExporter
from acuitylib.interface.importer import OnnxLoader
from numpy.typing import NDArray

CHIP = "GCNANOULTRA31_VIP2_PID0X15"
"""As the emulator names it."""
_MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include "vsi_nn_pub.h"
#include "vnn_global.h"
#include "vnn_net.h"

int main(int count, char **words)
{
    FILE *made = count == 3 ? fopen(words[2], "wb") : NULL;
    vsi_nn_graph_t *graph = made ? vnn_CreateNet(words[1], NULL, NULL, 0, NULL, 0) : NULL;
    if (!graph || vsi_nn_VerifyGraph(graph) != VSI_SUCCESS) return 1;
    for (;;) {
        for (uint32_t i = 0; i < graph->input.num; i++) {
            vsi_nn_tensor_t *tensor = vsi_nn_GetTensor(graph, graph->input.tensors[i]);
            size_t size = vsi_nn_GetElementNum(tensor);
            uint8_t *bytes = malloc(size);
            if (!bytes || fread(bytes, 1, size, stdin) != size) return 0;
            if (vsi_nn_CopyDataToTensor(graph, tensor, bytes) != VSI_SUCCESS) return 2;
            free(bytes);
        }
        if (vsi_nn_RunGraph(graph) != VSI_SUCCESS) return 3;
        for (uint32_t i = 0; i < graph->output.num; i++) {
            vsi_nn_tensor_t *tensor = vsi_nn_GetTensor(graph, graph->output.tensors[i]);
            size_t size = vsi_nn_GetElementNum(tensor);
            uint8_t *bytes = vsi_nn_ConvertTensorToData(graph, tensor);
            if (!bytes || fwrite(bytes, 1, size, made) != size) return 4;
            vsi_nn_Free(bytes);
        }
        fflush(made);
    }
}
"""


def emulated(model: Path, shapes: Sequence[Sequence[int]]) -> Any:
    """The emulator, ready to run a file.

    Args:
        model: An ONNX file of uint8 at its ends; what is built is written beside it.
        shapes: Of its outputs, in the file's order.

    Returns:
        A function of the arrays of the file's inputs that gives those of its outputs, uint8.

    Raises:
        SystemExit: Acuity wrote a tensor without a grid, of which the emulator computes other codes.
    """
    folder = model.with_name("npu")
    with tarfile.open(Path(acuitylib.__file__).with_name("vsi_sdk.tar.gz")) as packed:
        packed.extractall(folder)
    sdk = folder / "vsi_sdk/prebuilt-sdk/x86_64_linux"
    written = folder / "written"
    OvxlibExporter(OnnxLoader(str(model)).load()).export(str(written / "net"))
    bare = re.search(r"@(\S+):\w+ \*/[^@]*QNT_TYPE_NONE", (written / "vnn_net_tensor.c").read_text())
    if bare:
        raise SystemExit(
            f"Acuity's program for the NPU has no grid for {bare[1]}; use QuantizeLinear, no Relu"
        )
    (written / "main.c").write_text(_MAIN)
    sources = [written / name for name in ("main.c", "vnn_net.c", "vnn_net_tensor.c")]
    headers = [f"-I{sdk / 'include' / name}" for name in ("", "CL", "VX", "ovxlib")]
    names = ("OpenVX", "OpenVXU", "CLC", "VSC", "GAL", "ovxlib", "Emulator", "vdtproxy", "ArchModelSw")
    libraries = [f"-L{sdk / 'lib'}", *(f"-l{name}" for name in names), "-lNNArchPerf"]
    defined = ["-O1", "-w", "-DLINUX", f"-I{written}"]
    program = folder / "net"
    subprocess.run(["gcc", *defined, *headers, *sources, *libraries, "-o", program], check=True)
    told = {"LD_LIBRARY_PATH": str(sdk / "lib"), "VIVANTE_SDK_DIR": str(sdk), "VSIMULATOR_CONFIG": CHIP}

    read, write = os.pipe()
    words: list[str | Path] = [program, written / "net.export.data", f"/dev/fd/{write}"]
    started = subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        cwd=folder,
        env=os.environ | told,
        pass_fds=[write],
    )
    os.close(write)
    assert started.stdin is not None
    end, fed = os.fdopen(read, "rb"), started.stdin

    def run(pictures: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        try:
            fed.write(b"".join(x.tobytes() for x in pictures))
            fed.flush()
            made = [np.frombuffer(end.read(math.prod(shape)), np.uint8).reshape(shape) for shape in shapes]
        except (BrokenPipeError, ValueError) as error:
            raise SystemExit(f"acuity-npu: the emulator of {CHIP} ends with {started.wait()}") from error
        return made

    return run
