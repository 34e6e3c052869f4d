"""What 8-bit arithmetic costs: int8 after QAT against a float network trained for the same number of steps.

    python benchmarks/qat_drop.py runs/NAME [--stage 1]

The float network of the stage is trained on for as many steps, with the same rates, batches and target as
its QAT had. Both are then measured on the validation photographs at full size.
"""

import argparse
from pathlib import Path

from hwrts.cli.console import ConsoleProgress
from hwrts.networks.build import build_network
from hwrts.qat.range_penalty import CORRECTION, RangePenalty
from hwrts.runs.engines import open_stage
from hwrts.runs.evaluate import evaluate_stage
from hwrts.runs.folder import open_run
from hwrts.runs.quantise import qat_schedule
from hwrts.runs.session import open_session
from hwrts.training.aids import training_aids
from hwrts.training.checkpoint import fit_weights, preserve_layout
from hwrts.training.fit import Training, fit
from hwrts.training.rts import float_upscaler, target_kind


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--stage", type=int, default=1)
    arguments = parser.parse_args()
    run = open_run(arguments.run)
    progress = ConsoleProgress()
    session = open_session(run, progress)
    stage = run.stage(arguments.stage)
    model = preserve_layout(build_network(session.config.network))
    fit_weights(stage.float_weights, model)
    aids = training_aids(model)
    schedule = qat_schedule(session.config.qat)
    batches = session.batches(arguments.stage, target_kind(arguments.stage - 1))
    with (
        RangePenalty(dict.fromkeys(aids.residuals, CORRECTION)) as penalty,
        progress.task("training the float network on", schedule.steps) as advance,
    ):
        fit(
            Training.start(model),
            model,
            batches,
            schedule,
            lambda done, loss: advance(done, ""),
            aids.constrain,
            penalty,
        )
    measures = evaluate_stage(
        session.val,
        arguments.stage,
        float_upscaler(model, model, "cpu", clipped=False),
        open_stage(stage),
        lambda done, count: None,
    )
    print(f"float, trained {schedule.steps} steps more: {measures['psnr_float_db']:.3f} dB")
    print(f"int8 after {schedule.steps} steps of QAT:   {measures['psnr_int8_db']:.3f} dB")
    print(f"drop:                            {measures['psnr_float_db'] - measures['psnr_int8_db']:.3f} dB")
    before, after = measures["difference_float_percent"], measures["difference_int8_percent"]
    print(f"difference from HR0:             float stage {before:.3f} %, int8 {after:.3f} %")


if __name__ == "__main__":
    main()
