"""What a bit costs: networks of one float stage with other settings of [qat], on the validation photographs.

    python -m benchmarks.few_bits runs/NAME -s weight_bits=8 -s weight_bits=4,activation_bits=4 --seeds 3

Each -s is fine-tuned from the same float network, with other crops for each seed; PSNR is of the x2 output
against the original, whole photographs. Beside it the widest accumulator of all convolutions, proved.
"""

import argparse
import json
import tomllib
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from torch import Tensor

from benchmarks.fine_tuning import fine_tune, value_of
from hwrts.cli.console import ConsoleProgress
from hwrts.config import QatConfig
from hwrts.graph.trace import trace
from hwrts.networks.build import build_network
from hwrts.progress import SILENT
from hwrts.runs.folder import open_run
from hwrts.runs.quantise import calibration_inputs, start_qat
from hwrts.runs.session import Session, open_session
from hwrts.training.checkpoint import fit_weights, preserve_layout
from hwrts.training.rts import target_kind

FARTHER = 1_000_000
"""Steps between the crops of two seeds: batches are a function of the step."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--stage", type=int, default=1)
    parser.add_argument("-s", "--settings", action="append", required=True, help="of [qat], comma between")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    arguments = parser.parse_args()
    session = open_session(open_run(arguments.run), SILENT)
    for text in arguments.settings:
        given = tomllib.loads("\n".join(text.split(",")))
        qat = QatConfig.model_validate({**session.config.qat.model_dump(), **given})
        seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
        rows = [measured(session, arguments.stage, qat, seed) for seed in seeds]
        found = [row["db"] for row in rows]
        spread = f" +- {stdev(found):.3f}" if len(found) > 1 else ""
        print(f"{text:45} {mean(found):.3f}{spread} dB, accumulators {rows[0]['bits']} bits", flush=True)
        print(json.dumps({"settings": given, "rows": rows}), flush=True)


def measured(session: Session, stage: int, qat: QatConfig, seed: int) -> dict[str, Any]:
    """The network after calibration, and after its fine-tuning."""
    model = preserve_layout(build_network(session.config.network)).eval()
    fit_weights(session.run.stage(stage).float_weights, model)
    of_stage, originals = (session.batches(stage, kind) for kind in (target_kind(stage - 1), "hr"))

    def batches(step: int) -> tuple[Tensor, Tensor]:
        return of_stage(step + FARTHER * seed)

    inputs = calibration_inputs(batches, lambda step: originals(step + FARTHER * seed))
    torch.manual_seed(seed)
    quantised = start_qat(trace(model), qat, inputs, SILENT)
    calibrated = value_of(session, quantised.lower())
    progress = ConsoleProgress()
    with progress.task(f"seed {seed}", qat.steps) as advance:
        network = fine_tune(quantised, qat, batches, lambda done, loss: advance(done, ""))
    bits = {conv.name: int(network.bounds[conv.name].bits.max()) for conv in network.convs}
    zeros = {conv.name: round(float((conv.weight_i8 == 0).mean()), 3) for conv in network.convs}
    return {
        "calibrated_db": round(calibrated, 3),
        "db": value_of(session, network),
        "bits": max(bits.values()),
        "accumulators": bits,
        "weights_that_are_0": zeros,
    }


if __name__ == "__main__":
    main()
