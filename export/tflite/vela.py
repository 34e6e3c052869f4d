"""Arm's compiler for Ethos-U on the exported file: what stays on the processor, and its estimates."""

import csv
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hwrts.export.environments import not_installed, python_with, run_there
from hwrts.fixed_point import HwrtsError

ACCELERATORS = ("ethos-u55-256", "ethos-u65-512", "ethos-u85-1024")
"""The largest that Vela's own system configurations describe, one of each series."""
VELA = ("ethosu.vela", "vela")
"""What its environment can import, and its name."""


@dataclass(frozen=True)
class VelaReport:
    """What Vela says of a file; cycles and times are its estimates, no measurement.

    Attributes:
        accelerator: For which it was compiled.
        version: Of Vela.
        milliseconds: A picture.
        cycles: A picture.
        sram_kib: Memory on the chip.
        dram_kib: Memory beside it.
        flash_kib: Weights.
        on_cpu: Operators that Ethos-U does not take: each is a way to the processor and back.
        on_npu: Operators that it takes, as Vela counts them.
    """

    accelerator: str
    version: str
    milliseconds: float
    cycles: int
    sram_kib: float
    dram_kib: float
    flash_kib: float
    on_cpu: tuple[str, ...]
    on_npu: int


def compile_for_ethos_u(model: bytes, accelerator: str = ACCELERATORS[0]) -> VelaReport:
    """Compile a file and read the report.

    Args:
        model: What :func:`hwrts.export.tflite.write_tflite` made.
        accelerator: A name of Vela's, such as those of ``ACCELERATORS``.

    Raises:
        HwrtsError: Vela is not installed, or refuses the file.
    """
    python = python_with(*VELA)
    if python is None:
        raise HwrtsError(not_installed("vela", "vela"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.tflite").write_bytes(model)
        vela = [str(python), "-c", "import sys; from ethosu.vela.vela import main; sys.exit(main())"]
        options = ["--accelerator-config", accelerator, "--output-dir", str(folder / "out")]
        words = [*vela, folder / "model.tflite", "--show-cpu-operations", *options]
        done = run_there("vela", words, folder)
        reports = list((folder / "out").glob("*_summary_*.csv"))
        if done.returncode or not reports:
            said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            raise HwrtsError(
                f"vela: refuses the file ({(said or ['no output'])[-1]:.300}); use --target tflite, for "
                "processors"
            )
        with reports[0].open(newline="", encoding="utf-8") as file:
            (row,) = csv.DictReader(file)
        version = run_there("vela", [*vela, "--version"], folder)
    text = done.stdout
    counted = re.search(r"NPU operators = (\d+)", text)
    return VelaReport(
        accelerator,
        f"ethos-u-vela {version.stdout.strip()}",
        1e3 * float(row["inference_time"]),
        int(float(row["cycles_total"])),
        float(row["sram_memory_used"]),
        float(row["dram_memory_used"]),
        float(row["off_chip_flash_memory_used"]),
        tuple(line.strip() for line in re.findall(r"^ *CPU: (.*)$", text, re.MULTILINE)),
        int(counted[1]) if counted else 0,
    )
