"""What training wide, a teacher and pruning are worth: networks of equal size and steps, float and int8.

    python benchmarks/small_networks.py runs/TEACHER results.jsonl --sizes 1x8,1x16 --seeds 2 --steps 3000
    python benchmarks/small_networks.py --plot results.jsonl -o docs/wide_and_taught.png

Each Residual-N (blocks x channels; or another --network) is trained on the photographs of the teacher's run:
plain, wide, taught, and pruned as in a sweep (half of the steps with more channels), then fine-tuned in 8
bits; x2 PSNR is that of whole photographs. Equal seeds have equal crops and starts. A line of the results is
a network; what is there already is not trained again.
"""

import argparse
import dataclasses
import itertools
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hwrts.config import NetworkConfig
from hwrts.cost.budget import Limits
from hwrts.export import to_onnx
from hwrts.graph.trace import trace
from hwrts.metrics import psnr_db
from hwrts.networks.build import build_network, planes_of
from hwrts.networks.channels import Group, groups_of
from hwrts.networks.wide import collapse, shares_of_rate, widen
from hwrts.progress import SILENT
from hwrts.qat.fused import Fused
from hwrts.qat.range_penalty import CORRECTION, RangePenalty
from hwrts.runs.budget import network_costs
from hwrts.runs.engines import onnx_engine
from hwrts.runs.folder import open_run
from hwrts.runs.narrower import Importances, Units, down_to, whole
from hwrts.runs.prune import without_some
from hwrts.runs.quantise import calibration_inputs, qat_schedule, start_qat
from hwrts.runs.session import Session, open_session
from hwrts.runs.teacher import load_teacher
from hwrts.sweep.front import pareto_front
from hwrts.training.aids import training_aids
from hwrts.training.checkpoint import preserve_layout, save_weights
from hwrts.training.fit import Schedule, Teacher, Training, fit
from hwrts.training.precision import MixedPrecision
from hwrts.training.rts import float_upscaler

Answers = Callable[[Any], Tensor]

COLOURS = {"plain": "#555555", "wide": "#3b7dd8", "taught": "#d9772b", "pruned": "#4a9c5d"}
NAME = ("network", "size", "rate", "steps", "seed", "variant")
"""What tells two lines of results apart."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("teacher", type=Path, nargs="?")
    parser.add_argument("results", type=Path, nargs="?", help="JSON lines; new ones are added")
    parser.add_argument("--network", default="residual")
    parser.add_argument("--sizes", default="1x8,1x16,1x32,2x16", help="blocks x channels, comma between")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--variants", default=",".join(COLOURS))
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--qat-steps", type=int, default=150)
    parser.add_argument("--rate", type=float, help="peak rate; that of the teacher's stage 1")
    parser.add_argument("--expand", type=int, default=4)
    parser.add_argument("--share", type=float, default=0.5)
    parser.add_argument("--pruned-from", type=int, default=32, help="channels of what is pruned")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    asked = parser.parse_args()
    if asked.plot is not None:
        plot([json.loads(line) for line in asked.plot.read_text().splitlines()], asked.output)
        return
    base = open_session(open_run(asked.teacher), SILENT)
    rate = asked.rate or base.config.rts.first_learning_rate
    answers = remembering(MixedPrecision(load_teacher(base.run, 1)).run)
    lines = asked.results.read_text().splitlines() if asked.results.is_file() else []
    known = {tuple(row[key] for key in NAME) for row in map(json.loads, lines)}
    seeds = range(asked.first_seed, asked.first_seed + asked.seeds)
    for seed, size, variant in itertools.product(seeds, asked.sizes.split(","), asked.variants.split(",")):
        name = dict(zip(NAME, (asked.network, size, rate, asked.steps, seed, variant), strict=True))
        if tuple(name.values()) in known:
            continue
        blocks, channels = map(int, size.split("x"))
        session = of_size(base, asked.network, blocks, channels, seed)
        row = {**name, **measured(session, variant, rate, asked, answers)}
        print(json.dumps(row), flush=True)
        with asked.results.open("a") as file:
            file.write(json.dumps(row) + "\n")


def of_size(session: Session, name: str, blocks: int | None, channels: int, seed: int) -> Session:
    """The session with another network and seed."""
    network = NetworkConfig.model_validate({"name": name, "blocks": blocks, "channels": channels})
    config = session.config.model_copy(update={"network": network, "seed": seed})
    return dataclasses.replace(session, config=config)


def measured(
    session: Session, variant: str, rate: float, asked: argparse.Namespace, answers: Answers
) -> dict[str, Any]:
    """A network trained in one way."""
    config = session.config
    torch.manual_seed(config.seed)
    model = preserve_layout(build_network(config.network))
    teacher = Teacher(answers, asked.share) if variant == "taught" else None
    start, steps = time.process_time(), asked.steps
    if variant == "pruned":
        pruned(session, model, rate, asked)
        steps -= steps // 2
    if variant == "wide":
        widen(model, asked.expand, config.seed * 1000 + 1)
    train(session, model, rate, steps, teacher)
    seconds = time.process_time() - start
    collapse(model.eval())
    exact = float_upscaler(model, model, session.device.name)
    float_db = value(session, lambda pixels: np.rint(exact(pixels)).astype(np.uint8))
    batches = session.batches(1, "hr")
    qat = config.qat.model_copy(update={"steps": asked.qat_steps})
    torch.manual_seed(config.seed)
    quantised = start_qat(trace(model), qat, calibration_inputs(batches, batches), SILENT)
    with RangePenalty(quantised.signed_convs()) as penalty:
        training = quantised.fine_tuning()
        hold = quantised.holding(training, qat.steps)
        told = Fused(quantised)
        fit(training, told, batches, qat_schedule(qat), lambda done, loss: None, hold, penalty)
    network = quantised.eval().lower()
    costs = network_costs(quantised.graph, qat, Limits())
    engine = onnx_engine(to_onnx(network).SerializeToString(), network)
    return {
        "params": costs["params"],
        "line_kib": costs["line_kib"],
        "float_db": round(float_db, 4),
        "int8_db": round(value(session, engine.upscale), 4),
        "ms_a_step": round(1000 * seconds / asked.steps, 1),
    }


def train(
    session: Session, model: nn.Module, rate: float, steps: int, teacher: Teacher | None = None
) -> None:
    """Stage 1 of the session's run, without its files."""
    aids = training_aids(model)
    with RangePenalty(dict.fromkeys(aids.residuals, CORRECTION)) as penalty:
        fit(
            Training.start(model, shares_of_rate(model)),
            MixedPrecision(model).run,
            session.batches(1, "hr"),
            Schedule(rate, steps),
            lambda done, loss: None,
            aids.constrain,
            penalty,
            aids.project,
            teacher=teacher,
        )


def pruned(session: Session, model: nn.Module, rate: float, asked: argparse.Namespace) -> None:
    """Give a network what is left of a wider one that was trained for half of the steps."""
    config = session.config
    wider = of_size(session, config.network.name, config.network.blocks, asked.pruned_from, config.seed)
    torch.manual_seed(config.seed)
    source = preserve_layout(build_network(wider.config.network))
    train(wider, source, rate, asked.steps // 2)
    left = whole(groups_of(model, planes_of(config.network)))
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "wider.safetensors"
        save_weights(weights, source, {})

        def choose(groups: Sequence[Group], worth: Importances) -> Units:
            return down_to(groups, worth, left)

        narrow, *_ = without_some(wider, weights, 1, "gradient", choose, SILENT)
    model.load_state_dict(narrow.state_dict())


def remembering(ask: Answers) -> Answers:
    """A teacher that is asked once for each crop, whoever is taught; float16 is half of the memory."""
    known: dict[bytes, Tensor] = {}

    def answered(x: Tensor) -> Tensor:
        keys = [each.numpy().tobytes() for each in (x * 256).to(torch.uint8)]  # codes: a crop is its own key
        new = [i for i, key in enumerate(keys) if key not in known]
        if new:
            for i, y in zip(new, ask(x[new]).half(), strict=True):
                known[keys[i]] = y
        return torch.stack([known[key] for key in keys]).float()

    return answered


def value(session: Session, upscale: Callable[[Any], Any]) -> float:
    """Mean x2 PSNR of the validation photographs."""
    pairs = zip(session.val.pictures("lr"), session.val.pictures("hr"), strict=True)
    return mean(psnr_db(upscale(np.array(lr)), np.array(original)) for lr, original in pairs)


def plot(rows: list[dict[str, Any]], output: Path) -> None:
    """Fronts with and without, against what is deployed: dots are seeds, lines the front of their means."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    costs = {"params": "deployed parameters", "line_kib": "line memory of 2160p60, KiB"}
    for panel, (cost, label) in zip(panels, costs.items(), strict=True):
        for variant, colour in COLOURS.items():
            mine = [row for row in rows if row["variant"] == variant]
            if not mine:
                continue
            for kind, line in (("float", "--"), ("int8", "-")):
                of = [(row[cost], row[f"{kind}_db"]) for row in mine]
                means = [(size, mean(db for c, db in of if c == size)) for size in sorted({c for c, _ in of})]
                front = [means[i] for i in pareto_front(means)]
                panel.plot(*zip(*front, strict=True), line, color=colour, label=f"{variant}, {kind}")
                panel.scatter(*zip(*of, strict=True), s=12, color=colour)
        panel.set(xlabel=label)
        panel.grid(visible=True, alpha=0.3)
    panels[0].set_ylabel("x2 PSNR of 7 photographs, dB")
    panels[0].legend(frameon=False, fontsize=8)
    figure.savefig(output, dpi=110)


if __name__ == "__main__":
    main()
