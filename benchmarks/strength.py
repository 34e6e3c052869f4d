"""A network's slider and limits in figures, beside an unsharp mask of varied amount, and what limits buy.

    python -m benchmarks.strength runs/first [--data DIR] [--number 6] [--picture docs/strength.png]

Means over the run's validation photographs, or the first ones of a folder. The second table compares at equal
score: each row's strength, or amount, is the one at which its score is that of the network at strength 1 and
1.5, and its figures are read between the neighbours of the first table, linearly. The picture shows the piece
with the most detail of the first photograph at 1:1.
"""

import argparse
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path

from PIL import Image

from benchmarks.pictures import Enhance, means, photographs, piece_of, side_by_side
from hwrts.data.depth import Codes
from hwrts.fixed_point import Adjusted
from hwrts.metrics import artefacts, image_difference_percent
from hwrts.metrics.baselines import usm
from hwrts.metrics.viqet import has_score, score
from hwrts.runs.engines import make_engine
from hwrts.runs.folder import open_run

STRENGTHS = (0.0, 0.5, 1.0, 1.5, 2.0)
LIMITS = {
    "": Adjusted(),
    "coring 1": Adjusted(coring=1),
    "coring 2": Adjusted(coring=2),
    "overshoot 8": Adjusted(overshoot=8),
    "overshoot 0": Adjusted(overshoot=0),
    "coring 1, overshoot 8": Adjusted(coring=1, overshoot=8),
}
AMOUNTS = (0.25, 0.5, 1.0, 1.5)
EQUAL = (1.0, 1.5)
"""Strengths of the network without limits whose scores the second table is at."""
FIGURES = ("difference %", "overshoot", "99 %", "noise gain", "score")
SIDE = 192
Row = Mapping[str, float]


def figures(enhance: Enhance, pictures: list[Codes]) -> dict[str, float]:
    """Means over the pictures that have each."""
    rows = []
    for x in pictures:
        y = enhance(x)
        side = artefacts(y, x)
        scored = score(y).mos_raw if has_score(*x.shape[:2]) else None
        difference = image_difference_percent(y, x)[0]
        rows.append((difference, side.overshoot, side.overshoot_99, side.noise_gain, scored))
    return means(FIGURES, rows)


def at_score(curve: Mapping[float, Row], wanted: float) -> tuple[float, dict[str, float]] | None:
    """Where a curve first reaches a score, and its figures there; None if it never does."""
    places = sorted(curve)
    for low, high in pairwise(places):
        first, last = curve[low]["score"], curve[high]["score"]
        if min(first, last) <= wanted <= max(first, last) and first != last:
            part = (wanted - first) / (last - first)
            row = {name: (1 - part) * curve[low][name] + part * curve[high][name] for name in FIGURES}
            return (1 - part) * low + part * high, row
    return None


def sheet(original: Codes, shown: Mapping[str, Enhance], columns: int = 4) -> Image.Image:
    """Pieces side by side, one pixel a pixel."""
    piece = piece_of(original, SIDE)
    return side_by_side({name: enhance(original)[piece] for name, enhance in shown.items()}, columns, SIDE)


def said(name: str, row: Row) -> str:
    return f"| {name} | " + " | ".join(f"{row[figure]:.3f}" for figure in FIGURES) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--number", type=int, default=6)
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    run = open_run(arguments.run)
    pictures = photographs(run, arguments.data)
    pictures, stage = pictures[: arguments.number], run.enhancing_stage(None)

    def network(strength: float, limits: Adjusted = LIMITS[""]) -> Enhance:
        how = Adjusted(round(16 * strength), False, limits.coring, limits.overshoot)
        return make_engine("native", stage, how=how).enhance

    if arguments.picture is not None:
        shown = {f"strength {k:g}": network(k) for k in (0, 0.5, 1, 2)}
        shown |= {f"2, {name}": network(2, LIMITS[name]) for name in LIMITS if name[-1:] in "28" and name}
        shown |= {"unsharp mask 1": partial(usm, amount=1.0)}
        sheet(pictures[0], shown).save(arguments.picture, optimize=True)
    head = "| " + " | ".join(FIGURES) + " |\n" + "|---" * (len(FIGURES) + 1) + "|"
    print(f"{len(pictures)} photographs\n\n| strength {head}")
    curves: dict[str, dict[float, Row]] = {}
    for name, limits in LIMITS.items():
        curves[name or "network"] = {}
        for strength in STRENGTHS:
            row = curves[name or "network"][strength] = figures(network(strength, limits), pictures)
            print(said(f"{strength:g}{', ' if name else ''}{name}", row), flush=True)
    curves["unsharp mask"] = {0.0: curves["network"][0.0]}
    for amount in AMOUNTS:
        row = curves["unsharp mask"][amount] = figures(partial(usm, amount=amount), pictures)
        print(said(f"unsharp mask, amount {amount:g}", row), flush=True)
    for strength in EQUAL:
        wanted = curves["network"][strength]["score"]
        print(f"\n| at the score of strength {strength:g} {head}")
        for name, curve in curves.items():
            found = at_score(curve, wanted)
            if found is not None:
                print(said(f"{name}, at {found[0]:.2f}", found[1]))


if __name__ == "__main__":
    main()
