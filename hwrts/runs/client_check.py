"""A file for a client, wherever it came from, run there and compared with a stage of a run."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwrts.data import Photo, load_photo
from hwrts.data.luma import OWN
from hwrts.errors import ConfigError, HwrtsError
from hwrts.export.clients import CLIENTS, ONNXRUNTIME, Definitions, client_of, compared, under
from hwrts.export.clients.check import rules_said
from hwrts.export.clients.file import ReadFile
from hwrts.export.clients.layers import Layers, first_layer
from hwrts.export.clients.read import read_file
from hwrts.export.compare import Row
from hwrts.export.handover import MANIFEST
from hwrts.export.stimuli import Fed
from hwrts.export.targets import TARGETS, check_pictures
from hwrts.export.targets.export import own_rule
from hwrts.export.targets.pictures import DEFAULT_SIZE
from hwrts.export.tflite import TFLITE_TARGETS, other_codes
from hwrts.files.read import read_bytes, read_json
from hwrts.fixed_point import PIXEL, Network, RoundingRules, load_network
from hwrts.progress import Progress
from hwrts.runs.folder import RunFolder, StageFolder
from hwrts.runs.verify_inputs import load_fed

SCHEMA = "hwrts.client_check"
_PHOTOGRAPHS = ("coffee", "rocket")
"""Of scikit-image, 400x600 and 427x640."""


@dataclass(frozen=True)
class Said:
    """What the manifest beside a file says of it.

    Attributes:
        run: Name of the run that it was written from.
        stage: And of the stage.
        target: What it was written for.
        sha256: Of the file as it was written.
        size: Height and width, None if they are open.
    """

    run: str
    stage: str
    target: str
    sha256: str
    size: tuple[int, int] | None


def manifest_beside(path: Path) -> Said | None:
    """Of the manifest in the folder of a file, if it describes that file."""
    try:
        document = read_json(path.parent / MANIFEST)
        source, target = document["source"], document["target"]
        if target["file"] != path.name:
            return None
        size = target["size"] and tuple(target["size"])
        texts = source["run"], source["stage"], target["name"], document["files"][path.name]["sha256"]
        return Said(*texts, size) if all(isinstance(text, str) for text in texts) else None
    except (HwrtsError, ValueError, KeyError, TypeError):
        return None


def stage_beside(run: RunFolder, path: Path) -> str | None:
    """The stage of a run that a file was written from, as the manifest beside it says."""
    said = manifest_beside(path)
    return said.stage if said is not None and said.run == run.root.resolve().name else None


def check_client(
    run: RunFolder,
    stage: StageFolder,
    path: Path,
    client: str | None,
    progress: Progress,
    size: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """What a client makes of a file beside the stage under the client's rules, layer by layer if it differs.

    Args:
        run: The run, whose pictures it is compared on.
        stage: The stage that the file is said to be.
        path: The file.
        client: Name of the client; None is that of the target that the file was written for, ONNX Runtime if
            it has none.
        progress: Where to say how far it is.
        size: Height and width of its pictures, of a file whose own are open; None is about 72x120.

    Raises:
        HwrtsError: No such file, none of this network, or a client that is not there or refuses it.
    """
    model = read_bytes(path, remedy="give a file of hwrts export --target")
    network = load_network(stage.root)
    try:
        read = read_file(model, network)
    except HwrtsError as error:
        raise ConfigError(
            f"{path}: is no file of stage {stage.name} ({error}); give one that hwrts export wrote of it"
        ) from error
    said = manifest_beside(path)
    name = _client(read, client, said.target if said else read.target)
    if CLIENTS[name].python is None:
        raise ConfigError(CLIENTS[name].not_installed)
    known = network.rules if read.rounds_itself else CLIENTS[name].rules
    rules = known or network.rules
    _check_tables(read, network, rules, name)
    definition = under(network, rules)
    sides = _size(read, size) or network.legal_size(*DEFAULT_SIZE)
    pictures = check_pictures(network, sides, _photographs(run, network))
    definitions = Definitions(network, pictures)
    with progress.task(f"comparing codes in {name}, pictures", len(pictures)) as advance:
        rows, version = compared(
            read.file, definition, pictures, name, outputs=lambda what: definitions.outputs(rules, what)
        )
        advance(len(pictures), "")
    # Of one without a rule no layer is to blame; and Rockchip's never ends with some layers as outputs.
    layers = _layers(read, definition, pictures, rows, name, progress) if known else None
    mismatches = sum(row.mismatches for row in rows)
    return {
        "schema": SCHEMA,
        "schema_version": 1,
        "passed": mismatches == 0 and known is not None,
        "file": str(path),
        "sha256": hashlib.sha256(model).hexdigest(),
        "stage": stage.name,
        "client": name,
        "version": version,
        **rules_said(known),
        "boundary": {
            end.tensor: f"{end.kind}, " + ("code * lsb" if end.kind == "float32" else f"code {end.zero:+d}")
            for end in (*read.file.inputs, *read.file.outputs)
        },
        "layout": "NHWC" if read.file.inputs[0].channels_last else "NCHW",
        "size": list(read.size) if read.size else None,
        "pictures": list(pictures),
        "picture_size": list(sides),
        "compared": sum(row.compared for row in rows),
        "mismatches": mismatches,
        "tolerance": 0,
        "codes_that_its_rounding_changes": definitions.changed(rules),
        "advised_rounding": str(rules) if rules != network.rules else None,
        "remarks": _remarks(path, model, read, None if client else name),
        "first_layer": None if layers is None or layers.first is None else layers.first.layer,
        "layers_seen_as": None if layers is None else layers.how,
        "formats": {tensor: str(out) for tensor, out in network.formats.items()},
        "rows": [row.as_json() for row in (rows if layers is None else layers.rows)],
    }


def _size(read: ReadFile, asked: tuple[int, int] | None) -> tuple[int, int] | None:
    if asked is None or asked == read.size:
        return read.size
    if read.size is not None:
        height, width = read.size
        raise ConfigError(
            f"--size {asked[0]}x{asked[1]}: the file takes {height}x{width} alone; leave it out, or export "
            "the file of that size"
        )
    try:
        read.network.check_size(*asked)
    except HwrtsError as error:
        raise ConfigError(f"--size {asked[0]}x{asked[1]}: {error}") from error
    return asked


def _client(read: ReadFile, asked: str | None, target: str | None) -> str:
    if asked is not None:
        if client_of(asked).takes != read.takes:
            raise ConfigError(
                f"--in {asked}: takes {client_of(asked).takes} files, and this is {read.takes}; choose "
                "another client"
            )
        return asked
    if read.takes == "tflite":
        return TFLITE_TARGETS.get(str(target), TFLITE_TARGETS["tflite"]).runtime(read.network.rules)
    found = TARGETS.get(str(target))
    return (found.client if found else None) or ONNXRUNTIME


def _check_tables(read: ReadFile, network: Network, rules: RoundingRules, client: str) -> None:
    """Refuse a file with tables, or means, that were rounded by other rules than the client computes by."""
    mean = None if read.rounds_itself else own_rule(network, rules)
    why = mean and f"{client}: {mean}"
    written = TFLITE_TARGETS.get(str(read.target))
    if why is None and read.takes == "tflite" and written is not None and read.size is not None:
        why = other_codes(network, rules, read.size, written.flavour, client)
    if why is not None:
        raise ConfigError(f"{why}; quantize with --rounding {rules}, or choose another client by --in")


def _photographs(run: RunFolder, network: Network) -> list[Fed]:
    """Those of scikit-image, whole, where the network takes pictures; else what it was verified on."""
    (first, *others) = network.inputs
    if others or first.out != PIXEL or first.channels not in (1, 3):
        return list(load_fed(run, network).values())
    found = [load_photo(Photo(name, None)) for name in _PHOTOGRAPHS]
    luma = run.luma or OWN
    return [{first.name: luma.of(photo) if first.channels == 1 else photo} for photo in found]


def _layers(
    read: ReadFile,
    definition: Network,
    pictures: Mapping[str, Fed],
    rows: Sequence[Row],
    client: str,
    progress: Progress,
) -> Layers | None:
    """Of the first picture that shows a difference; nothing if none does."""
    shown = {row.first.stimulus for row in rows if row.first is not None}
    for what, picture in pictures.items():
        if what in shown:
            title = "looking for the first layer that differs, files"
            with progress.task(title, len(read.inner) + 1) as advance:
                return first_layer(read, definition, (what, picture), client, advance)
    return None


def _remarks(path: Path, model: bytes, read: ReadFile, chosen: str | None) -> list[str]:
    """Where the manifest beside a file says something else than the file, and what was chosen for the user.

    Args:
        path: Of the file.
        model: Its bytes.
        read: It as it was read.
        chosen: The client, if nobody asked for it.
    """
    said, remarks = manifest_beside(path), list[str]()
    written = TFLITE_TARGETS.get(str(said.target if said else read.target))
    default = written and written.other_default(read.network.rules)
    if chosen and default:
        remarks.append(
            f"run in {chosen}, which rounds as the network does; {default}, which runs it where nothing is "
            f"set, does not, so its codes are others: compare with --in {default}"
        )
    if said is None:
        return remarks
    where = path.parent / MANIFEST
    if said.sha256 != hashlib.sha256(model).hexdigest():
        remarks.append(f"{where}: describes another {path.name}; the file was changed since")
    if said.size != read.size:
        remarks.append(f"{where}: says size {said.size}, the file {read.size}")
    return remarks
