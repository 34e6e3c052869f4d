"""Multipliers of a circuit and the gates that they are made of, from formulas, without its text."""

import math
from collections.abc import Mapping

from hwrts.export.rtl.folding import Folding, total_multipliers
from hwrts.export.rtl.stream import streams_of
from hwrts.fixed_point import Conv, Multiply, Network

# In gate equivalents, of which a NAND of two inputs is one; as Yosys 0.23 builds hwrts_mac.v, within 5 %.
_AND = 2.0
"""Of a bit of a code and one of a weight, signs included."""
_FULL_ADDER = 7.0
"""Of a bit of a sum."""
_ROW_ADDER = 8.0
"""Of a bit of one of a multiplier's rows but the first."""
_CHOICE = 2.5
"""Of one of two bits."""
_REGISTER = 4.5 + _CHOICE
"""A flip-flop that keeps its bit, or takes another."""
_ROUNDING = 3.0
"""Of a bit of an accumulator: its increment, its shift and the comparisons of a saturation."""
_CONTROL = 112.0
"""Of a bit of an address of weights: counters, and what goes along with the codes through the pipeline."""


def multipliers_of(network: Network, foldings: Mapping[str, Folding]) -> int:
    """Of a code and a weight of convolutions, and of two codes, one for each lane (S1)."""
    made = streams_of(network).made
    products = (layer.name for layer in network.of(Multiply))
    return total_multipliers(foldings) + sum(made[name].lanes for name in products)


def gates_of(network: Network, foldings: Mapping[str, Folding]) -> int:
    """Gate equivalents of all multipliers of codes and weights, with their sums and registers (S8).

    What hwrts_mac.v is but for its memories: windows and queues are counted in bits. A circuit of one clock a
    pixel whose weights are constants has multipliers by constants, which are smaller.
    """
    return round(sum(_conv_gates(network, conv, foldings[conv.name]) for conv in network.convs))


def _conv_gates(network: Network, conv: Conv, folding: Folding) -> float:
    code, weight, outputs = network.formats[conv.source].bits, conv.weight_bits, len(conv.weight_i8)
    acc = int(network.bounds[conv.name].bits.max())
    product = code + weight
    total = min(acc, product + math.ceil(math.log2(folding.simd)))  # bits of a sum of products
    inputs = math.prod(conv.weight_i8.shape[1:])
    parts = conv.groups * -(-inputs // folding.simd)  # of which SIMD codes are chosen
    waits = parts > 8  # then they are held in front of the multipliers
    multiplier = (code + 1) * weight * _AND + code * (weight - 1) * _ROW_ADDER + product * _REGISTER
    levels = math.ceil(math.log2(folding.simd))
    added = sum(product + levels - (node + 1).bit_length() + 1 for node in range(folding.simd - 1))
    lane = added * _FULL_ADDER + total * _REGISTER
    accumulator = acc * (_FULL_ADDER + _CHOICE + _REGISTER + _ROUNDING)
    chosen = folding.simd * code * (waits * _REGISTER + (parts - 1) * _CHOICE)
    result = outputs * conv.out.bits * _REGISTER
    control = (folding.cycles(conv) - 1).bit_length() * _CONTROL
    return folding.multipliers * multiplier + folding.pe * (lane + accumulator) + chosen + result + control
