"""Residual-N as a circuit: every layer's stream against the definition, with pauses, from one pixel up."""

from dataclasses import replace

import pytest

from hwrts.export.rtl import Settings, circuit_of, top_text
from hwrts.export.rtl.bench import vector_files
from hwrts.fixed_point import Network, Padding, Rounding

from .build import residual
from .simulate import Simulation, noise

SIZES = [(1, 1), (1, 2), (2, 1), (1, 9), (9, 1), (3, 3), (5, 16)]


def assert_exact(simulation, frames, pauses=(0, 0)):
    verdict = simulation.run(frames, pauses)
    assert verdict.passed, verdict.text
    height, width = frames[0].shape[:2]
    words = height * width * len(frames)
    assert verdict.layers == dict.fromkeys(range(len(simulation.circuit.network.layers)), (words, 0))
    assert verdict.output == (words * simulation.circuit.out.grow**2, 0)
    return verdict


@pytest.fixture(scope="module", params=["x2", "same"])
def simulation(request, tmp_path_factory):
    circuit = circuit_of(residual(request.param), Settings(widest=16, cycles=16))
    return Simulation(circuit, tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_sizes_with_pauses_on_both_sides(simulation, size):
    """Three frames follow one another, so their edges meet in the circuit."""
    assert_exact(simulation, noise(simulation.circuit, size[0], size[1], frames=3), (100, 200))


@pytest.mark.parametrize("pauses", [(250, 0), (0, 250)], ids=str)
def test_a_source_or_a_sink_that_hardly_moves(simulation, pauses):
    assert_exact(simulation, noise(simulation.circuit, 3, 4), pauses)


def test_a_pixel_takes_the_clocks_that_were_allowed(simulation):
    """But for the columns and rows in which each window is beyond the picture (hwrts_window.v)."""
    height, width = 6, 16
    verdict = assert_exact(simulation, noise(simulation.circuit, height, width, frames=2))
    deepest = max(conv.window.after for conv in simulation.circuit.network.convs)
    blanked = (height + deepest) * (width + deepest + 1) - height * width
    assert 16 * height * width <= verdict.period <= 16 * (height * width + blanked)


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("form", ["x2", "same"])
@pytest.mark.usually(form="x2")
def test_every_rule(tmp_path, form, rounding):
    network = replace(residual(form, channels=3, rounding=rounding), additions=Rounding.HALF_UP)
    simulation = Simulation(circuit_of(network, Settings(widest=16, cycles=27)), tmp_path)
    assert_exact(simulation, noise(simulation.circuit, 6, 7), (60, 60))


@pytest.mark.parametrize("cycles", [1, 2, 7, 1000])
@pytest.mark.usually(cycles=7)
def test_every_folding(tmp_path, cycles):
    """From all multipliers at once to one for each convolution."""
    network = residual("x2", channels=3, padding=Padding.ZERO, blocks=2)
    circuit = circuit_of(network, Settings(widest=8, cycles=cycles))
    for conv in network.convs:
        assert circuit.foldings[conv.name].cycles(conv) <= cycles
    assert_exact(Simulation(circuit, tmp_path), noise(circuit, 4, 5, frames=2), (20, 20))


def test_at_one_pixel_a_clock_only_the_edges_are_blanked(tmp_path):
    circuit = circuit_of(residual("same", channels=2), Settings(widest=16, cycles=1))
    height, width = 5, 16
    verdict = assert_exact(Simulation(circuit, tmp_path), noise(circuit, height, width, frames=2))
    assert verdict.period <= (height + 2) * (width + 3)


def test_rows_of_blocks_that_are_given_late_hold_nothing_up(tmp_path):
    """The lower row of each row of blocks takes two clocks a block in which none is taken."""
    circuit = circuit_of(residual("x2", channels=2), Settings(widest=32, cycles=4))
    height, width = 5, 32
    verdict = assert_exact(Simulation(circuit, tmp_path), noise(circuit, height, width, frames=2))
    assert verdict.period <= 4 * (height + 1) * (width + 3) < (4 + 2) * height * width


def test_names_of_layers_may_be_anything(tmp_path):
    names = {
        "conv_in": "inside",
        "conv_0": 'a"; $finish; //',
        "add_0": "*/ end",
        "conv_out": "é ✓",
        "x": "within",
    }
    plain = residual("same", channels=2)

    def renamed(layer):
        many = getattr(layer, "sources", ())
        sources = tuple(names.get(each, each) for each in many)
        key = {"source": sources[0]} if hasattr(layer, "source") else {"sources": sources}
        return replace(layer, name=names.get(layer.name, layer.name), **key)

    inputs = tuple(replace(each, name=names[each.name]) for each in plain.inputs)
    network = Network(inputs, tuple(map(renamed, plain.layers)), plain.rounding)
    circuit = circuit_of(network, Settings(widest=8, cycles=64))
    simulation = Simulation(circuit, tmp_path)
    assert_exact(simulation, noise(circuit, 3, 4))
    assert "$finish" not in top_text(circuit)
    assert all(text.isascii() for text in (top_text(circuit), *circuit.memories))


def test_a_flipped_bit_of_a_weight_is_seen(simulation, tmp_path):
    """The testbench can fail: at the layer of the weight and at those behind it, at no other."""
    network = simulation.circuit.network
    frames = noise(simulation.circuit, 6, 7)
    layer = network.layer("conv_out")
    weight = layer.weight_i8.copy()
    weight[1, 2, 1, 1] ^= 32  # a lower one may show in none of 42 pixels
    other = network.exchanged(replace(layer, weight_i8=weight))
    vectors = vector_files(circuit_of(other, simulation.circuit.settings), frames, "case")
    verdict = simulation.run(frames, vectors=vectors)
    assert not verdict.passed
    assert network.layers[verdict.differing[0]].name == "conv_out"
    assert verdict.output[1] > 0


def test_a_wrong_word_of_the_output_alone_is_seen(simulation):
    frames = noise(simulation.circuit, 3, 4)
    vectors = vector_files(simulation.circuit, frames, "case")
    *_, output = vectors
    words = vectors[output].split()
    words[-1] = f"{int(words[-1], 16) ^ 1:06x}"
    verdict = simulation.run(frames, vectors=vectors | {output: "\n".join(words)})
    assert not verdict.passed
    assert verdict.differing == [len(simulation.circuit.network.layers) - 1]
    assert verdict.output[1] == 1


def test_the_same_network_gives_the_same_text():
    network = residual("x2")
    first, second = (circuit_of(network, Settings()) for _ in range(2))
    assert top_text(first) == top_text(second)
    assert first.memories == second.memories


def test_no_pixel_is_lost_where_frames_are_as_wide_as_the_memories(tmp_path):
    circuit = circuit_of(residual("x2", channels=2), Settings(widest=11, cycles=4))
    assert_exact(Simulation(circuit, tmp_path), noise(circuit, 9, 11, frames=2), (50, 0))


def test_verilator_says_the_same(tmp_path):
    circuit = circuit_of(residual("x2", channels=3), Settings(widest=64, cycles=16))
    simulation = Simulation(circuit, tmp_path, "verilator", words=48 * 64 * 2)
    for size, frames in (((1, 1), 3), ((48, 64), 2)):
        assert_exact(simulation, noise(circuit, size[0], size[1], frames=frames), (40, 80))
