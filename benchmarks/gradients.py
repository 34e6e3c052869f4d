"""What bits of pixels are worth in a slow gradient: a network of 10 or 12 bits, and with pixels cut to 8.

    python -m benchmarks.gradients runs/ten

A gradient of 32 codes of 8 bits over 384x256 pixels, exact in float, is what the same-size network is given
and measured against; the x2 network is given that of half the size. Cut to 8 bits, the same network gets
bytes with zeros behind, and its result is rounded to bytes. Printed: PSNR in dB, the largest error in codes
of 8 bits, and how many levels green has.
"""

import argparse
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwrts.data import to_codes
from hwrts.data.depth import in_units, to_bytes
from hwrts.runs.engines import open_stage
from hwrts.runs.folder import open_run

SIZE = (256, 384)
FROM, CODES = (60.0, 90.0, 120.0), 32.0
"""Codes of 8 bits where red, green and blue begin, and over how many they rise."""


def gradient(height: int, width: int) -> NDArray[np.float64]:
    """(H, W, 3) in codes of 8 bits, by the middles of its pixels: the same gradient at half the size."""
    y, x = np.ogrid[:height, :width]
    place = ((y + 0.5) / height + (x + 0.5) / width) / 2
    return np.stack([first + CODES * place for first in FROM], axis=-1)


def figures(made: NDArray[np.floating], exact: NDArray[np.float64]) -> str:
    """A cell: codes of 8 bits beside what they should be."""
    error = made - exact
    psnr = 10 * math.log10(255**2 / float(np.square(error).mean()))
    return f"{psnr:.1f} dB, {np.abs(error).max():.2f} codes, {len(np.unique(made[..., 1]))}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    run = open_run(parser.parse_args().run)
    print("| | 8 bits | all bits |\n|---|---|---|")
    for x2 in (True, False):
        network = open_stage(run.network(None, x2=x2))
        of = network.upscale if x2 else network.enhance
        given = gradient(*(side // 2 for side in SIZE)) if x2 else gradient(*SIZE)
        codes, exact = to_codes(given, network.bits), gradient(*SIZE)
        cut = of(to_bytes(codes, network.bits))
        cells = [figures(cut.astype(float), exact), figures(in_units(of(codes), network.bits), exact)]
        print(f"| {'x2' if x2 else 'same size'} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
