"""The results as one HTML file with interactive plots, complete in itself."""

import math
from pathlib import Path

from hwrts import __version__
from hwrts.command_line import command_line
from hwrts.cost.budget import COSTS
from hwrts.errors import HwrtsError
from hwrts.files.atomic import text_bytes, write_atomic
from hwrts.report.page import pictures
from hwrts.report.silicon import silicon
from hwrts.report.template import render
from hwrts.report.text import NONE
from hwrts.runs.folder import StageFolder, open_run
from hwrts.sweep.folder import open_sweep
from hwrts.sweep.results import (
    FRONT_COSTS,
    Row,
    below_bicubic_of,
    best,
    export_command,
    front,
    results_of,
    status,
)
from hwrts.sweep.spec import SweepSpec

_COLOURS = {"int8": "#3b7dd8", "float": "#d9772b"}

QUALITY = {"psnr": "x2 PSNR against the original, dB", "score": "raw VIQET score of HRn"}


def write_page(root: Path, rows: list[Row]) -> Path:
    """Write index.html: fronts, the best network, every configuration; returns its path."""
    spec, _ = open_sweep(root)
    top, found, found_so_far = best(rows), results_of(rows), status(root)
    html = render(
        "hwrts.sweep",
        "page.html.j2",
        name=root.resolve().name,
        version=__version__,
        quality=QUALITY[spec.quality],
        status=found_so_far,
        below=below_bicubic_of(found_so_far["below_bicubic"], found_so_far["results"]),
        budget=[(COSTS[unit], f"{most:g}") for unit, most in spec.budget.at_most.items()],
        mode=f"{spec.budget.mode}, {spec.budget.at} picture",
        best=top,
        pictures=_pictures(root, top),
        cost=_cost(root, top),
        commands=_next_commands(root, spec.cost, rows, top),
        axes=list(spec.axes),
        plots=_plots(spec, rows),
        columns=columns(spec),
        cells=[[shown(row, name) for name, _ in columns(spec)] for row in rows],
        marks=["best" if row is top else "final" if row in found else "" for row in rows],
        remarks=[row["remarks"] for row in rows],
    )
    write_atomic(root / "index.html", text_bytes(html))
    return root / "index.html"


def _pictures(root: Path, top: Row | None) -> str | None:
    """Photographs through the best network; its other pages say what is wrong with a folder."""
    try:
        return None if top is None else pictures(open_run(root / top["run"]))
    except HwrtsError:
        return None


def _cost(root: Path, top: Row | None) -> str | None:
    """What the best network costs, in words; None if there is none, or its files are damaged."""
    stage = None if top is None else StageFolder(root / top["run"] / f"stage{top['stage']}")
    return next((each.words for each in silicon([stage])), None) if stage else None


def _next_commands(root: Path, cost: str, rows: list[Row], top: Row | None) -> list[tuple[str, str]]:
    if top is None:
        return []
    commands = [
        ("hand the best one over", export_command(root, top)),
        ("count its layers", command_line("cost", root / top["run"], "--stage", top["stage"])),
    ]
    cheaper = [most for row in results_of(rows) if (most := math.ceil(row[cost])) < top[cost]]
    if cheaper:
        budget = f"{cost}={max(cheaper)}"
        commands.append(
            ("the best within less", command_line("sweep", "--status", "--budget", budget, "-o", root))
        )
    return commands


def columns(spec: SweepSpec) -> list[tuple[str, str]]:
    """Keys of a row and headings, as a table shows them."""
    return [
        *((axis, axis.rpartition(".")[2].replace("_", " ")) for axis in spec.axes),
        ("params", "parameters"),
        ("weight_kib", "weights, KiB"),
        ("macs", "MAC per output pixel"),
        ("gmacs", "GMAC/s"),
        ("line_kib", "line memory, KiB"),
        ("rung", "rung"),
        *([("bicubic", "bicubic")] if spec.quality == "psnr" else []),
        ("quality_float", "float"),
        ("quality_int8", "int8"),
        ("mismatches", "codes that differ"),
        ("seconds", "s"),
    ]


def shown(row: Row, name: str) -> str:
    """A cell: counts whole, costs with a decimal, quality with three."""
    value = row[name]
    if value is None or (name == "rung" and value < 0):
        return NONE
    if name.startswith(("quality", "bicubic")):
        return f"{value:.3f}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value == int(value) or name == "seconds" else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _plots(spec: SweepSpec, rows: list[Row]) -> list[str]:
    """A plot of quality against each cost; the first one carries plotly's script."""
    from plotly import graph_objects as go

    found = results_of(rows)
    plots: list[str] = []
    for cost in FRONT_COSTS if found else ():
        figure = go.Figure()
        for kind, colour in _COLOURS.items():
            quality = f"quality_{kind}"
            line = front(rows, cost, quality)
            figure.add_scatter(
                x=[row[cost] for row in found],
                y=[row[quality] for row in found],
                mode="markers",
                name=kind,
                text=[_describe(spec, row) for row in found],
                hovertemplate="%{text}<br>%{y:.3f} at %{x:,}",
                marker={"color": colour, "opacity": 0.45},
                legendgroup=kind,
            )
            figure.add_scatter(
                x=[row[cost] for row in line],
                y=[row[quality] for row in line],
                mode="lines+markers",
                name=f"{kind}, front",
                text=[_describe(spec, row) for row in line],
                hovertemplate="%{text}<br>%{y:.3f} at %{x:,}",
                line={"color": colour, "shape": "hv"},
                legendgroup=kind,
            )
        if spec.quality == "psnr" and found[0]["bicubic"] is not None:
            level = found[0]["bicubic"]  # of the photographs, the same for every network
            figure.add_hline(y=level, line_dash="dash", line_color="#7f8790", annotation_text="bicubic")
        figure.update_traces(cliponaxis=False)  # the best network is at the very top
        figure.update_layout(
            xaxis_title=COSTS[cost],
            yaxis_title=QUALITY[spec.quality],
            height=420,
            template="plotly_white",
            margin={"l": 60, "r": 20, "t": 90, "b": 50},  # a phone shows the buttons above the legend
            xaxis_title_font_size=12,
            legend={"orientation": "h", "yanchor": "bottom", "y": 1.0},
        )
        html = figure.to_html(
            full_html=False,
            include_plotlyjs=not plots,
            div_id=f"plot-{cost}",
            config={"responsive": True, "displaylogo": False},
        )
        plots.append(str(html))
    return plots


def _describe(spec: SweepSpec, row: Row) -> str:
    axes = ", ".join(f"{axis.rpartition('.')[2]} {row[axis]}" for axis in spec.axes)
    return f"{axes}<br>{row['params']:,.0f} parameters, {row['line_kib']:,.0f} KiB lines"
