"""The table and the plot of a sweep with and without some of its axes: what each is worth at equal cost.

    python -m benchmarks.sweep_axes SWEEP_FOLDER network.expand,pruned_from -o sweep_axes.png

An axis is "without" at its first value. A network without all that are named is the plain one; how far the
front of a sweep moves by an axis is told by the front of those that have it alone, beside the plain one.
"""

import argparse
import itertools
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from hwrts.cost.budget import COSTS
from hwrts.errors import HwrtsError
from hwrts.sweep.folder import open_sweep
from hwrts.sweep.front import pareto_front
from hwrts.sweep.results import cell, read_rows, results_of

PLAIN = "plain"
COLOURS = ("#555555", "#3b7dd8", "#4a9c5d", "#d9772b", "#c94f7c", "#8a63d2", "#a88414", "#3aa6a6")
LINES = ("-", "--", ":")
"""Of the next so many ways, which have the same colours again."""

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sweep", type=Path)
    parser.add_argument("axes", help="comma between")
    parser.add_argument("--cost", default="line_kib", choices=sorted(COSTS))
    parser.add_argument("-o", "--output", type=Path, default=Path("sweep_axes.png"))
    asked = parser.parse_args()
    try:
        ways = by_way(asked.sweep, asked.axes.split(","), asked.cost)
    except HwrtsError as error:
        parser.error(str(error))
    print_ways(ways, asked.cost)
    plot(ways, asked.cost, asked.output)
    seconds = sum(row["seconds"] for rows in ways.values() for row in rows)
    tried = [row for row in read_rows(asked.sweep) if row["compared"]]  # also what did not pass
    compared, differ = (sum(row[name] for row in tried) for name in ("compared", "mismatches"))
    print(f"\n{seconds:,.0f} s of work; {differ:,} of {compared:,} codes differ; {asked.output}")


def by_way(root: Path, axes: list[str], cost: str) -> dict[str, list[Row]]:
    """The proved networks of a sweep by the axes that are not at their first value, plain ones first.

    Raises:
        HwrtsError: No such axis, no network is finished, or one has no such cost.
    """
    spec, _ = open_sweep(root)
    if wrong := [axis for axis in axes if axis not in spec.axes]:
        raise HwrtsError(f"{root}: has no axis {wrong[0]!r}; take of {', '.join(spec.axes)}")
    found: dict[str, list[Row]] = {PLAIN: []}
    plain = {axis: cell(spec.axes[axis][0]) for axis in axes}  # as rows have them
    for row in results_of(read_rows(root)):
        with_it = [f"{axis} {row[axis]}" for axis in axes if row[axis] != plain[axis]]
        found.setdefault(", ".join(with_it) or PLAIN, []).append(row)
    if any(row[cost] is None for rows in found.values() for row in rows):
        raise HwrtsError(f"{root}: not all of its networks have {cost}; take another --cost")
    if not found[PLAIN]:
        raise HwrtsError(f"{root}: no plain network is finished; continue the sweep")
    return dict(sorted(found.items(), key=lambda each: (each[0] != PLAIN, each[0].count(","), each[0])))


def print_ways(ways: dict[str, list[Row]], cost: str) -> None:
    """Each way at each cost, int8 and float, and whether it is on the front of all."""
    rows = [(way, row) for way, of in ways.items() for row in of]
    best = {rows[i][1]["key"] for i in pareto_front([(row[cost], row["quality_int8"]) for _, row in rows])}
    print(f"| {cost} | | float dB | int8 dB | on the front |\n|---|---|---|---|---|")
    for way, row in sorted(rows, key=lambda each: each[1][cost]):
        quality = f"{row['quality_float']:.3f} | {row['quality_int8']:.3f}"
        print(f"| {row[cost]:,.1f} | {way} | {quality} | {'yes' if row['key'] in best else ''} |")


def plot(ways: dict[str, list[Row]], cost: str, path: Path) -> None:
    """The front of each way: float and int8 beside each other."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, kind in zip(figure.subplots(1, 2, sharey=True), ("float", "int8"), strict=True):
        looks = itertools.cycle(itertools.product(LINES, COLOURS))
        for (way, rows), (line, colour) in zip(ways.items(), looks, strict=False):
            points = [(row[cost], row[f"quality_{kind}"]) for row in rows]
            front = [points[i] for i in pareto_front(points)]
            width, mark = (2.5, "s") if way == PLAIN else (1, "o")
            axes.plot(*zip(*front, strict=True), line, color=colour, linewidth=width, label=way)
            axes.plot(*zip(*points, strict=True), mark, color=colour, markersize=4)
        axes.set(xlabel=COSTS[cost], title=kind)
        axes.grid(visible=True, alpha=0.3)
    figure.axes[0].set_ylabel("x2 PSNR, dB")
    figure.axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
