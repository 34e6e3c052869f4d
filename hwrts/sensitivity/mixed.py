"""Mixed precision: the width of each layer's weights that costs least under a budget of bits.

What each layer costs alone is measured (hwrts/sensitivity/measure.py); the cost of all together is taken to
be their sum. Under that assumption the choice is exact: dynamic programming over the layers, not a heuristic.
Budgets are of weights alone, biases and slopes are not counted.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass

from hwrts.cost.modes import KIB_BITS
from hwrts.errors import ConfigError
from hwrts.sensitivity.measure import Sensitivity


@dataclass(frozen=True)
class Choice:
    """A width for each layer.

    Attributes:
        widths: Layer to width of its weights, in the network's order.
        weight_bits: Memory of all weights, in bits.
        mse: Predicted mean squared difference from the unreduced int8 output, codes**2, before fine-tuning.
    """

    widths: dict[str, int]
    weight_bits: int
    mse: float


def choose_widths(
    sensitivity: Sensitivity, budget_kib: float, allowed: Collection[int] = range(2, 9)
) -> Choice:
    """The widths with the smallest sum of the layers' errors whose weights fit into the budget.

    Layer by layer, all choices for the layers so far are kept that no other one beats in both bits and error:
    what is dropped could not be part of the best choice. At most one is kept for each sum of bits.

    Args:
        sensitivity: What was measured; a layer's own width is a choice of error 0.
        budget_kib: Memory for all weights together.
        allowed: Widths to choose from.

    Returns:
        The best choice; of equal errors the one of fewer bits.

    Raises:
        ConfigError: No choice fits, or a layer was measured at none of the widths.
    """
    frontier = [Choice({}, 0, 0.0)]
    for layer in sensitivity.layers:
        errors = {bits: mse for bits, mse in layer.errors.items() if bits in allowed}
        if not errors:
            raise ConfigError(
                f"--widths {','.join(map(str, sorted(allowed)))}: layer {layer.name!r} has weights of "
                f"{layer.weight_bits} bits and can only have fewer; add a width up to that"
            )
        extended = [
            Choice(
                {**choice.widths, layer.name: bits},
                choice.weight_bits + layer.weights * bits,
                choice.mse + mse,
            )
            for choice in frontier
            for bits, mse in errors.items()
        ]
        frontier = _undominated(extended)
    fitting = [choice for choice in frontier if choice.weight_bits <= budget_kib * KIB_BITS]
    if not fitting:
        least = min(choice.weight_bits for choice in frontier)
        raise ConfigError(
            f"--weight-kib {budget_kib:g}: cannot hold the weights; "
            f"the least possible is {math.ceil(least / KIB_BITS * 1000) / 1000:.3f} KiB"
        )
    return min(fitting, key=lambda choice: (choice.mse, choice.weight_bits))


def _undominated(choices: list[Choice]) -> list[Choice]:
    kept: list[Choice] = []
    for choice in sorted(choices, key=lambda each: (each.weight_bits, each.mse)):
        if not kept or choice.mse < kept[-1].mse:
            kept.append(choice)
    return kept
