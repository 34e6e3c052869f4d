"""How fast the C model is, beside ONNX Runtime's int8 on one thread: CPU seconds of a frame, by turns.

    python benchmarks/c_speed.py [--width 960] [--height 540] [--repeats 5] [--json FILE]

Residual-1/32 x2 and same size, Residual-1/8 same size, Residual-3/64 x2, each compiled by gcc and clang for
this processor, and by both for AVX2 alone; each of these as C alone, and with intrinsics (+). CPU time of
the thread, as cores are shared; medians of the ratio of each turn. And frames a second of both on all cores,
the best of the turns. Every build's codes are compared with ONNX Runtime's first.
"""

import argparse
import json
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from hwrts.export import open_session, to_onnx
from hwrts.export.c.build import INTRINSICS
from hwrts.export.c.library import NativeModel
from hwrts.export.cpu import cpu_name
from hwrts.fixed_point import Network
from hwrts.graph.deploy import deploy_form
from hwrts.graph.trace import trace
from hwrts.networks import Residual
from hwrts.qat.calibrate import calibrate
from hwrts.qat.network import QuantNetwork

NETWORKS = {
    "Residual-1/32 x2": (1, 32, False),
    "Residual-1/32 same": (1, 32, True),
    "Residual-1/8 same": (1, 8, True),
    "Residual-3/64 x2": (3, 64, False),
}
"""Blocks, channels, and whether it keeps the size."""
BUILDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "gcc": ("gcc", ("-O3", "-march=native")),
    "clang": ("clang", ("-O3", "-march=native")),
    "gcc AVX2": ("gcc", ("-O3", "-mavx2")),
    "clang AVX2": ("clang", ("-O3", "-mavx2")),
}
BUILDS |= {f"{name}+": (compiler, (*flags, INTRINSICS)) for name, (compiler, flags) in BUILDS.items()}


def made(blocks: int, channels: int, same_size: bool, planes: int = 3) -> Network:
    """An integer network of that shape, its weights as they start."""
    torch.manual_seed(0)
    graph = deploy_form(trace(Residual(blocks, channels, planes=planes).eval()), same_size=same_size)
    network: Network = QuantNetwork(graph, calibrate(graph, [torch.rand(2, planes, 64, 64)])).eval().lower()
    return network


def cpu_seconds(function: Callable[[], object]) -> float:
    """Of this thread, which is the only one at work."""
    start = time.thread_time()
    function()
    return time.thread_time() - start


def measure(network: Network, frame: Any, repeats: int) -> dict[str, Any]:
    """Seconds of ONNX Runtime, and the ratio of each build to it."""
    session = open_session(to_onnx(network).SerializeToString(), threads=1)
    stored = {network.inputs[0].name: np.ascontiguousarray(frame.transpose(2, 0, 1))[None]}
    expected = session.run(None, stored)[0][0].transpose(1, 2, 0)
    models = {
        name: NativeModel(network, compiler, flags)
        for name, (compiler, flags) in BUILDS.items()
        if shutil.which(compiler)
    }
    fed = {network.inputs[0].name: frame}
    for name, model in models.items():
        assert np.array_equal(model.frame(fed)[network.output], expected), name
    ratios: dict[str, list[float]] = {name: [] for name in models}
    seconds = []
    for _ in range(repeats):
        seconds.append(cpu_seconds(lambda: session.run(None, stored)))
        for name, model in models.items():
            ratios[name].append(cpu_seconds(partial(model.frame, fed)) / seconds[-1])
    return {
        "frames_per_second": frames_per_second(network, frame, NativeModel(network), repeats),
        "onnxruntime_seconds": median(seconds),
        "ratios": {name: median(values) for name, values in ratios.items()},
        "codes_compared": expected.size * len(models),
    }


def frames_per_second(network: Network, frame: Any, model: NativeModel, repeats: int) -> dict[str, float]:
    """Of both on all cores, by the clock, by turns."""
    session = open_session(to_onnx(network).SerializeToString())
    name = network.inputs[0].name
    stored = {name: np.ascontiguousarray(frame.transpose(2, 0, 1))[None]}
    contestants = {
        "onnxruntime": partial(session.run, None, stored),
        "native": partial(model.run, {name: frame}),
    }
    seconds: dict[str, list[float]] = {each: [] for each in contestants}
    for _ in range(repeats):
        for each, function in contestants.items():
            start = time.perf_counter()
            function()
            seconds[each].append(time.perf_counter() - start)
    return {each: 1 / min(values) for each, values in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--height", type=int, default=540)
    parser.add_argument("--width", type=int, default=960)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    torch.set_num_threads(1)
    frame = np.random.default_rng(2).integers(0, 256, (options.height, options.width, 3)).astype(np.uint8)
    found = {}
    print(f"{cpu_name()}; {options.width}x{options.height}, CPU time over ONNX Runtime's, one thread")
    print(f"{'':20}{'s/frame':>9}" + "".join(f"{name:>12}" for name in BUILDS))
    for name, shape in NETWORKS.items():
        found[name] = measure(made(*shape), frame, options.repeats)
        ratios = found[name]["ratios"]
        figures = "".join(f"{ratios.get(build, float('nan')):12.2f}" for build in BUILDS)
        rates = ", ".join(f"{each} {rate:.1f}" for each, rate in found[name]["frames_per_second"].items())
        print(f"{name:20}{found[name]['onnxruntime_seconds']:9.3f}{figures}   frames/s: {rates}", flush=True)
    if options.json:
        document = {"cpu": cpu_name(), "frame": [options.height, options.width], "networks": found}
        options.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
