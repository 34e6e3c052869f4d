"""What a network makes of the picture's border, and what each way to pad costs.

    python benchmarks/borders.py STAGE... [--data FOLDER] [--width 960] [--height 540] [--repeats 7]

Three ways for the integers of each stage's folder: zeros around every layer; edges replicated in every layer
(arithmetic.md, eq. 2b); zeros in every layer of a picture whose own edges were replicated once, as far as the
network sees, and cut off again. Flat pictures of every level: the largest difference of a border code from
the middle. Photographs: windows cut out of them, against the same place of the network run on all of it;
inside the halo that is equal, so the error is that of the outer 8 pixels. ONNX Runtime: medians by turns.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from hwrts.data import read_image
from hwrts.export import open_session, to_onnx
from hwrts.fixed_point import Network, Padding, load_network, plan_lines, run
from hwrts.fixed_point.codes import Codes

FRAME = 8
"""Input pixels on each side that count as the border."""
WINDOW = 128
"""Side of the windows that are cut out of photographs."""

Picture = NDArray[np.uint8]
Run = Callable[[Picture], Codes]


def padded(network: Network, padding: Padding) -> Network:
    """The same integers with another padding in every convolution."""
    layers = {layer.name: layer for layer in network.layers}
    layers |= {conv.name: replace(conv, padding=padding) for conv in network.convs}
    return replace(network, layers=tuple(layers.values()), like=None)


def run_padded_once(network: Network, pixels: Picture) -> Codes:
    """The network on a picture whose edges were replicated as far as it sees, cut back to size."""
    halo, scale = network.halo, int(network.scales[network.output])
    wide = run(network, np.pad(pixels, ((halo, halo), (halo, halo), (0, 0)), mode="edge"))
    cut = slice(halo * scale, -halo * scale)
    return wide[cut, cut]


def onnx_padded_once(network: Network) -> bytes:
    """The same as a file: one Pad in front of everything, one Slice behind."""
    model = to_onnx(network)
    (source,), (output,) = network.inputs, model.graph.output
    halo, scale = network.halo, int(network.scales[network.output])
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            if name == source.name:
                node.input[i] = "wide"
        for i, name in enumerate(node.output):
            if name == output.name:
                node.output[i] = "wide_output"
        for i, name in enumerate(node.input):
            if name == output.name:
                node.input[i] = "wide_output"
    constants = {
        "pads": [0, 0, halo, halo] * 2,
        "from": [halo * scale] * 2,
        "to": [-halo * scale] * 2,
        "axes": [2, 3],
    }
    for name, values in constants.items():
        model.graph.initializer.append(numpy_helper.from_array(np.array(values, np.int64), name))
    model.graph.node.insert(0, helper.make_node("Pad", [source.name, "pads"], ["wide"], mode="edge"))
    model.graph.node.append(helper.make_node("Slice", ["wide_output", "from", "to", "axes"], [output.name]))
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def flat_difference(function: Run, scale: int) -> int:
    """The largest difference between a code at the border and the same phase in the middle, any level."""
    worst = 0
    for level in range(256):
        made = function(np.full((40, 40, 3), level, np.uint8)).astype(int)
        cells = made.reshape(40, scale, 40, scale, 3)
        worst = max(worst, int(np.abs(cells - cells[20:21, :, 20:21]).max()))
    return worst


def border_error(
    function: Run, whole: Run, photographs: list[Picture], scale: int
) -> tuple[float, float, float]:
    """Mean and 99th percentile of the error in the outer FRAME pixels, and the mean inside, in codes."""
    outer, inner = [], []
    for pixels in photographs:
        top, left = (size // 2 - WINDOW // 2 for size in pixels.shape[:2])
        place = (slice(top * scale, (top + WINDOW) * scale), slice(left * scale, (left + WINDOW) * scale))
        found = function(pixels[top : top + WINDOW, left : left + WINDOW]).astype(int)
        error = np.abs(found - whole(pixels)[place])
        inside = np.zeros(error.shape[:2], bool)
        cut = slice(FRAME * scale, -FRAME * scale)
        inside[cut, cut] = True
        outer.append(error[~inside])
        inner.append(error[inside])
    border = np.concatenate(outer)
    return float(border.mean()), float(np.percentile(border, 99)), float(np.concatenate(inner).mean())


def by_turns(files: dict[str, bytes], stored: NDArray[np.uint8], repeats: int) -> dict[str, float]:
    """Median seconds of each file in ONNX Runtime, after one turn that is not counted."""
    sessions = {name: open_session(model) for name, model in files.items()}
    seconds: dict[str, list[float]] = {name: [] for name in files}
    for turn in range(repeats + 1):
        for name, session in sessions.items():
            start = time.perf_counter()
            session.run(None, {"x": stored})
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: median(values) for name, values in seconds.items()}


def report(stage: Path, photographs: list[Picture], size: tuple[int, int], repeats: int) -> None:
    """Print the table of one stage."""
    network = load_network(stage)
    scale, halo = int(network.scales[network.output]), network.halo
    zero, replicated = padded(network, Padding.ZERO), padded(network, Padding.REPLICATE)
    runs: dict[str, Run] = {
        "zeros in every layer": partial(run, zero),
        "replicated in every layer": partial(run, replicated),
        "replicated once, cut off": partial(run_padded_once, zero),
    }
    files = dict(
        zip(
            runs,
            [
                to_onnx(zero).SerializeToString(),
                to_onnx(replicated).SerializeToString(),
                onnx_padded_once(zero),
            ],
            strict=True,
        )
    )
    rng = np.random.default_rng(0)
    stored = rng.integers(0, 256, (1, 3, *size), np.uint8)
    seconds = by_turns(files, stored, repeats)
    first = seconds["zeros in every layer"]
    pixels = stored[0].transpose(1, 2, 0)[:97, :101]
    print(f"{stage}: scale {scale}, halo {halo}, {size[1]}x{size[0]} in ONNX Runtime")
    columns = ("flat", "outer 8: mean", "99 %", "inside", "seconds", "ratio", "pixels", "KiB at 1920")
    print(f"{'':28}" + "".join(f"{column:>15}" for column in columns))
    for name, function in runs.items():
        session = open_session(files[name])
        (found,) = session.run(None, {"x": np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])})
        assert np.array_equal(found[0].transpose(1, 2, 0), function(pixels)), name
        border = halo if name == "replicated once, cut off" else 0
        grown = (size[0] + 2 * border) * (size[1] + 2 * border) / (size[0] * size[1])
        line_kib = sum(plan_lines(network.steps).bits(1920 + 2 * border).values()) / 8192
        mean, high, inner = border_error(function, partial(run, zero), photographs, scale)
        cells = [flat_difference(function, scale), f"{mean:.2f}", f"{high:.0f}", f"{inner:.2f}"]
        cells += [f"{seconds[name]:.3f}", f"{seconds[name] / first:.2f}", f"{grown:.3f}", f"{line_kib:.1f}"]
        print(f"{name:28}" + "".join(f"{cell!s:>15}" for cell in cells))


def main() -> None:
    """Measure every stage."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stages", nargs="+", type=Path, help="folders with network.json")
    parser.add_argument("--data", type=Path, help="folder of photographs of at least 200 pixels")
    parser.add_argument("--width", type=int, default=960)
    parser.add_argument("--height", type=int, default=540)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    photographs = (
        [read_image(path)[:400, :400] for path in sorted(args.data.glob("*.png"))] if args.data else []
    )
    if not photographs:
        rng = np.random.default_rng(1)
        photographs = [rng.integers(0, 256, (300, 300, 3), np.uint8)]
        print("no --data: noise in place of photographs")
    for stage in args.stages:
        report(stage, photographs, (args.height, args.width), args.repeats)


if __name__ == "__main__":
    main()
