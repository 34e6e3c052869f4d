"""How long a step of quantisation-aware fine-tuning takes beside a float32 step of the same network.

    python benchmarks/qat_speed.py [--repeats 30] [--threads 1] [--json FILE]

Residual-1/32 and Residual-3/64, batch 8 of 64x64: the float step in the layout that `hwrts run` trains in, in
that of torch (planes), the step of fine-tuning as `hwrts run` takes it, and that through Brevitas' modules
alone. CPU seconds of the process, as cores are shared, and seconds of the clock: of two threads the one that
waits is counted in the first. Medians of the ratio of each turn to the first float step. The values of both
quantised forms are compared first: none may differ.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hwrts.graph.deploy import deploy_form
from hwrts.graph.trace import trace
from hwrts.networks import Residual
from hwrts.qat.calibrate import calibrate
from hwrts.qat.fused import Fused
from hwrts.qat.network import QuantNetwork
from hwrts.training.checkpoint import preserve_layout
from hwrts.training.fit import Training
from hwrts.training.memory import kept_memory

NETWORKS = {"Residual-1/32": (1, 32), "Residual-3/64": (3, 64)}


def quantised(blocks: int, channels: int) -> QuantNetwork:
    """The same network each time: weights as they start."""
    torch.manual_seed(0)
    graph = deploy_form(trace(Residual(blocks, channels).eval()))
    return QuantNetwork(graph, calibrate(graph, [torch.rand(2, 3, 64, 64)])).train()


def step_of(
    training: Training, forward: Callable[[Tensor], Tensor], x: Tensor, target: Tensor
) -> tuple[float, float]:
    """CPU seconds and seconds of the clock of one step."""
    start, clock = time.process_time(), time.perf_counter()
    training.optimizer.zero_grad(set_to_none=True)
    F.mse_loss(forward(x), target).backward()  # type: ignore[no-untyped-call]
    training.optimizer.step()
    return time.process_time() - start, time.perf_counter() - clock


@kept_memory()
def measure(blocks: int, channels: int, repeats: int) -> dict[str, Any]:
    """Milliseconds of the float step, and the ratio of each other to it, of the processor and the clock."""
    torch.manual_seed(1)
    x, target = torch.rand(8, 3, 64, 64), torch.rand(8, 3, 128, 128)
    slow, fast = quantised(blocks, channels), quantised(blocks, channels)
    fused = Fused(fast)
    values = slow.values(x)
    differing = sum(int((values[name] != found).sum()) for name, found in fused.values(x).items())
    model, planes = preserve_layout(Residual(blocks, channels)).train(), Residual(blocks, channels).train()
    contenders: list[tuple[Training, Callable[[Tensor], Tensor]]] = [
        (Training.start(model), model),
        (Training.start(planes), planes),
        (Training.start(fast), fused),
        (Training.start(slow), slow),
    ]
    turns = []
    for turn in range(repeats + 3):  # the first ones choose their kernels
        seconds = [step_of(training, forward, x, target) for training, forward in contenders]
        if turn >= 3:
            turns.append(seconds)
    found: dict[str, Any] = {"differing_values": differing}
    for kind, name in enumerate(("cpu", "clock")):
        found[name] = {"float_ms": 1e3 * median(turn[0][kind] for turn in turns)}
        for place, contender in enumerate(("planes", "qat", "brevitas"), 1):
            found[name][contender] = median(turn[place][kind] / turn[0][kind] for turn in turns)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    found = {}
    for name, (blocks, channels) in NETWORKS.items():
        found[name] = result = measure(blocks, channels, arguments.repeats)
        print(f"{name}: {result['differing_values']:,} values differ")
        for kind in ("cpu", "clock"):
            taken = result[kind]
            print(
                f"  {kind}: float step {taken['float_ms']:.1f} ms, QAT {taken['qat']:.2f} times that, "
                f"by Brevitas alone {taken['brevitas']:.2f}; float of planes {taken['planes']:.2f}",
                flush=True,
            )
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
