"""How fast clips go through a network, beside ONNX Runtime alone: frames a second, by turns.

    python -m benchmarks.video_speed [--size 960x540] [--frames 40] [--repeats 3] [--colour luma]

Residual-1/8, 1/32 and 3/64 at the same size, of red, green and blue, or of luma. A clip of 4:2:0 and 8 bits,
moving and with noise, goes from Y4M to Y4M (conversions, tiles and threads are all that is added), and from
H.264 to H.264 by libx264 (preset veryfast: decoding and encoding as well). ONNX Runtime alone has one whole
frame again and again, with as many threads. Each turn measures all of them; the ratio is the median of the
turns'. CPU seconds of all threads say what is added where cores are shared with others. --json FILE keeps it.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import av
import numpy as np

from benchmarks.c_speed import made
from hwrts.data.luma import Luma
from hwrts.export import open_session, run_session, to_onnx
from hwrts.export.cpu import cpu_name
from hwrts.runs.engines import Deployed, onnx_engine
from hwrts.video.encoding import Encoding
from hwrts.video.enhance import enhance_clip
from hwrts.video.source import Clip

NETWORKS = {"Residual-1/8": (1, 8), "Residual-1/32": (1, 32), "Residual-3/64": (3, 64)}
"""Blocks and channels."""


def write_clip(path: Path, width: int, height: int, frames: int) -> None:
    """A slope that moves, and noise."""
    y4m = path.suffix == ".y4m"
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 12, (height, width))
    y, x = np.mgrid[:height, :width]
    with av.open(str(path), "w", format="yuv4mpegpipe" if y4m else None) as out:
        options = {} if y4m else {"preset": "veryfast", "crf": "16"}
        stream = out.add_stream("rawvideo" if y4m else "libx264", rate=Fraction(25), options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            frame = av.VideoFrame(width, height, "yuv420p")
            for index, plane in enumerate(frame.planes):
                codes = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
                step = 2 if index else 1
                moved = (x + y + 3 * number) % 200 + 20 + np.roll(noise, 5 * number, 1)
                codes[: plane.height, : plane.width] = moved[::step, ::step]
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def timed(function: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and CPU seconds of all threads."""
    start, cpu = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - start, time.process_time() - cpu


def through(source: Path, output: Path, network: Deployed, encoding: Encoding) -> None:
    """A whole clip."""
    through = network.enhance if network.luma is None else network.enhance_seen
    clip = Clip(str(source), str(source))
    done, _ = enhance_clip(clip, output, through, 1, encoding, luma=network.luma)
    assert not done.interrupted


def measured(name: str, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """One network: a row."""
    width, height = map(int, arguments.size.split("x"))
    blocks, channels = NETWORKS[name]
    luma = Luma() if arguments.colour == "luma" else None
    planes = 3 if luma is None else 1
    integers = made(blocks, channels, True, planes)
    model = to_onnx(integers).SerializeToString()
    session, network = open_session(model), onnx_engine(model, integers, luma=luma)
    codes = np.random.default_rng(1).integers(0, 256, (1, planes, height, width)).astype(np.uint8)

    def alone() -> None:
        for _ in range(arguments.frames):
            run_session(session, integers, codes)

    ways: dict[str, Callable[[], object]] = {
        "alone": alone,
        "y4m": partial(through, folder / "in.y4m", folder / "out.y4m", network, Encoding()),
        "h264": partial(through, folder / "in.mp4", folder / "out.mkv", network, Encoding(preset="veryfast")),
    }
    turns = [{way: timed(run) for way, run in ways.items()} for _ in range(arguments.repeats)]
    row: dict[str, Any] = {"network": name, "colour": arguments.colour, "size": arguments.size}
    row["frames"] = arguments.frames
    for way in ways:
        row[f"{way}_frames_per_second"] = round(max(arguments.frames / turn[way][0] for turn in turns), 2)
        row[f"{way}_cpu_ms"] = round(median(1000 * turn[way][1] / arguments.frames for turn in turns), 1)
        row[f"{way}_time_ratio"] = round(median(turn[way][0] / turn["alone"][0] for turn in turns), 3)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", default="960x540")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--colour", choices=("rgb", "luma"), default="rgb")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    print(f"{cpu_name()}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
    print(
        f"{'network':14} {'size':>10} "
        + " ".join(f"{way + ' f/s':>9} {'cpu ms':>7} {'time':>6}" for way in ("alone", "y4m", "h264"))
    )
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in ("in.y4m", "in.mp4"):
            write_clip(folder / name, width, height, arguments.frames)
        for name in NETWORKS:
            row = measured(name, folder, arguments)
            rows.append(row)
            cells = " ".join(
                f"{row[way + '_frames_per_second']:9.2f} {row[way + '_cpu_ms']:7.1f} "
                f"{row[way + '_time_ratio']:6.2f}"
                for way in ("alone", "y4m", "h264")
            )
            print(f"{name:14} {arguments.size:>10} {cells}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
