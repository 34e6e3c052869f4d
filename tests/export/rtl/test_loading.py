"""Weights that are written through a port: a circuit of other ones computes the network afterwards."""

from dataclasses import replace

import pytest

from hwrts.export.rtl import Settings, circuit_of, top_text
from hwrts.export.rtl.bench import load_file, load_words, vector_files

from .build import residual
from .simulate import Simulation, noise


@pytest.mark.parametrize("tool", ["iverilog", "verilator"])
@pytest.mark.usually(tool="iverilog")
def test_loaded_weights_are_those_that_count(tmp_path, tool):
    settings = Settings(widest=8, cycles=16, loadable=True)
    network = other = residual("same", channels=3)
    for conv in network.convs:  # as wide in everything, but each sum in the place of another
        turned = (conv.weight_i8[::-1, :, ::-1], conv.weight_frac[::-1], conv.bias_i32[::-1])
        weight, frac, bias = turned
        other = other.exchanged(replace(conv, weight_i8=weight, weight_frac=frac, bias_i32=bias))
    wanted, there = circuit_of(network, settings), circuit_of(other, settings)
    assert top_text(wanted) == top_text(there)
    frames = noise(wanted, 4, 6, frames=2)
    vectors = vector_files(wanted, frames, "case")
    simulation = Simulation(there, tmp_path, tool)
    assert not simulation.run(frames, (30, 30), vectors=vectors).passed
    vectors["load.mem"] = load_file(wanted)
    loads = [f"+loads={len(load_words(wanted))}", "+load=vectors/load.mem"]
    verdict = simulation.run(frames, (30, 30), vectors=vectors, more=loads)
    assert verdict.passed, verdict.text


def test_constants_have_no_port(tmp_path):
    circuit = circuit_of(residual("same", channels=2), Settings(widest=8))
    assert circuit.load_port is None
    assert load_words(circuit) == []
