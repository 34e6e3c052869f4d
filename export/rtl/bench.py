"""The testbench of a circuit, and the vectors that it reads."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hwrts.export.rtl.circuit import SIZE_BITS, Circuit
from hwrts.export.rtl.templates import render
from hwrts.export.rtl.top import TOP
from hwrts.export.vectors import packed, words_text
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
        layers=[streams[layer.name] for layer in network.layers],
    )


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
