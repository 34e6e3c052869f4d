"""Trained networks in every client: codes compared, codes that differ, bytes of the file, or the refusal.

    python -m benchmarks.targets.evidence RUN [--store evidence.json] [--networks x2,same,...] [--targets ...]
        [--clients ...] [--sizes 360x640,359x637] [--pictures 10] [--again]

RUN is a folder of `hwrts run`; small networks of other operators are trained beside it (:mod:`.trained`).
Each cell is stored when it is done, so that what was interrupted goes on. A cell holds as long as what it
is of is the same: the bytes of the file, the network, and the programs that run and define it. All are
written anew at each call, and what is another is measured again; --again measures all of them.
Clients are found as `hwrts export` finds them: HWRTS_TARGETS names the folder of their environments.
"""

import argparse
import hashlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.targets.trained import NAMES, NO_RULE, Trained, trained
from hwrts import export, fixed_point
from hwrts.export.clients import CLIENTS, ONNXRUNTIME, ClientFile, check_file
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
FEW = {
    **dict.fromkeys(("litert-reference", "tflite-micro", "tosa-single", "tosa-double"), 2),
    **dict.fromkeys(("qonnx", "acuity", "acuity-npu", "rknn"), 1),
}
"""Pictures of a large size in clients that need minutes of all of them; of a small size these run all too."""
SMALL = {"acuity-npu": "24x40", "rknn": "71x119", "hls4ml": "6x8"}
"""The one size in clients that simulate a chip, or are compiled for each pixel."""
LARGE = 320 * 180
"""Pixels of a large size."""


@dataclass(frozen=True)
class Row:
    """A file, the clients that run it, and the target whose rules the network was trained for."""

    target: str
    clients: tuple[str, ...]
    trained_for: str


_DOUBLE = ("litert-reference", "tflite-micro")
ROWS = (
    Row("onnx", (ONNXRUNTIME,), "onnx"),
    Row("openvino", ("openvino",), "openvino"),
    Row("iree", ("iree",), "iree"),
    Row("qnn", ("qnn",), "qnn"),
    Row("qonnx", ("qonnx", "hls4ml"), "qonnx"),
    Row("tensorrt", (ONNXRUNTIME,), "tensorrt"),
    Row("vitis", (ONNXRUNTIME,), "vitis"),
    Row("verisilicon", (ONNXRUNTIME, "acuity", "acuity-npu"), "verisilicon"),
    Row("rknn", (ONNXRUNTIME, "rknn"), NO_RULE),
    Row(FLOAT, (ONNXRUNTIME,), NO_RULE),
    Row("tflite", ("litert",), "tflite"),
    Row("tflite", _DOUBLE, "ethos-u"),
    Row("tosa", ("tosa-single",), "tosa"),
    Row("tosa", ("tosa-double",), "ethos-u"),
    Row("ethos-u", (*_DOUBLE, "tosa-double", VELA), "ethos-u"),
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
    """All that were asked for; an empty list asks for all.

    Vela estimates the first size alone, and clients of :data:`SMALL` have a size of their own.
    """
    for row in ROWS:
        for name in networks or NAMES:
            for client in row.clients:
                own = [SMALL[client]] if client in SMALL else sizes[:1] if client == VELA else sizes
                for size in own:
                    if row.target in (targets or [row.target]) and client in (clients or [client]):
                        yield Cell(name, row.target, client, size, row.trained_for)


def measured(cell: Cell, made: Trained, before: Mapping[str, Any], most: int | None = None) -> dict[str, Any]:
    """What a client makes of a file: its entry of a manifest, or why there is none.

    Args:
        cell: What is to be measured.
        made: The network.
        before: What was found of the cell; it is returned where it is of the same.
        most: Pictures of a large size; None is all that there are.
    """
    begun = time.perf_counter()
    found: dict[str, Any] = {**asdict(cell), "stage": made.stage.name, "rounding": str(made.network.rules)}
    try:
        written = _written(cell, made, most)
        found |= {"bytes": len(written.model), "of": _of(written.model, made)}
        if found["of"] == before.get("of"):
            return {**before, "commit": commit()}
        found |= written.run()
    except HwrtsError as error:
        found["refused"] = str(error)
    return {**found, "commit": commit(), "seconds": round(time.perf_counter() - begun, 1)}


@dataclass(frozen=True)
class Written:
    """A file, and what runs it."""

    model: bytes
    run: Callable[[], dict[str, Any]]


def _written(cell: Cell, made: Trained, most: int | None) -> Written:
    network, size = made.network, parse_size(cell.size)
    if cell.target == FLOAT:
        entry, files = float_files(made.run, made.stage, size, opset=None, check=False)
        return Written(files[entry["file"]], lambda: _float(cell, made))
    if cell.target in TFLITE_TARGETS:
        tflite = to_tflite(network, size, TFLITE_TARGETS[cell.target].flavour)
        if cell.client == VELA:
            return Written(tflite.model, lambda: _vela(tflite.model))
        file = tflite.for_clients
    else:
        file = target_file(network, target_of(cell.target), size).for_clients
    return Written(file.model, lambda: _integers(cell, made, file, most))


def _integers(cell: Cell, made: Trained, file: ClientFile, most: int | None) -> dict[str, Any]:
    network, size = made.network, parse_size(cell.size)
    pictures = check_pictures(network, size, list(load_fed(made.run, network).values()))
    if size[0] * size[1] >= LARGE:
        few = min(FEW.get(cell.client, len(pictures)), most or len(pictures))
        shown = [*dict.fromkeys(("photograph 0", "noise", [*pictures][-1], *pictures))][:few]
        pictures = {name: pictures[name] for name in shown}
    return {"pictures": [*pictures], **check_file(file, network, pictures, cell.client)}


def _vela(model: bytes) -> dict[str, Any]:
    return {"vela": [asdict(compile_for_ethos_u(model, name)) for name in ACCELERATORS]}


def _float(cell: Cell, made: Trained) -> dict[str, Any]:
    entry, _ = float_files(made.run, made.stage, parse_size(cell.size), opset=None, check=True)
    (check,) = entry["checks"]
    return {"pictures": entry["pictures"], **check}


def _of(model: bytes, made: Trained) -> str:
    """What a cell is of, as one number: the file, the network, and the programs that run and define it."""
    network = [(made.stage.root / name).read_bytes() for name in ("network.json", "network.npz")]
    return hashlib.sha256(b"".join([model, *network, _programs()])).hexdigest()


@cache
def _programs() -> bytes:
    root = Path(export.__file__).parent
    folders = [Path(fixed_point.__file__).parent, root / "clients"]
    paths = [root / "runtime.py", root / "compare.py", root / "targets/pictures.py", root / "tflite/vela.py"]
    paths += [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    return b"".join(path.read_bytes() for path in paths)


@cache
def commit() -> str:
    """Of the working tree."""
    words = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    found: str = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return found.strip()


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
    parser.add_argument("--pictures", type=int, help="of a large size, at most [all]")
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
        before = {} if given.again else store.get(cell.key, {})
        found = measured(cell, get(cell.network, cell.trained_for), before, given.pictures)
        print(said(cell, found), flush=True)
        # read again: another process may have added others meanwhile
        write_atomic(
            given.store, (json.dumps(read_store(given.store) | {cell.key: found}, indent=1) + "\n").encode()
        )
        if cell.client == VELA or "refused" in found or CLIENTS[cell.client].rules is not None:
            differing += found.get("codes_differing", 0)
    raise SystemExit(1 if differing else 0)


if __name__ == "__main__":
    main()
