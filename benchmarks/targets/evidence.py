"""Trained networks in every client: codes compared, codes that differ, bytes of the file, or the refusal.

    python -m benchmarks.targets.evidence RUN [--store evidence.json] [--networks x2,same,...] [--targets ...]
        [--clients ...] [--sizes 360x640,359x637] [--again]

RUN is a folder of `hwrts run`; small networks of other operators are trained beside it (:mod:`.trained`).
Each cell is stored when it is done, so that what was interrupted goes on; --again measures all anew.
Clients are found as `hwrts export` finds them: HWRTS_TARGETS names the folder of their environments.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.targets.trained import NAMES, NO_RULE, Trained, trained
from hwrts.export.clients import CLIENTS, ONNXRUNTIME, check_file
from hwrts.export.targets import check_pictures, target_file, target_of
from hwrts.export.targets.float_file import FLOAT
from hwrts.export.tflite import TFLITE_TARGETS, to_tflite
from hwrts.export.tflite.vela import ACCELERATORS, compile_for_ethos_u
from hwrts.files.atomic import write_atomic
from hwrts.fixed_point import HwrtsError
from hwrts.runs.float_file import float_files
from hwrts.runs.target import parse_size
from hwrts.runs.verify_inputs import load_fed

VELA = "vela"
SIZES = "360x640,359x637"
FEW = {"litert-reference": 2, "tflite-micro": 2, "tosa-single": 2, "tosa-double": 2, "qonnx": 1}
"""Pictures of a large size in clients that need minutes of all of them; of a small size these run all too."""
LARGE = 320 * 180
"""Pixels of a large size."""


@dataclass(frozen=True)
class Row:
    """A file, the clients that run it, and the target whose rules the network was trained for."""

    target: str
    clients: tuple[str, ...]
    trained_for: str


_DOUBLE = ("litert-reference", "tflite-micro", "tosa-double")
ROWS = (
    Row("onnx", (ONNXRUNTIME,), "onnx"),
    Row("openvino", ("openvino",), "openvino"),
    Row("iree", ("iree",), "iree"),
    Row("qnn", ("qnn",), "qnn"),
    Row("qonnx", ("qonnx",), "qonnx"),
    Row("tensorrt", (ONNXRUNTIME,), "tensorrt"),
    Row("vitis", (ONNXRUNTIME,), "vitis"),
    Row("verisilicon", (ONNXRUNTIME,), "verisilicon"),
    Row("rknn", (ONNXRUNTIME, "rknn"), NO_RULE),
    Row(FLOAT, (ONNXRUNTIME,), NO_RULE),
    Row("tflite", ("litert",), "tflite"),
    Row("tflite", _DOUBLE, "ethos-u"),
    Row("tflite", ("tosa-single",), "qnn"),
    Row("ethos-u", (*_DOUBLE, VELA), "ethos-u"),
)
_TARGETS = [row.target for row in ROWS]


@dataclass(frozen=True)
class Cell:
    """One file of one network in one client."""

    network: str
    target: str
    client: str
    size: str
    trained_for: str

    @property
    def key(self) -> str:
        return f"{self.network} {self.target} {self.client} {self.size}"


def cells(networks: list[str], targets: list[str], clients: list[str], sizes: list[str]) -> Iterator[Cell]:
    """All that were asked for; an empty list asks for all. Vela estimates the first size alone."""
    for row in ROWS:
        for name in networks or NAMES:
            for client in row.clients:
                for size in sizes[:1] if client == VELA else sizes:
                    if row.target in (targets or [row.target]) and client in (clients or [client]):
                        yield Cell(name, row.target, client, size, row.trained_for)


def measured(cell: Cell, made: Trained) -> dict[str, Any]:
    """What a client makes of a file: its entry of a manifest, or why there is none."""
    begun = time.perf_counter()
    found: dict[str, Any] = {**asdict(cell), "stage": made.stage.name, "rounding": str(made.network.rules)}
    try:
        found |= _float(cell, made) if cell.target == FLOAT else _integers(cell, made)
    except HwrtsError as error:
        found["refused"] = str(error)
    return {**found, "seconds": round(time.perf_counter() - begun, 1)}


def _integers(cell: Cell, made: Trained) -> dict[str, Any]:
    network, size = made.network, parse_size(cell.size)
    if cell.target in TFLITE_TARGETS:
        tflite = to_tflite(network, size, TFLITE_TARGETS[cell.target].flavour)
        if cell.client == VELA:
            estimates = [asdict(compile_for_ethos_u(tflite.model, name)) for name in ACCELERATORS]
            return {"bytes": len(tflite.model), "vela": estimates}
        file = tflite.for_clients
    else:
        file = target_file(network, target_of(cell.target), size).for_clients
    pictures = check_pictures(network, size, list(load_fed(made.run, network).values()))
    if size[0] * size[1] >= LARGE and cell.client in FEW:
        shown = [*dict.fromkeys(("photograph 0", "noise", *pictures))][: FEW[cell.client]]
        pictures = {name: pictures[name] for name in shown}
    entry = check_file(file, network, pictures, cell.client)
    return {"bytes": len(file.model), "pictures": [*pictures], **entry}


def _float(cell: Cell, made: Trained) -> dict[str, Any]:
    entry, files = float_files(made.run, made.stage, parse_size(cell.size), opset=None, check=True)
    (check,) = entry["checks"]
    return {"bytes": len(files[entry["file"]]), "pictures": entry["pictures"], **check}


def read_store(path: Path) -> dict[str, dict[str, Any]]:
    """Cells by key; none where there is no file."""
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def said(cell: Cell, found: dict[str, Any]) -> str:
    """A line of progress."""
    if "refused" in found:
        return f"{cell.key}: {found['refused']}"
    if "vela" in found:
        times = ", ".join(f"{each['milliseconds']:.1f} ms" for each in found["vela"])
        return f"{cell.key}: {times}, {found['bytes']:,} bytes"
    count = f"{found['codes_differing']:,} of {found['codes_compared']:,} codes differ"
    return f"{cell.key}: {count}, {found['bytes']:,} bytes, {found['seconds']:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--small", type=Path, help="folder of the small networks [targets beside RUN]")
    parser.add_argument("--store", type=Path, default=Path("evidence.json"))
    for name in ("networks", "targets", "clients"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--sizes", default=SIZES)
    parser.add_argument("--again", action="store_true")
    given = parser.parse_args()
    networks, targets, clients = (
        [each for each in getattr(given, name).split(",") if each]
        for name in ("networks", "targets", "clients")
    )
    unknown = ({*clients} - {VELA, *CLIENTS}) | ({*networks} - {*NAMES}) | ({*targets} - {*_TARGETS})
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    small = given.small or given.run.parent / "targets"
    get = cache(lambda name, target: trained(name, target, given.run, small))
    differing = 0
    for cell in cells(networks, targets, clients, given.sizes.split(",")):
        store = read_store(given.store)
        if cell.key not in store or given.again:
            store[cell.key] = measured(cell, get(cell.network, cell.trained_for))
            print(said(cell, store[cell.key]), flush=True)
            # read again: another process may have added others meanwhile
            store = {**read_store(given.store), cell.key: store[cell.key]}
            write_atomic(given.store, (json.dumps(store, indent=1) + "\n").encode())
        differing += store[cell.key].get("codes_differing", 0)
    raise SystemExit(1 if differing else 0)


if __name__ == "__main__":
    main()
