"""Plots as inline SVG: text stays text, and colours follow the page's light or dark scheme."""

import io
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hwrts.metrics import loss_psnr_db
from hwrts.report.paper import DIFFERENCE_PERCENT
from hwrts.report.stages import StageResult
from hwrts.report.tables import change, paper_change

# Colours that exist nowhere else in a plot; the page's variables take their place in the SVG.
_INK, _FAINT = "#010203", "#040506"
_VARIABLES = {_INK: "var(--ink)", _FAINT: "var(--rule)"}

_COLOURS = (
    "#3b7dd8",
    "#d9772b",
    "#3a9d5d",
    "#c94f7c",
    "#8a63d2",
    "#a88414",
    "#2a9da5",
    "#7f8790",
)
"""Mid-tones that keep their distance from white and from near-black, one per stage."""

_SIZE_INCHES = (480 / 72, 290 / 72)
"""480 x 290 SVG units: two plots side by side in a page of 1200, one in a phone's width at 10-pixel text."""

_SMOOTHED_POINTS = 60
"""A curve of more points gets a moving mean over a twentieth of them, the points faint behind it."""


@dataclass(frozen=True)
class Plot:
    """A title in words and an SVG element."""

    title: str
    svg: str


def training_plot(
    metrics: Iterable[dict[str, Any]], phase: str, title: str, bicubic_db: float | None = None
) -> Plot | None:
    """PSNR of the training crops against the step, one line per stage; None without a single entry.

    Args:
        metrics: Lines of metrics.jsonl.
        phase: Which of them.
        title: In words.
        bicubic_db: What interpolation has on the photographs to validate, for a level line.
    """
    curves: dict[str, list[tuple[int, float]]] = {}
    for entry in metrics:
        if entry.get("phase") == phase and entry.get("loss", 0) > 0:
            point = (int(entry["step"]), loss_psnr_db(entry["loss"]))
            curves.setdefault(str(entry["stage"]), []).append(point)
    if not curves:
        return None
    figure, axes = _axes("step", "PSNR, dB")
    for i, (stage, points) in enumerate(sorted(curves.items(), key=_stage_order)):
        steps, psnr = np.array(sorted(points)).T
        colour = _COLOURS[i % len(_COLOURS)]
        if len(steps) > _SMOOTHED_POINTS:
            axes.plot(steps, psnr, color=colour, linewidth=0.6, alpha=0.35)
            window = len(steps) // 20
            psnr = np.convolve(psnr, np.full(window, 1 / window), "valid")
            steps = np.convolve(steps, np.full(window, 1 / window), "valid")
        marker = "o" if len(steps) < 12 else ""  # a line of one point would not be seen
        axes.plot(steps, psnr, color=colour, marker=marker, markersize=3.5, label=f"stage {stage}")
    if bicubic_db is not None:
        label = "bicubic, validation, against HR0"
        axes.axhline(bicubic_db, color=_COLOURS[-1], linestyle="--", linewidth=1, label=label)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    return Plot(title, _svg(figure, axes, f"train-{phase}"))


def difference_plots(stages: Sequence[StageResult]) -> list[Plot]:
    """Image difference from HR0, and its change per stage, beside the paper's Table 1."""
    mains = {stage.folder.number: stage for stage in stages if not stage.is_variant}
    count = max(mains, default=0)
    numbers = range(1, len(DIFFERENCE_PERCENT) + 1)
    levels = {"paper (Residual-3)": list(zip(numbers, DIFFERENCE_PERCENT, strict=True))}
    changes = {"paper (Residual-3)": [(n, paper_change(n)) for n in numbers]}
    for label, name in (("float", "difference_float_percent"), ("int8", "difference_int8_percent")):
        levels[label] = [(n, value) for n, s in mains.items() if (value := s.measure(name)) is not None]
        grown = [(n, change(s, mains.get(n - 1), name)) for n, s in mains.items()]
        changes[label] = [(n, value) for n, value in grown if value is not None]
    same = {stage.folder.number: stage for stage in stages if stage.name == f"{stage.folder.number}-same"}
    shown = ((n, stage.measure("difference_int8_percent")) for n, stage in same.items())
    levels["int8, same size"] = [(n, value) for n, value in shown if value is not None]
    return [
        _difference_plot("level", levels, count, "Image difference of HRn from HR0"),
        _difference_plot("change", changes, count, "Change of the image difference from the stage before"),
    ]


def _difference_plot(name: str, curves: dict[str, Any], count: int, title: str) -> Plot:
    figure, axes = _axes("stage n", "% of full scale")
    styles = {
        "float": (_COLOURS[0], "o", "-"),
        "int8": (_COLOURS[1], "s", "-"),
        "int8, same size": (_COLOURS[2], "^", "-"),
    }
    for label, points in curves.items():
        colour, marker, line = styles.get(label, (_COLOURS[-1], "D", "--"))
        if points:
            x, y = zip(*points, strict=True)
            size = 4 if label != "int8" else 6  # int8 lies over float: it must show around it
            hollow = "none" if label == "int8" else colour
            axes.plot(
                x,
                y,
                color=colour,
                marker=marker,
                markersize=size,
                markerfacecolor=hollow,
                linestyle=line,
                label=label,
            )
    axes.set_xlim(0.7, max(count, len(DIFFERENCE_PERCENT)) + 0.3)
    axes.axhline(0, color=_FAINT, linewidth=1)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    return Plot(title, _svg(figure, axes, name))


@dataclass(frozen=True)
class Curve:
    """Points of a line plot; the paper's are drawn in grey with a broken line."""

    label: str
    points: tuple[tuple[float, float], ...]
    paper: bool = False


@lru_cache(maxsize=64)  # a page is written again after each of its results, with the plots of those before
def line_plot(name: str, title: str, x_label: str, y_label: str, curves: tuple[Curve, ...]) -> Plot:
    """Measured curves, each in a colour of its own, beside the paper's. ``name`` is unique in its page."""
    figure, axes = _axes(x_label, y_label)
    measured = 0
    for i, curve in enumerate(curves):
        x, y = zip(*curve.points, strict=True)
        colour = _COLOURS[-1] if curve.paper else _COLOURS[measured % (len(_COLOURS) - 1)]
        measured += not curve.paper
        marker = "Dv*P"[i % 4] if curve.paper else "os^X"[i % 4]
        line = "--" if curve.paper else "-"
        axes.plot(x, y, color=colour, marker=marker, markersize=4, linestyle=line, label=curve.label)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=9, integer=True))
    return Plot(title, _svg(figure, axes, name))


def standalone_svg(plot: Plot) -> str:
    """The plot as a file of its own: dark ink on white."""
    svg = plot.svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg" style="background:#fff"', 1)
    colours = {_VARIABLES[_INK]: "#1d2228", _VARIABLES[_FAINT]: "#d9dee3"}
    for variable, colour in colours.items():
        svg = svg.replace(variable, colour)
    return svg.replace("font-family: inherit", "font-family: sans-serif")


def _stage_order(item: tuple[str, Any]) -> tuple[int, str]:
    number = item[0].split("-")[0]
    return (int(number) if number.isdigit() else 0, item[0])


def _axes(x_label: str, y_label: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(x_label, color=_INK, fontsize=12)
    axes.set_ylabel(y_label, color=_INK, fontsize=12)
    axes.tick_params(colors=_INK, labelsize=12, length=0)
    axes.grid(color=_FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_color(_FAINT)
    return figure, axes


def _svg(figure: Figure, axes: Axes, name: str) -> str:
    """The figure as an element for HTML: no XML header, no namespaces, no fixed size, no clashing names."""
    axes.legend(frameon=False, fontsize=11, labelcolor=_INK, ncols=2 if len(axes.get_lines()) > 5 else 1)
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    stream = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}), warnings.catch_warnings():
        # a busy machine is a second about where the legend is to be, however few points there are
        warnings.filterwarnings("ignore", 'Creating legend with loc="best" can be slow')
        figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg, count=2)
    svg = re.sub(r'<svg width="[^"]*" height="[^"]*"', "<svg", svg, count=1)
    svg = svg.replace("xlink:href=", "href=")
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(href="|url\()#', rf"\g<1>#{name}-", svg)
    svg = re.sub(r"font-family: [^;\"]*", "font-family: inherit", svg)
    svg = re.sub(r"<style.*?</style>", "", svg, count=1, flags=re.DOTALL)  # it would apply to the whole page
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, variable)
    return svg
