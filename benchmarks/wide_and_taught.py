"""What training wide, and a teacher, are worth: networks of the same size and steps, float and int8.

    python benchmarks/wide_and_taught.py runs/TEACHER --sizes 1x16,3x16,1x32 --seeds 2 > results.jsonl
    python benchmarks/wide_and_taught.py --plot results.jsonl -o docs/wide_and_taught.png

Each Residual-N (blocks x channels; or another --network) is trained on the photographs of the teacher's run:
plain, wide, taught and both, then fine-tuned in 8 bits; x2 PSNR is that of whole photographs. Equal seeds
have equal crops and starts.
"""

import argparse
import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hwrts.config import NetworkConfig
from hwrts.export import to_onnx
from hwrts.graph.trace import trace
from hwrts.metrics import psnr_db
from hwrts.networks.build import build_network
from hwrts.networks.wide import collapse, widen
from hwrts.progress import SILENT
from hwrts.qat.fused import Fused
from hwrts.qat.range_penalty import CORRECTION, RangePenalty
from hwrts.runs.engines import onnx_engine
from hwrts.runs.folder import open_run
from hwrts.runs.quantise import calibration_inputs, qat_schedule, start_qat
from hwrts.runs.session import Session, open_session
from hwrts.runs.teacher import load_teacher
from hwrts.training.aids import training_aids
from hwrts.training.checkpoint import preserve_layout
from hwrts.training.fit import Schedule, Teacher, Training, fit
from hwrts.training.precision import MixedPrecision
from hwrts.training.rts import float_upscaler

VARIANTS = ("plain", "wide", "taught", "both")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("teacher", type=Path, nargs="?")
    parser.add_argument("--network", default="residual")
    parser.add_argument("--sizes", default="1x16,3x16,1x32", help="blocks x channels, comma between")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--qat-steps", type=int, default=150)
    parser.add_argument("--rate", type=float, help="peak rate; that of the teacher's stage 1")
    parser.add_argument("--expand", type=int, default=4)
    parser.add_argument("--share", type=float, default=0.5)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    asked = parser.parse_args()
    if asked.plot is not None:
        plot([json.loads(line) for line in asked.plot.read_text().splitlines()], asked.output)
        return
    base = open_session(open_run(asked.teacher), SILENT)
    for seed in range(asked.first_seed, asked.first_seed + asked.seeds):
        remembered: dict[int, Tensor] = {}
        for size in asked.sizes.split(","):
            for variant in asked.variants.split(","):
                blocks, channels = map(int, size.split("x"))
                session = of_size(base, asked.network, blocks, channels, seed)
                row = measured(session, variant, asked, remembered)
                print(json.dumps({"size": size, "seed": seed, "variant": variant, **row}), flush=True)


def of_size(session: Session, name: str, blocks: int, channels: int, seed: int) -> Session:
    """The session with another network and seed."""
    network = NetworkConfig.model_validate({"name": name, "blocks": blocks, "channels": channels})
    config = session.config.model_copy(update={"network": network, "seed": seed})
    return dataclasses.replace(session, config=config)


def measured(
    session: Session, variant: str, asked: argparse.Namespace, remembered: dict[int, Tensor]
) -> dict[str, Any]:
    """A network trained in one way. Only the first that a seed's teacher teaches waits for its answers."""
    config = session.config
    torch.manual_seed(config.seed)
    model = preserve_layout(build_network(config.network))
    if variant in ("wide", "both"):
        widen(model, asked.expand, config.seed * 1000 + 1)
    teacher = None
    if variant in ("taught", "both"):
        answers = MixedPrecision(load_teacher(session.run, 1)).run
        teacher = Teacher(remembering(answers, remembered), asked.share)
    batches = session.batches(1, "hr")
    aids = training_aids(model)
    start = time.process_time()
    with RangePenalty(dict.fromkeys(aids.residuals, CORRECTION)) as penalty:
        fit(
            Training.start(model),
            MixedPrecision(model).run,
            batches,
            Schedule(asked.rate or config.rts.first_learning_rate, asked.steps),
            lambda done, loss: None,
            aids.constrain,
            penalty,
            aids.project,
            teacher=teacher,
        )
    seconds = time.process_time() - start
    collapse(model.eval())
    exact = float_upscaler(model, model, session.device.name)
    float_db = value(session, lambda pixels: np.rint(exact(pixels)).astype(np.uint8))
    qat = config.qat.model_copy(update={"steps": asked.qat_steps})
    torch.manual_seed(config.seed)
    quantised = start_qat(trace(model), qat, calibration_inputs(batches, batches), SILENT)
    with RangePenalty(quantised.signed_convs()) as penalty:
        training = Training.start(quantised)
        hold = quantised.holding(training, qat.steps)
        told = Fused(quantised)
        fit(training, told, batches, qat_schedule(qat), lambda done, loss: None, hold, penalty)
    network = quantised.eval().lower()
    engine = onnx_engine(to_onnx(network).SerializeToString(), network)
    return {
        "parameters": sum(each.numel() for each in model.parameters()),
        "float_db": round(float_db, 4),
        "int8_db": round(value(session, engine.upscale), 4),
        "ms_a_step": round(1000 * seconds / asked.steps, 1),
    }


def remembering(answers: Callable[[Any], Tensor], known: dict[int, Tensor]) -> Callable[[Any], Tensor]:
    """A teacher's answers to the batches of a seed, step by step: equal for each network that it teaches."""
    step = iter(range(10**9))

    def answered(x: Any) -> Tensor:
        n = next(step)
        if n not in known:
            known[n] = answers(x).float()
        return known[n]

    return answered


def value(session: Session, upscale: Callable[[Any], Any]) -> float:
    """Mean x2 PSNR of the validation photographs."""
    pairs = zip(session.val.pictures("lr"), session.val.pictures("hr"), strict=True)
    return mean(psnr_db(upscale(np.array(lr)), np.array(original)) for lr, original in pairs)


def plot(rows: list[dict[str, Any]], output: Path) -> None:
    """Fronts with and without, float and int8: dots are seeds, lines their means."""
    import matplotlib.pyplot as plt

    colours = {"plain": "#555555", "wide": "#3b7dd8", "taught": "#d9772b", "both": "#4a9c5d"}
    figure, panels = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    for panel, kind in zip(panels, ("float", "int8"), strict=True):
        for variant, colour in colours.items():
            mine = [row for row in rows if row["variant"] == variant]
            if not mine:
                continue
            sizes = sorted({row["parameters"] for row in mine})
            of = {size: [row[f"{kind}_db"] for row in mine if row["parameters"] == size] for size in sizes}
            panel.plot(sizes, [mean(of[size]) for size in sizes], color=colour, label=variant)
            panel.scatter(
                [row["parameters"] for row in mine], [row[f"{kind}_db"] for row in mine], s=12, color=colour
            )
        panel.set(title=kind, xlabel="deployed parameters", xscale="log")
        panel.grid(visible=True, alpha=0.3)
    panels[0].set_ylabel("x2 PSNR of 7 photographs, dB")
    panels[0].legend(frameon=False)
    figure.savefig(output, dpi=110)


if __name__ == "__main__":
    main()
