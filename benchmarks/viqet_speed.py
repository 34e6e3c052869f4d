"""Seconds that VIQET takes: a picture on one core, and files in one process against one a core.

    python benchmarks/viqet_speed.py [--height 1356] [--width 2040] [--repeats 5] [--files 8] [--json FILE]

The picture is a mirrored mosaic of two photographs of scikit-image. Of the single picture, wall and CPU
seconds of the best of the repeats are printed (on a machine with other work the CPU seconds are the ones to
compare), and the peak memory of this process; of the files, wall seconds and their ratio, processes' start
included.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import numpy as np
from skimage import data

from hwrts.data import write_image
from hwrts.fixed_point.cores import available_cores
from hwrts.metrics.viqet import score, score_files


def mosaic(height: int, width: int) -> np.ndarray:
    """(H, W, 3) uint8."""
    pair = np.concatenate([data.astronaut()[:400, :400], data.coffee()[:400, :600]], 1)
    wide = np.concatenate([pair, pair[:, ::-1]], 1)
    tile = np.concatenate([wide, wide[::-1]], 0)
    return np.tile(tile, (height // tile.shape[0] + 1, width // tile.shape[1] + 1, 1))[:height, :width]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--height", type=int, default=1356)
    parser.add_argument("--width", type=int, default=2040)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    picture = mosaic(options.height, options.width)
    score(picture[:200, :300])  # the filter banks are made once
    wall, cpu = [], []
    for _ in range(options.repeats):
        start, used = time.perf_counter(), time.process_time()
        result = score(picture)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{options.width}x{options.height}, raw MOS {result.mos_raw:.3f}, one thread:")
    print(f"  {min(wall):.2f} s ({min(cpu):.2f} s of CPU), best of {options.repeats}; peak {peak:.0f} MiB")
    figures = {"wall": min(wall), "cpu": min(cpu), "peak_mib": peak}
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{i}.png" for i in range(options.files)]
        for path in paths:
            write_image(path, picture)
        for workers in sorted({1, available_cores()}):
            start = time.perf_counter()
            score_files(paths, workers)
            figures[f"files_{workers}"] = time.perf_counter() - start
            print(f"  {options.files} files in {workers} processes: {figures[f'files_{workers}']:.2f} s")
    print(f"  ratio {figures['files_1'] / figures[f'files_{available_cores()}']:.2f}")
    if options.json:
        facts = {"size": [options.height, options.width], "cores": available_cores()}
        options.json.write_text(json.dumps({**facts, **figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
