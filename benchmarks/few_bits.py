"""What a bit costs: networks of one float stage with other settings of [qat], on the validation photographs.

    python benchmarks/few_bits.py runs/NAME -s weight_bits=8 -s weight_bits=4,activation_bits=4 --seeds 3

Each -s is fine-tuned from the same float network, with other crops for each seed; PSNR is of the x2 output
against the original, whole photographs. Beside it the widest accumulator of all convolutions, proved.
"""

import argparse
import json
import tomllib
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hwrts.cli.console import ConsoleProgress
from hwrts.config import QatConfig
from hwrts.export import to_onnx
from hwrts.fixed_point import Network
from hwrts.graph.trace import trace
from hwrts.metrics import psnr_db
from hwrts.networks.build import build_network
from hwrts.progress import SILENT
from hwrts.qat.fused import Fused
from hwrts.qat.range_penalty import RangePenalty
from hwrts.runs.engines import onnx_engine
from hwrts.runs.folder import open_run
from hwrts.runs.quantise import calibration_inputs, qat_schedule, start_qat
from hwrts.runs.session import Session, open_session
from hwrts.training.checkpoint import fit_weights, preserve_layout
from hwrts.training.fit import fit
from hwrts.training.rts import target_kind

FARTHER = 1_000_000
"""Steps between the crops of two seeds: batches are a function of the step."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--stage", type=int, default=1)
    parser.add_argument("-s", "--settings", action="append", required=True, help="of [qat], comma between")
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    session = open_session(open_run(arguments.run), SILENT)
    for text in arguments.settings:
        given = tomllib.loads("\n".join(text.split(",")))
        qat = QatConfig.model_validate({**session.config.qat.model_dump(), **given})
        rows = [measured(session, arguments.stage, qat, seed) for seed in range(arguments.seeds)]
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
    calibrated = value(session, quantised.lower())
    progress = ConsoleProgress()
    with (
        RangePenalty(quantised.signed_convs()) as penalty,
        progress.task(f"seed {seed}", qat.steps) as advance,
    ):
        training = quantised.fine_tuning()
        fit(
            training,
            Fused(quantised),
            batches,
            qat_schedule(qat),
            lambda done, loss: advance(done, ""),
            quantised.holding(training, qat.steps),
            penalty,
        )
    network = quantised.lower()
    bits = {conv.name: int(network.bounds[conv.name].bits.max()) for conv in network.convs}
    zeros = {conv.name: round(float((conv.weight_i8 == 0).mean()), 3) for conv in network.convs}
    return {
        "calibrated_db": round(calibrated, 3),
        "db": value(session, network),
        "bits": max(bits.values()),
        "accumulators": bits,
        "weights_that_are_0": zeros,
    }


def value(session: Session, network: Network) -> float:
    """Mean x2 PSNR of the validation photographs."""
    luma = session.config.network.luma
    engine = onnx_engine(to_onnx(network).SerializeToString(), network, luma=luma)
    pairs = zip(session.val.pictures("lr"), session.val.pictures("hr"), strict=True)
    return mean(psnr_db(engine.upscale(np.array(lr)), np.array(original)) for lr, original in pairs)


if __name__ == "__main__":
    main()
