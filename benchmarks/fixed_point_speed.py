"""Speed of one integer convolution: the int64 definition, the fast path, and torch float32, in one run.

    python benchmarks/fixed_point_speed.py [--height 540] [--width 960] [--repeats 5] [--threads 2]

Times on a shared machine wander; the ratios within one run are what to compare.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from functools import partial
from statistics import median

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--height", type=int, default=540)
parser.add_argument("--width", type=int, default=960)
parser.add_argument("--repeats", type=int, default=5)
parser.add_argument("--threads", type=int, default=2, help="cores for NumPy and torch alike")
options = parser.parse_args()
if hasattr(os, "sched_setaffinity"):  # cores that NumPy's and torch's threads share
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])

import numpy as np  # noqa: E402

from hwrts.fixed_point import PIXEL, Conv, Format, Input, Network, Rounding, conv_bounds, run  # noqa: E402

CROP = 32  # the int64 definition takes a minute for a whole frame; its time is per pixel


def milliseconds(function: Callable[[], object]) -> float:
    """Median over the repeats, after one call that is not counted."""
    function()
    times = []
    for _ in range(options.repeats):
        start = time.perf_counter()
        function()
        times.append(1e3 * (time.perf_counter() - start))
    return median(times)


def layer(channels: int) -> Conv:
    rng = np.random.default_rng(1)
    weight = rng.integers(-60, 61, (channels, channels, 3, 3)).astype(np.int8)
    bias = rng.integers(-999, 1000, channels).astype(np.int32)
    return Conv("y", "x", weight, np.full(channels, 7, np.int32), bias, Format(False, 8, 3))


def torch_milliseconds(conv: Conv, codes: np.ndarray) -> float | None:
    """Torch's float32 convolution, channels last, which neither rounds nor saturates; None without torch."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(options.threads)
    weight = torch.from_numpy(conv.weight_i8.astype(np.float32)).contiguous(memory_format=torch.channels_last)
    bias = torch.from_numpy(conv.bias_i32.astype(np.float32))
    x = torch.from_numpy(codes.astype(np.float32)).permute(2, 0, 1)[None]  # (1, C, H, W), channels last
    with torch.inference_mode():
        return milliseconds(lambda: torch.nn.functional.conv2d(x, weight, bias, padding=1))


def measure(channels: int) -> list[tuple[str, float]]:
    """What was run and its milliseconds per frame, torch last if it is installed."""
    conv = layer(channels)
    assert conv_bounds(conv, PIXEL).exact_in_float32
    frame = (options.height, options.width, channels)
    codes = np.random.default_rng(2).integers(0, 256, frame).astype(np.uint8)
    crop = codes[:CROP, :CROP]
    rows = []
    for rounding in (Rounding.HALF_EVEN, Rounding.HALF_UP, Rounding.HALF_AWAY):
        network = Network((Input("x", channels, PIXEL),), (conv,), rounding)
        assert np.array_equal(run(network, crop, "int64"), run(network, crop, "fast"))
        rows.append((f"fast {rounding.value}", milliseconds(partial(run, network, codes, "fast"))))
    slow = milliseconds(partial(run, network, crop, "int64"))
    rows.append((f"int64 ({CROP}x{CROP} crop)", slow * codes.size / crop.size))
    reference = torch_milliseconds(conv, codes)
    return rows if reference is None else [*rows, ("torch float32", reference)]


def main() -> None:
    pixels = options.height * options.width
    print(f"{platform.machine()}, {options.threads} threads, {options.width}x{options.height}, 3x3")
    print(f"{'layer':>8} {'what':<20} {'ms/frame':>9} {'GMAC/s':>7} {'over fast':>10}")
    for channels in (64, 32):
        rows = measure(channels)
        for what, ms in rows:
            rate = pixels * channels * channels * 9 / ms / 1e6
            print(f"{channels:>4}->{channels:<3}{what:<20} {ms:>9.1f} {rate:>7.1f} {ms / rows[0][1]:>10.2f}")


if __name__ == "__main__":
    main()
