"""The plot of docs/arithmetic.md: the error of each tie rule, of ties and on average.

python benchmarks/rounding_plot.py docs/rounding.png
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from hwrts.fixed_point import Format, Rounding, requantize

SHIFT = 4
"""Bits dropped: 16 accumulators for each code, one of them a tie."""
LABELS = {
    Rounding.HALF_EVEN: "half to even",
    Rounding.HALF_UP: "half up",
    Rounding.HALF_AWAY: "half away",
    Rounding.FLOOR: "floor",
    Rounding.DOUBLE: "double",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output", type=Path)
    output: Path = parser.parse_args().output
    acc = np.arange(-40, 41)
    exact = acc / 2**SHIFT
    tie = np.abs(exact % 1 - 0.5) == 0
    many = np.arange(-(2**12), 2**12 + 1)
    figure = Figure(figsize=(11, 2.6), layout="constrained")
    for axes, (rule, label) in zip(figure.subplots(1, len(LABELS), sharey=True), LABELS.items(), strict=True):
        error = requantize(acc, SHIFT, Format(True, 8, 0), rule) - exact
        axes.plot(exact[~tie], error[~tie], ".", color="#7f8790", markersize=3)
        axes.plot(exact[tie], error[tie], "o", color="#c94f7c", markersize=5)
        mean = float(np.mean(requantize(many, SHIFT, Format(True, 16, 0), rule) - many / 2**SHIFT))
        axes.set_title(f"{label}\nmean error {mean:+.3f} LSB".replace("+0.000", "0"), fontsize=9)
        axes.set_xlabel("acc / 2^s", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(linewidth=0.3)
        if rule is Rounding.HALF_EVEN:
            axes.set_ylabel("code - acc / 2^s", fontsize=8)
    figure.savefig(output, dpi=110)


if __name__ == "__main__":
    main()
