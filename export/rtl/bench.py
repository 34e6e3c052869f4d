"""The testbench of a circuit, and vectors of frames of one's own."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hwrts.export.c.names import identifiers
from hwrts.export.rtl.circuit import SIZE_BITS, Circuit
from hwrts.export.rtl.templates import render
from hwrts.export.rtl.top import TOP
from hwrts.export.vectors import packed, read_words, word_bits, words_text
from hwrts.fixed_point import run_all


def bench_text(circuit: Circuit, words: int, ids: Mapping[str, str] | None = None) -> str:
    """The testbench, for frames of so many words of the input at most.

    Args:
        circuit: What it checks.
        words: Of the frames of a case together.
        ids: What the vectors call the tensors; None as :func:`vector_files` does.
    """
    network, streams = circuit.network, circuit.streams
    ids = identifiers(network) if ids is None else ids
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
        ids={
            "input": ids[network.inputs[0].name],
            "output": ids[network.output],
            "layers": [ids[layer.name] for layer in network.layers],
        },
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


def vector_files(circuit: Circuit, frames: Sequence[NDArray[np.integer]], case: str) -> dict[str, str]:
    """What the testbench reads of frames (H, W, C) of one size: the pixels of every tensor, as vectors.

    Args:
        circuit: What is checked.
        frames: One after the other.
        case: What stands in front of the names of tensors.
    """
    network = circuit.network
    made = [run_all(network, frame, "int64") for frame in frames]
    texts = {}
    for name, own in identifiers(network).items():
        bits = network.formats[name].bits
        words = packed(np.stack([each[name] for each in made]), bits)
        texts[f"{case}.{own}.mem"] = words_text(words, word_bits(network.channels[name], bits))
    return texts
