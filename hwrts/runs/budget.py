"""What the network of some settings costs, in every unit of a budget."""

import math
from collections.abc import Collection

from hwrts.config import QatConfig
from hwrts.cost.budget import LATER_COSTS, Limits, over_budget
from hwrts.cost.extremes import extreme_network
from hwrts.cost.modes import KIB_BITS, mode_named
from hwrts.cost.network import Cost, widths_cost
from hwrts.errors import HwrtsError
from hwrts.export.rtl.folding import foldings_of
from hwrts.export.rtl.gates import gates_of, multipliers_of
from hwrts.files.read import LARGEST
from hwrts.graph import Graph
from hwrts.graph.weight_bits import widths_of
from hwrts.runs.circuit import AskedCircuit


def network_costs(
    graph: Graph, qat: QatConfig, limits: Limits, asked: Collection[str] = ()
) -> dict[str, float]:
    """In the units of COSTS; those of the circuit only where they are asked for, or the budget is kept.

    What is over its budget is in no result, and a circuit takes longer to count than all the rest.

    Args:
        graph: The network in the form that is deployed.
        qat: Its widths.
        limits: The budget; units that it limits are asked for.
        asked: Units that are, beside these.

    Raises:
        ConfigError: An unknown video mode.
    """
    costs = cost_numbers(cost_of(graph, qat), limits)
    circuit = {*limits.at_most, *asked} & {*LATER_COSTS}
    if circuit or all(share <= 0 for share in over_budget(costs, limits).values()):
        costs |= circuit_numbers(qat, limits, graph)
    return costs


def cost_of(graph: Graph, qat: QatConfig) -> Cost:
    """What a deployed network costs, its layers as wide as the settings say."""
    return widths_cost(graph, widths_of(graph, qat), qat.activation_bits, qat.hidden_bits, qat.skip_bits)


def circuit_numbers(qat: QatConfig, limits: Limits, graph: Graph) -> dict[str, float]:
    """Multipliers of the deployed network's circuit, and their gates, for weights of any value.

    More than any limit where no circuit is so fast, or there is none.

    Raises:
        ConfigError: An unknown video mode.
    """
    mode = mode_named(limits.mode)
    network = extreme_network(
        graph, qat.activation_bits, widths_of(graph, qat), qat.hidden_bits, qat.skip_bits
    )
    asked = AskedCircuit(mode=mode.name, clock_mhz=limits.clock_mhz, at=limits.at)
    try:
        foldings = foldings_of(network, asked.settings(network).cycles)
        multipliers = multipliers_of(network, foldings)
    except HwrtsError:
        return dict.fromkeys(LATER_COSTS, LARGEST)
    return {"multipliers": float(multipliers), "kgates": gates_of(network, foldings) / 1000}


def cost_numbers(cost: Cost, limits: Limits) -> dict[str, float]:
    """A cost in the units of COSTS, but for those of :func:`circuit_numbers`.

    Raises:
        ConfigError: An unknown video mode.
    """
    load = cost.at(mode_named(limits.mode), limits.at)
    return {
        "params": float(cost.parameters),
        "weight_kib": cost.memory_bits["weights"] / KIB_BITS,
        "macs": float(cost.macs_per_output_pixel),
        "gmacs": load.macs_per_second / 1e9,
        "line_kib": load.line_bits / KIB_BITS,
        "traffic_gbs": load.traffic_bits * load.frames_per_second / 8e9,
        "latency_lines": _finite(cost.latency_lines),
        "receptive_field": _finite(cost.receptive_field),
        "accumulator_bits": float(cost.accumulator_bits),
    }


def _finite(number: int | None) -> float:
    """More than any limit where the whole picture must be there first."""
    return math.inf if number is None else float(number)
