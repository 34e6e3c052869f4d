"""What the networks of a run cost in silicon, in a line and in a table."""

from dataclasses import dataclass

from hwrts.cost.modes import KIB_BITS, mode_named
from hwrts.cost.network import Cost, network_cost
from hwrts.errors import HwrtsError
from hwrts.fixed_point import load_network
from hwrts.report.text import NONE, whole
from hwrts.runs.folder import StageFolder

MODE = "2160p60"
"""Video mode of the numbers: today's television; the picture is the output."""

COLUMNS = (
    "MAC per input pixel",
    f"GMAC/s at {MODE}",
    "line memory, KiB",
    "weights, KiB",
    "accumulator, bits",
    "latency, lines",
)


@dataclass(frozen=True)
class Silicon:
    """Cells of a network, one for each of :data:`COLUMNS`; and the same as words of a sentence."""

    name: str
    cells: tuple[str, ...]
    words: str


def silicon(stages: list[StageFolder]) -> list[Silicon]:
    """Of each network whose files can be read; what is damaged is reported where it is compared."""
    found = []
    for stage in stages:
        try:
            cost = network_cost(load_network(stage.root))
        except HwrtsError:
            continue
        cells = cost_cells(cost)
        macs, gmacs, lines, weights, bits, _ = cells
        memory = (
            f"{lines} KiB of line memory" if lines != NONE else "no line memory: it needs the whole picture"
        )
        words = (
            f"{macs} MAC per input pixel, {gmacs} GMAC/s at {MODE}, {memory}, {weights} KiB of weights, "
            f"accumulators of at most {bits} bits"
        )
        found.append(Silicon(stage.name, cells, words))
    return found


def cost_cells(cost: Cost) -> tuple[str, ...]:
    """A cell for each of :data:`COLUMNS`."""
    load = cost.at(mode_named(MODE), "output")
    macs = cost.macs_per_input_pixel
    streamable = not cost.whole_frame
    return (
        f"{macs:,}" if isinstance(macs, int) else f"{float(macs):,.2f}",
        f"{load.macs_per_second / 1e9:,.1f}",
        f"{load.line_bits / KIB_BITS:,.1f}" if streamable else NONE,
        f"{cost.memory_bits['weights'] / KIB_BITS:,.2f}",
        str(cost.accumulator_bits),
        whole(cost.latency_lines) if streamable else NONE,
    )
