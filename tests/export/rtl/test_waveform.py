"""Waveforms: a file by hand, then a circuit in Icarus whose words are the codes of the network."""

import doctest

import numpy as np
import pytest

from hwrts.export.rtl import Settings, circuit_of, icarus, waveform
from hwrts.export.rtl.bench import vector_files
from hwrts.export.rtl.icarus import DUT, simulate
from hwrts.export.rtl.waveform import read_waveform
from hwrts.fixed_point import HwrtsError, run_all

from .build import residual
from .simulate import needs, noise

TEXT = """$date today $end
$scope module tb $end
$var reg 1 ! clk $end
$scope begin pe[0] $end
$var wire 3 " acc [2:0] $end
$upscope $end
$scope module dut $end
$var wire 1 ! clk $end
$var wire 1 # valid $end
$upscope $end
$upscope $end
$enddefinitions $end
#0
$dumpvars
x!
bx "
0#
$end
#1
1!
0!
#2
1!
b101 "
#3
0!
1#
#4
1!
bz1 "
#5
0!
#6
1!
"""


def test_examples_in_docstrings():
    assert doctest.testmod(waveform).attempted >= 3


def test_values_are_those_before_the_edge():
    """A change in the moment of the edge counts for the next; a clock that begins to be known is no edge."""
    found = read_waveform(TEXT, "tb.clk")
    assert found.edges.tolist() == [2, 4, 6]
    assert found.samples("tb.pe[0].acc") == [None, 5, None]
    assert found.samples("tb.dut.valid") == [0, 1, 1]
    assert found.samples("tb.dut.clk") == [0, 0, 0]


def test_what_is_not_there_is_one_line():
    with pytest.raises(HwrtsError, match=r"no signal 'dut.valid'; there are 4, such as tb\.dut\.valid"):
        read_waveform(TEXT, "tb.clk").samples("dut.valid")
    with pytest.raises(HwrtsError, match="has no clock 'clk'; dump the scope"):
        read_waveform(TEXT, "clk")
    with pytest.raises(HwrtsError, match="this is no VCD file; write one with"):
        read_waveform("00\nff\n", "clk")


def words(found, signal):
    """What moves on a stream."""
    names = (f"{DUT}.{signal}_{what}" for what in ("valid", "ready", "data"))
    return [data for valid, ready, data in zip(*map(found.samples, names), strict=True) if valid and ready]


def test_the_words_of_a_stream_are_the_codes_of_the_layer(tmp_path):
    needs("iverilog")
    circuit = circuit_of(residual("x2", channels=2), Settings(widest=8, cycles=64))
    (frame,) = noise(circuit, 3, 4)
    stream = circuit.streams["conv_out"]
    found = simulate(circuit, [frame], tmp_path, [f"{stream.signal}_layer"])
    codes = (
        run_all(circuit.network, frame, "int64")["conv_out"].reshape(12, 3).astype(np.uint8)
    )  # s8 as bytes
    assert words(found, stream.signal) == [int.from_bytes(bytes(pixel), "little") for pixel in codes]
    assert f"{DUT}.{stream.signal}_layer.mac.pe[0].acc" in found.changes


def test_a_circuit_that_computes_something_else_is_refused(tmp_path, monkeypatch):
    needs("iverilog")
    circuit = circuit_of(residual("same", channels=2), Settings(widest=8, cycles=64))
    other = circuit_of(residual("same", channels=2, seed=5), circuit.settings)
    monkeypatch.setattr(icarus, "vector_files", lambda _, *rest: vector_files(other, *rest))
    with pytest.raises(HwrtsError, match=r"the circuit is not the network \(layer 0, t1_conv_in: word 0"):
        simulate(circuit, noise(circuit, 2, 2), tmp_path)


def test_a_simulator_that_is_not_there_or_fails_is_one_line(tmp_path, monkeypatch):
    circuit = circuit_of(residual("same", channels=2), Settings(widest=8, cycles=64))
    frames = noise(circuit, 2, 2)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(HwrtsError, match="iverilog is not installed; install Icarus Verilog"):
        simulate(circuit, frames, tmp_path)
    tool = tmp_path / "iverilog"
    tool.write_text("#!/bin/sh\necho too old >&2\nexit 3\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HwrtsError, match=r"iverilog ends with exit 3 \(too old\); use Icarus Verilog 11"):
        simulate(circuit, frames, tmp_path)
    tool.write_text("#!/bin/sh\nwhile :; do :; done\n")
    monkeypatch.setattr(icarus, "_SECONDS", 0.2)
    with pytest.raises(HwrtsError, match=r"iverilog is not done after 0\.2 s; use smaller frames"):
        simulate(circuit, frames, tmp_path)
