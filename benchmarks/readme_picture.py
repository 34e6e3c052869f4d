"""The README's picture: an embedded photograph beside its int8 enhancement, at 1:1.

python benchmarks/readme_picture.py runs/first docs/enhanced.png
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from hwrts.data import Photo, load_photo
from hwrts.runs.engines import open_stage
from hwrts.runs.folder import open_run

TOP, LEFT, HEIGHT, WIDTH = 60, 150, 300, 400
"""Part of the photograph "coffee": the cup with the grain of the table."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    run = open_run(arguments.run)
    stage = run.enhancing_stage(None)
    original = load_photo(Photo("coffee", None))
    enhanced = open_stage(stage).enhance(original)
    halves = [picture[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH] for picture in (original, enhanced)]
    picture = Image.fromarray(np.concatenate(halves, axis=1))
    draw = ImageDraw.Draw(picture)
    draw.line([(WIDTH, 0), (WIDTH, HEIGHT)], fill="white", width=2)
    for x, text in ((8, "original"), (WIDTH + 8, f"int8, RTS stage {stage.name}")):
        draw.text((x, HEIGHT - 18), text, fill="white", stroke_width=2, stroke_fill="black")
    picture.save(arguments.output, optimize=True)


if __name__ == "__main__":
    main()
