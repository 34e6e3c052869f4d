"""How fast the integers run in NumPy, beside the same machine's other ways to compute the same network.

    python benchmarks/fixed_point_speed.py [--width 1920] [--height 1080] [--repeats 5] [--json FILE]

First the share of sgemm's throughput that one 64->64 3x3 layer reaches at 960x540, then Residual-3 with 64
channels on a frame: hwrts.fixed_point, Brevitas' fake-quantised module, torch's float32 network, and ONNX
Runtime on the int8 file; and the last two with rounding half up, which ONNX says in integer operators; and
four depthwise layers, in NumPy and in ONNX Runtime. Rounds alternate, so that a slow moment of a shared
machine hits all alike; medians and their ratios are printed. NumPy and ONNX Runtime return the same codes,
which is checked.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from hwrts.export import open_session, to_onnx
from hwrts.export.cpu import cpu_flags, cpu_name, has_vnni
from hwrts.fixed_point import PIXEL, Conv, Format, Input, Network, Rounding, run
from hwrts.fixed_point.cores import available_cores
from hwrts.graph.deploy import deploy_form
from hwrts.graph.trace import trace
from hwrts.networks import Residual
from hwrts.qat.calibrate import calibrate
from hwrts.qat.network import QuantNetwork
from hwrts.training.checkpoint import preserve_layout

REST = 0.5
"""Seconds: BLAS threads wait for more work by spinning for a while, which slows down who comes next."""


def alternate(contestants: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each, by turns, after one turn that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(repeats + 1):
        for name, function in contestants.items():
            time.sleep(REST)
            start = time.perf_counter()
            function()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: median(values) for name, values in seconds.items()}


def one_layer(repeats: int) -> dict[str, float]:
    """GFLOP/s (two a multiplication) of a large square sgemm and of an integer layer, requantised."""
    rng = np.random.default_rng(1)
    weight = rng.integers(-60, 61, (64, 64, 3, 3)).astype(np.int8)
    bias = rng.integers(-999, 1000, 64).astype(np.int32)
    conv = Conv("y", "x", weight, np.full(64, 7, np.int32), bias, Format(False, 8, 3))
    network = Network((Input("x", 64, PIXEL),), (conv,))
    codes = rng.integers(0, 256, (540, 960, 64)).astype(np.uint8)
    square, out = rng.random((2048, 2048), np.float32), np.empty((2048, 2048), np.float32)
    seconds = alternate(
        {"sgemm": lambda: np.matmul(square, square, out=out), "layer": lambda: run(network, codes)}, repeats
    )
    operations = {"sgemm": 2 * 2048**3, "layer": 2 * codes.shape[0] * codes.shape[1] * weight.size}
    return {name: operations[name] / seconds[name] / 1e9 for name in seconds}


def depthwise(repeats: int) -> dict[str, float]:
    """Seconds of four depthwise 3x3 layers of 32 channels at 480x270, in NumPy and in ONNX Runtime."""
    rng, zero = np.random.default_rng(3), np.zeros(32, np.int32)
    layers = tuple(
        Conv(
            f"y{n}",
            f"y{n - 1}" if n else "x",
            rng.integers(-60, 61, (32, 1, 3, 3)).astype(np.int8),
            zero + 9,
            zero,
            PIXEL,
            groups=32,
        )
        for n in range(4)
    )
    network = Network((Input("x", 32, PIXEL),), layers)
    codes = rng.integers(0, 256, (270, 480, 32)).astype(np.uint8)
    session = open_session(to_onnx(network).SerializeToString())
    stored = np.ascontiguousarray(codes.transpose(2, 0, 1))[None]
    contestants: dict[str, Callable[[], Any]] = {
        "numpy": lambda: run(network, codes),
        "onnxruntime int8": lambda: session.run(None, {"x": stored})[0],
    }
    assert np.array_equal(run(network, codes), contestants["onnxruntime int8"]()[0].transpose(1, 2, 0))
    return alternate(contestants, repeats)


def whole_network(height: int, width: int, repeats: int) -> dict[str, float]:
    """Seconds a frame of Residual-3 with 64 channels."""
    torch.manual_seed(0)
    model = Residual(3, 64).eval()
    graph = deploy_form(trace(model))
    quantised = QuantNetwork(graph, calibrate(graph, [torch.rand(2, 3, 64, 64)])).eval()
    network = quantised.lower()
    frame = np.random.default_rng(2).integers(0, 256, (height, width, 3)).astype(np.uint8)
    x = (torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 256).contiguous(
        memory_format=torch.channels_last
    )
    model = preserve_layout(model)
    session = open_session(to_onnx(network).SerializeToString())
    half_up = replace(network, rounding=Rounding.HALF_UP)
    half_up_session = open_session(to_onnx(half_up).SerializeToString())
    stored = np.ascontiguousarray(frame.transpose(2, 0, 1))[None]
    contestants: dict[str, Callable[[], Any]] = {
        "numpy": lambda: run(network, frame),
        "brevitas fake-quantised": lambda: quantised(x),
        "torch float32": lambda: model(x),
        "onnxruntime int8": lambda: session.run(None, {"x": stored})[0],
        "numpy, half up": lambda: run(half_up, frame),
        "onnxruntime, half up": lambda: half_up_session.run(None, {"x": stored})[0],
    }
    with torch.inference_mode():
        for name, numbers in (("onnxruntime int8", network), ("onnxruntime, half up", half_up)):
            assert np.array_equal(run(numbers, frame), contestants[name]()[0].transpose(1, 2, 0))
        return alternate(contestants, repeats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--height", type=int, default=1080)
    parser.add_argument("--width", type=int, default=1920)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    torch.set_num_threads(available_cores())
    rates = one_layer(options.repeats)
    print(f"{cpu_name() or platform.processor()}, {torch.get_num_threads()} threads")
    share = rates["layer"] / rates["sgemm"]
    print(f"64->64 3x3 at 960x540: {rates['layer']:.0f} of sgemm's {rates['sgemm']:.0f} GFLOP/s: {share:.2f}")
    own = depthwise(options.repeats)
    ratio = own["numpy"] / own["onnxruntime int8"]
    print(
        f"four depthwise 3x3 of 32 channels at 480x270: {own['numpy']:.3f} s, {ratio:.1f} times ONNX Runtime"
    )
    seconds = whole_network(options.height, options.width, options.repeats)
    print(f"Residual-3/64 on {options.width}x{options.height}       s/frame   over numpy")
    for name, value in seconds.items():
        print(f"  {name:28} {value:9.2f} {value / seconds['numpy']:12.2f}")
    if options.json:
        facts = {"cpu": cpu_name(), "vnni": has_vnni(cpu_flags()), "threads": torch.get_num_threads()}
        frame = [options.height, options.width]
        document = {**facts, "frame": frame, "repeats": options.repeats, "gflops": rates, "seconds": seconds}
        document["depthwise"] = own
        options.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
