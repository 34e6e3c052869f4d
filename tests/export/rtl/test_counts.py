"""The formulas against Yosys: multipliers and bits of memories, each of its kind; and the plan of lines."""

import json
import subprocess

import numpy as np
import pytest

from hwrts.export.rtl import Settings, circuit_of, top_text
from hwrts.export.rtl.counts import counts_of
from hwrts.export.rtl.folding import Folding
from hwrts.export.rtl.gates import gates_of
from hwrts.export.rtl.templates import library
from hwrts.fixed_point import (
    PIXEL,
    Format,
    GlobalAverage,
    Input,
    Multiply,
    Network,
    PRelu,
    Reorder,
    Resize,
    Scale,
    Upsample,
)

from .build import random_conv, residual, single
from .simulate import needs
from .test_operators import EVERY


def synthesized(circuit, folder):
    """Of a circuit before it is mapped: (multipliers, bits of memories, of constants, flip-flops)."""
    needs("yosys")
    texts = {**library(), **circuit.memories, "hwrts_top.v": top_text(circuit)}
    for name, text in texts.items():
        (folder / name).write_text(text)
    sources = " ".join(name for name in texts if name.endswith(".v"))
    script = f"read_verilog -defer {sources}; hierarchy -top hwrts_top; proc; flatten; opt; wreduce; "
    script += "memory -nomap; opt -fast; write_json cells.json"
    subprocess.run(["yosys", "-q", "-p", script], cwd=folder, check=True, timeout=600)
    cells = json.loads((folder / "cells.json").read_text())["modules"]["hwrts_top"]["cells"].values()
    multipliers = memories = constants = flip_flops = 0
    for cell in cells:
        flip_flops += len(cell["connections"]["Q"]) if "dff" in cell["type"] else 0
        if cell["type"] == "$mul":  # one by a constant is an address
            ports = (cell["connections"][port] for port in "AB")
            multipliers += all(any(isinstance(bit, int) for bit in port) for port in ports)
        elif cell["type"] == "$mem_v2":
            numbers = cell["parameters"]
            bits = int(numbers["SIZE"], 2) * int(numbers["WIDTH"], 2)
            written = int(numbers["WR_PORTS"], 2) > 0
            memories, constants = memories + bits * written, constants + bits * (not written)
    return multipliers, memories, constants, flip_flops


# One column in 16 of 5 random words is the same in all, and Yosys makes a wire of it: no fewer than 9.
@pytest.mark.parametrize(("form", "cycles"), [("x2", 16), ("same", 9)])
def test_formulas_against_synthesis(tmp_path, form, cycles):
    circuit = circuit_of(residual(form, channels=4), Settings(widest=128, cycles=cycles))
    counts = counts_of(circuit)
    multipliers, memories, constants, flip_flops = synthesized(circuit, tmp_path)
    assert flip_flops == pytest.approx(counts.flip_flops, rel=0.05)
    assert multipliers == pytest.approx(counts.multipliers, rel=0.05)
    assert memories == pytest.approx(counts.memory_bits, rel=0.05)
    assert constants == pytest.approx(counts.constant_bits, rel=0.05)


@pytest.mark.slow  # a second for each
@pytest.mark.parametrize(
    "kind", [each for each in EVERY if each is not Reorder], ids=lambda kind: kind.__name__
)
def test_operators_against_synthesis(tmp_path, kind):
    """But channels that are given twice, of which Yosys does not see that a queue may be read into them."""
    circuit = circuit_of(EVERY[kind], Settings(widest=32, tallest=32, cycles=9))
    counts = counts_of(circuit)
    multipliers, memories, constants, flip_flops = synthesized(circuit, tmp_path)
    assert flip_flops == pytest.approx(counts.flip_flops, rel=0.05)
    assert memories == pytest.approx(counts.memory_bits, rel=0.05)
    assert constants == pytest.approx(counts.constant_bits, rel=0.05)
    if kind not in (Scale, PRelu, Upsample, Resize):  # whose products are by constants
        assert multipliers == counts.multipliers


GATES = {"AND": 1.5, "OR": 1.5, "NAND": 1, "NOR": 1, "ANDNOT": 1.5, "ORNOT": 1.5, "XOR": 2.5, "XNOR": 2.5,
         "NOT": 0.5, "DFF_P": 4.5}  # fmt: skip
"""Gate equivalents of Yosys' cells, of which a NAND is one."""


def built(circuit, folder):
    """Gate equivalents of the sums of a circuit of one convolution, as Yosys builds them of plain gates."""
    needs("yosys")
    module = circuit.modules["c"]
    for name, text in {**library(), **module.memories}.items():
        (folder / name).write_text(text)
    own = "OUTPUTS GROUPS PE SIMD IN_BITS IN_SIGNED WEIGHT_BITS ACC SHIFT_LOW SHIFT_HIGH SHIFT_BITS ROUNDING "
    own += "OUT_BITS OUT_SIGNED LOADABLE ADDRESS"
    values = {name: module.parameters[name] for name in own.split()}
    values |= {name: f'"{module.parameters[name]}"' for name in ("WEIGHTS", "BIASES")}
    values["INPUTS"] = circuit.network.convs[0].weight_i8[0].size
    chosen = " ".join(f"-set {name} {value}" for name, value in values.items())
    sources = "hwrts_mac.v hwrts_lane.v hwrts_sum.v hwrts_rom.v hwrts_requantise.v hwrts_select.v"
    steps = f"read_verilog -defer {sources}; chparam {chosen} hwrts_mac; hierarchy -top hwrts_mac; proc; "
    steps += "setattr -mod -unset keep_hierarchy *; "  # as full adders: carry chains are an FPGA's
    steps += "flatten; opt; wreduce; peepopt; opt_clean; alumacc; opt; memory -nomap; opt -fast; techmap; "
    steps += "opt -fast; dfflegalize -cell $_DFF_P_ x; opt_clean; abc -g gates; opt_clean; "
    steps += "write_json cells.json"
    (folder / "gates.ys").write_text(steps.replace("; ", "\n"))
    subprocess.run(["yosys", "-q", "-s", "gates.ys"], cwd=folder, check=True, timeout=600)
    (made,) = json.loads((folder / "cells.json").read_text())["modules"].values()
    kinds = [cell["type"].strip("$_") for cell in made["cells"].values()]
    return sum(GATES[kind] for kind in kinds if not kind.startswith("mem"))


@pytest.mark.slow  # a minute for a thousand gates of each of 36 multipliers
@pytest.mark.parametrize(
    ("pe", "simd", "code", "weight"), [(1, 9, 8, 8), (4, 9, 8, 8), (2, 9, 8, 4), (2, 9, 4, 4), (1, 12, 8, 6)]
)
def test_gates_against_synthesis(tmp_path, pe, simd, code, weight):
    out = Format(True, min(code, 8), 8)
    layer = random_conv(np.random.default_rng(1), "c", "x", 8, 4, 3, out, bits=weight)
    network, foldings = single(layer, 4, Format(False, code, 8)), {"c": Folding(pe, simd)}
    circuit = circuit_of(network, Settings(), foldings)
    assert built(circuit, tmp_path) == pytest.approx(gates_of(network, foldings), rel=0.05)


@pytest.mark.parametrize("form", ["x2", "same"])
@pytest.mark.parametrize("blocks", [1, 3])
def test_line_memory_is_as_planned(form, blocks):
    """Rows of windows and of queues are the plan's, word by word; what queues have beside is within 1 %."""
    circuit = circuit_of(residual(form, channels=32, blocks=blocks), Settings(widest=1920, cycles=16))
    counts = counts_of(circuit)
    assert counts.window_bits + counts.row_bits == counts.planned_bits
    assert counts.queue_bits < 0.01 * counts.planned_bits


def test_counts_by_hand():
    """Residual-1 of 4 channels, x2, frames of 100 columns, at most 16 clocks a pixel."""
    counts = counts_of(circuit_of(residual("x2"), Settings(widest=100, cycles=16)))
    two_rows = 2 * 100 * 8  # bits for each channel
    assert counts.window_bits == two_rows * (3 + 4 + 4 + 3 + 3)
    assert counts.row_bits == 3 * 100 * 24
    # 4x27, 4x36, 3x36, 12x27 twice, by 16 clocks: 1x7, 1x9, 1x8 (3 turns of 5 parts), 3x7, 3x7
    assert counts.multipliers == 7 + 9 + 8 + 21 + 21
    assert counts.cycles == 16
    assert counts.latency_rows == 4
    # at the way out 13 blocks come while the lower pixels of 100 are given; its queue has a memory of 15 + 1
    assert counts.output_bits == 2 * 100 * 24 + (2 + 13 + 1) * 12 * 8


def test_a_picture_that_waits_for_its_mean_is_counted():
    """All its rows, of 3 codes of 8 bits a pixel; a division, and one multiplier for each product."""
    layers = GlobalAverage("m", "x", PIXEL), Multiply("y", ("x", "m"), PIXEL)
    network = Network((Input("x", 3, PIXEL),), layers)
    counts = counts_of(circuit_of(network, Settings(widest=20, tallest=10)))
    assert counts.row_bits == counts.planned_bits == 10 * 20 * 24
    assert counts.latency_rows == 10
    assert counts.multipliers == 3
