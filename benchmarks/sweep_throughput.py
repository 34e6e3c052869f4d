"""What a sweep costs beside its trainings, and what a second worker gains.

    python benchmarks/sweep_throughput.py [--data DIR --val DIR] [--first-steps 300] [--repeats 3]

The same eight networks (no halving) are swept with one worker on all cores and with two on half of them
each, by turns; medians. Overhead in a trial is what its seconds hold beside training, quantisation, export,
measurement and verification: photographs decoded, libraries loaded, reports, waiting for a float network that
another worker trains. Idle time is its share of the time in which workers had nothing to do.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from hwrts.files.read import read_json
from hwrts.progress import Silent
from hwrts.sweep.folder import finished
from hwrts.sweep.results import read_rows
from hwrts.sweep.runner import Sweep
from hwrts.sweep.spec import parse_spec
from hwrts.sweep.workers import local_workers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--val", type=Path)
    parser.add_argument("--first-steps", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    data = {"train": arguments.data, "val": arguments.val}
    document: dict[str, Any] = {
        "axes": {"network.blocks": [1, 2], "network.channels": [8, 16], "qat.weight_bits": [6, 8]},
        "base": {
            "data": {key: str(path.resolve()) for key, path in data.items() if path is not None},
            "rts": {"stages": 1, "first_steps": arguments.first_steps},
            "qat": {"steps": arguments.first_steps // 3},
        },
        "halving": {"rungs": 1},
    }
    wall: dict[int, list[float]] = {1: [], 2: []}
    inside: dict[int, list[float]] = {1: [], 2: []}
    outside: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(arguments.repeats):
            for count in (1, 2):
                root = Path(folder) / f"{repeat}-{count}"
                start = time.perf_counter()
                with local_workers(count) as workers:
                    Sweep(root, parse_spec(document, "benchmark")).run(workers, Silent())
                wall[count].append(time.perf_counter() - start)
                trials = [finished(root, row["key"], 0) or {} for row in read_rows(root)]
                seconds = sum(trial["seconds"] for trial in trials)
                inside[count].append((seconds - work_seconds(root)) / len(trials))
                outside[count].append((count * wall[count][-1] - seconds) / len(trials))
                print(f"{count} workers, repeat {repeat}: {wall[count][-1]:.1f} s", flush=True)
    print("workers  wall s  overhead in a trial, s  idle time a trial, s")
    for count in (1, 2):
        values = (statistics.median(each[count]) for each in (wall, inside, outside))
        print(f"{count:7}" + "".join(f"{value:12.2f}" for value in values))
    print(f"two workers over one: {statistics.median(wall[1]) / statistics.median(wall[2]):.2f} x")


def work_seconds(root: Path) -> float:
    """What any run would take: each float training once, and every trial's quantisation to verification."""
    shared = {"train", "targets"}
    own = [read_json(path) for path in root.glob("trials/*/rung0/stage1/seconds.json")]
    floats = [read_json(path) for path in root.glob("floats/*/rung0/stage1/seconds.json")]
    seconds: list[float] = [s for pieces in own for name, s in pieces.items() if name not in shared]
    seconds += [s for pieces in floats for name, s in pieces.items() if name in shared]
    return sum(seconds)


if __name__ == "__main__":
    main()
