"""A run's enhancement beside unsharp masks of the same mean difference, in figures and at 1:1.

    python -m benchmarks.against_masks runs/first [--data DIR] [--picture docs/recipe.png]

For each mask (a Gaussian of deviation sigma) the strength is sought at which the mean image difference equals
the network's. Without --data the run's validation photographs are taken. The picture shows the piece with the
most detail of the first photograph: input, int8 network and the masks above; below its half size, enlarged by
bicubic, by Lanczos and by the x2 network.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from benchmarks.pictures import Enhance, means, photographs, piece_of, side_by_side
from hwrts.data import degrade, through_jpeg, to_codes, upscale_by_2
from hwrts.data.depth import Codes
from hwrts.metrics import artefacts, error_gain, image_difference_percent
from hwrts.metrics.baselines import lanczos
from hwrts.metrics.viqet import has_score, score
from hwrts.runs.engines import open_stage
from hwrts.runs.evaluate import JPEG_QUALITY
from hwrts.runs.folder import open_run

SIGMAS = (0.7, 1.0, 1.5)
SIDE = 256


def mask(sigma: float, amount: float) -> Enhance:
    """Unsharp masking of codes (H, W, 3)."""

    def masked(pixels: Codes) -> Codes:
        x = pixels.astype(np.float64)
        return to_codes(x + amount * (x - gaussian_filter(x, (sigma, sigma, 0), mode="nearest")))

    return masked


def as_strong(sigma: float, pictures: list[Codes], wanted: float) -> tuple[float, Enhance]:
    """The mask whose mean image difference in percent is as wanted."""
    low, high = 0.0, 8.0
    for _ in range(12):
        amount = (low + high) / 2
        found = np.mean([image_difference_percent(mask(sigma, amount)(x), x)[0] for x in pictures])
        low, high = (amount, high) if found < wanted else (low, amount)
    return amount, mask(sigma, amount)


def figures(enhance: Enhance, pictures: list[Codes]) -> dict[str, float]:
    """Means over the pictures that have each."""
    rows = []
    for x in pictures:
        y, jpeg = enhance(x), through_jpeg(x, JPEG_QUALITY, "4:2:0")
        side = artefacts(y, x)
        rows.append(
            (
                image_difference_percent(y, x)[0],
                side.overshoot,
                side.overshoot_99,
                side.noise_gain,
                error_gain(enhance(jpeg), y, jpeg, x),
                score(y).mos_raw if has_score(*x.shape[:2]) else None,
            )
        )
    names = ("difference %", "overshoot", "99 %", "noise gain", "JPEG gain", "MOS")
    return means(names, rows)


def sheet(original: Codes, above: dict[str, Enhance], upscale: Enhance) -> Image.Image:
    """Pieces side by side, one pixel a pixel."""
    piece = piece_of(original, SIDE)
    low = degrade(original, jpeg=None, kernel="bicubic", seed=0)
    cells = {name: enhance(original)[piece] for name, enhance in above.items()}
    below = {
        "bicubic x2": to_codes(upscale_by_2(low)),
        "Lanczos x2": lanczos(low),
        "network x2": upscale(low),
    }
    cells |= {name: picture[piece] for name, picture in below.items()}
    return side_by_side(cells, len(above), SIDE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    run = open_run(arguments.run)
    pictures = photographs(run, arguments.data)
    network = open_stage(run.enhancing_stage(None))
    ours = figures(network.enhance, pictures)
    table, shown = {"int8 network": ours}, {"input": lambda x: x, "int8 network": network.enhance}
    for sigma in SIGMAS:
        amount, enhance = as_strong(sigma, pictures, ours["difference %"])
        table[f"mask {sigma:g}, k {amount:.2f}"] = figures(enhance, pictures)
        shown[f"mask, sigma {sigma:g}"] = enhance
    print("| | " + " | ".join(ours) + " |\n" + "|---" * (len(ours) + 1) + "|")
    for name, row in table.items():
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in row.values()) + " |")
    if arguments.picture is not None:
        sheet(pictures[0], shown, open_stage(run.finished_stage(None)).upscale).save(
            arguments.picture, optimize=True
        )


if __name__ == "__main__":
    main()
