"""Weights that are written through a port: a circuit of other ones computes the network afterwards."""

from dataclasses import replace

import pytest

from hwrts.export.rtl import Settings, circuit_of, top_text
from hwrts.export.rtl.bench import vector_files
from hwrts.export.rtl.loading import load_file, load_words
from hwrts.fixed_point import HwrtsError, Padding

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


def narrower(network, **fields):
    """Another network of the same layers: weights of half the size, so its sums may need a bit less."""
    for conv in network.convs:
        network = network.exchanged(replace(conv, weight_i8=conv.weight_i8 // 2, **fields))
    return network


def test_another_network_of_the_same_layers_is_loaded(tmp_path):
    """Its sums need fewer bits, and it stands in words as wide as the circuit's."""
    circuit = circuit_of(residual("same", channels=2), Settings(widest=8, cycles=64, loadable=True))
    other = narrower(circuit.network)
    assert circuit_of(other, circuit.settings).modules != circuit.modules
    frames = noise(circuit, 3, 4)
    vectors = vector_files(circuit_of(other, circuit.settings), frames, "case")
    vectors["load.mem"] = load_file(circuit, other)
    loads = [f"+loads={len(load_words(circuit, other))}", "+load=vectors/load.mem"]
    verdict = Simulation(circuit, tmp_path).run(frames, (30, 30), vectors=vectors, more=loads)
    assert verdict.passed, verdict.text


def test_what_does_not_fit_is_refused():
    """A sum that wraps would be another code in silence."""
    settings = Settings(widest=8, loadable=True)
    full = residual("same", channels=2)
    half = narrower(full)
    with pytest.raises(HwrtsError, match=r"'conv_in': these weights need accumulators of 20 bits, .* has 19"):
        load_words(circuit_of(half, settings), full)
    coarse = full.exchanged(replace(full.convs[0], weight_frac=full.convs[0].weight_frac + 3))
    with pytest.raises(HwrtsError, match=r"'conv_in': these weights drop 12\.\.13 bits, the circuit 9\.\.10"):
        load_words(circuit_of(full, settings), coarse)
    with pytest.raises(HwrtsError, match="'conv_in': is of another shape, format or rounding than the circ"):
        load_words(circuit_of(full, settings), narrower(full, padding=Padding.ZERO))
    with pytest.raises(
        HwrtsError, match="the weights are those of another network; load those of one of the"
    ):
        load_words(circuit_of(full, settings), residual("x2", channels=2))


def test_constants_have_no_port(tmp_path):
    circuit = circuit_of(residual("same", channels=2), Settings(widest=8))
    assert circuit.load_port is None
    assert load_words(circuit) == []
