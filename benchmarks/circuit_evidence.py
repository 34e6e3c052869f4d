"""The circuit of a trained network: a photograph in Verilator, all layers compared; or what Yosys maps it to.

    python benchmarks/circuit_evidence.py frame runs/first/stage1-same PHOTO --size 512x768
    python benchmarks/circuit_evidence.py map runs/first/stage1-same --family ecp5 [--columns 1920]

Both with --cycles of a pixel, 16 where nothing is said.

The first pauses on both sides at random, 20 and 30 of 256 clocks, and prints a row of the table of
docs/silicon.md; the second the cells of the whole, in modules that Yosys keeps too.
"""

import argparse
import re
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from hwrts.export.rtl import Circuit, Settings, circuit_of, top_text
from hwrts.export.rtl.bench import bench_text, vector_files
from hwrts.export.rtl.templates import bench_modules, library
from hwrts.fixed_point import load_network

FAMILIES = {
    "ecp5": "synth_ecp5 -top hwrts_top",
    "ice40": "synth_ice40 -dsp -top hwrts_top",
    "xilinx": "synth_xilinx -family xc7 -flatten -top hwrts_top",
}


def run(folder: Path, *words: str) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{words[0]} ends with exit {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


def write(folder: Path, texts: dict[str, str]) -> list[str]:
    for name, text in texts.items():
        (folder / name).write_text(text)
    return sorted(name for name in texts if name.endswith(".v"))


def frame(circuit: Circuit, photo: Path, size: tuple[int, int], folder: Path) -> None:
    height, width = size
    picture = np.asarray(Image.open(photo).convert("RGB"))[:height, :width]
    if picture.shape[:2] != size:
        raise SystemExit(f"{photo}: is smaller than {height}x{width}; use a larger one")
    bench = bench_modules() | {"hwrts_tb.v": bench_text(circuit, height * width)}
    own = {"hwrts_top.v": top_text(circuit)} | circuit.memories | vector_files(circuit, [picture], "case")
    sources = write(folder, library() | bench | own)
    sources.remove("hwrts_tb_clock.v")
    begun = time.perf_counter()
    build = ["verilator", "--cc", "--exe", "--build", "-O3", "--x-assign", "fast", "-Wno-fatal", "-Wno-WIDTH"]
    build += ["--unroll-count", "1024", "-CFLAGS", "-O1", "--top-module", "hwrts_tb", "-Mdir", "obj"]
    run(folder, *build, *sources, "hwrts_tb.cpp")
    built = time.perf_counter()
    plus = [f"+width={width}", f"+height={height}", "+frames=1", "+seed=1", "+vectors=case"]
    said = run(folder, "obj/Vhwrts_tb", *plus, "+pause_in=20", "+pause_out=30")
    ran = time.perf_counter()
    wrong = sum(int(each) for each in re.findall(r"differ (\d+)$", said, re.MULTILINE))
    found = re.search(r"^clocks (\d+)", said, re.MULTILINE)
    codes = sum(
        int(np.prod(circuit.streams[layer.name].size(height, width))) * circuit.streams[layer.name].lanes
        for layer in circuit.network.layers
    )
    print(said.splitlines()[-1])
    print(
        f"| {width}x{height} | {circuit.cycles:,} | {codes:,} | {wrong} words | {found and int(found[1]):,} |"
    )
    print(f"built in {built - begun:.0f} s, ran {ran - built:.0f} s")


def mapped(circuit: Circuit, family: str, folder: Path) -> None:
    sources = write(folder, library() | {"hwrts_top.v": top_text(circuit)} | circuit.memories)
    steps = f"read_verilog -defer {' '.join(sources)}; {FAMILIES[family]}; tee -o stat.txt stat"
    run(folder, "yosys", "-q", "-p", steps)
    whole = (folder / "stat.txt").read_text().rpartition("design hierarchy")[2]
    for cell, number in re.findall(r"^ +([A-Z][A-Za-z0-9_]+) +(\d+)$", whole, re.MULTILINE):
        print(f"{cell:20}{int(number):>8,}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["frame", "map"])
    parser.add_argument("network", type=Path, help="a stage's folder, with network.json")
    parser.add_argument("photo", type=Path, nargs="?")
    parser.add_argument(
        "--size", default="512x768", help="rows and columns, from the photograph's first pixel"
    )
    parser.add_argument("--columns", type=int, default=1920)
    parser.add_argument("--cycles", type=int, default=16)
    parser.add_argument("--family", choices=list(FAMILIES), default="ecp5")
    given = parser.parse_args()
    network = load_network(given.network)
    with tempfile.TemporaryDirectory() as folder:
        if given.what == "map":
            settings = Settings(widest=given.columns, cycles=given.cycles)
            mapped(circuit_of(network, settings), given.family, Path(folder))
            return
        if given.photo is None:
            parser.error("frame needs a photograph")
        height, width = map(int, given.size.split("x"))
        settings = Settings(widest=width, tallest=height, cycles=given.cycles)
        frame(circuit_of(network, settings), given.photo, (height, width), Path(folder))


if __name__ == "__main__":
    main()
