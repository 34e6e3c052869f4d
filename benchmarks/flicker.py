"""Flicker of a run's enhancement on still scenes with sensor noise, beside unsharp masks as strong as it.

    python -m benchmarks.flicker runs/first [--data DIR] [--frames 5]

Each photograph is a scene that does not move; a frame is that photograph with Gaussian noise of its own on
red, green and blue, rounded. A mask has the strength at which it differs from the photographs without noise
by as much as the network does, in the mean. Without --data the run's validation photographs are taken.
"""

import argparse
from pathlib import Path

import numpy as np

from benchmarks.against_masks import as_strong
from benchmarks.pictures import Enhance, photographs
from hwrts.data import to_codes
from hwrts.data.depth import Codes
from hwrts.metrics import image_difference_percent
from hwrts.metrics.flicker import STILL, Flicker, Watch
from hwrts.runs.engines import open_stage
from hwrts.runs.folder import open_run

DEVIATIONS = (0.0, 0.5, 1.0, 2.0, 3.0)
"""Of the noise, in codes."""
SIGMAS = (0.7, 1.0)
"""Of the masks' Gaussians, in pixels."""


def measured(enhance: Enhance, scenes: list[Codes], noise: float, frames: int) -> Flicker:
    """Of the first scene's frames, then of the next one's; a cut between two scenes is no pair."""
    watches = []
    for number, scene in enumerate(scenes):
        rng = np.random.default_rng([number, int(10 * noise)])
        watch = Watch()
        for _ in range(frames):
            frame = to_codes(scene + rng.normal(0, noise, scene.shape))
            watch.add(frame, enhance(frame))
        watches.append(watch)
    return Watch.joined(watches)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--frames", type=int, default=5)
    arguments = parser.parse_args()
    run = open_run(arguments.run)
    scenes = photographs(run, arguments.data)
    network = open_stage(run.enhancing_stage(None)).enhance
    strength = float(np.mean([image_difference_percent(network(x), x)[0] for x in scenes]))
    rows: dict[str, Enhance] = {"int8 network": network}
    for sigma in SIGMAS:
        amount, mask = as_strong(sigma, scenes, strength)
        rows[f"mask {sigma:g}, k {amount:.2f}"] = mask
    print(f"difference from the photographs: {strength:.2f} %; still: at most {STILL} codes")
    print("| noise, codes | still % | the clip changes by | " + " | ".join(rows) + " |")
    print("|---" * (3 + len(rows)) + "|")
    for noise in DEVIATIONS:
        found = [measured(enhance, scenes, noise, arguments.frames) for enhance in rows.values()]
        first = found[0]
        cells = [f"{each.mean or 0:.2f} ({each.percentile_99})" for each in found]
        still, moved = first.still_percent or 0, first.input_mean or 0
        print(f"| {noise:g} | {still:.1f} | {moved:.2f} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
