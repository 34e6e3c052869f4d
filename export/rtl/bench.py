"""The testbench of a circuit, and vectors of frames of one's own."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from hwrts.export.c.names import identifiers
from hwrts.export.rtl.circuit import Circuit
from hwrts.export.rtl.loading import load_words
from hwrts.export.rtl.netlist import SIZE_BITS
from hwrts.export.rtl.stream import Stream, reduces
from hwrts.export.rtl.templates import render
from hwrts.export.rtl.top import TOP, doors, exits
from hwrts.export.vectors import packed, word_bits, words_text
from hwrts.fixed_point import run_all

_DIVISION = 80
"""Clocks of a mean of one channel, or more: its bits, and those in which it is begun and ended."""


def bench_text(circuit: Circuit, words: int, ids: Mapping[str, str] | None = None) -> str:
    """The testbench, for frames of so many words of an input at most.

    Args:
        circuit: What it checks.
        words: Of the frames of a case together.
        ids: What the vectors call the tensors; None as :func:`vector_files` does.
    """
    network, streams = circuit.network, circuit.streams
    ids = identifiers(network) if ids is None else ids
    entered, left = doors(circuit), exits(circuit)
    ports = dict(
        zip((*entered, *left), (*(each.name for each in network.inputs), *network.outputs), strict=True)
    )
    layers = [
        {
            "stream": streams[layer.name],
            "name": ids[layer.name],
            "words": _at_most(words, streams[layer.name].grid),
            "keep": int(layer.name not in network.outputs),
        }
        for layer in network.layers
    ]
    return render(
        "bench/hwrts_tb.v.j2",
        top=TOP,
        size=SIZE_BITS,
        cycles=circuit.cycles,
        pause=_once_a_frame(circuit),
        doors=entered,
        exits=left,
        first_door=next(iter(entered)),
        first_exit=next(iter(left)),
        names={port: ids[name] for port, name in ports.items()},
        numbers={port: port[1:] and f"_{port[1:]}" for port in ports},
        most_words={port: _at_most(words, each.grid * each.grow) for port, each in (entered | left).items()},
        size_of=_size_of,
        load=circuit.load_port,
        load_words=max(1, len(load_words(circuit))),
        layers=layers,
    )


def _once_a_frame(circuit: Circuit) -> int:
    """Clocks in which nothing may move once a frame or a row: sums of one pixel, and divisions."""
    network, streams = circuit.network, circuit.streams
    sums = (circuit.foldings[conv.name].cycles(conv) for conv in network.convs if streams[conv.name].whole)
    means = (streams[layer.name].channels * _DIVISION for layer in network.layers if reduces(layer))
    return sum((*sums, *means))


def _at_most(words: int, times: Fraction) -> int:
    """Words of a tensor of so many times the input's rows and columns; of one pixel one for a frame."""
    return math.ceil(words * times**2) if times else words


def _size_of(what: str, stream: Stream, axis: int) -> str:
    """Rows or columns of pixels of a stream, in Verilog."""
    grid = stream.grid
    return f"(({what} * {grid.numerator} / {grid.denominator} - {stream.lacks[axis]}) * {stream.grow})"


def vector_files(
    circuit: Circuit, frames: Sequence[NDArray[np.integer] | Mapping[str, NDArray[np.integer]]], case: str
) -> dict[str, str]:
    """What the testbench reads of frames of one size: the pixels of every tensor, as vectors.

    Args:
        circuit: What is checked.
        frames: One after the other: codes (H, W, C), or those of each input by its name.
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
