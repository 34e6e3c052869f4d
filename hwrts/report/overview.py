"""Runs beside one another: a line of each, what its network costs, and a page with the same pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hwrts import __version__
from hwrts.cost.network import network_cost
from hwrts.errors import HwrtsError
from hwrts.files.atomic import text_bytes, write_atomic
from hwrts.fixed_point import load_network
from hwrts.report.silicon import COLUMNS, cost_cells
from hwrts.report.template import render
from hwrts.report.text import NONE, fixed
from hwrts.report.viewer import Network, Networks, of_pictures, viewer
from hwrts.runs.documents import read_measures, read_verdict
from hwrts.runs.folder import RunFolder, open_run

MEASURES = {
    "psnr_bicubic_db": ("bicubic dB", 2),
    "psnr_float_db": ("float dB", 2),
    "psnr_int8_db": ("int8 dB", 2),
    "fidelity_db": ("fidelity dB", 1),
    "difference_int8_percent": ("diff %", 2),
    "mos_raw_int8": ("MOS", 3),
}
"""Of the kept stage, by their names in metrics.json: headings and decimals."""


def find_runs(folder: Path) -> list[Path]:
    """The run folders in a folder, by name."""
    return sorted(path.parent for path in folder.glob("*/run.json"))


def summary(root: Path) -> dict[str, Any]:
    """What a run is and what its kept stage is worth; of a damaged or unfinished one, what is known.

    Args:
        root: A run folder.
    """
    found: dict[str, Any] = {"run": str(root), "network": None, "status": None, "stage": None, "passed": None}
    found |= {"started": None, "problem": None, **dict.fromkeys(MEASURES)}
    try:
        run = open_run(root)
        notes = run.notes()
        found["network"] = run.config.network.title if run.trained else notes.get("module")
        found["status"] = notes.get("status", "finished")
        found["started"] = notes.get("started")
        stage = run.finished_stage(None)
        measures = read_measures(stage.metrics)
        found |= {"stage": stage.name, "passed": read_verdict(stage.verify)["passed"]}
        found |= {name: measures.get(name) for name in MEASURES}
    except HwrtsError as error:
        found["problem"] = str(error)
    return found


def cells(found: dict[str, Any]) -> list[str]:
    """A summary as a table has it: network, status, stage, verdict and measures."""
    verdict = {True: "PASSED", False: "FAILED", None: NONE}[found["passed"]]
    measures = [fixed(found[name], decimals) for name, (_, decimals) in MEASURES.items()]
    return [*(found[name] or NONE for name in ("network", "status", "stage")), verdict, *measures]


ABOUT = (
    "Read quality against cost: int8 dB beside line memory and GMAC/s. Each run was measured on its own "
    "validation photographs"
)

HEADINGS = ("network", "status", "kept", "verdict", *(heading for heading, _ in MEASURES.values()))
"""Of :func:`cells`."""


def costs(root: Path) -> tuple[str, ...]:
    """What the network that enhances costs, a cell for each of :data:`.silicon.COLUMNS`.

    Raises:
        HwrtsError: No stage is finished, or its files are damaged.
    """
    return cost_cells(network_cost(load_network(open_run(root).network(None).root)))


def write_comparison(path: Path, roots: Sequence[Path], rows: Sequence[Sequence[str]]) -> Path:
    """Write a page of runs: a table, and photographs of the first one through the networks of all.

    Args:
        path: The file to write.
        roots: Run folders.
        rows: Of each, what stands in the table: :func:`cells` and :func:`costs`.

    Raises:
        NotWrittenError: The file cannot be written.
    """
    networks, missing = _networks(roots)
    pictures, of = None, None
    for root in roots if networks else ():  # the photographs of a module that takes none are not kept
        try:
            pictures, of = viewer(open_run(root), networks, enlarge_first=1 not in networks), root
            break
        except HwrtsError as error:
            missing.append(f"photographs of {root}: {error}")
    html = render(
        "hwrts.report",
        "comparison.html.j2",
        names=[str(root) for root in roots],
        lines=list(zip([*HEADINGS, *COLUMNS], zip(*rows, strict=True), strict=True)),
        viewer=pictures,
        about=ABOUT
        + (f"; the pictures above are those of {of}, through every network." if pictures else "."),
        notes=[f"Not shown: {each}" for each in missing],
        plots=[],
        version=__version__,
    )
    write_atomic(path, text_bytes(html))
    return path


def _networks(roots: Sequence[Path]) -> tuple[Networks, list[str]]:
    """The kept networks of runs, by how much larger their pictures are; and why others are not shown."""
    made: dict[int, list[Network]] = {}
    missing = []
    for root in roots:
        run: RunFolder = open_run(root)
        for folder in dict.fromkeys((run.network(None), run.finished_stage(None))):
            try:
                found = of_pictures(f"{root}, stage {folder.name}" if run.trained else str(root), folder)
            except HwrtsError as error:
                missing.append(f"{root}: {error}")
                continue
            for scale, networks in found.items():
                if scale > 1 or folder == run.network(None):
                    made.setdefault(scale, []).extend(networks)
    return made, missing
