"""Results of small_networks.py: what tells two lines apart, and the plot of a file of one comparison."""

import itertools
import json
from pathlib import Path
from statistics import mean
from typing import Any

from hwrts.errors import HwrtsError
from hwrts.sweep.front import pareto_front

COLOURS = {"plain": "#555555", "wide": "#3b7dd8", "taught": "#d9772b", "pruned": "#4a9c5d"}
COMMON = ("network", "size", "rate", "steps", "qat_steps", "seed", "variant", "teacher")
OF_VARIANT: dict[str, tuple[str, ...]] = {
    "plain": (),
    "wide": ("expand",),
    "taught": ("share",),
    "pruned": ("pruned_from",),
}
"""What tells two lines of results apart; `teacher` is the beginning of its weights' SHA-256."""

NOT_NOTED = {"qat_steps": 100, "expand": 4, "share": 0.5, "pruned_from": 32, "teacher": None}
"""In lines of before they were noted: with what those were made. Their teacher is not known."""

Row = dict[str, Any]


def read_rows(path: Path) -> list[Row]:
    """The lines of a file of results, with all that tells them apart.

    Raises:
        HwrtsError: A line is none of this benchmark.
    """
    rows = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            row = {**NOT_NOTED, **json.loads(line)}
            key_of(row)
            rows.append(row)
        except (ValueError, TypeError, KeyError) as error:
            raise HwrtsError(f"{path}: line {number} is none of this benchmark ({error})") from error
    return rows


def key_of(row: Row) -> tuple[Any, ...]:
    """What a network of the results is known by."""
    return tuple(row[key] for key in (*COMMON, *OF_VARIANT[row["variant"]]))


def plot_of(path: Path, output: Path | None) -> None:
    """Plot a file of results, if they are of one comparison.

    Raises:
        HwrtsError: No output is named, there are no lines, or they are of several settings.
    """
    if output is None:
        raise HwrtsError("--plot: give the picture's file with -o")
    if output.suffix not in (".png", ".svg", ".pdf"):
        raise HwrtsError(f"-o {output}: is no picture's name; give one that ends with .png, .svg or .pdf")
    rows = read_rows(path)
    if not rows:
        raise HwrtsError(f"{path}: has no lines")
    told = (key for key in COMMON if key not in ("size", "seed", "variant"))
    for key in (*told, *itertools.chain(*OF_VARIANT.values())):
        found = {row[key] for row in rows if key in COMMON or key in OF_VARIANT[row["variant"]]} - {None}
        if len(found) > 1:
            said = ", ".join(str(each) for each in sorted(found))
            raise HwrtsError(f"{path}: has lines of several {key} ({said}); plot each from a file of its own")
    plot(rows, output)


def plot(rows: list[dict[str, Any]], output: Path) -> None:
    """Fronts with and without, against what is deployed: dots are seeds, lines the front of their means."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    costs = {"params": "deployed parameters", "line_kib": "line memory of 2160p60, KiB"}
    for panel, (cost, label) in zip(panels, costs.items(), strict=True):
        for variant, colour in COLOURS.items():
            mine = [row for row in rows if row["variant"] == variant]
            if not mine:
                continue
            for kind, line in (("float", "--"), ("int8", "-")):
                of = [(row[cost], row[f"{kind}_db"]) for row in mine]
                means = [(size, mean(db for c, db in of if c == size)) for size in sorted({c for c, _ in of})]
                front = [means[i] for i in pareto_front(means)]
                panel.plot(*zip(*front, strict=True), line, color=colour, label=f"{variant}, {kind}")
                panel.scatter(*zip(*of, strict=True), s=12, color=colour)
        panel.set(xlabel=label)
        panel.grid(visible=True, alpha=0.3)
    panels[0].set_ylabel("x2 PSNR of 7 photographs, dB")
    panels[0].legend(frameon=False, fontsize=8)
    figure.savefig(output, dpi=110)
