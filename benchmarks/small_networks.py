"""What training wide, a teacher and pruning are worth: networks of equal size and steps, float and int8.

    python -m benchmarks.small_networks runs/TEACHER results.jsonl --sizes 1x8,1x16 --seeds 2 --steps 3000
    python -m benchmarks.small_networks --plot results.jsonl -o docs/wide_and_taught.png

Each Residual-N (blocks x channels; or another --network) is trained on the photographs of the teacher's run:
plain, wide, taught, and pruned as in a sweep (half of the steps with more channels), then fine-tuned in 8
bits; x2 PSNR is that of whole photographs. Equal seeds have equal crops and starts. A line of the results is
a network; what is there already, of the same teacher and settings, is not trained again.
"""

import argparse
import dataclasses
import itertools
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.fine_tuning import fine_tune, value, value_of
from benchmarks.small_networks_results import COLOURS, OF_VARIANT, key_of, plot_of, read_rows
from hwrts.config import NetworkConfig, NetworkName, RunConfig
from hwrts.cost.budget import Limits
from hwrts.errors import HwrtsError
from hwrts.graph.trace import trace
from hwrts.networks.build import build_network, planes_of
from hwrts.networks.channels import Group, groups_of
from hwrts.networks.wide import collapse, shares_of_rate, widen
from hwrts.progress import SILENT
from hwrts.qat.range_penalty import CORRECTION, RangePenalty
from hwrts.runs.budget import network_costs
from hwrts.runs.narrower import Importances, Units, down_to, whole
from hwrts.runs.prune import without_some
from hwrts.runs.quantise import calibration_inputs, start_qat
from hwrts.runs.session import Session, open_session
from hwrts.runs.teacher import find_teacher, load_teacher, teacher_sha256
from hwrts.settings_file import parse_config
from hwrts.training.aids import training_aids
from hwrts.training.checkpoint import preserve_layout, save_weights
from hwrts.training.fit import Schedule, Teacher, Training, fit
from hwrts.training.precision import MixedPrecision
from hwrts.training.rts import float_upscaler

Answers = Callable[[Any], Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("teacher", type=Path, nargs="?", metavar="TEACHER", help="run folder")
    parser.add_argument("results", type=Path, nargs="?", help="JSON lines; new ones are added")
    parser.add_argument(
        "--network", default="residual", choices=sorted(get_args(NetworkName)), metavar="NAME"
    )
    parser.add_argument("--sizes", default="1x8,1x16,2x16", help="blocks x channels, comma between")
    parser.add_argument("--seeds", type=whole_number(1), default=2)
    parser.add_argument("--first-seed", type=whole_number(0), default=0)
    parser.add_argument("--variants", default=",".join(COLOURS), help="comma between")
    parser.add_argument("--steps", type=whole_number(2), default=3000)
    parser.add_argument("--qat-steps", type=whole_number(1), default=150)
    parser.add_argument("--rate", type=share_of(1.0), help="peak rate; that of the teacher's stage 1")
    parser.add_argument("--expand", type=whole_number(2), default=4)
    parser.add_argument("--share", type=share_of(1.0), default=0.5)
    parser.add_argument("--pruned-from", type=whole_number(2), default=32, help="channels of what is pruned")
    parser.add_argument("--plot", type=Path, metavar="RESULTS")
    parser.add_argument("-o", "--output", type=Path)
    asked = parser.parse_args()
    try:
        if asked.plot is not None:
            plot_of(asked.plot, asked.output)
        else:
            train_all(asked)
    except HwrtsError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}")


def whole_number(least: int) -> Callable[[str], int]:
    """A parser of numbers from the least on."""

    def parsed(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text}: not a whole number of at least {least}")
        return int(text)

    return parsed


def share_of(most: float) -> Callable[[str], float]:
    """A parser of numbers above 0, to the most."""

    def parsed(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0 < value <= most:
            raise argparse.ArgumentTypeError(f"{text}: not a number above 0 and up to {most:g}")
        return value

    return parsed


def train_all(asked: argparse.Namespace) -> None:
    """Train what the results have not yet; everything that was asked for is checked before."""
    if asked.teacher is None or asked.results is None:
        raise HwrtsError("give the folder of a trained run and a file of results; or --plot RESULTS -o PNG")
    variants = asked.variants.split(",")
    if wrong := [each for each in variants if each not in COLOURS]:
        raise HwrtsError(f"--variants: {wrong[0]!r} is none; take of {', '.join(COLOURS)}")
    sizes = {size: network_of(asked.network, size) for size in asked.sizes.split(",")}
    if "pruned" in variants:
        if wrong := [size for size, of in sizes.items() if of.channels >= asked.pruned_from]:
            raise HwrtsError(f"--pruned-from {asked.pruned_from}: is not wider than {wrong[0]}; give more")
        for size in sizes:
            network_of(asked.network, re.sub(r"\d+$", str(asked.pruned_from), size), "--pruned-from")
    if not asked.results.parent.is_dir():
        raise HwrtsError(f"{asked.results.parent}: is no folder; make it, or name results elsewhere")
    lines = read_rows(asked.results) if asked.results.is_file() else []
    run = find_teacher(RunConfig(network=next(iter(sizes.values()))), asked.teacher)
    base = open_session(run, SILENT)
    teacher = load_teacher(base.run, 1)
    common = {
        "network": asked.network,
        "rate": asked.rate or base.config.rts.first_learning_rate,
        "steps": asked.steps,
        "qat_steps": asked.qat_steps,
        "teacher": teacher_sha256(base.run, [1])["1"][:16],
    }
    if any(row["teacher"] is None for row in lines):
        print(f"{asked.results}: lines that name no teacher count as of this one", file=sys.stderr)
    known = {key_of({**row, "teacher": row["teacher"] or common["teacher"]}) for row in lines}
    answers = remembering(MixedPrecision(teacher).run)
    seeds = range(asked.first_seed, asked.first_seed + asked.seeds)
    for seed, size, variant in itertools.product(seeds, sizes, variants):
        own = {key: getattr(asked, key) for key in OF_VARIANT[variant]}
        name = {**common, "size": size, "seed": seed, "variant": variant, **own}
        if key_of(name) in known:
            continue
        known.add(key_of(name))
        session = of_size(base, sizes[size], seed)
        row = {**name, **measured(session, variant, name["rate"], asked, answers)}
        print(json.dumps(row), flush=True)
        with asked.results.open("a") as file:
            file.write(json.dumps(row) + "\n")


def network_of(name: str, size: str, flag: str = "--sizes") -> NetworkConfig:
    """A network by its size, such as 2x16.

    Raises:
        HwrtsError: It is no size, or none that the network can have.
    """
    found = re.fullmatch(r"(?:(\d+)x)?(\d+)", size)
    if found is None:
        raise HwrtsError(f"{flag}: {size!r} is no size; give blocks x channels, such as 2x16")
    numbers = {
        key: int(text) for key, text in zip(("blocks", "channels"), found.groups(), strict=True) if text
    }
    return parse_config({"network": {"name": name, **numbers}}, flag).network


def of_size(session: Session, network: NetworkConfig, seed: int) -> Session:
    """The session with another network and seed."""
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
    network = fine_tune(quantised, qat, batches)
    costs = network_costs(quantised.graph, qat, Limits())
    return {
        "params": costs["params"],
        "line_kib": costs["line_kib"],
        "float_db": round(float_db, 4),
        "int8_db": round(value_of(session, network), 4),
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
    wider = of_size(session, config.network.model_copy(update={"channels": asked.pruned_from}), config.seed)
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


if __name__ == "__main__":
    main()
