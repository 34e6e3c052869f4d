"""What whole commands take with fine-tuning as it is, and through Brevitas' modules alone.

    python -m benchmarks.qat_runs [--repeats 1] [--json FILE] [run] [sweep] [table2]

`hwrts run`, a sweep of two networks and `hwrts reproduce table2 --int8`, each by turns in child processes of
one thread, on the embedded photographs and with few steps. CPU seconds of the child, as cores are shared, and
of its fine-tunings; all else (float training, targets, export, proof) is the same work in both. What both end
with is compared: codes of weights, and biases, of every int8 network.

table2 is of budget tiny with two stages in place of eight; its float training is made once, and the child
adds what `--int8` adds.
"""

import argparse
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from hwrts.fixed_point import load_network

RUN = "run --stages 1 --first-steps 30 --qat-steps 100 --same-size-steps 30 --no-score --quiet -o"
TABLE2 = "reproduce table2 --budget tiny --quiet -o"
SWEEP: dict[str, Any] = {
    "axes": {"network.channels": [8, 16]},
    "base": {"rts": {"stages": 1, "first_steps": 30}, "qat": {"steps": 100, "same_size": False}},
    "halving": {"rungs": 1},
}

MODES = ("fused", "brevitas")

MEASURED = ["run", "sweep", "table2"]


def main() -> None:
    """Print seconds side by side."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("commands", nargs="*", metavar="COMMAND", default=MEASURED)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    for command in arguments.commands:
        if command not in MEASURED:
            parser.error(f"{command!r} is not measured; name some of {', '.join(MEASURED)}, or none for all")
    found: dict[str, Any] = {}
    for command in arguments.commands:
        with tempfile.TemporaryDirectory() as folder:
            found[command] = result = compared(command, Path(folder), arguments.repeats)
        whole, tuning = result["cpu_s"], result["tuning_cpu_s"]
        print(
            f"{command}: {whole['brevitas']:.1f} s of CPU by Brevitas alone, {whole['fused']:.1f} as it is; "
            f"of them fine-tuning {tuning['brevitas']:.1f} and {tuning['fused']:.1f} "
            f"({tuning['brevitas'] / tuning['fused']:.2f} times); "
            f"{result['differing']:,} of {result['numbers']:,} weights and biases differ",
            flush=True,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


def compared(command: str, folder: Path, repeats: int) -> dict[str, Any]:
    """A command in both ways, by turns."""
    if command == "table2":
        child("table2 float", "fused", folder / "begun")
    turns: dict[str, list[dict[str, float]]] = {mode: [] for mode in MODES}
    for _ in range(repeats):
        for mode in MODES:
            shutil.rmtree(folder / mode, ignore_errors=True)
            if command == "table2":
                shutil.copytree(folder / "begun", folder / mode)
            turns[mode].append(child(command, mode, folder / mode))
    networks = [sorted(path.parent for path in (folder / mode).rglob("network.json")) for mode in MODES]
    pairs = [differing(a, b) for a, b in zip(*networks, strict=True)]
    return {
        **{
            key: {mode: median(turn[key] for turn in turns[mode]) for mode in MODES}
            for key in turns["fused"][0]
        },
        "differing": sum(pair[0] for pair in pairs),
        "numbers": sum(pair[1] for pair in pairs),
    }


def child(command: str, mode: str, output: Path) -> dict[str, float]:
    """CPU seconds of a command, and of its fine-tunings."""
    program = f"from benchmarks.qat_runs import inside; inside({command!r}, {mode!r}, {str(output)!r})"
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=one_thread)
    if done.returncode:
        sys.exit(f"{done.stderr}{command} ({mode}) ended with {done.returncode}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def inside(command: str, mode: str, output: str) -> None:
    """In the child: run the command, and print what it took."""
    pipeline: Any = importlib.import_module("hwrts.runs.pipeline")
    if mode == "brevitas":
        pipeline.Fused = lambda network: network
    tuning, train = 0.0, pipeline.train_resumably

    def timed(session: Any, stage: Any, phase: str, *rest: Any, **others: Any) -> None:
        nonlocal tuning
        start = time.process_time()
        train(session, stage, phase, *rest, **others)
        tuning += 0.0 if phase == "float" else time.process_time() - start

    pipeline.train_resumably = timed
    COMMANDS[command](Path(output))
    print(json.dumps({"cpu_s": time.process_time(), "tuning_cpu_s": tuning}))


def _cli(line: str) -> None:
    from hwrts.cli import main as hwrts_main

    sys.argv = ["hwrts", *line.split()]
    try:
        hwrts_main()
    except SystemExit as end:
        if end.code:
            raise


def _table2(output: Path, *flags: str) -> None:
    from hwrts.reproduce import budgets

    budgets._PAPER_STAGES = 2
    _cli(" ".join([TABLE2, str(output), *flags]))


def _sweep(output: Path) -> None:
    """In this process: a worker would know nothing of what is measured."""
    from hwrts.progress import Silent
    from hwrts.sweep.runner import Sweep
    from hwrts.sweep.spec import parse_spec
    from hwrts.sweep.workers import Workers, run_quietly

    def submit(task: Any) -> "Future[dict[str, Any]]":
        done: Future[dict[str, Any]] = Future()
        done.set_result(run_quietly(task))
        return done

    Sweep(output, parse_spec(SWEEP, "benchmark")).run(Workers(1, submit), Silent())


COMMANDS: dict[str, Callable[[Path], None]] = {
    "run": lambda output: _cli(f"{RUN} {output}"),
    "sweep": _sweep,
    "table2 float": _table2,
    "table2": lambda output: _table2(output, "--int8"),
}


def differing(one: Path, other: Path) -> tuple[int, int]:
    """How many weights and biases of two integer networks of one form differ, and how many there are."""
    count, numbers = 0, 0
    for a, b in zip(load_network(one).convs, load_network(other).convs, strict=True):
        for x, y in ((a.weight_i8, b.weight_i8), (a.bias_i32, b.bias_i32)):
            count += int(np.count_nonzero(x != y))
            numbers += x.size
    return count, numbers


if __name__ == "__main__":
    main()
