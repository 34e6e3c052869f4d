"""The testbench of a circuit, and the vectors that it reads."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hwrts.export.rtl.circuit import SIZE_BITS, Circuit
from hwrts.export.rtl.templates import render
from hwrts.export.rtl.top import TOP
from hwrts.export.vectors import packed, read_words, words_text
from hwrts.fixed_point import run_all


def bench_text(circuit: Circuit, words: int) -> str:
    """The testbench, for vectors of so many words of the input at most."""
    network, streams = circuit.network, circuit.streams
    return render(
        "bench/hwrts_tb.v.j2",
        top=TOP,
        size=SIZE_BITS,
        words=words,
        grow=circuit.out.grow,
        cycles=max((circuit.foldings[conv.name].cycles(conv) for conv in network.convs), default=1),
        input=streams[network.inputs[0].name],
        output_word=circuit.out.channels * circuit.out.out.bits,
        load=circuit.load_port,
        load_words=max(1, len(load_words(circuit))),
        layers=[streams[layer.name] for layer in network.layers],
    )


def load_words(circuit: Circuit) -> list[int]:
    """What the testbench writes through the port of a circuit: weights and biases; none without a port.

    A word is the layer's number, 1 for biases, the address, the data; from the high bits to the low ones.
    """
    port = circuit.load_port
    if port is None:
        return []
    words = []
    for number, layer in enumerate(circuit.network.layers):
        module = circuit.modules[layer.name]
        for is_bias, text in enumerate(module.memories.values()):  # weights, biases
            low = module.weight_word if is_bias else 0
            for address, word in enumerate(read_words(text)):
                head = (number << 1 | is_bias) << port["address"] | address
                words.append(head << port["word"] | word << low)
    return words


def load_file(circuit: Circuit) -> str:
    """The same as load.mem."""
    port = circuit.load_port or {"address": 0, "word": 0}
    return words_text(load_words(circuit), 17 + port["address"] + port["word"])


def vector_files(circuit: Circuit, frames: Sequence[NDArray[np.integer]]) -> dict[str, str]:
    """What the testbench reads: the frames (H, W, C), all of one size, and every layer's words of them."""
    network, streams = circuit.network, circuit.streams
    source = network.inputs[0].name
    made = [run_all(network, frame, "int64") for frame in frames]
    texts = {"source.mem": "".join(streams[source].text(each[source]) for each in made)}
    for number, layer in enumerate(network.layers):
        texts[f"layer_{number}.mem"] = "".join(streams[layer.name].text(each[layer.name]) for each in made)
    out = circuit.out
    texts["output.mem"] = "".join(
        words_text(packed(each[network.output], out.out.bits), out.channels * out.out.bits) for each in made
    )
    return texts
