"""A circuit in Icarus Verilog on frames of one's own, with what every signal of some scopes did."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwrts.export.rtl.bench import bench_text, vector_files
from hwrts.export.rtl.circuit import Circuit
from hwrts.export.rtl.templates import bench_modules, library
from hwrts.export.rtl.top import top_text
from hwrts.export.rtl.waveform import Waveform, read_waveform
from hwrts.export.stimuli import Fed, fed
from hwrts.fixed_point import HwrtsError

DUT = "hwrts_tb_clock.tb.dut"
"""Full name of the circuit in the simulation."""
_CASE = "frames"
_SECONDS = 600


def simulate(
    circuit: Circuit, frames: Sequence[NDArray[np.integer] | Fed], folder: Path, watched: Sequence[str] = ()
) -> Waveform:
    """Run frames of one size through a circuit, whose testbench compares every layer.

    Args:
        circuit: The circuit.
        frames: One after the other, without pauses: codes (H, W, C), or those of each input by its name.
        folder: An empty one, for files of the simulation.
        watched: Scopes below :data:`DUT` whose signals, and those within them, are wanted too; those of the
            circuit itself are always there.

    Raises:
        HwrtsError: Icarus Verilog is not installed or cannot read the circuit, or a code differs.
    """
    network = circuit.network
    picture = next(each for each in network.inputs if not each.whole)
    height, width = fed(network, frames[0])[picture.name].shape[:2]
    dump = ["module hwrts_dump;", "    initial begin", '        $dumpfile("run.vcd");']
    dump += [f"        $dumpvars(1, {DUT});"] + [f"        $dumpvars(0, {DUT}.{each});" for each in watched]
    sources = {
        **library(),
        **{name: text for name, text in bench_modules().items() if name.endswith(".v")},
        "hwrts_top.v": top_text(circuit),
        "hwrts_tb.v": bench_text(circuit, len(frames) * height * width),
        "hwrts_dump.v": "\n".join([*dump, "    end", "endmodule", ""]),
    }
    memories = circuit.memories | vector_files(circuit, frames, _CASE)
    for name, text in (sources | memories).items():
        (folder / name).write_text(text, "ascii")
    _run(folder, "iverilog", "-g2005", "-s", "hwrts_tb_clock", "-s", "hwrts_dump", "-o", "sim", *sources)
    sizes = (f"+width={width}", f"+height={height}", f"+frames={len(frames)}")
    said = _run(folder, "vvp", "-n", "sim", f"+vectors={_CASE}", *sizes)
    if "PASSED" not in said.splitlines():
        first = next((line for line in said.splitlines() if "expected" in line), "it stops")
        raise HwrtsError(f"rtl: the circuit is not the network ({first:.120}); this is a fault of hwrts")
    return read_waveform((folder / "run.vcd").read_text("ascii"), f"{DUT}.clk")


def _run(folder: Path, tool: str, *words: str) -> str:
    if shutil.which(tool) is None:
        raise HwrtsError(f"rtl: {tool} is not installed; install Icarus Verilog (iverilog and vvp)")
    try:
        done = subprocess.run(
            [tool, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise HwrtsError(f"rtl: {tool} is not done after {_SECONDS} s; use smaller frames") from error
    if done.returncode:
        first = (done.stderr or done.stdout).strip().partition("\n")[0]
        code = done.returncode
        raise HwrtsError(f"rtl: {tool} ends with exit {code} ({first:.120}); use Icarus Verilog 11 or newer")
    return done.stdout
