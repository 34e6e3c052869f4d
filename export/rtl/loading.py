"""What is written through the port of a circuit whose weights are loadable: its own, or another network's."""

from collections.abc import Mapping

import numpy as np

from hwrts.export.rtl.circuit import Circuit
from hwrts.export.rtl.design import Module
from hwrts.export.rtl.operators.conv import memories_of
from hwrts.export.vectors import read_words, words_text
from hwrts.fixed_point import Conv, HwrtsError, Network


def load_words(circuit: Circuit, network: Network | None = None) -> list[int]:
    """What the testbench writes through the port of a circuit: weights and biases; none without a port.

    A word is the layer's number, 1 for biases, the address, the data; from the high bits to the low ones.

    Args:
        circuit: The circuit, of loadable weights.
        network: Whose weights they are; None for its own.

    Raises:
        HwrtsError: A network of another shape, or sums or shifts beyond the circuit's widths.
    """
    port = circuit.load_port
    if port is None:
        return []
    memories = {name: module.memories for name, module in circuit.modules.items() if module.load_bits}
    if network is not None:
        memories = _memories(circuit, network)
    words = []
    for number, layer in enumerate(circuit.network.layers):
        module = circuit.modules[layer.name]
        for is_bias, text in enumerate(memories.get(layer.name, {}).values()):  # weights, biases
            low = module.weight_word if is_bias else 0
            for address, word in enumerate(read_words(text)):
                head = (number << 1 | is_bias) << port["address"] | address
                words.append(head << port["word"] | word << low)
    return words


def load_file(circuit: Circuit, network: Network | None = None) -> str:
    """The same as load.mem."""
    port = circuit.load_port or {"address": 0, "word": 0}
    return words_text(load_words(circuit, network), 17 + port["address"] + port["word"])


def _memories(circuit: Circuit, network: Network) -> dict[str, Mapping[str, str]]:
    """Those of another network's convolutions, as wide as the circuit has them."""
    own, there = circuit.network.layers, network.layers
    if [(type(each), each.name, each.sources) for each in own] != [
        (type(each), each.name, each.sources) for each in there
    ]:
        raise HwrtsError(
            "rtl: the weights are those of another network; load those of one of the same layers"
        )
    made: dict[str, Mapping[str, str]] = {}
    for layer in network.convs:
        module, source = circuit.modules[layer.name], network.formats[layer.source]
        _check(circuit, module, layer, network)
        made[layer.name] = memories_of(layer, circuit.foldings[layer.name], source, module.parameters)
    return made


def _check(circuit: Circuit, module: Module, layer: Conv, network: Network) -> None:
    """Refuse what does not fit: a sum that wraps would be another code, silently."""
    old = next(conv for conv in circuit.network.convs if conv.name == layer.name)
    alike = (
        old.weight_i8.shape == layer.weight_i8.shape
        and (old.shape, old.groups, old.out) == (layer.shape, layer.groups, layer.out)
        and circuit.network.formats[old.source] == network.formats[layer.source]
        and circuit.network.rule_of(old) is network.rule_of(layer)
    )
    if not alike:
        raise HwrtsError(
            f"rtl: layer {layer.name!r}: is of another shape, format or rounding than the circuit's; load "
            "weights of the network that it was made for"
        )
    low, high, bits, weight = (
        int(str(module.parameters[name])) for name in ("SHIFT_LOW", "SHIFT_HIGH", "ACC", "WEIGHT_BITS")
    )
    needed = int(network.bounds[layer.name].bits.max())
    shifts = np.atleast_1d(layer.shift(network.formats[layer.source]))
    if needed > bits or layer.weight_bits > weight:
        what = f"accumulators of {needed} bits" if needed > bits else f"weights of {layer.weight_bits} bits"
        has = bits if needed > bits else weight
        raise HwrtsError(
            f"rtl: layer {layer.name!r}: these weights need {what}, the circuit has {has}; make a circuit "
            "for them"
        )
    if shifts.min() < low or shifts.max() > high:
        raise HwrtsError(
            f"rtl: layer {layer.name!r}: these weights drop {shifts.min()}..{shifts.max()} bits, the circuit "
            f"{low}..{high}; make a circuit for them"
        )
