"""A circuit in a simulator: built once, run on frames of any size."""

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from hwrts.export.rtl import Circuit, Settings, circuit_of, top_text
from hwrts.export.rtl.bench import bench_text, vector_files
from hwrts.export.rtl.templates import bench_modules, library
from hwrts.fixed_point import Network

from ...fixed_point.random_networks import random_inputs

Tool = Literal["iverilog", "verilator"]


Frame = np.ndarray | dict[str, np.ndarray]
"""Codes (H, W, C), or those of each input by its name."""


def first_of(network: Network, frame: Frame) -> np.ndarray:
    """Those of the first input that is a picture."""
    if not isinstance(frame, dict):
        return frame
    return frame[next(each.name for each in network.inputs if not each.whole)]


@dataclass(frozen=True)
class Verdict:
    """What the testbench said."""

    passed: bool
    layers: dict[int, tuple[int, int]]  # words seen, words that differ
    output: tuple[int, int]
    clocks: int
    latency: int
    period: int
    text: str

    @property
    def differing(self) -> list[int]:
        """Numbers of the layers whose words differ."""
        return [number for number, (_, wrong) in self.layers.items() if wrong]


def needs(tool: str) -> str:
    """The tool's path; the test is skipped by its name where there is none."""
    found = shutil.which(tool)
    if found is None:
        pytest.skip(f"{tool} is not installed")
    return found


class Simulation:
    """A circuit, built in a folder of its own."""

    def __init__(
        self,
        circuit: Circuit,
        folder: Path,
        tool: Tool = "iverilog",
        words: int = 4096,
        changed: Mapping[str, str] | None = None,
    ) -> None:
        self.circuit, self.folder, self.words = circuit, folder, words
        needs(tool)
        folder.mkdir(parents=True, exist_ok=True)
        texts = {
            **library(),
            **bench_modules(),
            **circuit.memories,
            "hwrts_top.v": top_text(circuit),
            "hwrts_tb.v": bench_text(circuit, words),
            **(changed or {}),
        }
        for name, text in texts.items():
            (folder / name).write_text(text)
        sources = sorted(name for name in texts if name.endswith(".v"))
        if tool == "iverilog":
            self._command = ["vvp", "-n", "sim"]
            build = ["iverilog", "-g2005", "-Wall", "-Wno-timescale", "-s", "hwrts_tb_clock", "-o", "sim"]
            done = subprocess.run([*build, *sources], cwd=folder, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, done.stderr
            assert not done.stderr, done.stderr
        else:
            self._command = ["./obj/Vhwrts_tb"]
            sources.remove("hwrts_tb_clock.v")
            build = ["verilator", "--cc", "--exe", "--build", "-O3", "--x-assign", "fast", "-Wno-fatal"]
            build += ["-Wno-WIDTH", "--unroll-count", "1024", "-CFLAGS", "-O1", "--top-module", "hwrts_tb"]
            build += ["-Mdir", "obj", *sources, "hwrts_tb.cpp"]
            done = subprocess.run(build, cwd=folder, capture_output=True, text=True, timeout=900)
            assert done.returncode == 0, done.stderr

    def run(
        self,
        frames: Sequence[Frame],
        pauses: tuple[int, int] = (0, 0),
        seed: int = 1,
        vectors: dict[str, str] | None = None,
        more: Sequence[str] = (),
    ) -> Verdict:
        """Frames of one size, one after the other, against the definition or given vectors."""
        height, width = first_of(self.circuit.network, frames[0]).shape[:2]
        assert height * width * len(frames) <= self.words
        folder = self.folder / "vectors"
        folder.mkdir(exist_ok=True)
        for name, text in (vectors or vector_files(self.circuit, frames, "case")).items():
            (folder / name).write_text(text)
        arguments = [f"+width={width}", f"+height={height}", f"+frames={len(frames)}", f"+seed={seed}"]
        arguments += ["+vectors=vectors/case", f"+pause_in={pauses[0]}", f"+pause_out={pauses[1]}"]
        done = subprocess.run(
            [*self._command, *arguments, *more], cwd=self.folder, capture_output=True, text=True, timeout=900
        )
        assert not done.stderr, done.stderr
        return read(done.stdout)


def read(text: str) -> Verdict:
    """The verdict in what the testbench printed."""
    layers = re.findall(r"^layer (\d+) words (\d+) differ (\d+)$", text, re.MULTILINE)
    outputs = re.findall(r"^output\S* pixels (\d+) of \d+ differ (\d+)$", text, re.MULTILINE)
    clocks = re.search(r"^clocks (\d+) to_first (\d+) period (\d+)$", text, re.MULTILINE)
    assert outputs, text
    assert clocks, text
    seen, wrong = (sum(map(int, each)) for each in zip(*outputs, strict=True))
    span, latency, period = map(int, clocks.groups())
    found = {int(number): (int(words), int(differ)) for number, words, differ in layers}
    return Verdict("PASSED" in text.splitlines(), found, (seen, wrong), span, latency, period, text)


def noise(circuit: Circuit, height: int, width: int, frames: int = 1, seed: int = 1) -> list[np.ndarray]:
    """Random frames over the whole range of the input."""
    source, rng = circuit.network.inputs[0], np.random.default_rng(seed)
    shape = (frames, height, width, source.channels)
    return list(rng.integers(source.out.min, source.out.max, shape, endpoint=True).astype(source.out.dtype))


def assert_exact(
    folder: Path,
    network: Network,
    sizes: Sequence[tuple[int, int]],
    *,
    cycles: int = 8,
    pauses: Sequence[tuple[int, int]] = ((80, 80), (0, 220)),
    widest: int = 16,
    tallest: int = 64,
) -> None:
    """Two frames of noise of each size, or of the next that the network takes, equal the definition.

    Of the second size a sink that hardly takes anything: then every part must wait."""
    circuit = circuit_of(network, Settings(widest, tallest, cycles))
    words = 2 * max(rows * columns for rows, columns in sizes) + 512  # as a network may take larger ones
    simulation = Simulation(circuit, folder, words=max(4096, words))
    for number, size in enumerate(sizes):
        frames: list[Frame] = [random_inputs(network, *size, seed=2 * number + each) for each in (0, 1)]
        verdict = simulation.run(frames, pauses[number % len(pauses)], seed=number + 1)
        assert verdict.passed, verdict.text
