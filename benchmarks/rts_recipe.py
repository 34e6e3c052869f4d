"""What settings of recurrent training cost and gain: seconds, quality and artefacts of every stage.

    python benchmarks/rts_recipe.py --data DIR --val DIR -o OUT base: short:rts.first_steps=1000,rts.steps=400
    python benchmarks/rts_recipe.py --data DIR --val DIR -o OUT cold:start=cold,rts.steps=4500

Each argument is NAME:KEY=VALUE,... with keys of config.toml; what is not given is BASE below. Networks are
trained in float only, in run folders OUT/NAME; what is there already is kept and measured. ``start=cold``
trains every stage from a new network in place of the one of the stage before. Validation photographs count at
full size.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from hwrts.cli.console import ConsoleProgress
from hwrts.data import PhotoStore
from hwrts.data.tiles import upscale
from hwrts.files.read import read_json
from hwrts.fixed_point import halo
from hwrts.graph import graph_steps
from hwrts.graph.trace import trace
from hwrts.metrics import artefacts, contraction, image_difference_percent, psnr_db
from hwrts.metrics.viqet import score
from hwrts.networks.build import build_network
from hwrts.qat.range_penalty import CORRECTION, RangePenalty
from hwrts.runs.folder import StageFolder, create_run, open_run, write_json
from hwrts.runs.pipeline import train_stage
from hwrts.runs.session import Session, open_session
from hwrts.settings_file import as_before, parse_config, set_entry
from hwrts.training.aids import training_aids
from hwrts.training.checkpoint import preserve_layout, save_weights
from hwrts.training.fit import Training, fit
from hwrts.training.precision import MixedPrecision
from hwrts.training.rts import float_upscaler, stage_schedule, target_kind

BASE = {
    "network": {"name": "residual", "blocks": 1, "channels": 32},
    "rts": {"stages": 4, "first_steps": 4500, "steps": 2000, "score": False},
}

COLUMNS = {
    "seconds": 0,
    "x2_db": 2,
    "mos_raw": 3,
    "difference_percent": 3,
    "mean_shift": 2,
    "overshoot": 2,
    "overshoot_99": 1,
    "noise_gain": 2,
    "contraction": 3,
}
"""Of a row, and the decimals that are printed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("variants", nargs="+", metavar="NAME:KEY=VALUE,...")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--val", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    for variant in arguments.variants:
        name, _, settings = variant.partition(":")
        rows = measure(arguments.output / name, arguments.data, arguments.val, settings)
        (arguments.output / f"{name}.json").write_text(
            json.dumps({"settings": settings, "rows": rows}, indent=1)
        )
        print(f"{name}: {settings}")
        print("  ".join(["stage", *COLUMNS]))
        for row in rows:
            cells = [f"{row.get(key, float('nan')):{len(key)}.{n}f}" for key, n in COLUMNS.items()]
            print(f"{row['stage']:>5}  " + "  ".join(cells), flush=True)


def measure(folder: Path, data: Path, val: Path, settings: str) -> list[dict[str, Any]]:
    """Train what is missing in a folder, and measure HR0 and every stage."""
    document: dict[str, Any] = json.loads(json.dumps(BASE))
    given = dict(pair.split("=", 1) for pair in settings.split(",") if pair)
    cold = given.pop("start", "warm") == "cold"
    for key, value in {**given, "data.train": str(data.resolve()), "data.val": str(val.resolve())}.items():
        set_entry(document, key, _value(value), "settings")
    config = parse_config(as_before(document), "settings")  # or the tables would change with the default
    run = open_run(folder) if (folder / "run.json").is_file() else create_run(folder, config, {}, force=False)
    if run.config != config:
        raise SystemExit(f"{folder}: was trained with other settings; give it another name")
    session = open_session(run, ConsoleProgress())
    rows = [{"stage": 0, **_quality(session.val, 0)}]
    for number in range(1, config.stage_limit + 1):
        model = preserve_layout(build_network(config.network)).to(session.device.name)
        if cold and number > 1 and not run.stage(number).float_weights.is_file():
            _train_cold(session, number, model)
        train_stage(session, number, model)
        row = {"stage": number, "seconds": _seconds(run.stage(number)), "x2_db": _x2(session, model)}
        rows.append(row | _quality(session.val, number))
    return rows


def _train_cold(session: Session, number: int, model: nn.Module) -> None:
    start = time.perf_counter()
    schedule = stage_schedule(session.config, number, len(session.plan.crops))
    forward = MixedPrecision(model).run if session.device.bf16 else model
    aids, batches = training_aids(model), session.batches(number, target_kind(number - 1))
    with RangePenalty(dict.fromkeys(aids.residuals, CORRECTION)) as penalty:
        fit(
            Training.start(model),
            forward,
            batches,
            schedule,
            lambda *_: None,
            aids.constrain,
            penalty,
            aids.project,
        )
    save_weights(session.run.stage(number).float_weights, model, {"stage": number})
    write_json(session.run.stage(number).root / "cold.json", {"train": time.perf_counter() - start})


def _seconds(stage: StageFolder) -> float:
    paths = [stage.root / name for name in ("seconds.json", "cold.json")]
    return float(sum(sum(read_json(path).values()) for path in paths if path.is_file()))


def _x2(session: Session, model: nn.Module) -> float:
    upscaler = float_upscaler(model, model, session.device.name)
    margin = halo(graph_steps(trace(model)))
    store = session.val
    found = [
        psnr_db(upscale(upscaler, np.array(store.array(i, "lr")), margin), np.array(store.array(i, "hr")))
        for i in range(len(store.names))
    ]
    return float(np.mean(found))


def _quality(store: PhotoStore, stage: int) -> dict[str, float]:
    """Means over the photographs; of HR0 only its score."""
    rows = []
    for i in range(len(store.names)):
        original, picture = (np.array(store.array(i, target_kind(n))) for n in (0, stage))
        row: dict[str, float | None] = {"mos_raw": score(picture).mos_raw}
        if stage:
            found = artefacts(picture, original)
            row |= {
                "difference_percent": image_difference_percent(picture, original)[0],
                "mean_shift": float(picture.mean(dtype=float) - original.mean(dtype=float)),
                "overshoot": found.overshoot,
                "overshoot_99": found.overshoot_99,
                "noise_gain": found.noise_gain,
                "contraction": contraction(picture, original),
            }
        rows.append(row)
    return {key: float(np.mean([row[key] for row in rows if row[key] is not None])) for key in rows[0]}


def _value(text: str) -> Any:
    """A number, a range such as 60-95, or a word."""
    low, dash, high = text.partition("-")
    if dash and low.isdigit() and high.isdigit():
        return [int(low), int(high)]
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    main()
