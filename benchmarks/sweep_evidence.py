"""The tables and the plot of docs/sweep.md, from a sweep of blocks, channels and weight bits.

    python benchmarks/sweep_evidence.py SWEEP_FOLDER -o docs/sweep.png

What a bit buys is told by the first rung, where every float network has all its widths; what a parameter or a
line of memory buys, by what was trained to the end, or by the first rung while there is no such network.
"""

import argparse
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hwrts.cost.budget import COSTS
from hwrts.sweep.folder import entries, finished
from hwrts.sweep.front import pareto_front
from hwrts.sweep.results import FRONT_COSTS, read_rows, results_of

BLOCKS, CHANNELS, BITS = "network.blocks", "network.channels", "qat.weight_bits"
COLOURS = {2: "#8a63d2", 3: "#a88414", 4: "#c94f7c", 6: "#d9772b", 8: "#3b7dd8"}

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sweep", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("sweep.png"))
    arguments = parser.parse_args()
    first, rows = first_rung(arguments.sweep), read_rows(arguments.sweep)
    if not first:
        raise SystemExit(f"{arguments.sweep}: no configuration was measured yet")
    print_quality(first)
    print_bits(first)
    final = results_of(rows)
    for cost in FRONT_COSTS:
        print_front(cost, cheapest_first(final or first, cost))
    plot(first, final, arguments.output)
    seconds = sum(row["seconds"] for row in rows)
    print(f"\n{len(first)} + {len(final)} trials, {seconds:,.0f} s of work; {arguments.output}")


def first_rung(root: Path) -> list[Row]:
    """Values, costs and first-rung quality of every configuration that was trained."""
    rows = []
    for entry in entries(root):
        found = finished(root, entry["key"], 0)
        if found is not None:
            rows.append({**entry["values"], **entry["costs"], **found})
    return rows


def print_quality(rows: list[Row]) -> None:
    """int8 dB by depth and width at the widest weights."""
    widest = max(row[BITS] for row in rows)
    cells = {(row[BLOCKS], row[CHANNELS]): row for row in rows if row[BITS] == widest}
    channels = sorted({c for _, c in cells})
    print(f"\nint8 dB at {widest} bits, first rung\n\n| blocks | " + " | ".join(map(str, channels)) + " |")
    print("|---" * (len(channels) + 1) + "|")
    for blocks in sorted({b for b, _ in cells}):
        found = (cells.get((blocks, c)) for c in channels)
        shown = (f"{row['quality_int8']:.2f}" if row else "" for row in found)
        print(f"| {blocks} | " + " | ".join(shown) + " |")


def print_bits(rows: list[Row]) -> None:
    """What each width of the weights loses against the float network, all networks together."""
    lost: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        lost[row[BITS]].append(row["quality_float"] - row["quality_int8"])
    print("\n| weight bits | networks | lost dB: median | least | most |\n|---|---|---|---|---|")
    for bits, values in sorted(lost.items()):
        numbers = statistics.median(values), min(values), max(values)
        print(f"| {bits} | {len(values)} | " + " | ".join(f"{value:.3f}" for value in numbers) + " |")


def cheapest_first(rows: list[Row], cost: str) -> list[Row]:
    """The Pareto front of int8 quality against one cost."""
    return [rows[i] for i in pareto_front([(row[cost], row["quality_int8"]) for row in rows])]


def print_front(cost: str, rows: list[Row]) -> None:
    """As Markdown."""
    print(f"\n| {cost} | blocks | channels | bits | int8 dB |\n|---|---|---|---|---|")
    for row in rows:
        settings = f"{row[BLOCKS]} | {row[CHANNELS]} | {row[BITS]}"
        print(f"| {row[cost]:,.4g} | {settings} | {row['quality_int8']:.2f} |")


def plot(first: list[Row], final: list[Row], path: Path) -> None:
    """int8 quality against each cost: faint after the first rung, full at the end, with the front."""
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    for axes, cost in zip(figure.subplots(2, 2, sharey=True).flat, FRONT_COSTS, strict=True):
        _panel(axes, cost, first, final)
    figure.axes[0].legend(loc="lower right", fontsize=8)
    figure.savefig(path, dpi=110)


def _panel(axes: Axes, cost: str, first: list[Row], final: list[Row]) -> None:
    for bits in sorted({row[BITS] for row in first}):
        for rows, alpha, label in ((first, 0.25, None), (final, 1.0, f"{bits}-bit weights")):
            chosen = [row for row in rows if row[BITS] == bits]
            x, y = [row[cost] for row in chosen], [row["quality_int8"] for row in chosen]
            axes.scatter(x, y, color=COLOURS.get(bits), alpha=alpha if final else 0.9, s=22, label=label)
    line = cheapest_first(final or first, cost)
    x, y = [row[cost] for row in line], [row["quality_int8"] for row in line]
    axes.step(x, y, where="post", color="#7f8790", linewidth=1, zorder=0)
    axes.set_xscale("log")
    axes.set_xlabel(COSTS[cost])
    axes.set_ylabel("x2 PSNR, int8, dB")
    axes.grid(alpha=0.3)


if __name__ == "__main__":
    main()
