"""What 8-bit arithmetic costs: int8 after QAT against a float network trained for the same number of steps.

    python benchmarks/qat_drop.py runs/NAME [--stage 1]

The float network of the stage is trained on for as many steps, with the same rates, batches and target as
its QAT had. Both are then measured on the validation photographs at full size. Also prints, for each
quantised tensor, the signal-to-quantisation-noise ratio against the float network it came from.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from hwrts.checkpoint import load_weights, preserve_layout
from hwrts.cli.console import ConsoleProgress
from hwrts.deploy import deploy_form
from hwrts.engines import onnx_upscaler
from hwrts.evaluate import evaluate_stage
from hwrts.fit import Training, fit
from hwrts.fixed_point import load_network
from hwrts.graph import run_graph
from hwrts.pipeline import open_session
from hwrts.quantise import build_float, load_quantised, qat_schedule
from hwrts.range_penalty import CORRECTION, RangePenalty
from hwrts.rts import float_upscaler, target_kind, to_values
from hwrts.runfolder import open_run
from hwrts.trace import trace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--stage", type=int, default=1)
    arguments = parser.parse_args()
    run = open_run(arguments.run)
    progress = ConsoleProgress()
    session = open_session(run, progress)
    stage = run.stage(arguments.stage)
    model = preserve_layout(build_float(session.config))
    model.load_state_dict(load_weights(stage.float_weights)[0])
    _print_sqnr(session, stage, model)
    schedule = qat_schedule(session.config.qat)
    batches = session.batches(arguments.stage, target_kind(arguments.stage - 1))
    with (
        RangePenalty({model.conv_out: CORRECTION}) as penalty,
        progress.task("training the float network on", schedule.steps) as advance,
    ):
        fit(
            Training.start(model),
            model,
            batches,
            schedule,
            lambda done, loss: advance(done, ""),
            model.keep_flat_areas,
            penalty,
        )
    network = load_network(stage.root)
    measures = evaluate_stage(
        session.val, arguments.stage, float_upscaler(model, model, "cpu"),
        onnx_upscaler(stage.onnx.read_bytes(), network), network.halo, lambda done, count: None,
    )  # fmt: skip
    print(f"float, trained {schedule.steps} steps more: {measures['psnr_float_db']:.3f} dB")
    print(f"int8 after {schedule.steps} steps of QAT:   {measures['psnr_int8_db']:.3f} dB")
    print(f"drop:                            {measures['psnr_float_db'] - measures['psnr_int8_db']:.3f} dB")
    before, after = measures["difference_float_percent"], measures["difference_int8_percent"]
    print(f"difference from HR0:             float stage {before:.3f} %, int8 {after:.3f} %")


def _print_sqnr(session, stage, model) -> None:
    """Fake-quantised tensors against the float tensors of the same weights, on one photograph's centre."""
    quantised = load_quantised(stage, session.config).eval()
    original = session.val.array(0, "hr")
    top, left = original.shape[0] // 2 - 128, original.shape[1] // 2 - 128
    x = to_values(np.array(original[top : top + 256, left : left + 256])[None])
    graph = deploy_form(trace(model))
    weights = dict(quantised.convs.items())
    for node in graph.nodes:
        if node.name in weights:  # the float network that QAT ended with, before its rounding
            node.weight.copy_(weights[node.name].weight.detach())
            node.bias.copy_(weights[node.name].bias.detach())
    with torch.inference_mode():
        exact, rounded = run_graph(graph, x), quantised.values(x)
    print("tensor          format         SQNR dB   share saturated %")
    for name, out in quantised.formats.items():
        error = (exact[name].clamp(min=0.0) if not out.signed else exact[name]) - rounded[name]
        ratio = exact[name].square().sum() / error.square().sum().clamp(min=1e-12)
        codes = rounded[name] * 2.0**out.frac
        saturated = 100 * float(
            ((codes >= out.max) | ((codes <= out.min) if out.signed else codes > out.max)).float().mean()
        )
        print(f"{name:15} {out!s:14} {10 * float(ratio.log10()):7.1f} {saturated:12.4f}")


if __name__ == "__main__":
    main()
