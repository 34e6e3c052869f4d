"""The README's picture: an embedded photograph and its int8 enhancement at 1:1, beside a line that moves.

python benchmarks/readme_picture.py runs/first docs/enhanced.webp
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from hwrts.data import Photo, load_photo
from hwrts.data.looking import SWEEP, SWEEP_SECONDS, Grid, Look
from hwrts.runs.engines import open_stage
from hwrts.runs.folder import open_run

TOP, LEFT, HEIGHT, WIDTH = 60, 150, 300, 400
"""Part of the photograph "coffee": the cup with the grain of the table."""

RATE, QUALITY = 6, 90
"""Frames a second, and WebP's quality: about 300 kB."""


def labelled(picture: NDArray[np.uint8], text: str, left: int) -> NDArray[np.uint8]:
    """The part that is shown, with a word below."""
    part = Image.fromarray(picture[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH])
    place = (left, HEIGHT - 18)
    ImageDraw.Draw(part).text(place, text, fill="white", stroke_width=2, stroke_fill="black")
    return np.asarray(part)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    run = open_run(arguments.run)
    stage = run.enhancing_stage(None)
    original = load_photo(Photo("coffee", None))
    enhanced = open_stage(stage).enhance(original)
    halves = (
        labelled(original, "original", 8),
        labelled(enhanced, f"int8, RTS stage {stage.name}", WIDTH - 140),
    )
    look, grid = Look(split=SWEEP), Grid(HEIGHT, WIDTH, 1)
    frames = []
    for number in range(RATE * SWEEP_SECONDS):
        (shown,) = look.planes(halves[:1], halves[1:], grid, (255,), (0,), number / RATE)
        frames.append(Image.fromarray(shown))
    frames[0].save(
        arguments.output,
        save_all=True,
        append_images=frames[1:],
        duration=1000 // RATE,
        loop=0,
        quality=QUALITY,
        method=6,
    )


if __name__ == "__main__":
    main()
