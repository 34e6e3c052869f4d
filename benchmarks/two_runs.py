"""Two runs side by side, an older and a newer one: test patterns and photographs, at 1:1.

    python benchmarks/two_runs.py OLD NEW docs/before_after.png

Columns: input; output of OLD and of NEW, both int8 and of the same size; their differences from the input,
times 8 around grey. Rows: the flat fields, letters and steps of ``hwrts patterns``, the sky of scikit-image's
``rocket``, and its ``camera``, which is grey.
"""

import argparse
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image, ImageDraw

from hwrts.data.depth import Codes
from hwrts.metrics import pattern_pictures
from hwrts.metrics.patterns import SIDE
from hwrts.runs.engines import open_stage
from hwrts.runs.folder import open_run
from hwrts.runs.patterns import AMPLIFICATION, amplified

GAP = 4


def inputs() -> dict[str, Codes]:
    """The rows, SIDE x SIDE pixels of each shown: of the patterns all."""
    patterns = pattern_pictures()
    rocket = skimage.data.rocket()
    camera = skimage.data.camera()
    return {
        **{name: patterns[name] for name in ("flat fields", "text", "steps 16/235")},
        "sky": rocket[20 : 20 + SIDE, 420 : 420 + SIDE],
        "a grey photograph": np.repeat(camera[90 : 90 + SIDE, 180 : 180 + SIDE, None], 3, axis=2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("picture", type=Path)
    arguments = parser.parse_args()
    networks = []
    for root in (arguments.old, arguments.new):
        run = open_run(root)
        networks.append(open_stage(run.enhancing_stage(None)))
    rows = inputs()
    titles = ("input", "before", "after", f"before, x{AMPLIFICATION}", f"after, x{AMPLIFICATION}")
    page = Image.new("RGB", (len(titles) * (SIDE + GAP), 16 + len(rows) * (SIDE + GAP)), "white")
    draw = ImageDraw.Draw(page)
    for column, title in enumerate(titles):
        draw.text((column * (SIDE + GAP) + 2, 2), title, fill="black")
    for row, (name, given) in enumerate(rows.items()):
        found = [network.enhance(given) for network in networks]
        cells = [given, *found, *(amplified(given, each) for each in found)]
        for column, cell in enumerate(cells):
            page.paste(Image.fromarray(cell), (column * (SIDE + GAP), 16 + row * (SIDE + GAP)))
        chroma = [int(np.ptp(each, axis=2).max()) for each in found]
        print(
            f"{name}: largest difference {[int(np.abs(each.astype(int) - given).max()) for each in found]}",
            end="",
        )
        print(f", chroma {chroma}" if (given == given[:, :, :1]).all() else "")
    page.save(arguments.picture)


if __name__ == "__main__":
    main()
